//! The picture: what is most needed has room first, down to a single row.

use std::{collections::VecDeque, time::Duration};

use ramp_core::{criterion::Severity, verdict::Verdict};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Clear, LineGauge, Paragraph, Sparkline, SparklineBar, Wrap},
};

use super::{
    history::History,
    keys::{Dialog, Keys},
    view::{Judged, Load, Phase, Tier, View},
};
use crate::progress::text::{clock, level, seconds};

/// Everything that a picture is made of.
#[derive(Debug, Default)]
pub(super) struct Picture {
    view: Option<View>,
    /// The tier that the courses are of: its p99 in microseconds, and its true lag.
    tier: Option<usize>,
    p99: History,
    lag: History,
    pub(super) log: VecDeque<String>,
    pub(super) keys: Keys,
}

/// A part of the picture, in the order from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Tiers,
    Phase,
    Load,
    P99,
    Lag,
    Signals,
    Log,
    Foot,
}

impl Picture {
    /// Takes an event into its log.
    pub(super) fn log(&mut self, line: String) {
        if self.log.len() == MOST_LOG {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// Shows how the campaign stands now.
    pub(super) fn look(&mut self, view: View) {
        if let Some(load) = &view.load {
            if self.tier.replace(load.tier) != Some(load.tier) {
                self.p99.clear();
                self.lag.clear();
            }
            self.p99.take(load.p99.map(micros));
            self.lag.take(load.lag);
        }
        self.view = Some(view);
    }

    /// The tier that recovers, if one does.
    pub(super) fn recovering(&self) -> Option<usize> {
        self.view.as_ref()?.recovering
    }

    /// Draws it on the whole of `frame`, however small.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        if self.keys.dialog == Dialog::Help {
            return help(frame);
        }
        let area = frame.area();
        let parts = self.parts(area.height);
        let heights = parts.iter().map(|(_, height)| Constraint::Length(*height));
        let areas = Layout::vertical(heights).split(area);
        for ((part, _), area) in parts.into_iter().zip(areas.iter()) {
            self.draw_part(part, *area, frame);
        }
    }

    /// The parts that `height` rows have room for, with the rows of each.
    fn parts(&self, height: u16) -> Vec<(Part, u16)> {
        let Some(view) = &self.view else {
            return [(Part::Log, height.saturating_sub(1)), (Part::Foot, height.min(1))].into();
        };
        let signals = u16::try_from(view.signals.len()).unwrap_or(u16::MAX);
        let figure = u16::from(view.load.is_some());
        let tall = if height >= TALL { 3 * figure } else { figure };
        // A question needs its row more than anything that it is about.
        let first = if self.keys.dialog == Dialog::None { Part::Phase } else { Part::Foot };
        let wanted = [
            (first, 1),
            (Part::Phase, 1),
            (Part::P99, figure),
            (Part::Lag, figure),
            (Part::Foot, 1),
            (Part::Load, figure),
            (Part::Tiers, 1),
            (Part::Title, 1),
            (Part::Log, LEAST_LOG),
            (Part::Signals, if signals > 0 { signals + 2 } else { 0 }),
            (Part::P99, tall),
            (Part::Lag, tall),
            (Part::Log, height),
        ];
        let mut given = [0_u16; PARTS.len()];
        let mut left = height;
        for (part, rows) in wanted {
            let place = &mut given[part as usize];
            let more = rows.saturating_sub(*place).min(left);
            *place += more;
            left -= more;
        }
        PARTS.into_iter().zip(given).filter(|(_, rows)| *rows > 0).collect()
    }

    fn draw_part(&self, part: Part, area: Rect, frame: &mut Frame<'_>) {
        let view = self.view.as_ref();
        let load = view.and_then(|view| view.load.as_ref());
        match part {
            Part::Title => view.into_iter().for_each(|view| title(view, area, frame)),
            Part::Tiers => view.into_iter().for_each(|view| tiers(&view.tiers, area, frame)),
            Part::Phase => view.into_iter().for_each(|view| phase(&view.phase, area, frame)),
            Part::Load => load.into_iter().for_each(|load| frame.render_widget(offered(load), area)),
            Part::P99 => load.into_iter().for_each(|load| p99(load, &self.p99, area, frame)),
            Part::Lag => load.into_iter().for_each(|load| lag(load, &self.lag, area, frame)),
            Part::Signals => view.into_iter().for_each(|view| signals(&view.signals, area, frame)),
            Part::Log => log(&self.log, area, frame),
            Part::Foot => frame.render_widget(foot(&self.keys), area),
        }
    }
}

fn title(view: &View, area: Rect, frame: &mut Frame<'_>) {
    let at = clock(view.at.since_start());
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns(&at))]).areas(area);
    let name = Line::from(vec![Span::styled("ramp", BOLD), Span::raw(format!("  {}", view.plan))]);
    frame.render_widget(name, left);
    frame.render_widget(Line::raw(at), right);
}

