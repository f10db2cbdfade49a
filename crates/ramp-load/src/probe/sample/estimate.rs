//! What the partitions that are read tell of those that are not.
//!
//! Sources: the ratio estimator and its variance: Cochran, *Sampling Techniques*, 3rd ed., chapter 6, with partitions as
//! the units and each weighted by the inverse of its topic's share; the chance to draw none of some units is that of the
//! hypergeometric distribution.

/// How many of all acknowledged records have not arrived, judged by those in the partitions that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossEstimate {
    /// The estimate.
    pub lost: u64,
    /// Its 95 % interval, from how the losses of the partitions that are read differ. `None` where nothing was lost in
    /// them, or only one is read: then they tell no spread.
    pub range: Option<(u64, u64)>,
}

/// A partition that is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    /// For how many partitions of its topic it stands.
    pub(crate) weight: f64,
    /// Records that were acknowledged in it.
    pub(crate) acknowledged: u64,
    /// Those among them that have not arrived.
    pub(crate) lost: u64,
}

/// Estimates the losses by the partitions that are `read`; `others` are as many, which hold `unread` acknowledged records.
pub(crate) fn estimate(read: &[Read], others: usize, unread: u64) -> LossEstimate {
    let lost: u64 = read.iter().map(|one| one.lost).sum();
    let acknowledged: u64 = read.iter().map(|one| one.acknowledged).sum();
    // Counts stay far below 2^53, up to which every whole number has its own f64.
    let weighed = |of: fn(&Read) -> u64| read.iter().map(|one| one.weight * of(one) as f64).sum::<f64>();
    let (lost_weighed, all_weighed) = (weighed(|one| one.lost), weighed(|one| one.acknowledged));
    if lost == 0 || all_weighed <= 0.0 {
        return LossEstimate { lost, range: None };
    }
    // Nothing that is estimated contradicts what was counted.
    let possible = |records: f64| (records.round().max(0.0) as u64).clamp(lost, lost + unread);
    let all = (acknowledged + unread) as f64;
    let ratio = lost_weighed / all_weighed;
    let deviation = |one: &Read| one.weight * (one.lost as f64 - ratio * one.acknowledged as f64);
    let squares: f64 = read.iter().map(|one| deviation(one).powi(2)).sum();
    let count = read.len() as f64;
    let unseen = others as f64 / (read.len() + others) as f64;
    let range = student(read.len()).map(|student| {
        let error = all / all_weighed * (unseen * count / (count - 1.0) * squares).sqrt();
        (possible(ratio * all - student * error), possible(ratio * all + student * error))
    });
    LossEstimate { lost: possible(ratio * all), range }
}

/// How many of the partitions that are not read may be unlike all that are, with 95 % confidence: the most of which
/// chance would have drawn none in one of 20 samples. `topics` are how many of each topic's partitions are read, and of
/// how many.
pub(crate) fn unlike(topics: impl Iterator<Item = (usize, usize)>) -> usize {
    // The partitions of each topic that may still be unlike, and those that may not; it is worst where chance is greatest.
    let mut topics: Vec<_> = topics.map(|(read, of)| (of.saturating_sub(read), of)).collect();
    let chance = |(unread, left): (usize, usize)| unread as f64 / left.max(1) as f64;
    let mut together = 1.0;
    let mut count = 0;
    while let Some(topic) = topics.iter_mut().max_by(|a, b| chance(**a).total_cmp(&chance(**b))) {
        together *= chance(*topic);
        if together < ONE_IN_20 {
            break;
        }
        *topic = (topic.0.saturating_sub(1), topic.1.saturating_sub(1));
        count += 1;
    }
    count
}

/// What holds 95 % of Student's distribution for so many units; `None` where they are too few for one.
fn student(units: usize) -> Option<f64> {
    let freedom = units.checked_sub(1)?.checked_sub(1)?;
    Some(STUDENT.get(freedom).or(STUDENT.last()).copied().unwrap_or(f64::INFINITY))
}

const ONE_IN_20: f64 = 0.05;

