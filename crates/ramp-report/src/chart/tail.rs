//! The whole distribution of latencies, a line per tier, on the axis of HDR plots: each step to the right looks ten
//! times as far into the tail.

use std::{io, time::Duration};

use plotters::prelude::*;
use ramp_core::observation::TailPoint;

use super::{AXIS, FIRST, GRID, HEIGHT, LIMIT, SECOND, TEXT, THIRD, WIDTH};
use crate::{label::visible, timeline::millis};

/// The distribution of one tier.
pub(crate) struct TierTail<'a> {
    pub(crate) name: &'a str,
    pub(crate) bound: Duration,
    pub(crate) points: &'a [TailPoint],
    pub(crate) max: Option<Duration>,
}

/// The plot as SVG; `None` where no tier has a distribution.
pub(crate) fn draw(tiers: &[TierTail<'_>], label: &dyn Fn(f64) -> String) -> Option<String> {
    let deepest = tiers.iter().filter_map(|tier| tier.points.last()).map(|point| point.one_in).max()?;
    let mut svg = String::new();
    // Drawing into a string fails only where a coordinate is no number, and then there is no plot.
    draw_on(&mut svg, tiers, deepest, label).ok()?;
    Some(svg)
}

fn draw_on(
    svg: &mut String,
    tiers: &[TierTail<'_>],
    deepest: u64,
    label: &dyn Fn(f64) -> String,
) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    let highest = tiers.iter().flat_map(|tier| [Some(tier.bound), tier.max].into_iter().flatten());
    let top = highest.map(millis).fold(10.0, f64::max) * 1.6;
    let deepest = (deepest as f64).max(1_000.0);
    let decades = std::iter::successors(Some(10.0), |decade| Some(decade * 10.0));
    let named = [1.0, 2.0].into_iter().chain(decades.take_while(|decade| *decade <= deepest)).collect();
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin_top(8)
        .margin_right(48)
        .x_label_area_size(26)
        .y_label_area_size(70)
        .build_cartesian_2d((1.0..deepest).log_scale().with_key_points(named), (1.0..top).log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS)
        .y_labels(6)
        .x_label_formatter(&|one_in| percentile(*one_in))
        .y_label_formatter(&|value| label(*value))
        .label_style(("sans-serif", 12).into_font().color(&TEXT))
        .draw()?;
    for (tier, colour) in tiers.iter().zip([FIRST, SECOND, THIRD].iter().cycle()) {
        let Some(last) = tier.points.last() else { continue };
        let at = |one_in: u64, latency: Duration| (one_in as f64, millis(latency).max(1.0));
        let points = tier.points.iter().map(|point| at(point.one_in, point.latency));
        let end = at(last.one_in, tier.max.unwrap_or(last.latency));
        chart.draw_series([PathElement::new(
            points.chain([end]).collect::<Vec<_>>(),
            colour.stroke_width(2),
        )])?;
        let (left, middle) = chart.backend_coord(&end);
        let name: String = visible(tier.name).chars().take(6).collect();
        root.draw(&Text::new(name, (left + 5, middle - 6), ("sans-serif", 12).into_font().color(colour)))?;
        let bound = millis(tier.bound).max(1.0);
        chart.draw_series(DashedLineSeries::new(
            [(70.0, bound), (100.0 / 0.7, bound)],
            4,
            3,
            LIMIT.stroke_width(2),
        ))?;
    }
    root.present()
}

/// The percentile beyond which one in so many lies, as it is called: `p99.9`.
fn percentile(one_in: f64) -> String {
    format!("p{}", ((1.0 - 1.0 / one_in) * 1e8).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_has_as_many_nines_as_it_is_deep() {
        let names = [1.0, 2.0, 10.0, 100.0, 1_000.0, 10_000.0, 1_000_000.0].map(percentile);
        assert_eq!(names, ["p0", "p50", "p90", "p99", "p99.9", "p99.99", "p99.9999"]);
    }
}
