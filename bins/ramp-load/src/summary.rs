//! A load's account, for people and for programs.

use std::{fmt::Write, time::Duration};

use ramp_load::{latency::Distribution, snapshot::LoadSnapshot};
use serde_json::{Map, Value, json};

use crate::{
    drive::{Ended, Why},
    exit::Exit,
    progress::millis,
};

impl Ended {
    /// How the load ends where at most `tolerance` percent of its records may be missing.
    pub(crate) fn exit(&self, tolerance: f64) -> Exit {
        let missing = self.whole.due.saturating_sub(self.whole.acknowledged);
        let tolerated = missing as f64 <= self.whole.due as f64 * tolerance / 100.0;
        // A load without a record has shown nothing, and records that nobody may read are as good as lost.
        let is_complete = self.whole.due > 0 && tolerated && self.whole.uncommitted.is_none();
        // Whoever interrupts a load that is behind its schedule has not lost what was due.
        let is_intact = self.whole.acknowledged == self.whole.offered && self.whole.uncommitted.is_none();
        match self.why {
            Why::Over if is_complete => Exit::Done,
            Why::Interrupted if is_intact => Exit::Interrupted,
            Why::Over | Why::Interrupted | Why::Hopeless => Exit::Incomplete,
        }
    }

    /// Where each record is: the ledger on one line.
    pub(crate) fn ledger(&self) -> String {
        let whole = &self.whole;
        format!(
            "{} due, {} offered, {} acknowledged, {} failed, {} in flight",
            whole.due,
            whole.offered,
            whole.acknowledged,
            whole.failed,
            whole.in_flight()
        )
    }

    /// What went wrong, a line each.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match self.why {
            Why::Over => {}
            Why::Interrupted => faults.push("interrupted before its end".to_owned()),
            Why::Hopeless => faults.push("ended early: not one record was acknowledged".to_owned()),
        }
        faults.extend(
            self.failures.iter().map(|(error, records)| format!("{records} records failed: {error}")),
        );
        if self.whole.purged > 0 {
            faults.push(format!(
                "{} of them were given up in flight and may have been written",
                self.whole.purged
            ));
        }
        if let Some((records, error)) = &self.whole.uncommitted {
            faults.push(format!("{records} records are in a transaction that was not committed: {error}"));
        }
        if self.whole.not_offered() > 0 {
            faults.push(format!("{} records were due and not offered", self.whole.not_offered()));
        }
        faults
    }

    /// The whole account, for people.
    pub(crate) fn text(&self) -> String {
        let whole = &self.whole;
        let mut text = format!("{}\n", self.ledger());
        for fault in self.faults() {
            let _ = writeln!(text, "{fault}");
        }
        let per_second = |records: u64| records as f64 / whole.span.as_secs_f64().max(f64::MIN_POSITIVE);
        let achieved = 100.0 * whole.offered as f64 / whole.due.max(1) as f64;
        let asked = whole.rate.map_or_else(|| "unthrottled".to_owned(), |rate| format!("{rate} asked"));
        let _ = writeln!(
            text,
            "{asked}, {achieved:.2} % of what was due offered; {:.1}/s acknowledged, {:.2} MB/s, {:.1} s",
            per_second(whole.acknowledged),
            per_second(whole.bytes) / 1e6,
            whole.span.as_secs_f64()
        );
        if whole.blockages > 0 {
            let _ = writeln!(
                text,
                "the client's queue was full {} times, {:.1?}",
                whole.blockages, whole.blocked
            );
        }
        let _ = writeln!(text, "run {}", self.run);
        text.push('\n');
        text.push_str(&table(&rows(whole)));
        text.push_str(&bars("due to acknowledged", &whole.total));
        text
    }

    /// The whole account as a JSON object; durations in seconds.
    pub(crate) fn json(&self) -> Value {
        let whole = &self.whole;
        let failures: Map<String, Value> =
            self.failures.iter().map(|(error, records)| (error.clone(), json!(records))).collect();
        json!({
            "schema_version": 1,
            "run": self.run.to_string(),
            "rate": whole.rate.map(|rate| rate.get()),
            "seconds": whole.span.as_secs_f64(),
            "due": whole.due,
            "offered": whole.offered,
            "acknowledged": whole.acknowledged,
            "failed": whole.failed,
            "purged": whole.purged,
            "in_flight": whole.in_flight(),
            "bytes": whole.bytes,
            "uncommitted": whole.uncommitted.as_ref().map_or(0, |(records, _)| *records),
            "blocked": whole.blocked.as_secs_f64(),
            "blockages": whole.blockages,
            "interrupted": self.why == Why::Interrupted,
            "lateness": quantiles(&whole.lateness),
            "ack": quantiles(&whole.ack),
            "total": quantiles(&whole.total),
            "failures": failures,
        })
    }
}

