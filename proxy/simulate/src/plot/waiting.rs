//! How many wait, over time: in the edge's queue or inside an instance.

use plotters::chart::ChartBuilder;
use plotters::prelude::LineSeries;
use plotters::style::Color;

use super::look::{FAINT, GRID, INK, font, of_policy};
use super::{Canvas, PlotError, end, samples};
use crate::policy::PolicyKind;
use crate::report::Report;

/// Fewer make an axis with fractions of a request.
const LEAST: u32 = 5;

pub(super) fn draw(area: &Canvas<'_>, report: &Report) -> Result<(), PlotError> {
    let end = end(report);
    let most = report.policies.iter().map(|policy| policy.peak_waiting).max().unwrap_or(0);
    let mut chart = ChartBuilder::on(area)
        .caption("waiting, in queues and inside instances", font(14.0, &INK))
        .margin(14)
        .x_label_area_size(26)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..f64::from(most.max(LEAST)) * 1.08)
        .map_err(PlotError::of)?;
    chart
        .configure_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(font(11.0, &FAINT))
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|at| format!("{at:.0} s"))
        .y_label_formatter(&|count| format!("{count:.0}"))
        .draw()
        .map_err(PlotError::of)?;
    // The first one last, on top of the others.
    for policy in report.policies.iter().rev() {
        let width = if policy.policy == PolicyKind::Hither { 3 } else { 2 };
        let timeline = &policy.timeline;
        let points = samples(&timeline.seconds, end).filter_map(|sample| {
            let (at, count) = (timeline.seconds.get(sample)?, timeline.waiting.get(sample)?);
            Some((*at, f64::from(*count)))
        });
        let style = of_policy(policy.policy).stroke_width(width);
        chart.draw_series(LineSeries::new(points, style)).map_err(PlotError::of)?;
    }
    Ok(())
}
