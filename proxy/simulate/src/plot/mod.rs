//! A report as a picture: what was in flight where, how many waited, how long it took.
//!
//! An SVG that follows the reader's light or dark mode. Must not know how its numbers were found.

mod flight;
mod latency;
mod look;
mod waiting;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, Rectangle, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor};

use crate::report::Report;
use crate::text::grouped;
use look::{BACKGROUND, FAINT, INK, font, of_policy};

/// Pixels.
const WIDTH: u32 = 1200;
const HEAD: u32 = 64;
const FLIGHT: u32 = 300;
const BELOW: u32 = 360;
const LEGEND: u32 = 28;

/// Where the picture is drawn.
type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the plot cannot be drawn: {0}")]
pub struct PlotError(String);

impl PlotError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The picture, as the text of an SVG file.
///
/// # Errors
/// If there is something that cannot be drawn.
pub fn plot(report: &Report) -> Result<String, PlotError> {
    let mut text = String::new();
    {
        let size = (WIDTH, HEAD + FLIGHT + BELOW);
        let page = SVGBackend::with_string(&mut text, size).into_drawing_area();
        page.fill(&BACKGROUND).map_err(PlotError::of)?;
        let (head, rest) = page.split_vertically(HEAD);
        let (above, below) = rest.split_vertically(FLIGHT);
        let (names, below) = below.split_vertically(LEGEND);
        let (left, right) = below.split_horizontally(WIDTH / 2);
        let policies = report.policies.iter().map(|policy| policy.policy);
        legend(&names, "policies", policies.map(|kind| (kind.name(), of_policy(kind))))?;
        self::head(&head, report)?;
        flight::draw(&above, report)?;
        waiting::draw(&left, report)?;
        latency::draw(&right, report)?;
        page.present().map_err(PlotError::of)?;
    }
    Ok(look::for_light_and_dark(&text))
}

fn head(area: &Canvas<'_>, report: &Report) -> Result<(), PlotError> {
    let requests = report.policies.first().map_or(0, |policy| policy.requests);
    let line = format!(
        "{} requests in {} s, {} instances, soft limit {}, hard limit {}, seed {}, others {}",
        grouped(requests),
        report.arrivals_seconds.round(),
        report.instances,
        report.soft_limit,
        report.hard_limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string()),
        report.seed,
        report.others.name(),
    );
    let at = |size: f64, color| font(size, color).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw_text(&report.title, &at(20.0, &INK), (20, 12)).map_err(PlotError::of)?;
    area.draw_text(&line, &at(13.0, &FAINT), (20, 40)).map_err(PlotError::of)
}

/// What the colours mean; gives where there is room behind it.
fn legend<'n>(
    area: &Canvas<'_>,
    title: &str,
    names: impl Iterator<Item = (&'n str, RGBColor)>,
) -> Result<i32, PlotError> {
    let text = |color| font(13.0, color).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw_text(title, &text(&INK), (20, 14)).map_err(PlotError::of)?;
    let mut left = 160;
    for (name, color) in names {
        let mark = Rectangle::new([(left, 9), (left + 10, 19)], color.filled());
        area.draw(&mark).map_err(PlotError::of)?;
        area.draw_text(name, &text(&FAINT), (left + 16, 14)).map_err(PlotError::of)?;
        left += 40 + 8 * name.chars().count() as i32;
    }
    Ok(left)
}

/// The end of the time axis: when everybody is done, or well after the last arrival where somebody
/// never seems to be.
fn end(report: &Report) -> f64 {
    let done = report.policies.iter().filter_map(|policy| {
        let times = policy.timeline.seconds.iter().zip(&policy.timeline.in_flight);
        times
            .filter(|(_, regions)| regions.iter().any(|count| *count > 0))
            .map(|(at, _)| *at)
            .next_back()
    });
    done.fold(report.arrivals_seconds, f64::max).min(report.arrivals_seconds * 2.5).max(0.001)
}

/// Points that a curve is drawn with: more cannot be seen.
const POINTS: usize = 240;

/// Which samples to draw.
fn samples(seconds: &[f64], end: f64) -> impl Iterator<Item = usize> {
    let count = seconds.partition_point(|at| *at <= end);
    (0..count).step_by(count.div_ceil(POINTS).max(1))
}
