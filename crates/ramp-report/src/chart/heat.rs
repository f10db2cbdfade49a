//! How latencies were spread over the time of the campaign: the stronger a cell, the more of its column's records.

use std::io;

use plotters::{coord::types::RangedCoordf64, prelude::*};

use super::{Bound, HEIGHT, LIMIT, OPEN, Plot, Scale, WIDTH};
use crate::{
    chart::FIRST,
    heat::{BANDS, Column, Heat, band_start},
};

/// The heatmap in the frame of `plot`, whose lines are not drawn; `None` where nothing was seen.
pub(crate) fn draw(plot: &Plot<'_>, heat: &Heat) -> Option<String> {
    let highest = heat.columns().filter_map(|(_, column)| occupied(column).last()).max()?;
    let mut svg = String::new();
    // Drawing into a string fails only where a coordinate is no number, and then there is no plot.
    draw_on(&mut svg, plot, heat, band_start(highest + 1)).ok()?;
    Some(svg)
}

/// Whether nothing arrived in a column that lies within a load.
pub(crate) fn is_silent(plot: &Plot<'_>, from: f64, to: f64, column: &Column) -> bool {
    let loaded = plot.shades.iter().any(|shade| shade.from <= from && to <= shade.to);
    loaded && occupied(column).next().is_none()
}

/// The bands of a column that have records, in order.
pub(crate) fn occupied(column: &Column) -> impl Iterator<Item = usize> {
    column.iter().enumerate().filter(|(_, count)| **count > 0).map(|(band, _)| band)
}

fn draw_on(
    svg: &mut String,
    plot: &Plot<'_>,
    heat: &Heat,
    reached: f64,
) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    debug_assert_eq!(plot.scale, Scale::Logarithmic);
    let (second, _unit) = plot.span.unit();
    let top = plot.bounds.iter().map(|bound| bound.value).fold(reached, f64::max) * 1.3;
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
    let mut chart = plot.frame(&root, (1.0..top).log_scale())?;
    for (start, column) in heat.columns() {
        let (from, to) = (f64::from(start), f64::from(start + heat.column_seconds()));
        let to = to.min(plot.span.to);
        if is_silent(plot, from, to, column) {
            let cell = [(from / second, 1.0), (to / second, top)];
            chart.draw_series([Rectangle::new(cell, OPEN.mix(SILENT).filled())])?;
        }
        draw_column(&mut chart, (from / second, to / second), column)?;
    }
    for Bound { from, to, value } in &plot.bounds {
        let ends = [(from / second, value.max(1.0)), (to / second, value.max(1.0))];
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, LIMIT.stroke_width(2)))?;
    }
    root.present()
}

fn draw_column<Y: Ranged<ValueType = f64>>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<RangedCoordf64, Y>>,
    (from, to): (f64, f64),
    column: &Column,
) -> Result<(), DrawingAreaErrorKind<io::Error>> {
    let all = column.iter().sum::<u64>() as f64;
    let shades: Vec<_> = column.iter().map(|count| shade(*count as f64 / all.max(1.0))).collect();
    let mut band = 0;
    while let Some(shade) = shades.get(band).copied().filter(|_| band < BANDS) {
        let alike = shades.iter().skip(band).take_while(|other| **other == shade).count();
        if let Some(shade) = shade {
            let cell = [(from, band_start(band)), (to, band_start(band + alike))];
            chart.draw_series([Rectangle::new(cell, FIRST.mix(shade).filled())])?;
        }
        band += alike;
    }
    Ok(())
}

/// How strong a cell of that share of its column is.
fn shade(share: f64) -> Option<f64> {
    SHADES.iter().rev().find(|(least, _)| share > *least).map(|(_, shade)| *shade)
}

/// Above which share of its column a cell is how strong.
pub(crate) const SHADES: [(f64, f64); 4] = [(0.0, 0.22), (0.01, 0.42), (0.10, 0.68), (0.40, 1.0)];

/// How strong a column is in which nothing arrived.
pub(crate) const SILENT: f64 = 0.45;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_record_is_seen_and_no_record_is_not() {
        assert_eq!(
            [0.0, 0.000_001, 0.05, 0.2, 0.9].map(shade),
            [None, Some(0.22), Some(0.42), Some(0.68), Some(1.0)]
        );
    }
}
