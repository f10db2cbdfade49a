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

/// The newest answers.
#[derive(Debug, Clone, Default)]
struct Told {
    counter: Counter,
    peak: Option<Peak>,
}

/// The newest count of each series, and none at all before the first answer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counter {
    series: Option<BTreeMap<String, f64>>,
    /// When the newest of them was scraped.
    scraped: Elapsed,
}

/// What a gauge of the highest latency says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Peak {
    /// Nothing has been replicated for as long as it remembers.
    Quiet,
    /// The highest of its series, in milliseconds.
    Shown { value: f64, scraped: Elapsed },
}

/// The path is not clear, or cannot be seen to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    /// A canary cannot be sent.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// A signal says nothing.
    #[error("{signal} could not be read in {} s", waited.as_secs())]
    Unread {
        /// The signal.
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
            self.told.send_modify(|told| told.peak = Peak::of(sample).or(told.peak));
        }
    }

    /// Waits until one canary of each partition has been counted, and no latency of before shows any more that would deny
    /// a tier of this `bound` its GO.
    ///
    /// # Errors
    /// As [`cross`](Self::cross), and when such a latency still shows after `patience`, which is for both.
    pub(crate) async fn clear(
        &self,
        canaries: &Canaries,
        bound: Duration,
        patience: Duration,
    ) -> Result<(), CountError> {
        let deadline = Instant::now() + patience;
        let counted = self.cross(canaries, patience).await?;
        self.forget(counted, bound, deadline).await
    }

    /// Sends one canary to each partition, and waits until as many records were counted. Returns when that count was
    /// scraped.
    ///
    /// # Errors
    /// When a canary cannot be sent, more was counted than they are, or less within `patience`.
    pub(crate) async fn cross(&self, canaries: &Canaries, patience: Duration) -> Result<Elapsed, CountError> {
        let (begun, mut told) = (Instant::now(), self.told.subscribe());
        let (deadline, signal) = (begun + patience, self.ceiling.arrivals.clone());
        let known = timeout_at(deadline, told.wait_for(|told| told.counter.series.is_some())).await;
        let Some(before) = known.ok().and_then(Result::ok).map(|told| told.counter.clone()) else {
            return Err(CountError::Unread { signal, waited: begun.elapsed() });
        };
        let flight = canaries.send()?;
        let sent = flight.canaries() as u64;
        loop {
            let (counted, scraped) = {
                let counter = &told.borrow_and_update().counter;
                (counter.since(&before), counter.scraped)
            };
            if counted > sent {
                return Err(CountError::Excess { signal, counted, sent });
            }
            if counted == sent {
                return Ok(scraped);
            }
            if timeout_at(deadline, told.changed()).await.is_err() {
                return Err(CountError::Missing { signal, counted, sent, waited: begun.elapsed() });
            }
        }
    }

    /// Waits for an answer of the gauge that is newer than `counted` and below `bound`.
    async fn forget(&self, counted: Elapsed, bound: Duration, deadline: Instant) -> Result<(), CountError> {
        let (begun, mut told) = (Instant::now(), self.told.subscribe());
        self.told.send_modify(|told| told.peak = None);
        loop {
            let peak = told.borrow_and_update().peak;
            let is_below = |value: f64| value < bound.as_secs_f64() * 1e3;
            match peak {
                Some(Peak::Quiet) => return Ok(()),
                Some(Peak::Shown { value, scraped }) if scraped > counted && is_below(value) => return Ok(()),
                Some(Peak::Shown { .. }) | None => {}
            }
            if timeout_at(deadline, told.changed()).await.is_err() {
                let (signal, waited) = (self.ceiling.highest.clone(), begun.elapsed());
                return Err(match peak {
                    Some(Peak::Shown { value, .. }) => CountError::Peak { signal, value, bound, waited },
                    Some(Peak::Quiet) | None => CountError::Unread { signal, waited },
                });
            }
        }
    }
}

impl Counter {
    fn take(&mut self, sample: &Sample) {
        match sample {
            Sample::Present { points, .. } => {
                let values = points.iter().map(|Point { series, value, .. }| (series.clone(), *value));
                self.series.get_or_insert_default().extend(values);
                let scraped = points.iter().map(|point| point.scraped);
                self.scraped = scraped.chain([self.scraped]).max().unwrap_or_default();
            }
            // Nothing has been replicated since its workers began.
            Sample::Absent(Absence::NoSeries) => {
                self.series.get_or_insert_default();
            }
            Sample::Absent(_) => {}
        }
    }

