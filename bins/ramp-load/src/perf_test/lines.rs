//! The lines that scripts read: those of the original, to the letter.

use std::time::Duration;

use ramp_load::{
    latency::Distribution,
    snapshot::{LoadSnapshot, Steady},
};

/// A window or a whole load, in the original's words.
pub(crate) struct Lines<'a> {
    /// Acknowledged records, the only ones that the original calls sent.
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) span: Duration,
    /// Handed over → acknowledged, as the original measures it.
    pub(crate) ack: &'a Distribution,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(snapshot: &'a LoadSnapshot) -> Self {
        Self {
            records: snapshot.acknowledged,
            bytes: snapshot.bytes,
            span: snapshot.span,
            ack: &snapshot.ack,
        }
    }

    pub(crate) fn of_steady(steady: &'a Steady) -> Self {
        Self { records: steady.acknowledged, bytes: steady.bytes, span: steady.span, ack: &steady.ack }
    }

    /// A line of progress.
    pub(crate) fn window(&self) -> String {
        let (records, megabytes) = self.rates();
        format!(
            "{} records sent, {records:.1} records/sec ({megabytes:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max \
             latency.",
            self.records,
            mean(self.ack),
            max(self.ack)
        )
    }

    /// The closing line; `which` is empty or ` steady state`.
    pub(crate) fn total(&self, which: &str) -> String {
        let (records, megabytes) = self.rates();
        format!(
            "{}{which} records sent, {records:.6} records/sec ({megabytes:.2} MB/sec), {}",
            self.records,
            latencies(self.ack)
        )
    }

    fn rates(&self) -> (f64, f64) {
        let seconds = self.span.as_secs_f64();
        (self.records as f64 / seconds, self.bytes as f64 / seconds / (1024.0 * 1024.0))
    }
}

/// The line that the original does not have: latencies from when each record was due.
pub(crate) fn corrected(total: &Distribution) -> String {
    format!("Corrected, from when each record was due: {}", latencies(total))
}

fn latencies(of: &Distribution) -> String {
    let millis = |quantile| of.quantile(quantile).unwrap_or_default().as_millis();
    format!(
        "{:.2} ms avg latency, {:.2} ms max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
        mean(of),
        max(of),
        millis(0.50),
        millis(0.95),
        millis(0.99),
        millis(0.999)
    )
}

/// Milliseconds; not a number where nothing was acknowledged, which the original prints as NaN too.
fn mean(of: &Distribution) -> f64 {
    of.mean().map_or(f64::NAN, |mean| mean.as_secs_f64() * 1e3)
}

fn max(of: &Distribution) -> f64 {
    of.max().unwrap_or_default().as_secs_f64() * 1e3
}

/// The producer's figures under the names that Java's producer has for them; only those that are known here.
pub(crate) fn metrics(whole: &LoadSnapshot, client: &str) -> String {
    let seconds = whole.span.as_secs_f64();
    let latency = |latency: Option<Duration>| latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3);
    let figures = [
        ("bufferpool-wait-time-ns-total", whole.blocked.as_nanos() as f64),
        ("record-error-rate", whole.failed as f64 / seconds),
        ("record-error-total", whole.failed as f64),
        ("record-send-rate", whole.offered as f64 / seconds),
        ("record-send-total", whole.offered as f64),
        ("request-latency-avg", latency(whole.ack.mean())),
        ("request-latency-max", latency(whole.ack.max())),
    ];
    let named =
        figures.map(|(name, value)| (format!("producer-metrics:{name}:{{client-id={client}}}"), value));
    let width = named.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = format!("\n{:width$}   Value\n", "Metric Name");
    for (name, value) in named {
        text.push_str(&format!("{name:width$} : {value:.3}\n"));
    }
    text
}
