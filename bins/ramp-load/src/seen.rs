//! How arrivals are told, for people and for programs.

use std::{fmt::Write, time::Duration};

use ramp_load::snapshot::ArrivalSnapshot;
use serde_json::{Value, json};

use crate::progress::millis;

/// How records arrived, in numbers: what follows `N arrived` on its line.
pub(crate) fn order(arrivals: &ArrivalSnapshot) -> String {
    format!(
        "{} duplicated, {} reordered within a partition, {} within a key",
        arrivals.duplicates, arrivals.reordered, arrivals.reordered_by_key
    )
}

/// What must be known of the latencies, a line each.
pub(crate) fn remarks(arrivals: &ArrivalSnapshot) -> String {
    let mut text = String::new();
    let by_header = arrivals.arrived - arrivals.by_payload;
    let _ = match (by_header, arrivals.by_payload) {
        (_, 0) => writeln!(text, "records are known by their header"),
        (0, _) => writeln!(text, "records are known by their payload"),
        (some, _) => {
            writeln!(text, "{some} records are known by their header only, the others by their payload")
        }
    };
    if arrivals.was_there > 0 {
        let _ = writeln!(
            text,
            "{} records lay there before the probe began and have no latency",
            arrivals.was_there
        );
    }
    if arrivals.negative > 0 {
        let _ = writeln!(
            text,
            "{} records were seen before they were sent: the clocks differ by {} or more, and latencies are too low \
             by as much",
            arrivals.negative,
            millis(arrivals.ahead)
        );
    }
    text
}

/// By how much at most the clock that saw records is ahead of the one by which they were sent, in seconds: what the
/// quickest record seems to have taken, below 0 where it was seen before it was sent. Records take more than no time, so
/// that it is less by what that one took in truth, which nobody knows who sees one end only.
pub(crate) fn offset_at_most(arrivals: &ArrivalSnapshot) -> Option<f64> {
    let quickest = arrivals.from_handover.quantile(0.0)?;
    Some(if arrivals.negative > 0 { -arrivals.ahead.as_secs_f64() } else { quickest.as_secs_f64() })
}

/// What the arrivals tell of two machines' clocks; nothing where there is no latency.
pub(crate) fn clocks(arrivals: &ArrivalSnapshot) -> String {
    let Some(offset) = offset_at_most(arrivals) else { return String::new() };
    let span = millis(Duration::from_secs_f64(offset.abs()));
    if offset < 0.0 {
        format!(
            "if the producer ran on another machine: this clock is behind its clock by {span} or more, and every true              latency is higher by as much\n"
        )
    } else {
        format!(
            "if the producer ran on another machine: this clock is ahead of its clock by {span} at most (what the              quickest record seems to have taken), or behind by an amount that arrivals do not show\n"
        )
    }
}

/// The same for programs.
pub(crate) fn json(arrivals: &ArrivalSnapshot) -> Value {
    json!({
        "arrived": arrivals.arrived,
        "duplicates": arrivals.duplicates,
        "reordered": arrivals.reordered,
        "reordered_by_key": arrivals.reordered_by_key,
        "known_by_payload": arrivals.by_payload,
        "there_before": arrivals.was_there,
        "seen_before_sent": arrivals.negative,
        "clocks_differ_by": (arrivals.negative > 0).then_some(arrivals.ahead.as_secs_f64()),
    })
}

/// Whether so many records may be missing of so many.
pub(crate) fn is_tolerated(missing: u64, of: u64, tolerance: f64) -> bool {
    missing as f64 <= of as f64 * tolerance / 100.0
}

/// `p99` against what was demanded, in words.
pub(crate) fn against(p99: Option<Duration>, demanded: Option<Duration>, is_met: bool) -> String {
    let p99 = p99.map_or_else(|| "p99 unknown".to_owned(), |p99| format!("p99 {}", millis(p99)));
    match demanded {
        None => p99,
        Some(bound) if is_met => format!("{p99}, below {} as demanded", millis(bound)),
        Some(bound) => format!("{p99}, not below {} as demanded", millis(bound)),
    }
}
