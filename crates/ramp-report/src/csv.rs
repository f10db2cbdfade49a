//! The report as CSV (RFC 4180): the grid, and everything over time.
//!
//! Numbers are plain (a decimal point, no thousands apart), and a value that is not there is an empty field. A text
//! that a spreadsheet would take for a formula is given an apostrophe.

use std::{io, time::Duration};

use ramp_core::{
    tier_result::P99,
    verdict::{Verdict, Weight},
};

use crate::{
    Locale, Report,
    grid::Row,
    label::{short, visible},
    timeline::millis,
};

/// The grid: one line per tier of the plan.
#[must_use]
pub fn grid(report: &Report) -> String {
    written(|writer| {
        writer.write_record(GRID)?;
        for row in Row::all(report) {
            writer.write_record(grid_record(report, &row))?;
        }
        Ok(())
    })
}

/// Everything over time: one line per bucket and track.
#[must_use]
pub fn timeline(report: &Report) -> String {
    written(|writer| {
        writer.write_record(["start_s", "track", "unit", "lowest", "highest", "last"])?;
        for track in &report.timeline.tracks {
            for bucket in &track.buckets {
                let values = bucket.values;
                writer.write_record([
                    bucket.start.to_string(),
                    text(track.id.as_str()),
                    track.unit.as_str().to_owned(),
                    number(values.map(|values| values.lowest)),
                    number(values.map(|values| values.highest)),
                    number(values.map(|values| values.last)),
                ])?;
            }
        }
        Ok(())
    })
}

fn grid_record(report: &Report, row: &Row<'_>) -> [String; GRID.len()] {
    let latency = row.result.and_then(|result| result.latency.as_ref());
    let ran = row.result.filter(|result| result.started.is_some());
    let span = |span: Option<Duration>| number(span.map(millis));
    let whole = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let weighing = |weight| {
        let findings = row.result.into_iter().flat_map(|result| &result.findings);
        let texts = findings.filter(|finding| finding.weight() == weight);
        text(&texts.map(|finding| Locale::English.finding(finding)).collect::<Vec<_>>().join("; "))
    };
    let limits = row.result.into_iter().flat_map(|result| report.limits_of(result.tier));
    let limits: Vec<_> = limits.map(|likely| Locale::English.limit_name(likely.limit)).collect();
    [
        text(&row.tier.name),
        row.tier.rate.get().to_string(),
        verdict(row.verdict()).to_owned(),
        number(Some(millis(row.tier.p99_bound))),
        span(latency.and_then(|latency| latency.p50)),
        span(latency.and_then(|latency| latency.p99)),
        provenance(row.p99()).to_owned(),
        span(row.p99_range().map(|(low, _)| low)),
        span(row.p99_range().map(|(_, high)| high)),
        span(latency.and_then(|latency| latency.mean)),
        span(latency.and_then(|latency| latency.max)),
        whole(latency.map(|latency| latency.violations())),
        whole(ran.map(|result| result.load.offered)),
        whole(ran.map(|result| result.load.acknowledged)),
        number(row.latency_avg),
        number(row.latency_max),
        whole(row.lag),
        number(row.active_records),
        number(row.cpu),
        number(row.recovered_after.map(|span| span.as_secs_f64())),
        whole(row.result.and_then(|result| Some(result.recovery?.outstanding))),
        weighing(Weight::Stop),
        weighing(Weight::Insufficient),
        weighing(Weight::Warning),
        limits.join("; "),
    ]
}

const fn provenance(p99: &P99) -> &'static str {
    match p99 {
        P99::Measured { .. } => "measured",
        P99::Bounded { .. } => "bounded",
        P99::Unknown => "",
    }
}

const fn verdict(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Go) => "GO",
        Some(Verdict::Stop) => "STOP",
        Some(Verdict::Inconclusive) => "INCONCLUSIVE",
        None => "",
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| ((value * 1e3).round() / 1e3).to_string())
}

fn text(text: &str) -> String {
    let text = visible(&short(text));
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// What was written into memory, where writing does not fail.
fn written(write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>) -> String {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let bytes = write(&mut writer)
        .map_err(io::Error::from)
        .and_then(|()| writer.into_inner().map_err(|error| error.into_error()));
    bytes.map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

const GRID: [&str; 25] = [
    "tier",
    "rate_per_second",
    "verdict",
    "p99_bound_ms",
    "p50_ms",
    "p99_ms",
    "p99_provenance",
    "p99_low_ms",
    "p99_high_ms",
    "mean_ms",
    "max_ms",
    "violations",
    "offered",
    "acknowledged",
    "panel_latency_avg_ms",
    "panel_latency_max_ms",
    "lag_peak",
    "active_records",
    "cpu_percent",
    "recovered_after_s",
    "outstanding",
    "stop",
    "insufficient",
    "warnings",
    "likely_limits",
];
