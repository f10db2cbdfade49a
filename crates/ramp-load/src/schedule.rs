//! When each record is due. The schedule starts the stopwatch: a latency counts from here, not from the send.

use std::{
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ramp_core::units::Rate;

use crate::{clock::Moment, growing::Growing, lock::lock};

/// How fast records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// By a schedule of so many records per second.
    Rate(Rate),
    /// As fast as the client takes them. A record is due when it is handed over, so that its latency counts from there.
    Unthrottled,
}

/// When a load has sent what it was to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After so long. What was due by then and could not be handed over is not offered.
    After(Duration),
    /// After so many records, however long they take.
    Records(u64),
}

/// An absolute schedule: at a steady rate record *i* is due at `start + i / rate`. Whole-number arithmetic, so that it
/// never drifts, and a change of the rate neither drops nor doubles the part of a record that had fallen due.
#[derive(Debug)]
pub struct Schedule {
    start: Moment,
    until: Until,
    /// Stretches of a steady rate, oldest first; none where the pace is unthrottled.
    stretches: Growing<OnceLock<Stretch>, 64>,
    count: AtomicUsize,
    changing: Mutex<()>,
}

/// Why the rate cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateChangeError {
    /// The load has no rate.
    #[error("an unthrottled load has no rate to change; start it with one")]
    Unthrottled,
    /// The load has not begun, or its rate was changed too often.
    #[error("the rate cannot be changed any more after 262 143 changes; start another load")]
    TooOften,
    /// More records than an account can be kept of.
    #[error("at {rate} the load comes to {records} records; at most {most} are accounted for")]
    TooMany {
        /// The rate.
        rate: Rate,
        /// The records of the whole load.
        records: u64,
        /// The most there may be.
        most: u64,
    },
}

/// A steady rate from a moment on.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Moment,
    rate: Rate,
    /// How much had fallen due by `from`, in billionths of a record.
    fallen_due: u128,
    /// The first record that falls due by this rate.
    first: u64,
}

impl Schedule {
    /// The schedule of `pace` from `start` on.
    #[must_use]
    pub fn new(start: Moment, pace: Pace, until: Until) -> Self {
        let schedule = Self {
            start,
            until,
            stretches: Growing::new(),
            count: AtomicUsize::new(0),
            changing: Mutex::new(()),
        };
        if let Pace::Rate(rate) = pace {
            schedule.push(Stretch { from: start, rate, fallen_due: 0, first: 0 });
        }
        schedule
    }

    /// When record 0 is due.
    #[must_use]
    pub const fn start(&self) -> Moment {
        self.start
    }

    /// When the schedule is over, where it has an end in time.
    #[must_use]
    pub const fn end(&self) -> Option<Moment> {
        match self.until {
            Until::After(hold) => Some(self.start.after(hold)),
            Until::Records(_) => None,
        }
    }

    /// The rate now in force; `None` where the pace is unthrottled.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.latest().map(|stretch| stretch.rate)
    }

    /// How often the rate has been set, the first time included.
    pub(crate) fn changes(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// How many records there are at the rate now in force; `None` where the pace is unthrottled for a time.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self.until {
            Until::Records(count) => Some(count),
            Until::After(hold) => self.latest().map(|stretch| stretch.fallen_due_by(self.start.after(hold))),
        }
    }

    /// When record `sequence` is due, rounded up to the nanosecond; `None` where the pace is unthrottled.
    #[must_use]
    pub fn due(&self, sequence: u64) -> Option<Moment> {
        // Records in flight belong to the latest stretches.
        let stretch = self.newest_first().find(|stretch| stretch.first <= sequence)?;
        let rest = (u128::from(sequence) * BILLION).saturating_sub(stretch.fallen_due);
        let nanos = rest.div_ceil(u128::from(stretch.rate.get()));
        Some(stretch.from.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))))
    }

    /// How many records are due at `now` or before, at most [`count`](Self::count); `None` where the pace is
    /// unthrottled.
    #[must_use]
    pub fn due_by(&self, now: Moment) -> Option<u64> {
        if now < self.start {
            return self.latest().map(|_| 0);
        }
        let stretch = self.newest_first().find(|stretch| stretch.from <= now)?;
        let due = stretch.fallen_due_by(now).saturating_add(1);
        Some(self.count().map_or(due, |count| due.min(count)))
    }

    /// From `now` on records fall due at `rate`.
    ///
    /// # Errors
    /// When the pace is unthrottled, or was changed too often.
    pub fn change(&self, now: Moment, rate: Rate) -> Result<(), RateChangeError> {
        let _one_at_a_time = lock(&self.changing);
        let latest = self.latest().ok_or(RateChangeError::Unthrottled)?;
        let from = now.max(latest.from);
        let fallen_due = latest.fallen_due_at(from);
        let first = latest.fallen_due_by(from).saturating_add(1);
        if self.push(Stretch { from, rate, fallen_due, first }) {
            Ok(())
        } else {
            Err(RateChangeError::TooOften)
        }
    }

    fn push(&self, stretch: Stretch) -> bool {
        let count = self.changes();
        let pushed = self.stretches.make(count).is_some_and(|place| place.set(stretch).is_ok());
        if pushed {
            self.count.store(count + 1, Ordering::Release);
        }
        pushed
    }

    fn latest(&self) -> Option<Stretch> {
        self.newest_first().next()
    }

    fn newest_first(&self) -> impl Iterator<Item = Stretch> {
        (0..self.changes()).rev().filter_map(|index| self.stretches.get(index)?.get().copied())
    }
}

