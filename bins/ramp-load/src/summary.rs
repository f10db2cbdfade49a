//! A load's account, for people and for programs.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use ramp_core::{observation::LoadProgress, units::Rate};
use ramp_load::{account::TierAccount, clock::Clock};
use serde_json::json;

/// What a load came to, or has come to so far.
pub(crate) struct Summary {
    rate: Rate,
    progress: LoadProgress,
    /// From the due time to the acknowledgement: p50, p99, highest.
    latency: Option<[Duration; 3]>,
    failures: BTreeMap<String, u64>,
}

impl Summary {
    pub(crate) fn of(account: &TierAccount, clock: Clock, rate: Rate) -> Self {
        Self {
            rate,
            progress: account.progress(clock.now()),
            latency: account.acknowledgement(),
            failures: account.failures(),
        }
    }

    /// Whether every record that was due was offered and acknowledged.
    pub(crate) const fn is_complete(&self) -> bool {
        self.progress.acknowledged == self.progress.due && self.progress.due > 0
    }

    /// One line of progress.
    pub(crate) fn line(&self) -> String {
        let LoadProgress { due, offered, acknowledged, failed, .. } = self.progress;
        let in_flight = self.progress.in_flight();
        format!(
            "{due} due, {offered} offered, {acknowledged} acknowledged, {failed} failed, {in_flight} in flight"
        )
    }

    /// The whole account.
    pub(crate) fn text(&self) -> String {
        let LoadProgress { due, offered, lateness_p99, blocked, .. } = self.progress;
        let achieved = 100.0 * offered as f64 / due.max(1) as f64;
        let mut text = format!("{}\n", self.line());
        let _ = writeln!(text, "{} asked, {achieved:.2} % of what was due offered", self.rate);
        let _ = writeln!(text, "lateness of the generator: p99 {lateness_p99:?}; blocked for {blocked:?}");
        if let Some([p50, p99, max]) = self.latency {
            let _ = writeln!(text, "from due to acknowledged: p50 {p50:?}, p99 {p99:?}, max {max:?}");
        }
        for (error, records) in &self.failures {
            let _ = writeln!(text, "failed: {records} records: {error}");
        }
        text
    }

    /// The whole account as a JSON object; durations in seconds.
    pub(crate) fn json(&self) -> String {
        let LoadProgress { due, offered, acknowledged, failed, lateness_p99, blocked, .. } = self.progress;
        let latency = self.latency.map(|[p50, p99, max]| {
            json!({"p50": p50.as_secs_f64(), "p99": p99.as_secs_f64(), "max": max.as_secs_f64()})
        });
        json!({
            "schema_version": 1,
            "rate": self.rate.get(),
            "due": due,
            "offered": offered,
            "acknowledged": acknowledged,
            "failed": failed,
            "in_flight": self.progress.in_flight(),
            "lateness_p99": lateness_p99.as_secs_f64(),
            "blocked": blocked.as_secs_f64(),
            "acknowledgement": latency,
            "failures": self.failures,
        })
        .to_string()
    }
}