    /// How many records were counted since it stood at `before`. A series that fell was reset and counts from zero.
    fn since(&self, before: &Self) -> u64 {
        let increase =
            |(series, value): (&String, &f64)| match before.series.as_ref().and_then(|all| all.get(series)) {
                Some(before) if before <= value => value - before,
                Some(_) | None => *value,
            };
        let increase: f64 = self.series.iter().flatten().map(increase).sum();
        // Records are counted in whole numbers.
        increase.round() as u64
    }
}

impl Peak {
    /// What an answer says; `None` where it says nothing.
    fn of(sample: &Sample) -> Option<Self> {
        match sample {
            Sample::Present { points, .. } => {
                let value = points.iter().map(|point| point.value).reduce(f64::max)?;
                let scraped = points.iter().map(|point| point.scraped).min()?;
                Some(Self::Shown { value, scraped })
            }
            Sample::Absent(Absence::NotANumber | Absence::NoSeries) => Some(Self::Quiet),
            Sample::Absent(Absence::Stale(_) | Absence::Unreachable(_) | Absence::Unexpected(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ramp_observe::catalog;

    use super::*;
    use crate::config::resolve::dashboards_ceiling;

    fn at(second: u64) -> Elapsed {
        Elapsed::new(Duration::from_secs(second))
    }

    fn reading(second: u64, values: &[(&str, f64)]) -> Sample {
        let point = |(series, value): &(&str, f64)| Point {
            series: (*series).to_owned(),
            value: *value,
            scraped: at(second),
        };
        Sample::Present { points: values.iter().map(point).collect(), panel: None }
    }

    #[test]
    fn a_counter_counts_series_that_are_born_and_those_that_begin_anew() {
        let mut counter = Counter::default();
        counter.take(&Sample::Absent(Absence::Unreachable("refused".to_owned())));
        assert_eq!(counter.series, None, "who does not answer may have counted anything");
        counter.take(&Sample::Absent(Absence::NoSeries));
        let nothing = counter.clone();
        assert!(nothing.series.is_some());
        counter.take(&reading(5, &[("p0", 700.0), ("p1", 5.0)]));
        assert_eq!((counter.since(&nothing), counter.scraped), (705, at(5)));

        let before = counter.clone();
        counter.take(&reading(10, &[("p0", 701.0)]));
        counter.take(&Sample::Absent(Absence::NoSeries));
        assert_eq!(counter.since(&before), 1, "a series that is gone has counted nothing");
        counter.take(&reading(15, &[("p1", 2.0), ("p2", 1.0)]));
        assert_eq!(counter.since(&before), 4);
    }

    /// What becomes of the wait after a count at second 10, for a bound of a second, when the gauge answers so.
    async fn forgotten(answers: &[Sample]) -> Result<(), CountError> {
        let counted = Counted::by(dashboards_ceiling());
        let tell = |sample: &Sample| {
            counted.take(&Reading { signal: catalog::LATENCY_MAX, sample: sample.clone() });
        };
        // What was known before says nothing of the canaries.
        tell(&Sample::Absent(Absence::NotANumber));
        let telling = async {
            for answer in answers {
                tokio::task::yield_now().await;
                tell(answer);
            }
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        tokio::join!(counted.forget(at(10), Duration::from_secs(1), deadline), telling).0
    }

    #[tokio::test(start_paused = true)]
    async fn a_tier_waits_until_no_latency_of_before_shows() {
        let quiet = Sample::Absent(Absence::NotANumber);
        let (high, low) = (reading(15, &[("p0", 20.0), ("p1", 1_000.0)]), reading(20, &[("p0", 20.0)]));
        assert!(forgotten(&[high.clone(), low.clone()]).await.is_ok());
        assert!(forgotten(&[high.clone(), quiet]).await.is_ok());
        let still = forgotten(&[low, high]).await;
        assert!(still.is_ok(), "the first that is low is enough: {still:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_latency_that_stays_and_a_gauge_that_says_nothing_new_are_told_as_what_they_are() {
        let high = forgotten(&[reading(15, &[("p0", 1_500.0)])]).await.unwrap_err().to_string();
        assert!(
            high.starts_with("mm2.latency_max stands at 1500 ms, not below the bound of 1000 ms, 60 s"),
            "{high}"
        );
        let unread = Sample::Absent(Absence::Unreachable("refused".to_owned()));
        let silent = forgotten(&[unread]).await.unwrap_err().to_string();
        assert!(silent.contains("mm2.latency_max could not be read in 60 s"), "{silent}");
        let old = forgotten(&[reading(10, &[("p0", 20.0)])]).await;
        assert!(matches!(old, Err(CountError::Peak { .. })), "as old as the count: {old:?}");
    }
}