impl Stretch {
    /// Billionths of a record fallen due by `now`.
    fn fallen_due_at(&self, now: Moment) -> u128 {
        // A record per second is a billionth of a record per nanosecond.
        self.fallen_due + now.since(self.from).as_nanos() * u128::from(self.rate.get())
    }

    /// Whole records fallen due by `now`, beyond record 0, which is due at the start.
    fn fallen_due_by(&self, now: Moment) -> u64 {
        u64::try_from(self.fallen_due_at(now) / BILLION).unwrap_or(u64::MAX)
    }
}

const BILLION: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOR_EVER: Until = Until::Records(u64::MAX);

    fn rate(rate: u32) -> Rate {
        Rate::per_second(rate).unwrap()
    }

    proptest! {
        #[test]
        fn a_record_is_due_exactly_from_its_due_time_on(
            rates in prop::collection::vec((1_u32..2_000_000, 0_u64..5_000_000_000), 1..6),
            ahead in 0_u64..1_000_000, start in 0_u64..1 << 61,
        ) {
            let start = Moment::from_nanos(start);
            let schedule = Schedule::new(start, Pace::Rate(rate(rates[0].0)), FOR_EVER);
            let mut now = start;
            for &(next, after) in &rates {
                now = now.after(Duration::from_nanos(after));
                schedule.change(now, rate(next)).unwrap();
            }
            let sequence = schedule.due_by(now).unwrap() + ahead;
            let due = schedule.due(sequence).unwrap();
            prop_assert!(due >= now);
            prop_assert!(schedule.due_by(due).unwrap() > sequence);
            prop_assert!(due == start || schedule.due_by(due.before(Duration::from_nanos(1))).unwrap() <= sequence);
        }

        /// Each change takes over the part of a record that had fallen due, so that nothing piles up.
        #[test]
        fn a_change_of_the_rate_makes_no_spike(
            changes in prop::collection::vec((1_u32..100_000, 0_u64..1_000_000), 1..40),
        ) {
            let start = Moment::from_nanos(1 << 60);
            let schedule = Schedule::new(start, Pace::Rate(rate(1_000)), FOR_EVER);
            let (mut now, mut current, mut integral) = (start, 1_000_u32, 0_u128);
            for (next, after) in changes {
                now = now.after(Duration::from_nanos(after));
                integral += u128::from(after) * u128::from(current);
                schedule.change(now, rate(next)).unwrap();
                current = next;
                let expected = u64::try_from(integral / BILLION).unwrap() + 1;
                prop_assert_eq!(schedule.due_by(now), Some(expected));
            }
            let all = schedule.due_by(now).unwrap();
            let due: Vec<_> = (0..all).map(|sequence| schedule.due(sequence).unwrap()).collect();
            prop_assert!(due.is_sorted());
        }
    }

    #[test]
    fn a_tier_has_as_many_records_as_its_rate_and_hold_say() {
        let hold = Until::After(Duration::from_secs(300));
        let schedule = Schedule::new(Moment::from_nanos(5), Pace::Rate(rate(2_500)), hold);
        assert_eq!(schedule.count(), Some(750_000));
        assert_eq!(schedule.due_by(Moment::from_nanos(u64::MAX)), Some(750_000));
        assert_eq!(schedule.due_by(Moment::from_nanos(4)), Some(0));
    }

    #[test]
    fn a_count_of_records_ends_the_schedule_at_any_rate() {
        let schedule = Schedule::new(Moment::from_nanos(0), Pace::Rate(rate(10)), Until::Records(25));
        schedule.change(Moment::from_nanos(1_000_000_000), rate(1_000)).unwrap();
        assert_eq!(schedule.due_by(Moment::from_nanos(u64::MAX)), Some(25));
    }

    #[test]
    fn a_hold_at_two_rates_has_the_records_of_both() {
        let hold = Until::After(Duration::from_secs(10));
        let schedule = Schedule::new(Moment::from_nanos(0), Pace::Rate(rate(100)), hold);
        schedule.change(Moment::from_nanos(4_000_000_000), rate(1_000)).unwrap();
        assert_eq!(schedule.count(), Some(400 + 6_000));
        assert_eq!(schedule.rate(), Some(rate(1_000)));
    }

    #[test]
    fn an_unthrottled_load_has_no_due_times_and_no_rate_to_change() {
        let schedule = Schedule::new(Moment::from_nanos(0), Pace::Unthrottled, Until::Records(10));
        let now = Moment::from_nanos(7);
        assert_eq!((schedule.due(3), schedule.due_by(now), schedule.count()), (None, None, Some(10)));
        assert_eq!(schedule.change(now, rate(1)), Err(RateChangeError::Unthrottled));
    }
}
