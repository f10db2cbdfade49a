//! Plots over the time of the whole campaign, as SVG. Colours are those of the light page; the page's style sheet
//! replaces each by its own for dark and for print.

pub(crate) mod heat;
pub(crate) mod tail;
pub(crate) mod tiers;

use std::fmt::Display;

use plotters::{
    coord::{Shift, ranged1d::ValueFormatter, types::RangedCoordf64},
    prelude::*,
};
use ramp_core::{event::Ending, verdict::Verdict};

use crate::{
    Report,
    timeline::{Bucket, Timeline, Track, Values},
};

/// One plot: lines over time, with the tiers shaded and bounds drawn.
pub(crate) struct Plot<'a> {
    pub(crate) span: Span,
    pub(crate) shades: &'a [Shade],
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) scale: Scale,
    /// Writes a value at the axis.
    pub(crate) label: &'a dyn Fn(f64) -> String,
}

/// A drawn plot, and where time lies in it.
pub(crate) struct Drawn {
    pub(crate) svg: String,
    /// The columns of pixels where the time axis begins and ends.
    pub(crate) left: i32,
    pub(crate) right: i32,
}

/// The time that a plot covers, in seconds since the campaign's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// A tier's load, shaded.
#[derive(Debug, Clone)]
pub(crate) struct Shade {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: String,
    pub(crate) verdict: Verdict,
}

/// A track as a line, with a band from its lowest to its highest.
pub(crate) struct Line<'a> {
    pub(crate) track: &'a Track,
    pub(crate) colour: RGBColor,
    /// The longest time between two values that belong to one line, in seconds.
    pub(crate) patience: f64,
    /// Where the line is drawn; everywhere if empty.
    pub(crate) within: Vec<(f64, f64)>,
}

/// A horizontal bound while a tier's load ran.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) value: f64,
}

/// The scale of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// From zero to at least so much.
    Linear { least_top: f64 },
    /// By powers of ten, from 1.
    Logarithmic,
}

impl Shade {
    /// The tiers whose load ran.
    pub(crate) fn all(report: &Report) -> Vec<Self> {
        let ran = report.results().filter_map(|result| {
            let (from, to) = (result.started?.since_start(), result.stopped?.since_start());
            let name = report.tier(result.tier)?.name.clone();
            let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
            Some(Self { from, to, label: name, verdict: result.verdict })
        });
        ran.collect()
    }
}

impl Span {
    /// The whole campaign, as far as it was heard of.
    pub(crate) fn of(report: &Report) -> Self {
        let over = report.took.filter(|_| {
            matches!(report.ending, Some(Ending::LastTierPassed | Ending::Stopped | Ending::Inconclusive))
        });
        let heard = f64::from(report.timeline.end_seconds());
        let to = over.map_or(heard, |took| took.as_secs_f64().max(heard));
        Self { from: 0.0, to: to.max(1.0) }
    }

    /// Seconds of one unit of the axis, and its name.
    fn unit(self) -> (f64, &'static str) {
        match self.to {
            long if long > 3.0 * 3_600.0 => (3_600.0, "h"),
            middle if middle > 300.0 => (60.0, "min"),
            _short => (1.0, "s"),
        }
    }
}

/// Axes of time and of something else.
type Chart<'a, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, Y>>;

