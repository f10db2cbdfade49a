//! What tells that records arrive on the target.

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    observation::{Absence, Point, Reading, Sample},
    plan::LatencyCeiling,
    signal::SignalId,
    units::Elapsed,
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

/// What the replication tells of the records that it has written to the target: how many, and how late at most.
#[derive(Debug)]
pub struct Counted {
    ceiling: LatencyCeiling,
    told: watch::Sender<Told>,
}

/// The newest values.
#[derive(Debug, Clone, Default)]
struct Told {
    counter: Counter,
    peaks: Peaks,
}

/// The newest count of each series, and none at all before the first answer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counter(Option<BTreeMap<String, f64>>);

/// The newest highest latency of each series, in milliseconds.
#[derive(Debug, Clone, Default)]
struct Peaks(BTreeMap<String, (Elapsed, f64)>);

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
    /// A latency of before would be taken for the tier's.
    #[error(
        "{signal} stands at {value:.0} ms, not below the bound of {} ms, {} s after the canaries were counted: others \
         write, or the replication is slow without a load",
        bound.as_millis(),
        waited.as_secs()
    )]
    Peak {
        /// The gauge of the highest latency.
        signal: SignalId,
        /// Its value.
        value: f64,
        /// The bound of the tier that was to begin.
        bound: Duration,
        /// How long was waited.
        waited: Duration,
    },
}

impl Counted {
    /// Nothing is known yet of what the signals of `ceiling` say.
    #[must_use]
    pub fn by(ceiling: LatencyCeiling) -> Self {
        Self { ceiling, told: watch::Sender::default() }
    }

    /// Takes a reading of any signal.
    pub(crate) fn take(&self, Reading { signal, sample }: &Reading) {
        if *signal == self.ceiling.arrivals {
            self.told.send_modify(|told| told.counter.take(sample));
        }
        if *signal == self.ceiling.highest {
            self.told.send_modify(|told| told.peaks.take(sample));
        }
    }

    /// Sends one canary to each partition, and waits until as many records were counted.
    ///
    /// # Errors
    /// When a canary cannot be sent, more was counted than they are, or less within `patience`.
    pub(crate) async fn cross(&self, canaries: &Canaries, patience: Duration) -> Result<(), CountError> {
        let (begun, mut told) = (Instant::now(), self.told.subscribe());
        let (deadline, signal) = (begun + patience, self.ceiling.arrivals.clone());
        let known = timeout_at(deadline, told.wait_for(|told| told.counter.is_known())).await;
        let Some(before) = known.ok().and_then(Result::ok).map(|told| told.counter.clone()) else {
            return Err(CountError::Unread { signal, waited: begun.elapsed() });
        };
        let flight = canaries.send()?;
        let sent = flight.canaries() as u64;
        loop {
            let counted = told.borrow_and_update().counter.since(&before);
            if counted > sent {
                return Err(CountError::Excess { signal, counted, sent });
            }
            if counted == sent {
                return Ok(());
            }
            if timeout_at(deadline, told.changed()).await.is_err() {
                return Err(CountError::Missing { signal, counted, sent, waited: begun.elapsed() });
            }
        }
    }

    /// Waits until no latency shows any more that would deny a tier of this `bound` its GO before it has begun.
    ///
    /// # Errors
    /// When one shows for longer than `patience`.
    pub(crate) async fn forget(&self, bound: Duration, patience: Duration) -> Result<(), CountError> {
        let (begun, mut told) = (Instant::now(), self.told.subscribe());
        // The gauge shows the highest of a span that is at least twice as long as it may be unread.
        let memory = self.ceiling.gap * 2;
        loop {
            let Some(value) = told.borrow_and_update().peaks.at_or_above(bound, memory) else {
                return Ok(());
            };
            if timeout_at(begun + patience, told.changed()).await.is_err() {
                let (signal, waited) = (self.ceiling.highest.clone(), begun.elapsed());
                return Err(CountError::Peak { signal, value, bound, waited });
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

impl Peaks {
    fn take(&mut self, sample: &Sample) {
        if let Sample::Present { points, .. } = sample {
            let values =
                points.iter().map(|Point { series, value, scraped }| (series.clone(), (*scraped, *value)));
            self.0.extend(values);
        }
    }

    /// The highest, if it is not below `bound`. A series that has had no value for all of its `memory` has none to show.
    fn at_or_above(&self, bound: Duration, memory: Duration) -> Option<f64> {
        let newest = self.0.values().map(|(scraped, _)| *scraped).max()?;
        let shown = self.0.values().filter(|(scraped, _)| newest.since(*scraped) < memory);
        let highest = shown.map(|(_, value)| *value).reduce(f64::max)?;
        (highest >= bound.as_secs_f64() * 1e3).then_some(highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(values: &[(&str, f64)]) -> Sample {
        reading_at(0, values)
    }

    fn reading_at(second: u64, values: &[(&str, f64)]) -> Sample {
        let scraped = Elapsed::new(Duration::from_secs(second));
        let points = values.iter().map(|(series, value)| Point {
            series: (*series).to_owned(),
            value: *value,
            scraped,
        });
        Sample::Present { points: points.collect(), panel: None }
    }

    #[test]
    fn a_peak_is_forgotten_when_a_lower_one_follows_or_its_time_is_over() {
        let (bound, memory) = (Duration::from_secs(1), Duration::from_secs(60));
        let mut peaks = Peaks::default();
        assert_eq!(peaks.at_or_above(bound, memory), None);
        peaks.take(&reading_at(10, &[("p0", 3_000.0), ("p1", 1_000.0)]));
        assert_eq!(peaks.at_or_above(bound, memory), Some(3_000.0));
        peaks.take(&reading_at(40, &[("p0", 200.0)]));
        assert_eq!(peaks.at_or_above(bound, memory), Some(1_000.0), "at the bound is not below it");
        peaks.take(&Sample::Absent(Absence::NotANumber));
        peaks.take(&reading_at(69, &[("p0", 200.0)]));
        assert_eq!(peaks.at_or_above(bound, memory), Some(1_000.0));
        peaks.take(&reading_at(70, &[("p0", 200.0)]));
        assert_eq!(peaks.at_or_above(bound, memory), None);
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
