//! Statistics that assume nothing about how values are distributed.
//!
//! Sources: order-statistics intervals for quantiles: David and Nagaraja, *Order Statistics*, 3rd ed., 7.1;
//! slope: Theil (1950) and Sen, *Estimates of the regression coefficient based on Kendall's tau*, JASA 63 (1968).

use std::ops::RangeInclusive;

use crate::units::Ratio;

/// The ranks, from 1 for the lowest value, of the two samples between which the `quantile` of what was sampled lies
/// with 95 % confidence. The samples are taken as independent; neighbours in a stream of records are alike, so that
/// the true interval is somewhat wider.
///
/// `None` where either side of the quantile has fewer than 10 samples, too few for the normal approximation of the
/// binomial distribution that the ranks come from.
#[must_use]
pub fn quantile_ranks(samples: u64, quantile: Ratio) -> Option<RangeInclusive<u64>> {
    // Counts of records stay far below 2^53, up to which every whole number has its own f64.
    let (n, q) = (samples as f64, quantile.get());
    if n * q < LEAST_BESIDE || n * (1.0 - q) < LEAST_BESIDE {
        return None;
    }
    let reach = Z_95 * (n * q * (1.0 - q)).sqrt();
    // Both ends lie within 1 and n: the reach is shorter than the 10 samples or more on either side.
    let (low, high) = ((n * q - reach).floor(), (n * q + reach).ceil() + 1.0);
    Some(low.max(1.0) as u64..=(high as u64).min(samples))
}

/// Where the points of a distribution's tail lie among so many sorted `samples`: for 1, 2, 5, 10, 20, 50, … up to their
/// number, the rank (from 1 for the lowest) beyond which at most one sample in so many lies. None for no samples.
///
/// They are evenly apart on the logarithmic axis on which percentiles are drawn (50 %, 90 %, 99 %, 99.9 %, …).
pub fn tail_ranks(samples: u64) -> impl Iterator<Item = (u64, u64)> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10));
    let steps =
        decades.flat_map(|decade| [1, 2, 5].into_iter().filter_map(move |step| decade.checked_mul(step)));
    steps
        .take_while(move |one_in| *one_in <= samples)
        .map(move |one_in| (one_in, (samples - samples / one_in).max(1)))
}

/// Whether a bound lies within the confidence interval of a `quantile` (see [`quantile_ranks`]) of `samples` values
/// of which `beyond` lie at or beyond the bound: whether chance could have put the quantile on the bound's other side.
#[must_use]
pub fn straddles(samples: u64, beyond: u64, quantile: Ratio) -> bool {
    let below = samples.saturating_sub(beyond);
    quantile_ranks(samples, quantile).is_some_and(|ranks| *ranks.start() <= below && below < *ranks.end())
}

/// The slope of a line through noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// The median of the slopes between any two points, in units per second.
    pub per_second: f64,
    /// What the slope is at least, with 99.5 % confidence.
    pub at_least: f64,
}

/// The Theil–Sen slope through `points` of (seconds, value), in any order; up to 29 % of them may be wild.
///
/// Takes time and memory that grow with the square of the number of points. `None` below 10 points with different
/// times.
#[must_use]
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    let mut slopes = Vec::with_capacity(points.len().saturating_mul(points.len()) / 2);
    for (place, (t0, v0)) in points.iter().enumerate() {
        let later = points.iter().skip(place + 1).filter(|(t1, _)| t1 != t0);
        slopes.extend(later.map(|(t1, v1)| (v1 - v0) / (t1 - t0)));
    }
    let n = points.len() as f64;
    if n < LEAST_BESIDE || slopes.is_empty() {
        return None;
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let reach = Z_99 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    // A reach beyond the slopes there are ends at the lowest of them.
    let lower = ((slopes.len() as f64 - reach) / 2.0).max(0.0) as usize;
    Some(Slope { per_second: *slopes.get(slopes.len() / 2)?, at_least: *slopes.get(lower)? })
}

/// The quantile that objectives are about.
pub const NINETY_NINE: Ratio = Ratio::new(0.99).expect("0.99 is a ratio");

/// The least number of samples on either side of a quantile, and of points of a line.
const LEAST_BESIDE: f64 = 10.0;

