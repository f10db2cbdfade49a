//! The report as a terminal shows it.

use std::fmt::Write;

use ramp_core::{signal::Unit, verdict::Verdict};

use crate::{
    Locale, Report,
    grid::Row,
    markdown::{is_invisible, short},
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
    let mut widths = [0; COLUMNS];
    for row in &table {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(cell.chars().count());
        }
    }
    for (place, row) in table.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, widest)) in row.iter().zip(widths).enumerate() {
            let pad = " ".repeat(widest.saturating_sub(cell.chars().count()));
            let (before, after) =
                if column == 0 || column == COLUMNS - 1 { ("", &*pad) } else { (&*pad, "") };
            let _ = write!(line, "{before}{cell}{after}  ");
        }
        let verdict = place.checked_sub(1).and_then(|place| rows.get(place)?.verdict());
        push(&mut text, line.trim_end(), width, verdict.filter(|_| colour));
    }
    text.push('\n');
    capacity(&mut text, report, locale, width);
    findings(&mut text, &rows, locale, width);
    text
}

fn cells(row: &Row<'_>, locale: Locale) -> [String; COLUMNS] {
    let dash = || "—".to_owned();
    let millis = |value| locale.value(value, Unit::Milliseconds);
    let p99 = row.result.and_then(|result| result.latency.as_ref()?.p99);
    let verdict = match row.verdict() {
        Some(verdict) => locale.verdict(verdict),
        None => locale.of("non atteint", "not reached"),
    };
    [
        visible(&row.tier.name),
        locale.whole(row.tier.rate.get().into()),
        row.latency_avg.map_or_else(dash, millis),
        row.latency_max.map_or_else(dash, millis),
        p99.map_or_else(dash, |p99| locale.millis(p99)),
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
}

fn findings(text: &mut String, rows: &[Row<'_>], locale: Locale, width: usize) {
    for row in rows {
        for finding in row.result.iter().flat_map(|result| &result.findings) {
            let line = format!("{}: {}", visible(&row.tier.name), visible(&short(&locale.finding(finding))));
            wrap(text, &line, width);
        }
    }
}

/// A line of at most `width` columns, in the colour of `verdict` where one is given.
fn push(text: &mut String, line: &str, width: usize, verdict: Option<Verdict>) {
    let cut: String = if line.chars().count() > width {
        line.chars().take(width - 1).chain(['…']).collect()
    } else {
        line.to_owned()
    };
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

/// Lines of at most `width` columns, broken between words where that is possible.
fn wrap(text: &mut String, line: &str, width: usize) {
    let mut current = String::new();
    for word in line.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let used = current.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                if gap == 1 {
                    current.push(' ');
                }
                current.extend(word.drain(..));
            } else if used > INDENT.len() {
                let _ = writeln!(text, "{current}");
                INDENT.clone_into(&mut current);
            } else {
                let room = width.saturating_sub(used).max(1).min(word.len());
                current.extend(word.drain(..room));
            }
        }
    }
    let _ = writeln!(text, "{current}");
}

fn visible(text: &str) -> String {
    text.chars().map(|c| if is_invisible(c) { '\u{fffd}' } else { c }).collect()
}

const COLUMNS: usize = 8;
const LEAST_WIDTH: usize = 60;
const INDENT: &str = "   ";
