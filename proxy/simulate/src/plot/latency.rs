//! How long answers took: percentiles side by side, on a logarithmic scale.

use plotters::chart::ChartBuilder;
use plotters::prelude::{IntoLogRange, Rectangle, Text};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::look::{FAINT, GRID, INK, font, of_policy};
use super::{Canvas, PlotError};
use crate::report::{Percentiles, Report};
use crate::text::time;

const NAMES: [&str; 3] = ["p50", "p95", "p99"];

fn values(of: &Percentiles) -> [f64; 3] {
    [of.p50, of.p95, of.p99]
}

pub(super) fn draw(area: &Canvas<'_>, report: &Report) -> Result<(), PlotError> {
    let all = || {
        let served = report.policies.iter().filter(|policy| policy.served > 0);
        served.flat_map(|policy| values(&policy.latency_seconds)).filter(|seconds| *seconds > 0.0)
    };
    let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    // Where nobody was served there is nothing to compare.
    let (low, high) = if high > 0.0 { (low / 2.0, high * 2.0) } else { (0.001, 1.0) };
    let mut chart = ChartBuilder::on(area)
        .caption("latency of what was served", font(14.0, &INK))
        .margin(14)
        .x_label_area_size(26)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..NAMES.len() as f64, (low..high).log_scale())
        .map_err(PlotError::of)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font(11.0, &FAINT))
        .x_labels(0)
        .y_labels(5)
        .y_label_formatter(&|seconds| time(*seconds))
        .draw()
        .map_err(PlotError::of)?;
    let width = 0.9 / report.policies.len().max(1) as f64;
    for (group, name) in NAMES.iter().enumerate() {
        let left = group as f64 + 0.05;
        for (place, policy) in report.policies.iter().enumerate() {
            let value = values(&policy.latency_seconds)[group];
            if policy.served == 0 || value <= 0.0 {
                continue;
            }
            let from = left + width * place as f64;
            let corners = [(from + width * 0.08, low), (from + width * 0.92, value)];
            let bar = Rectangle::new(corners, of_policy(policy.policy).filled());
            // Close together, so without the space.
            let words = time(value).replace(' ', "");
            let above = font(8.5, &FAINT).pos(Pos::new(HPos::Center, VPos::Bottom));
            let label = Text::new(words, (from + width / 2.0, value * 1.04), above);
            chart.draw_series([bar]).map_err(PlotError::of)?;
            chart.draw_series([label]).map_err(PlotError::of)?;
        }
        let below = font(12.0, &INK).pos(Pos::new(HPos::Center, VPos::Top));
        let middle = group as f64 + 0.5;
        let at = chart.backend_coord(&(middle, low));
        let (x, y) = area.get_base_pixel();
        area.draw_text(name, &below, (at.0 - x, at.1 - y + 6)).map_err(PlotError::of)?;
    }
    Ok(())
}