fn tiers(tiers: &[Tier], area: Rect, frame: &mut Frame<'_>) {
    let word = |tier: &Tier| {
        let (word, style) = match (tier.verdict, tier.is_current) {
            (_, true) => ("◀".to_owned(), BOLD),
            (Some(verdict), false) => (verdict.to_string(), of_verdict(verdict)),
            (None, false) => ("·".to_owned(), DIM),
        };
        Span::styled(format!("{} {} {word}", tier.name, tier.rate), style)
    };
    let mut words: Vec<_> = tiers.iter().map(word).collect();
    // Where they do not all fit, the current one does.
    let through = tiers.iter().position(|tier| tier.is_current).map_or(0, |current| current + 1);
    let width = |words: &[Span<'_>]| words.iter().map(|word| word.width() + GAP.len()).sum::<usize>();
    let fits = |from: &usize| {
        words.get(*from..through).is_none_or(|words| width(words) <= usize::from(area.width) + GAP.len())
    };
    let passed = (0..through).find(fits).unwrap_or_else(|| through.saturating_sub(1));
    words.drain(..passed);
    let spans = words.into_iter().flat_map(|word| [word, Span::raw(GAP)]);
    frame.render_widget(Line::from_iter(spans), area);
}

fn phase(phase: &Phase, area: Rect, frame: &mut Frame<'_>) {
    let Phase { name, spent, lasts, then, is_over } = phase;
    let left = lasts.saturating_sub(*spent);
    let text = match (lasts.is_zero(), left.is_zero()) {
        _ if *is_over => name.clone(),
        (true, _) => format!("{name}  {} so far", clock(*spent)),
        (false, true) => format!("{name}  {}, until {then}", clock(*spent)),
        (false, false) => format!("{name}  {} left of {}", clock(left), clock(*lasts)),
    };
    if lasts.is_zero() {
        return frame.render_widget(Line::styled(text, BOLD), area);
    }
    let gauge = LineGauge::default()
        .ratio((spent.as_secs_f64() / lasts.as_secs_f64()).clamp(0.0, 1.0))
        .label(Line::styled(text, BOLD))
        .filled_symbol("━")
        .unfilled_symbol("─")
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(DIM);
    frame.render_widget(gauge, area);
}

fn offered(Load { target, rate, progress, .. }: &Load) -> Line<'static> {
    // Counts of records stay far below 2^53.
    let share = 100.0 * progress.offered as f64 / progress.due.max(1) as f64;
    let rate = rate.map_or_else(String::new, |rate| format!("{rate:.0}/s, "));
    let mut spans = vec![
        Span::raw(format!("{:LABEL$}", "offered")),
        Span::raw(format!("{rate}{share:.1} % of {target}; {} acknowledged", progress.acknowledged)),
    ];
    if progress.failed > 0 {
        spans.push(Span::styled(format!("; {} FAILED", progress.failed), RED));
    }
    Line::from(spans)
}

fn p99(Load { bound, p99, .. }: &Load, history: &History, area: Rect, frame: &mut Frame<'_>) {
    let bounds = bound.map_or_else(|| ", not judged".to_owned(), |bound| format!(" of {}", seconds(bound)));
    let text = format!("{}{bounds}", p99.map_or_else(|| "—".to_owned(), seconds));
    let is_beyond = p99.zip(*bound).is_some_and(|(p99, bound)| p99 >= bound);
    let style = if is_beyond { RED } else { Style::new() };
    course(("p99", &text, style), history, bound.map(micros), area, frame);
}

fn lag(Load { lag, .. }: &Load, history: &History, area: Rect, frame: &mut Frame<'_>) {
    let lag = lag.map_or_else(|| "—".to_owned(), |lag| lag.to_string());
    course(("true lag", &lag, Style::new()), history, None, area, frame);
}

/// A figure, and beside it how it went in this tier, up to its bound or its highest.
fn course(
    (name, now, style): (&str, &str, Style),
    history: &History,
    bound: Option<u64>,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let parts = [Constraint::Length(FIGURE), Constraint::Fill(1)];
    let [left, right] = Layout::horizontal(parts).areas(area);
    let text = Line::from(vec![Span::raw(format!("{name:LABEL$}")), Span::styled(now.to_owned(), style)]);
    frame.render_widget(text, left);
    let columns = history.columns(right.width.into());
    let highest = columns.iter().flatten().copied().max().max(bound).unwrap_or(0).max(1);
    // What is known is seen, however small it is.
    let least = highest.div_ceil(EIGHTHS * u64::from(right.height.max(1)));
    let bar = |value: Option<u64>| {
        let is_beyond = value.zip(bound).is_some_and(|(value, bound)| value >= bound);
        let style = if is_beyond { RED } else { Style::new().fg(Color::Cyan) };
        SparklineBar::from(value.map(|value| value.max(least))).style(style)
    };
    let bars: Vec<_> = columns.into_iter().map(bar).collect();
    frame.render_widget(Sparkline::default().data(bars).max(highest), right);
}

