//! When each record is due. The schedule starts the stopwatch: a latency counts from here, not from the send.

use std::time::Duration;

use ramp_core::units::Rate;

use crate::clock::Moment;

/// An absolute schedule: record *i* is due at `start + i / rate`. Whole-number arithmetic, so that it never drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    start: Moment,
    rate: Rate,
    count: u64,
}

impl Schedule {
    /// The schedule of `rate` held for `hold` from `start`.
    #[must_use]
    pub fn new(start: Moment, rate: Rate, hold: Duration) -> Self {
        Self { start, rate, count: rate.records_in(hold) }
    }

    /// When record 0 is due.
    #[must_use]
    pub const fn start(&self) -> Moment {
        self.start
    }

    /// How many records there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// When record `sequence` is due, rounded down to the nanosecond.
    #[must_use]
    pub fn due(&self, sequence: u64) -> Moment {
        let nanos = u128::from(sequence) * NANOS_PER_SECOND / u128::from(self.rate.get());
        self.start.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// How many records are due at `now` or before, at most [`count`](Self::count).
    #[must_use]
    pub fn due_by(&self, now: Moment) -> u64 {
        if now < self.start {
            return 0;
        }
        let nanos = now.since(self.start).as_nanos();
        // The last record due at `now` is the greatest i with floor(i · 10⁹ / rate) ≤ nanos.
        let records = ((nanos + 1) * u128::from(self.rate.get())).div_ceil(NANOS_PER_SECOND);
        u64::try_from(records).unwrap_or(u64::MAX).min(self.count)
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_due_exactly_from_its_due_time_on(
            rate in 1_u32..2_000_000, sequence in 0_u64..1_000_000_000, start in 0_u64..1 << 61,
        ) {
            let hold = Duration::from_secs(4_000_000_000);
            let schedule = Schedule::new(Moment::from_nanos(start), Rate::per_second(rate).unwrap(), hold);
            let due = schedule.due(sequence);
            prop_assert!(schedule.due_by(due) > sequence);
            prop_assert!(due.as_nanos() == start || schedule.due_by(due.before(Duration::from_nanos(1))) <= sequence);
        }
    }

    #[test]
    fn a_tier_has_as_many_records_as_its_rate_and_hold_say() {
        let rate = Rate::per_second(2_500).unwrap();
        let schedule = Schedule::new(Moment::from_nanos(5), rate, Duration::from_secs(300));
        assert_eq!(schedule.count(), 750_000);
        assert_eq!(schedule.due_by(Moment::from_nanos(u64::MAX)), 750_000);
        assert_eq!(schedule.due_by(Moment::from_nanos(4)), 0);
    }
}
