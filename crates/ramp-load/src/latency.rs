//! How latencies are counted and shown: three significant digits from 1 µs to 1 h, in nanoseconds.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hdrhistogram::Histogram;

/// Latencies and how often each was seen. A value is exact to three digits; above 1 h it counts as 1 h, and as saturated.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    histogram: Histogram<u64>,
    saturated: u64,
}

impl Distribution {
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = nanos(latency);
        self.saturated += u64::from(nanos > HIGHEST);
        self.histogram.saturating_record(nanos);
    }

    /// How many latencies there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that a share of `quantile` (0 to 1) does not exceed; `None` where there is none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        self::quantile(&self.histogram, quantile)
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.histogram.mean().round() as u64))
    }

    /// The highest.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.quantile(1.0)
    }

    /// How many were above 1 h. Where this is not 0 the figures above are too low.
    #[must_use]
    pub const fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The HDR histogram, in nanoseconds.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// What has been added since `earlier`, which is an earlier state of the same distribution.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut later = self.clone();
        // What is no earlier state of it takes nothing away.
        if later.histogram.subtract(&earlier.histogram).is_ok() {
            later.saturated = later.saturated.saturating_sub(earlier.saturated);
        }
        later
    }

    /// Adds the latencies of `other`: of another load, or of another machine.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so that nothing of `other` is out of range.
        if self.histogram.add(&other.histogram).is_ok() {
            self.saturated += other.saturated;
        }
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self { histogram: histogram(), saturated: 0 }
    }
}

/// Counts latencies from any thread without a lock, in the buckets of [`histogram`].
#[derive(Debug)]
pub(crate) struct Recording {
    counts: Box<[AtomicU64]>,
    saturated: AtomicU64,
}

impl Recording {
    pub(crate) fn new() -> Self {
        let counts = std::iter::repeat_with(|| AtomicU64::new(0)).take(BUCKETS).collect();
        Self { counts, saturated: AtomicU64::new(0) }
    }

    pub(crate) fn record(&self, latency: Duration) {
        let nanos = nanos(latency);
        if nanos > HIGHEST {
            self.saturated.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(count) = self.counts.get(bucket(nanos.min(HIGHEST))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What has been recorded so far.
    pub(crate) fn distribution(&self) -> Distribution {
        let mut histogram = histogram();
        for (bucket, count) in self.counts.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                histogram.saturating_record_n(lowest_in(bucket), count);
            }
        }
        Distribution { histogram, saturated: self.saturated.load(Ordering::Relaxed) }
    }

    /// The latency that a share of `quantile` does not exceed.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<Duration> {
        self.distribution().quantile(quantile)
    }
}

/// Three significant digits from 1 µs to 1 h in nanoseconds, the unit that tools for HDR histograms expect.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS_SHOWN)
        .expect("1 µs to 1 h with 3 digits is a valid range")
}

pub(crate) fn quantile(histogram: &Histogram<u64>, quantile: f64) -> Option<Duration> {
    let nanos = || Duration::from_nanos(histogram.value_at_quantile(quantile));
    (!histogram.is_empty()).then(nanos)
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// The bucket of a latency: HDR's own rule, which it does not offer to callers. A unit is 512 ns; each power of two
/// above the first 2 048 units is cut into 1 024 buckets.
const fn bucket(nanos: u64) -> usize {
    let power = (u64::BITS - UNIT - DIGITS).saturating_sub((nanos | FIRST_MASK).leading_zeros());
    let part = nanos >> (power + UNIT);
    // HIGHEST keeps this far below any usize.
    ((power as u64) * HALF + part) as usize
}

/// The lowest latency of a bucket.
pub(crate) const fn lowest_in(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let power = (bucket / HALF).saturating_sub(1);
    (bucket - power * HALF) << (power + UNIT as u64)
}

pub(crate) const LOWEST: u64 = 1_000;
pub(crate) const HIGHEST: u64 = 3_600_000_000_000;

pub(crate) const DIGITS_SHOWN: u8 = 3;

/// 512 ns, the power of two at or below [`LOWEST`], as an exponent.
const UNIT: u32 = 9;
/// 2 048 units tell three digits apart, as an exponent.
const DIGITS: u32 = 11;
const HALF: u64 = 1 << (DIGITS - 1);
const FIRST_MASK: u64 = ((1 << DIGITS) - 1) << UNIT;
const BUCKETS: usize = bucket(HIGHEST) + 1;

/// The library's histogram goes on to the next power of two, and counts there what is above [`HIGHEST`].
pub(crate) const LIBRARY_BUCKETS: usize = BUCKETS.next_multiple_of(HALF as usize);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_recording_is_the_histogram_of_what_was_recorded(
            latencies in prop::collection::vec(prop_oneof![0..HIGHEST, 0_u64..10_000, 0_u64..100_000_000], 0..200),
        ) {
            let recording = Recording::new();
            let mut plain = histogram();
            for latency in latencies {
                recording.record(Duration::from_nanos(latency));
                plain.record(latency).unwrap();
            }
            let recorded = recording.distribution();
            let buckets = |histogram: &Histogram<u64>| {
                let recorded = histogram.iter_recorded();
                recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect::<Vec<_>>()
            };
            prop_assert_eq!(buckets(recorded.histogram()), buckets(&plain));
        }
    }

    #[test]
    fn what_is_beyond_an_hour_is_kept_and_flagged() {
        let recording = Recording::new();
        recording.record(Duration::from_secs(3_600));
        assert_eq!(recording.distribution().saturated(), 0);
        recording.record(Duration::from_secs(100_000));
        let recorded = recording.distribution();
        assert_eq!((recorded.count(), recorded.saturated()), (2, 1));
        assert!(recorded.max().unwrap() >= Duration::from_secs(3_600));
    }

    #[test]
    fn an_interval_is_what_came_since_the_one_before() {
        let recording = Recording::new();
        recording.record(Duration::from_millis(10));
        let first = recording.distribution();
        recording.record(Duration::from_millis(20));
        let second = recording.distribution();
        let interval = second.since(&first);
        assert_eq!(interval.count(), 1);
        assert!(interval.quantile(0.0).unwrap() > Duration::from_millis(19));
        let mut merged = first;
        merged.merge(&interval);
        assert_eq!(merged, second);
    }

    #[test]
    fn nothing_recorded_is_no_latency_rather_than_zero() {
        let empty = Recording::new().distribution();
        assert_eq!((empty.count(), empty.mean(), empty.max(), empty.quantile(0.5)), (0, None, None, None));
    }
}