fn signals(signals: &[Judged], area: Rect, frame: &mut Frame<'_>) {
    let widest = |text: fn(&Judged) -> &str, head: &str| {
        signals.iter().map(text).map(columns).max().unwrap_or(0).max(columns(head))
    };
    let widths = [
        Constraint::Length(widest(|signal| &signal.name, NAME)),
        Constraint::Length(LEVEL_COLUMNS),
        Constraint::Length(widest(|signal| &signal.worst, WORST).min(MOST_WORST)),
        Constraint::Fill(1),
    ];
    let columns = Layout::horizontal(widths).spacing(2).areas::<4>(area);
    // The first row is left empty, the second is the head.
    let head = [NAME, "now", WORST, "bounds"].map(|text| (text, UNDERLINED));
    let rows = std::iter::once(head).chain(signals.iter().map(cells)).zip(area.top() + 1..area.bottom());
    for (cells, y) in rows {
        for ((text, style), column) in cells.into_iter().zip(columns) {
            frame.render_widget(Line::styled(text, style), Rect { y, height: 1, ..column });
        }
    }
}

/// A signal's cells.
fn cells(signal: &Judged) -> [(&str, Style); 4] {
    let Judged { name, worst, bounds, .. } = signal;
    let (now, style) = match (signal.level, signal.is_absent) {
        (None, true) => ("—", DIM),
        (None, false) => (level(None), GREEN),
        (Some(Severity::Warning), _) => (level(signal.level), YELLOW),
        (Some(Severity::Stop), _) => (level(signal.level), RED),
    };
    [(name, Style::new()), (now, style), (worst, style), (bounds, DIM)]
}

/// The last events that there is room for, the newest at the end.
fn log(log: &VecDeque<String>, area: Rect, frame: &mut Frame<'_>) {
    let gap = u16::from(area.height > LEAST_LOG);
    let parts = [Constraint::Length(gap), Constraint::Length(1), Constraint::Fill(1)];
    let [_, head, rest] = Layout::vertical(parts).areas(area);
    let first = log.len().saturating_sub(rest.height.into());
    let lines: Vec<_> = log.iter().skip(first).map(|line| Line::raw(line.as_str())).collect();
    frame.render_widget(Line::styled("events", UNDERLINED), head);
    frame.render_widget(Paragraph::new(lines), rest);
}

fn foot(keys: &Keys) -> Line<'static> {
    match (keys.dialog, keys.notice) {
        (Dialog::Stop, _) => Line::styled("Stop? y/n   the load ends, the report is made", YELLOW),
        (Dialog::None | Dialog::Help, Some(notice)) => Line::styled(notice, YELLOW),
        (Dialog::None | Dialog::Help, None) => Line::styled("q stop   s skip the recovery   ? help", DIM),
    }
}

fn help(frame: &mut Frame<'_>) {
    let text: Vec<_> = HELP.lines().map(Line::raw).collect();
    frame.render_widget(Clear, frame.area());
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), frame.area());
}

const fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Go => GREEN,
        Verdict::Stop => RED,
        Verdict::Inconclusive => YELLOW,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn columns(text: &str) -> u16 {
    u16::try_from(Line::raw(text).width()).unwrap_or(u16::MAX)
}

const PARTS: [Part; 9] = [
    Part::Title,
    Part::Tiers,
    Part::Phase,
    Part::Load,
    Part::P99,
    Part::Lag,
    Part::Signals,
    Part::Log,
    Part::Foot,
];

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const UNDERLINED: Style = Style::new().add_modifier(Modifier::UNDERLINED);
const GREEN: Style = Style::new().fg(Color::Green);
const YELLOW: Style = Style::new().fg(Color::Yellow);
const RED: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// Columns of a figure's name, and of the figure with it.
const LABEL: usize = 10;
const FIGURE: u16 = 30;

/// So many events are kept.
const MOST_LOG: usize = 2_000;

/// The least part of a row that a bar takes.
const EIGHTHS: u64 = 8;

const GAP: &str = "   ";
const NAME: &str = "criterion";
const WORST: &str = "worst";
const LEVEL_COLUMNS: u16 = 7;
const MOST_WORST: u16 = 24;

/// With so many rows, courses are three rows high.
const TALL: u16 = 30;

/// So many rows of events are worth more than the criteria.
const LEAST_LOG: u16 = 4;

const HELP: &str = "\
q        stop the campaign: asks, then ends the load and writes the reports, as
         Ctrl-C does at once; `ramp resume` goes on with it later
s        skip the rest of a recovery's wait: once all records have arrived and
         the last readings are in; the report says that it was cut short
?        this text
Ctrl-C   stop; a second one ends at once, with the journal whole
Ctrl-L   draw everything anew

p99      of all records of the tier, those that have not arrived with their age;
         its course is drawn up to the bound
true lag records that the source has acknowledged and the target has not seen
now      whether a criterion is crossed at this moment
worst    what the tier would be judged by if it ended now

Any key goes back.";

#[cfg(test)]
mod tests;
