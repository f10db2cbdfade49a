//! How fast a load that has fallen behind may catch up.

use std::num::NonZeroU32;

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use ramp_core::units::Rate;

/// A quarter above a rate, in bursts of at most 20 ms: it never delays a sender that is on time.
pub(super) struct Ceiling<C: Clock = DefaultClock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    burst: u32,
}

impl Ceiling {
    pub(super) fn over(rate: Rate) -> Self {
        Self::with_clock(rate, DefaultClock::default())
    }
}

impl<C: Clock> Ceiling<C> {
    fn with_clock(rate: Rate, clock: C) -> Self {
        let above = rate.get().saturating_add(rate.get() / 4).saturating_add(1);
        let above = NonZeroU32::new(above).unwrap_or_else(|| rate.non_zero());
        let burst = NonZeroU32::new(above.get() / 50).unwrap_or(NonZeroU32::MIN).saturating_add(1);
        let quota = Quota::per_second(above).allow_burst(burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, clock), burst: burst.get() }
    }

    /// How many of `wanted` records may go now; `None` for none.
    pub(super) fn allow(&self, wanted: u64) -> Option<u32> {
        let mut batch = u32::try_from(wanted).unwrap_or(u32::MAX).min(self.burst);
        while let Some(cells) = NonZeroU32::new(batch) {
            if matches!(self.limiter.check_n(cells), Ok(Ok(()))) {
                return Some(batch);
            }
            batch /= 2;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::Moment,
        schedule::{Pace, Schedule, Until},
    };

    /// Records handed over in each millisecond from `stall` on, by a sender that slept until then.
    fn after_stall(rate: u32, stall: Duration, millis: u32) -> Vec<u64> {
        let rate = Rate::per_second(rate).unwrap();
        let start = Moment::from_nanos(1);
        let schedule = Schedule::new(start, Pace::Rate(rate), Until::Records(u64::MAX));
        let clock = FakeRelativeClock::default();
        let ceiling = Ceiling::with_clock(rate, clock.clone());
        clock.advance(stall);
        let (mut now, mut next) = (start.after(stall), 0);
        (0..millis)
            .map(|_| {
                let (before, due) = (next, schedule.due_by(now).unwrap());
                while let Some(allowed) = ceiling.allow(due - next).filter(|_| next < due) {
                    next += u64::from(allowed);
                }
                clock.advance(Duration::from_millis(1));
                now = now.after(Duration::from_millis(1));
                next - before
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn catching_up_never_exceeds_its_ceiling(rate in 50_u32..60_000, stall in 0_u64..10_000) {
            let sent = after_stall(rate, Duration::from_millis(stall), 3_000);
            let most = f64::from(rate) * (1.25 + 1.25 / 50.0) + 4.0;
            for second in sent.windows(1_000) {
                prop_assert!(second.iter().sum::<u64>() as f64 <= most);
            }
        }
    }

    #[test]
    fn a_stall_is_made_good_in_four_times_its_length_and_the_rate_holds_from_then_on() {
        let sent = after_stall(5_000, Duration::from_secs(3), 16_000);
        let caught_up: u64 = sent.iter().take(12_100).sum();
        assert!(caught_up >= 15_000 + 60_500 - 5, "{caught_up} sent");
        let last_second: u64 = sent.iter().skip(15_000).sum();
        assert_eq!(last_second, 5_000);
    }

    #[test]
    fn a_sender_on_time_is_never_delayed() {
        for rate in [1, 7, 999, 1_000, 50_000] {
            let sent: u64 = after_stall(rate, Duration::ZERO, 2_000).iter().sum();
            assert_eq!(sent, u64::from(rate) * 1_999 / 1_000 + 1, "at {rate}/s");
        }
    }
}
