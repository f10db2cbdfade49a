//! The report as a terminal shows it.

use std::fmt::Write;

use ramp_core::{
    signal::Unit,
    verdict::{Finding, Verdict},
};

use crate::{
    Locale, Report,
    grid::Row,
    label::{char_columns, columns, short, visible},
};

/// The grid, the capacity and the findings, in lines of at most `width` columns (60 or more).
#[must_use]
pub fn render(report: &Report, locale: Locale, width: usize, colour: bool) -> String {
    let width = width.max(LEAST_WIDTH);
    let rows = Row::all(report);
    let mut text = String::new();
    let head = match locale {
        Locale::French => ["Palier", "msg/s", "Lat. Avg", "Lat. Max", "p99", "Lag", "CPU %", "Résultat"],
        Locale::English => ["Tier", "msg/s", "Lat. avg", "Lat. max", "p99", "Lag", "CPU %", "Result"],
    };
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows.iter().map(|row| cells(row, locale)));
    let shown = fitting(&table, width);
    for (place, row) in table.iter().enumerate() {
        let mut line = String::new();
        for &(column, widest) in &shown {
            let cell = &row[column];
            let pad = " ".repeat(widest.saturating_sub(columns(cell)));
            let (before, after) = if column == TIER || column == RESULT { ("", &*pad) } else { (&*pad, "") };
            let _ = write!(line, "{before}{cell}{after}  ");
        }
        let verdict = place.checked_sub(1).and_then(|place| rows.get(place)?.verdict());
        push(&mut text, line.trim_end(), width, verdict.filter(|_| colour));
    }
    text.push('\n');
    capacity(&mut text, report, locale, width);
    findings(&mut text, &rows, locale, width);
    limits(&mut text, report, &rows, locale, width);
    text
}

/// A finding in a few words: what was reached, and the bound.
#[must_use]
pub fn headline(finding: &Finding, locale: Locale) -> String {
    short(&locale.brief(finding))
}

/// Text from outside with nothing in it that acts on a terminal instead of being seen.
#[must_use]
pub fn harmless(text: &str) -> String {
    visible(text)
}

/// The columns that lines of `width` have room for, each with its width. Where there is too little, those that a
/// reader can do without go first.
fn fitting(table: &[[String; COLUMNS]], width: usize) -> Vec<(usize, usize)> {
    let widest = |column: usize| table.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let mut shown: Vec<_> = (0..COLUMNS).map(|column| (column, widest(column))).collect();
    for dispensable in DISPENSABLE {
        let taken: usize = shown.iter().map(|(_, widest)| widest + 2).sum();
        if taken <= width + 2 {
            break;
        }
        shown.retain(|(column, _)| *column != dispensable);
    }
    shown
}

fn cells(row: &Row<'_>, locale: Locale) -> [String; COLUMNS] {
    let dash = || "—".to_owned();
    let millis = |value| locale.value(value, Unit::Milliseconds);
    let verdict = match row.verdict() {
        Some(verdict) => locale.verdict(verdict),
        None => locale.of("non atteint", "not reached"),
    };
    [
        visible(&row.tier.name),
        locale.whole(row.tier.rate.get().into()),
        row.latency_avg.map_or_else(dash, millis),
        row.latency_max.map_or_else(dash, millis),
        locale.p99(row.p99()).unwrap_or_else(dash),
        row.lag.map_or_else(dash, |lag| locale.whole(lag)),
        row.cpu.map_or_else(dash, |cpu| locale.number(cpu, 0)),
        verdict.to_owned(),
    ]
}

fn capacity(text: &mut String, report: &Report, locale: Locale, width: usize) {
    let rate = |rate: u32| format!("{} msg/s", locale.whole(rate.into()));
    let line = match report.capacity {
        None => locale.of("Capacité : aucune", "Capacity: none").to_owned(),
        Some(found) => {
            let at_least = if found.exact { "" } else { "≥ " };
            let recommended = found.recommended.map_or_else(|| "—".to_owned(), |share| rate(share.get()));
            let (validated, share) = (rate(found.validated.get()), report.plan.recommended());
            match locale {
                Locale::French => {
                    format!("Capacité : {at_least}{validated} ; recommandé ({share}) : {recommended}")
                }
                Locale::English => {
                    format!("Capacity: {at_least}{validated}; recommended ({share}): {recommended}")
                }
            }
        }
    };
    push(text, &line, width, None);
    if let Some(refined) = &report.refined {
        wrap(text, &format!("{} {}", locale.of("Recherche :", "Search:"), locale.refined(refined)), width);
    }
}

fn findings(text: &mut String, rows: &[Row<'_>], locale: Locale, width: usize) {
    for row in rows {
        for finding in row.result.iter().flat_map(|result| &result.findings) {
            let line = format!("{}: {}", visible(&row.tier.name), visible(&short(&locale.finding(finding))));
            wrap(text, &line, width);
        }
    }
}

fn limits(text: &mut String, report: &Report, rows: &[Row<'_>], locale: Locale, width: usize) {
    for (place, row) in rows.iter().enumerate() {
        for likely in report.limits_of(place) {
            let limit = locale.limit_name(likely.limit);
            let heading = locale.of("limite probable :", "likely limit:");
            let clues = visible(&short(&locale.clues(likely)));
            wrap(text, &format!("{}: {heading} {limit} ({clues})", visible(&row.tier.name)), width);
        }
    }
}

/// A line of at most `width` columns, in the colour of `verdict` where one is given.
fn push(text: &mut String, line: &str, width: usize, verdict: Option<Verdict>) {
    let cut = cut(line, width);
    let colour = verdict.map(|verdict| match verdict {
        Verdict::Go => "\u{1b}[32m",
        Verdict::Stop => "\u{1b}[31m",
        Verdict::Inconclusive => "\u{1b}[33m",
    });
    match colour {
        Some(colour) => {
            let _ = writeln!(text, "{colour}{cut}\u{1b}[0m");
        }
        None => {
            let _ = writeln!(text, "{cut}");
        }
    }
}

/// The beginning of a line that is longer than `width` columns.
fn cut(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let mut used = 0;
    let fits = |c: &char| {
        used += char_columns(*c);
        used < width
    };
    line.chars().take_while(fits).chain(['…']).collect()
}

/// Lines of at most `width` columns, broken between words where that is possible.
fn wrap(text: &mut String, line: &str, width: usize) {
    let mut current = String::new();
    for word in line.split(' ') {
        let gap = usize::from(!current.is_empty());
        if columns(&current) + gap + columns(word) <= width {
            if gap == 1 {
                current.push(' ');
            }
            current.push_str(word);
            continue;
        }
        if columns(&current) > INDENT.len() {
            let _ = writeln!(text, "{current}");
            INDENT.clone_into(&mut current);
        }
        for c in word.chars() {
            if columns(&current) + char_columns(c) > width {
                let _ = writeln!(text, "{current}");
                INDENT.clone_into(&mut current);
            }
            current.push(c);
        }
    }
    let _ = writeln!(text, "{current}");
}

const COLUMNS: usize = 8;
const TIER: usize = 0;
const RESULT: usize = COLUMNS - 1;

/// CPU, the panels' latencies, the lag: what a narrow terminal does without, in this order.
const DISPENSABLE: [usize; 4] = [6, 2, 3, 5];

const LEAST_WIDTH: usize = 60;
const INDENT: &str = "   ";