impl Plot<'_> {
    /// The plot as SVG; `None` where there is nothing to draw.
    pub(crate) fn draw(&self) -> Option<Drawn> {
        let top = self.top()?;
        let mut svg = String::new();
        // Drawing into a string fails only where a coordinate is no number, and then there is no plot.
        let drawn = match self.scale {
            Scale::Linear { .. } => self.draw_on(&mut svg, 0.0..top),
            Scale::Logarithmic => self.draw_on(&mut svg, (1.0..top).log_scale()),
        };
        let (left, right) = drawn.ok()?;
        Some(Drawn { svg, left, right })
    }

    /// Whether a bound is drawn, and whether one lies too far above the measurements to be.
    pub(crate) fn bounds_drawn(&self) -> (bool, bool) {
        let Some(top) = self.top() else { return (false, false) };
        let mut bounds = self.bounds.iter();
        (bounds.clone().any(|bound| bound.value <= top), bounds.any(|bound| bound.value > top))
    }

    /// The upper end of the values' axis; `None` where there are no values.
    fn top(&self) -> Option<f64> {
        let values = self.lines.iter().flat_map(Line::segments).flatten();
        let reached = values.map(|(_, values)| values.highest).reduce(f64::max)?;
        let bounds = self.bounds.iter().map(|bound| bound.value);
        Some(match self.scale {
            Scale::Linear { least_top } => {
                let near = bounds.filter(|bound| reached >= bound * NEAR);
                near.fold(reached, f64::max).max(least_top).max(1.0) * HEADROOM
            }
            Scale::Logarithmic => bounds.fold(reached, f64::max).max(10.0) * 2.0,
        })
    }

    fn draw_on<Y>(&self, svg: &mut String, y: Y) -> Result<(i32, i32), DrawingAreaErrorKind<std::io::Error>>
    where
        Y: plotters::coord::ranged1d::AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64>,
    {
        let (second, _unit) = self.span.unit();
        let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = self.frame(&root, y)?;
        let (columns, _rows) = chart.plotting_area().get_pixel_range();
        for line in &self.lines {
            for segment in line.segments() {
                self.draw_segment(&mut chart, &segment, line.colour, second)?;
            }
        }
        let top = self.top().unwrap_or(f64::INFINITY);
        for bound in self.bounds.iter().filter(|bound| bound.value <= top) {
            let ends = [(bound.from / second, bound.value), (bound.to / second, bound.value)];
            let style = LIMIT.stroke_width(2);
            chart.draw_series(DashedLineSeries::new(ends, 6, 4, style))?;
        }
        root.present()?;
        Ok((columns.start, columns.end))
    }

    /// The axes over the span, with its shaded tiers behind them.
    fn frame<'a, Y>(
        &self,
        root: &DrawingArea<SVGBackend<'a>, Shift>,
        y: Y,
    ) -> Result<Chart<'a, Y::CoordDescType>, DrawingAreaErrorKind<std::io::Error>>
    where
        Y: plotters::coord::ranged1d::AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64>,
    {
        let (second, unit) = self.span.unit();
        let mut chart = ChartBuilder::on(root)
            .margin_top(22)
            .margin_right(14)
            .x_label_area_size(26)
            .y_label_area_size(70)
            .build_cartesian_2d(self.span.from / second..self.span.to / second, y)?;
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        self.shade(root, &columns, &rows)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS)
            .x_labels(10)
            .y_labels(6)
            .x_label_formatter(&|t| format!("{} {unit}", tidy(*t)))
            .y_label_formatter(&|value| (self.label)(*value))
            .label_style(("sans-serif", 12).into_font().color(&TEXT))
            .draw()?;
        Ok(chart)
    }

    fn draw_segment<Y: Ranged<ValueType = f64>>(
        &self,
        chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<RangedCoordf64, Y>>,
        segment: &[(f64, Values)],
        colour: RGBColor,
        second: f64,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let shown = |value: f64| match self.scale {
            Scale::Linear { .. } => value,
            Scale::Logarithmic => value.max(1.0),
        };
        let above = segment.iter().map(|(t, values)| (t / second, shown(values.highest)));
        let below = segment.iter().rev().map(|(t, values)| (t / second, shown(values.lowest)));
        if segment.iter().any(|(_, values)| values.lowest < values.highest) {
            let outline: Vec<_> = above.clone().chain(below).collect();
            chart.draw_series([Polygon::new(outline, colour.mix(0.18).filled())])?;
        }
        let line: Vec<_> = segment.iter().map(|(t, values)| (t / second, shown(values.last))).collect();
        match line.as_slice() {
            [alone] => chart.draw_series([Circle::new(*alone, 2, colour.filled())])?,
            _several => chart.draw_series([PathElement::new(line, colour.stroke_width(2))])?,
        };
        Ok(())
    }

    /// Shades the tiers, and names them where there is room.
    fn shade(
        &self,
        root: &DrawingArea<SVGBackend<'_>, Shift>,
        columns: &std::ops::Range<i32>,
        rows: &std::ops::Range<i32>,
    ) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let width = f64::from(columns.end - columns.start);
        let column =
            |t: f64| columns.start + (width * (t - self.span.from) / (self.span.to - self.span.from)) as i32;
        for shade in self.shades {
            let (from, to) = (column(shade.from), column(shade.to));
            let colour = match shade.verdict {
                Verdict::Go => GO,
                Verdict::Stop => STOP,
                Verdict::Inconclusive => OPEN,
            };
            root.draw(&Rectangle::new([(from, rows.start), (to, rows.end)], colour.mix(0.10).filled()))?;
            root.draw(&Rectangle::new([(from, rows.start - 3), (to, rows.start)], colour.filled()))?;
            if to - from >= 24 {
                let label: String = shade.label.chars().take(((to - from) / 8).max(1) as usize).collect();
                let style = ("sans-serif", 12).into_font().color(&TEXT);
                root.draw(&Text::new(crate::label::visible(&label), (from + 2, rows.start - 18), style))?;
            }
        }
        Ok(())
    }
}