/// Standard deviations that hold 95 % and 99 % of a normal distribution.
const Z_95: f64 = 1.960;
const Z_99: f64 = 2.576;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn p99() -> Ratio {
        Ratio::new(0.99).unwrap()
    }

    #[test]
    fn the_ranks_of_a_p99_are_those_of_the_binomial_distribution() {
        // 300 000 x 0.99 = 297 000, standard deviation 54.5.
        assert_eq!(quantile_ranks(300_000, p99()), Some(296_893..=297_108));
        assert_eq!(quantile_ranks(1_000, p99()), Some(983..=998));
        assert_eq!(quantile_ranks(999, p99()), None, "fewer than 10 lie beyond it");
        assert_eq!(quantile_ranks(0, p99()), None);
        let median = Ratio::new(0.5).unwrap();
        assert_eq!(quantile_ranks(20, median), Some(5..=16), "10 on either side are enough");
        assert_eq!(quantile_ranks(19, median), None);
        assert_eq!(quantile_ranks(1_000, Ratio::new(0.01).unwrap()), Some(3..=18));
        assert_eq!(quantile_ranks(1_000_000, Ratio::new(1.0).unwrap()), None);
        assert_eq!(quantile_ranks(1_000_000, Ratio::new(0.0).unwrap()), None);
    }

    #[test]
    fn a_tail_has_points_as_far_as_there_are_samples() {
        let tail = |samples| tail_ranks(samples).collect::<Vec<_>>();
        assert_eq!(tail(0), []);
        assert_eq!(tail(1), [(1, 1)]);
        assert_eq!(tail(100), [(1, 1), (2, 50), (5, 80), (10, 90), (20, 95), (50, 98), (100, 99)]);
        assert_eq!(tail(u64::MAX).len(), 58, "up to 10^19, without overflow");
        assert_eq!(tail(300_000).last(), Some(&(200_000, 299_999)));
    }

    #[test]
    fn the_interval_covers_the_true_quantile_in_about_95_of_100_samples() {
        // Of n independent samples, each is beyond the true p99 with 1 %; the interval covers it when the number of
        // those below lies within the ranks.
        let mut random = Random(1);
        for samples in [1_000, 5_000, 30_000] {
            let ranks = quantile_ranks(samples, p99()).unwrap();
            let covered = (0..1_000).filter(|_| {
                let below = (0..samples).filter(|_| random.next() >= 0.01).count() as u64;
                *ranks.start() <= below && below < *ranks.end()
            });
            let covered = covered.count();
            assert!((930..=985).contains(&covered), "{covered} of 1000 for {samples} samples");
        }
    }

    #[test]
    fn a_bound_is_straddled_when_chance_could_have_moved_the_quantile_across_it() {
        // The interval's ranks are 296 893 and 297 108: between 2 892 and 3 107 records beyond the bound.
        for (beyond, expected) in
            [(0, false), (2_892, false), (2_893, true), (3_000, true), (3_107, true), (3_108, false)]
        {
            assert_eq!(straddles(300_000, beyond, p99()), expected, "{beyond}");
        }
        assert!(!straddles(100, 1, p99()));
    }

    #[test]
    fn a_line_has_its_slope_through_noise_and_wild_points() {
        let mut random = Random(7);
        let mut points: Vec<_> =
            (0..100).map(|t| (f64::from(t), 5.0 * f64::from(t) + 20.0 * random.next())).collect();
        for wild in points.iter_mut().step_by(5) {
            wild.1 = 1e6;
        }
        let slope = slope(&points).unwrap();
        assert!((4.0..7.0).contains(&slope.per_second), "{slope:?}");
        assert!(slope.at_least > 0.0 && slope.at_least <= slope.per_second, "{slope:?}");
    }

    #[test]
    fn a_slope_is_at_least_what_its_confidence_interval_leaves() {
        // 66 slopes; Kendall's S of 12 points has a variance of 212.7: the slope of rank (66 − 37.6) / 2.
        let points: Vec<_> =
            (0..12_u32).map(|t| (f64::from(t), f64::from(t * t % 7) + 0.5 * f64::from(t))).collect();
        let slope = slope(&points).unwrap();
        assert!((slope.per_second - 0.5).abs() < 1e-9, "{slope:?}");
        assert!((slope.at_least - 0.1).abs() < 1e-9, "{slope:?}");
    }

    #[test]
    fn noise_alone_seldom_has_a_slope() {
        let mut random = Random(3);
        let rising = (0..400).filter(|_| {
            let points: Vec<_> = (0..60).map(|t| (f64::from(t), random.next())).collect();
            slope(&points).unwrap().at_least > 0.0
        });
        assert!(rising.count() <= 6, "0.5 % are to be expected: 2 of 400");
    }

    #[test]
    fn too_few_points_have_no_slope() {
        let line: Vec<_> = (0..9).map(|t| (f64::from(t), f64::from(t))).collect();
        assert_eq!(slope(&line), None);
        assert_eq!(slope(&[(1.0, 2.0); 20]), None, "one moment is no span");
        let line: Vec<_> = (0..10).map(|t| (f64::from(t), f64::from(t))).collect();
        assert_eq!(slope(&line), Some(Slope { per_second: 1.0, at_least: 1.0 }));
    }

    proptest! {
        #[test]
        fn a_slope_turns_with_its_points(values in vec(-1e3..1e3_f64, 10..40)) {
            let points = |sign: f64| -> Vec<_> {
                values.iter().enumerate().map(|(t, value)| (t as f64, sign * value)).collect()
            };
            let (up, down) = (slope(&points(1.0)).unwrap(), slope(&points(-1.0)).unwrap());
            prop_assert!(up.at_least <= up.per_second);
            // Of an even number of slopes the upper middle one is taken, so that the two may differ by one place.
            prop_assert!(up.per_second >= -down.per_second - 1e-9);
        }
    }

    /// A small generator, so that the tests say the same every time.
    struct Random(u64);

    impl Random {
        /// A number from 0 to 1.
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }
    }
}
