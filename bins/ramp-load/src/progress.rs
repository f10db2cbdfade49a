//! Progress: one line that is drawn anew on a terminal, a line for each stretch elsewhere. On standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ramp_load::snapshot::LoadSnapshot;

use crate::{console::plain, drive::Stretch};

/// Where progress is shown.
pub(crate) struct Progress {
    bar: ProgressBar,
    hold: Option<Duration>,
}

impl Progress {
    /// For a load of `hold`, where it has an end in time.
    pub(crate) fn new(hold: Option<Duration>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())), hold }
    }

    /// How often it changes: every second on a terminal, else as given.
    pub(crate) fn every(&self, otherwise: Duration) -> Duration {
        if self.bar.is_hidden() { otherwise } else { Duration::from_secs(1) }
    }

    pub(crate) fn show(&self, stretch: &Stretch<'_>) {
        self.tell(self.line(stretch));
    }

    /// What a stretch came to, and what is left.
    pub(crate) fn line(&self, stretch: &Stretch<'_>) -> String {
        line(stretch.itself, &stretch.whole, self.hold)
    }

    pub(crate) fn tell(&self, line: String) {
        if self.bar.is_hidden() {
            plain(line);
        } else {
            self.bar.set_message(line);
            self.bar.tick();
        }
    }

    /// Leaves nothing of itself on a terminal.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// What a stretch came to, and what is left.
fn line(stretch: &LoadSnapshot, whole: &LoadSnapshot, hold: Option<Duration>) -> String {
    let seconds = stretch.span.as_secs_f64();
    let rate = if seconds > 0.0 { stretch.offered as f64 / seconds } else { 0.0 };
    let target = whole.rate.map_or_else(|| "unthrottled".to_owned(), |rate| format!("of {rate}"));
    let p99 = stretch
        .total
        .quantile(0.99)
        .map_or_else(|| "nothing acknowledged".to_owned(), |p99| format!("p99 {}", millis(p99)));
    let mut line = format!(
        "{:.0} s: {rate:.0}/s {target}, {p99}, {} in flight, {} failed",
        whole.span.as_secs_f64(),
        whole.in_flight(),
        whole.failed
    );
    if whole.not_offered() > 0 {
        line.push_str(&format!(", {} not offered", whole.not_offered()));
    }
    if let Some(left) = left(whole, hold) {
        line.push_str(&format!(", {:.0} s left", left.as_secs_f64()));
    }
    line
}

/// How long the load still has, where that can be told.
fn left(whole: &LoadSnapshot, hold: Option<Duration>) -> Option<Duration> {
    match (hold, whole.planned, whole.rate) {
        (Some(hold), _, _) => Some(hold.saturating_sub(whole.span)),
        (None, Some(planned), Some(rate)) => {
            let rest = planned.saturating_sub(whole.offered) as f64 / f64::from(rate.get());
            Some(Duration::from_secs_f64(rest))
        }
        (None, _, _) => None,
    }
}

/// Milliseconds with as many digits as mean something.
pub(crate) fn millis(span: Duration) -> String {
    let millis = span.as_secs_f64() * 1e3;
    match millis {
        0.0..10.0 => format!("{millis:.2} ms"),
        10.0..100.0 => format!("{millis:.1} ms"),
        _more => format!("{millis:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use ramp_core::units::Rate;

    use super::*;

    fn snapshot() -> LoadSnapshot {
        LoadSnapshot {
            from: Duration::ZERO,
            span: Duration::from_secs(4),
            rate: Rate::per_second(1_000),
            planned: Some(10_000),
            due: 4_000,
            offered: 3_990,
            acknowledged: 3_900,
            failed: 20,
            purged: 0,
            bytes: 0,
            blocked: Duration::ZERO,
            blockages: 0,
            uncommitted: None,
            lateness: ramp_load::latency::Distribution::default(),
            ack: ramp_load::latency::Distribution::default(),
            total: ramp_load::latency::Distribution::default(),
        }
    }

    #[test]
    fn a_line_says_rate_target_latency_flight_errors_and_time_left() {
        let now = snapshot();
        assert_eq!(
            line(&now, &now, Some(Duration::from_secs(10))),
            "4 s: 998/s of 1000/s, nothing acknowledged, 70 in flight, 20 failed, 10 not offered, 6 s left"
        );
        assert!(line(&now, &now, None).ends_with(", 6 s left"));
    }
}