/// The parts of a record's way that its producer sees.
pub(crate) fn rows(whole: &LoadSnapshot) -> [(&'static str, &Distribution); 3] {
    [
        ("due to handed over", &whole.lateness),
        ("handed over to acknowledged", &whole.ack),
        ("due to acknowledged", &whole.total),
    ]
}

pub(crate) fn table(rows: &[(&str, &Distribution)]) -> String {
    let mut text = format!("{:26}", "latency");
    for (name, _) in QUANTILES {
        let _ = write!(text, "{name:>10}");
    }
    text.push('\n');
    for (name, part) in rows {
        let _ = write!(text, "{name:27}");
        for (n, (_, quantile)) in QUANTILES.iter().enumerate() {
            let value = part.quantile(*quantile).map_or_else(|| "-".to_owned(), millis);
            let _ = write!(text, "{value:>width$}", width = if n == 0 { 9 } else { 10 });
        }
        text.push('\n');
        if part.saturated() > 0 {
            let _ = writeln!(text, "  {} of these were above 1 h", part.saturated());
        }
    }
    text
}

/// How many records took how long on `way`, in steps of 1, 2 and 5.
pub(crate) fn bars(way: &str, total: &Distribution) -> String {
    let mut text = String::new();
    let mut rows: Vec<(u64, u64)> = Vec::new();
    for step in total.histogram().iter_recorded() {
        let bound = bound_above(step.value_iterated_to());
        match rows.last_mut() {
            Some((last, count)) if *last == bound => *count += step.count_at_value(),
            Some(_) | None => rows.push((bound, step.count_at_value())),
        }
    }
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default();
    if most > 0 {
        let _ = writeln!(text, "\n{way}, records");
    }
    for (bound, count) in rows {
        // The quotient is at most WIDTH.
        let length = (u128::from(count) * WIDTH).div_ceil(u128::from(most)) as usize;
        let bar = "#".repeat(length);
        let _ = writeln!(text, "  up to {:>8}  {count:>10}  {bar}", millis(Duration::from_nanos(bound)));
    }
    text
}

/// The first of 1, 2, 5, 10, 20 … ms, from 0.1 ms on, that is not below `nanos`.
fn bound_above(nanos: u64) -> u64 {
    let mut decade = 100_000_u64;
    loop {
        for factor in [1, 2, 5] {
            let bound = decade.saturating_mul(factor);
            if bound >= nanos {
                return bound;
            }
        }
        decade = decade.saturating_mul(10);
    }
}

pub(crate) fn quantiles(of: &Distribution) -> Value {
    let mut values: Map<String, Value> = QUANTILES
        .iter()
        .map(|(name, quantile)| {
            ((*name).to_owned(), json!(of.quantile(*quantile).map(|value| value.as_secs_f64())))
        })
        .collect();
    values.insert("mean".to_owned(), json!(of.mean().map(|mean| mean.as_secs_f64())));
    values.insert("count".to_owned(), json!(of.count()));
    Value::Object(values)
}

const QUANTILES: [(&str, f64); 7] = [
    ("p50", 0.50),
    ("p90", 0.90),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.999_9),
    ("max", 1.0),
];

const WIDTH: u128 = 40;