impl Line<'_> {
    /// The parts of the line between which the quantity was not there.
    fn segments(&self) -> Vec<Vec<(f64, Values)>> {
        let mut segments: Vec<Vec<(f64, Values)>> = Vec::new();
        let mut last: Option<f64> = None;
        for Bucket { start, values } in &self.track.buckets {
            let t = f64::from(*start);
            let inside =
                self.within.is_empty() || self.within.iter().any(|(from, to)| *from <= t && t <= *to);
            let Some(values) = values.filter(|_| inside) else {
                last = None;
                continue;
            };
            match segments.last_mut().filter(|_| last.is_some_and(|last| t - last <= self.patience)) {
                Some(segment) => segment.push((t, values)),
                None => segments.push(vec![(t, values)]),
            }
            last = Some(t);
        }
        segments
    }
}

/// The longest time between two values of one line: three of its intervals, or two buckets.
pub(crate) fn patience(timeline: &Timeline, interval_seconds: f64) -> f64 {
    (interval_seconds * 3.0).max(f64::from(timeline.bucket_seconds) * 2.0)
}

/// A number without the noise of its last binary digits.
fn tidy(value: f64) -> impl Display {
    (value * 100.0).round() / 100.0
}

/// What the page's style sheet replaces for a dark page.
pub(crate) const FIRST: RGBColor = RGBColor(0x1f, 0x6f, 0xc9);
pub(crate) const SECOND: RGBColor = RGBColor(0x0b, 0x7f, 0x63);
pub(crate) const THIRD: RGBColor = RGBColor(0xb8, 0x50, 0x0a);
pub(crate) const LIMIT: RGBColor = RGBColor(0xc0, 0x2b, 0x2b);
const GO: RGBColor = RGBColor(0x1a, 0x80, 0x45);
const STOP: RGBColor = RGBColor(0xc4, 0x29, 0x29);
const OPEN: RGBColor = RGBColor(0x9a, 0x63, 0x00);
const TEXT: RGBColor = RGBColor(0x55, 0x5b, 0x65);
const GRID: RGBColor = RGBColor(0xe1, 0xe3, 0xe8);
const AXIS: RGBColor = RGBColor(0x9a, 0xa0, 0xaa);

pub(crate) const WIDTH: u32 = 1_040;
const HEIGHT: u32 = 260;

/// Room above the highest value.
const HEADROOM: f64 = 1.08;

/// A bound further off than this would press the measurements flat: it is left out.
const NEAR: f64 = 0.5;