/// From 1 degree of freedom to 30. More have that of 30, which is at most 4 % too wide.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(weight: f64, partitions: &[(u64, u64)]) -> Vec<Read> {
        partitions.iter().map(|&(acknowledged, lost)| Read { weight, acknowledged, lost }).collect()
    }

    #[test]
    fn losses_are_scaled_by_the_records_and_the_interval_is_that_of_the_ratio() {
        // By hand: R = 12 / 300, of 1 000 records 40; deviations −2, 0 and 2, squares 8, times 4² for the weight;
        // error = 1 000 / 1 200 · √(9/12 · 3/2 · 128) = 10; two degrees of freedom: 4.303 times that.
        let estimate = estimate(&read(4.0, &[(100, 2), (100, 4), (100, 6)]), 9, 700);
        assert_eq!(estimate, LossEstimate { lost: 40, range: Some((12, 83)) });
    }

    #[test]
    fn what_was_counted_bounds_the_estimate() {
        let few = estimate(&read(2.0, &[(100, 90), (100, 0)]), 2, 20);
        assert_eq!(few.range, Some((90, 110)), "the lost and at most all that nobody read beside");
        assert!((90..=110).contains(&few.lost), "{few:?}");
    }

    #[test]
    fn where_no_spread_is_seen_there_is_no_interval() {
        assert_eq!(estimate(&read(4.0, &[(100, 0); 3]), 9, 900), LossEstimate { lost: 0, range: None });
        assert_eq!(estimate(&read(4.0, &[(100, 5)]), 3, 300), LossEstimate { lost: 20, range: None });
        assert_eq!(estimate(&[], 3, 300), LossEstimate { lost: 0, range: None });
        let even = estimate(&read(4.0, &[(100, 5), (100, 5)]), 6, 600);
        assert_eq!(even, LossEstimate { lost: 40, range: Some((40, 40)) });
    }

    #[test]
    fn partitions_that_chance_may_have_missed_are_counted() {
        // Of 10 partitions 3 are read: none of 5 bad ones is drawn with 1/12, none of 6 with 1/30.
        assert_eq!(unlike([(3, 10)].into_iter()), 5);
        assert_eq!(unlike([(19, 20)].into_iter()), 1, "exactly one in 20");
        assert_eq!(unlike([(20, 20)].into_iter()), 0);
        assert_eq!(unlike([(96, 100)].into_iter()), 0);
        assert_eq!(unlike([(1, 2), (2, 2)].into_iter()), 1);
        assert_eq!(unlike([(1, 2); 4].into_iter()), 4, "a half four times is one in 16");
        assert_eq!(unlike(std::iter::empty()), 0);
    }

    /// Of populations whose losses vary from partition to partition, about 95 % lie within their sample's interval.
    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let covered = (0..2_000).filter(|_| {
            let all: Vec<_> = (0..40).map(|_| (900 + next(200), 10 + next(30))).collect();
            let mut order: Vec<_> = (0..40).collect();
            for last in (1..40).rev() {
                order.swap(last, usize::try_from(next(last as u64 + 1)).unwrap());
            }
            let sample: Vec<_> = order[..10].iter().map(|&at| all[at]).collect();
            let unread = order[10..].iter().map(|&at| all[at].0).sum();
            let (low, high) = estimate(&read(4.0, &sample), 30, unread).range.unwrap();
            let truth = all.iter().map(|(_, lost)| lost).sum::<u64>();
            low <= truth && truth <= high
        });
        let covered = covered.count();
        assert!((1_850..=1_950).contains(&covered), "{covered} of 2 000");
    }

    proptest! {
        #[test]
        fn an_estimate_lies_within_its_interval_and_within_what_is_possible(
            partitions in prop::collection::vec((0_u64..1_000, 0_u64..1_000, 1.0..9.0_f64), 0..8),
            others in 1_usize..20, unread in 0_u64..10_000,
        ) {
            let read: Vec<_> = partitions.iter().map(|&(acknowledged, lost, weight)| {
                Read { weight, acknowledged, lost: lost.min(acknowledged) }
            }).collect();
            let lost: u64 = read.iter().map(|one| one.lost).sum();
            let estimate = estimate(&read, others, unread);
            prop_assert!((lost..=lost + unread).contains(&estimate.lost));
            if let Some((low, high)) = estimate.range {
                prop_assert!(lost <= low && low <= estimate.lost && estimate.lost <= high && high <= lost + unread);
            }
        }
    }
}
