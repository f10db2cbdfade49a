//! What tells that records arrive on the target.

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    observation::{Absence, Point, Reading, Sample},
    signal::SignalId,
};
use ramp_load::probe::{
    Probe,
    canary::{Canaries, CanaryError},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// What tells that records arrive on the target.
#[derive(Debug)]
pub enum Arrivals {
    /// A probe sees each of them there.
    Seen(Probe),
    /// Nobody reads the target: the replication's own counter is all that is known.
    Counted(Counted),
}

/// A signal that counts what the replication has written to the target.
#[derive(Debug)]
pub struct Counted {
    signal: SignalId,
    counter: watch::Sender<Counter>,
}

/// The newest value of each of its series, and none at all before the first answer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counter(Option<BTreeMap<String, f64>>);

/// The path is not clear, or cannot be seen to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    /// A canary cannot be sent.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// Nothing is known of the counter.
    #[error("no canary was sent: {signal} could not be read in {} s", waited.as_secs())]
    Unread {
        /// The counter.
        signal: SignalId,
        /// How long was waited.
        waited: Duration,
    },
    /// More came than was sent.
    #[error(
        "{signal} counted {counted} records where {sent} canaries were sent: others write to the topics, or a backlog \
         crosses"
    )]
    Excess {
        /// The counter.
        signal: SignalId,
        /// What it counted.
        counted: u64,
        /// How many were sent.
        sent: u64,
    },
    /// Less came than was sent.
    #[error(
        "{signal} counted {counted} of {sent} canaries in {} s: a backlog, a stopped connector, or a panel that does \
         not show all topics",
        waited.as_secs()
    )]
    Missing {
        /// The counter.
        signal: SignalId,
        /// What it counted.
        counted: u64,
        /// How many were sent.
        sent: u64,
        /// How long was waited.
        waited: Duration,
    },
}

impl Counted {
    /// Nothing is known yet of what `signal` has counted.
    #[must_use]
    pub fn by(signal: SignalId) -> Self {
        Self { signal, counter: watch::Sender::default() }
    }

    /// Takes a reading of any signal.
    pub(crate) fn take(&self, Reading { signal, sample }: &Reading) {
        if *signal == self.signal {
            self.counter.send_modify(|counter| counter.take(sample));
        }
    }

    /// Sends one canary to each partition, and waits until as many records were counted.
    ///
    /// # Errors
    /// When a canary cannot be sent, more was counted than they are, or less within `patience`.
    pub(crate) async fn cross(&self, canaries: &Canaries, patience: Duration) -> Result<(), CountError> {
        let (begun, mut counter) = (Instant::now(), self.counter.subscribe());
        let deadline = begun + patience;
        let waited = || (self.signal.clone(), begun.elapsed());
        let known = timeout_at(deadline, counter.wait_for(Counter::is_known)).await;
        let Some(before) = known.ok().and_then(Result::ok).map(|known| known.clone()) else {
            let (signal, waited) = waited();
            return Err(CountError::Unread { signal, waited });
        };
        let flight = canaries.send()?;
        let sent = flight.canaries() as u64;
        loop {
            let counted = counter.borrow_and_update().since(&before);
            if counted > sent {
                return Err(CountError::Excess { signal: self.signal.clone(), counted, sent });
            }
            if counted == sent {
                return Ok(());
            }
            if timeout_at(deadline, counter.changed()).await.is_err() {
                let (signal, waited) = waited();
                return Err(CountError::Missing { signal, counted, sent, waited });
            }
        }
    }
}

impl Counter {
    fn take(&mut self, sample: &Sample) {
        match sample {
            Sample::Present { points, .. } => {
                let values = points.iter().map(|Point { series, value, .. }| (series.clone(), *value));
                self.0.get_or_insert_default().extend(values);
            }
            // Nothing has been replicated since its workers began.
            Sample::Absent(Absence::NoSeries) => {
                self.0.get_or_insert_default();
            }
            Sample::Absent(_) => {}
        }
    }

    const fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// How many records were counted since it stood at `before`. A series that fell was reset and counts from zero.
    fn since(&self, Self(before): &Self) -> u64 {
        let increase =
            |(series, value): (&String, &f64)| match before.as_ref().and_then(|all| all.get(series)) {
                Some(before) if before <= value => value - before,
                Some(_) | None => *value,
            };
        let increase: f64 = self.0.iter().flatten().map(increase).sum();
        // Records are counted in whole numbers.
        increase.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use ramp_core::units::Elapsed;

    use super::*;

    fn reading(values: &[(&str, f64)]) -> Sample {
        let points = values.iter().map(|(series, value)| Point {
            series: (*series).to_owned(),
            value: *value,
            scraped: Elapsed::START,
        });
        Sample::Present { points: points.collect(), panel: None }
    }

    #[test]
    fn a_counter_counts_series_that_are_born_and_those_that_begin_anew() {
        let mut counter = Counter::default();
        counter.take(&Sample::Absent(Absence::Unreachable("refused".to_owned())));
        assert!(!counter.is_known(), "who does not answer may have counted anything");
        counter.take(&Sample::Absent(Absence::NoSeries));
        let nothing = counter.clone();
        assert!(nothing.is_known());
        counter.take(&reading(&[("p0", 700.0), ("p1", 5.0)]));
        assert_eq!(counter.since(&nothing), 705);

        let before = counter.clone();
        counter.take(&reading(&[("p0", 701.0)]));
        counter.take(&Sample::Absent(Absence::NoSeries));
        assert_eq!(counter.since(&before), 1, "a series that is gone has counted nothing");
        counter.take(&reading(&[("p1", 2.0), ("p2", 1.0)]));
        assert_eq!(counter.since(&before), 4);
    }
}
