//! Requests in flight by region over time: a small picture for each policy, all to one scale.

use plotters::chart::ChartBuilder;
use plotters::prelude::{LineSeries, PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor};

use super::look::{FAINT, GRID, INK, font, of_region};
use super::{Canvas, PlotError, end, samples};
use crate::report::{PolicyReport, Report};
use crate::text::percent;

pub(super) fn draw(area: &Canvas<'_>, report: &Report) -> Result<(), PlotError> {
    let (legend, pictures) = area.split_vertically(super::LEGEND);
    self::legend(&legend, report)?;
    let count = report.policies.len().max(1);
    let (end, top) = (end(report), top(report));
    for (policy, cell) in report.policies.iter().zip(pictures.split_evenly((1, count))) {
        picture(&cell, report, policy, end, top)?;
    }
    Ok(())
}

/// The most that was ever in flight in all regions together; at least some, for an axis of whole
/// requests.
fn top(report: &Report) -> f64 {
    let timelines = report.policies.iter().flat_map(|policy| &policy.timeline.in_flight);
    let most = timelines.map(|regions| regions.iter().sum::<u32>()).max().unwrap_or(0);
    f64::from(most.max(5)) * 1.08
}

fn legend(area: &Canvas<'_>, report: &Report) -> Result<(), PlotError> {
    let regions = report.regions.iter().enumerate();
    let regions = regions.map(|(number, region)| (region.as_str(), of_region(number)));
    let right = super::legend(area, "requests in flight", regions)?;
    if total_limit(report).is_some_and(|limit| limit <= top(report)) {
        let line = PathElement::new(vec![(right, 14), (right + 22, 14)], INK.stroke_width(1));
        area.draw(&line).map_err(PlotError::of)?;
        let words = font(13.0, &FAINT).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text("all hard limits together", &words, (right + 30, 14))
            .map_err(PlotError::of)?;
    }
    Ok(())
}

/// What all instances may have in flight; with several edges, each has limits of its own.
fn total_limit(report: &Report) -> Option<f64> {
    let limit = report.hard_limit.filter(|_| report.edges == 1)?;
    Some(f64::from(limit) * report.instances as f64)
}

fn picture(
    area: &Canvas<'_>,
    report: &Report,
    policy: &PolicyReport,
    end: f64,
    top: f64,
) -> Result<(), PlotError> {
    let served = format!("{}: {} served", policy.policy.name(), percent(policy.success));
    let mut chart = ChartBuilder::on(area)
        .caption(served, font(13.0, &INK))
        .margin(10)
        .margin_right(16)
        .x_label_area_size(24)
        .y_label_area_size(40)
        .build_cartesian_2d(0.0..end, 0.0..top)
        .map_err(PlotError::of)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font(11.0, &FAINT))
        .x_labels(4)
        .y_labels(5)
        .x_label_formatter(&|at| format!("{at:.0} s"))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()
        .map_err(PlotError::of)?;
    for number in 0..report.regions.len() {
        let shape = Polygon::new(band(policy, number, end), of_region(number).filled());
        chart.draw_series([shape]).map_err(PlotError::of)?;
    }
    if let Some(limit) = total_limit(report).filter(|limit| *limit <= top) {
        let line = LineSeries::new([(0.0, limit), (end, limit)], thin(&INK));
        chart.draw_series(line).map_err(PlotError::of)?;
    }
    Ok(())
}

fn thin(color: &RGBColor) -> plotters::style::ShapeStyle {
    color.stroke_width(1)
}

/// One region's layer upon those before it: its upper edge forth and its lower edge back.
fn band(policy: &PolicyReport, number: usize, end: f64) -> Vec<(f64, f64)> {
    let timeline = &policy.timeline;
    let height = |sample: usize, regions: usize| {
        let counts = timeline.in_flight.get(sample).map_or(&[][..], Vec::as_slice);
        f64::from(counts.iter().take(regions).sum::<u32>())
    };
    let times: Vec<(usize, f64)> = samples(&timeline.seconds, end)
        .filter_map(|sample| Some((sample, *timeline.seconds.get(sample)?)))
        .collect();
    let upper = times.iter().map(|(sample, at)| (*at, height(*sample, number + 1)));
    let lower = times.iter().rev().map(|(sample, at)| (*at, height(*sample, number)));
    upper.chain(lower).collect()
}
