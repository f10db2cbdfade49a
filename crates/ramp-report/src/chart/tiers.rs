//! One row per tier: its median, 99th percentile and highest latency beside the bound, on a logarithmic axis.

use std::{io, time::Duration};

use plotters::{
    coord::{combinators::LogCoord, types::RangedCoordf64},
    prelude::*,
};

use super::{AXIS, FIRST, GRID, LIMIT, SECOND, TEXT, THIRD, WIDTH};
use crate::{label::visible, timeline::millis};

/// The latencies of one tier.
pub(crate) struct TierLatency {
    pub(crate) name: String,
    pub(crate) bound: Duration,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Duration,
    /// The 95 % confidence interval of the 99th percentile.
    pub(crate) range: Option<(Duration, Duration)>,
    pub(crate) max: Option<Duration>,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

/// The plot as SVG; `None` without a tier.
pub(crate) fn draw(tiers: &[TierLatency], label: &dyn Fn(f64) -> String) -> Option<String> {
    if tiers.is_empty() {
        return None;
    }
    let mut svg = String::new();
    // Drawing into a string fails only where a coordinate is no number, and then there is no plot.
    draw_on(&mut svg, tiers, label).ok()?;
    Some(svg)
}

fn draw_on(
    svg: &mut String,
    tiers: &[TierLatency],
    label: &dyn Fn(f64) -> String,
) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    let rows = tiers.len() as u32;
    let highest = tiers.iter().flat_map(|tier| [tier.bound, tier.p99].into_iter().chain(tier.max));
    let top = highest.map(millis).fold(10.0, f64::max) * 1.6;
    let root = SVGBackend::with_string(svg, (WIDTH, rows * ROW + 34)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin_top(6)
        .margin_right(14)
        .x_label_area_size(26)
        .y_label_area_size(70)
        .build_cartesian_2d((1.0..top).log_scale(), 0.0..f64::from(rows))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS)
        .x_labels(8)
        .y_labels(0)
        .x_label_formatter(&|value| label(*value))
        .label_style(("sans-serif", 12).into_font().color(&TEXT))
        .draw()?;
    for (place, tier) in tiers.iter().enumerate() {
        row(&mut chart, tier, f64::from(rows) - place as f64 - 0.5)?;
        let (left, middle) = chart.backend_coord(&(1.0, f64::from(rows) - place as f64 - 0.5));
        let name: String = visible(&tier.name).chars().take(8).collect();
        let style = ("sans-serif", 12).into_font().color(&TEXT);
        root.draw(&Text::new(name, (left - 62, middle - 6), style))?;
    }
    root.present()
}

fn row(chart: &mut Chart<'_, '_>, tier: &TierLatency, y: f64) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    let at = |span: Duration| (millis(span).max(1.0), y);
    let ends = (tier.p50.unwrap_or(tier.p99), tier.max.unwrap_or(tier.p99));
    chart.draw_series([PathElement::new(vec![at(ends.0), at(ends.1)], FIRST.mix(0.45).stroke_width(3))])?;
    if let Some((low, high)) = tier.range {
        chart.draw_series([PathElement::new(vec![at(low), at(high)], SECOND.mix(0.45).stroke_width(9))])?;
    }
    let bound = millis(tier.bound).max(1.0);
    let bounded = [(bound, y - 0.38), (bound, y + 0.38)];
    chart.draw_series(DashedLineSeries::new(bounded, 4, 3, LIMIT.stroke_width(2)))?;
    let marks = [(tier.p50, FIRST, 4), (tier.max, THIRD, 4), (Some(tier.p99), SECOND, 6)];
    for (span, colour, size) in marks {
        if let Some(span) = span {
            chart.draw_series([Circle::new(at(span), size, colour.filled())])?;
        }
    }
    Ok(())
}

/// The height of a row, in pixels.
const ROW: u32 = 30;
