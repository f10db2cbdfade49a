use proptest::prelude::*;

use super::*;
use crate::{
    cluster::TopicView,
    stamp::{Kind, Stamp},
};

const BOUND: Duration = Duration::from_secs(1);
const HOLD: Duration = Duration::from_secs(10);

fn at(millis: u64) -> Moment {
    Moment::from_nanos(1_000_000_000_000).after(Duration::from_millis(millis))
}

/// A tier of 100 records per second, one every 10 ms, of which the first `offered` were handed over on time.
fn account(offered: u64) -> TierAccount {
    let account =
        TierAccount::new(RunId::random(), 2, Rate::per_second(100).unwrap(), Until::After(HOLD), BOUND);
    let schedule = account.begin(at(0));
    for sequence in 0..offered {
        let due = schedule.due(sequence).unwrap();
        account.offered(sequence, due);
        account.mark(due);
    }
    account
}

fn sighting(stamp: Stamp, at: Moment) -> Sighting {
    Sighting { stamp, identity: Identity::Header, partition: 0, key: None, at, was_there: false }
}

fn arrive(account: &TierAccount, sequence: u64, millis: u64) {
    let due = at(sequence * 10);
    let stamp = Stamp { kind: Kind::Load, run: account.run(), tier: 2, sequence, due, handed: due };
    account.arrived(&[sighting(stamp, at(millis))]);
}

#[test]
fn silence_is_the_worst_latency() {
    let account = account(100);
    for sequence in 0..100 {
        account.acknowledged(sequence, 1, at(sequence * 10), at(sequence * 10 + 1));
    }
    arrive(&account, 0, 5);
    let snapshot = account.latency(at(5_000));
    assert_eq!((snapshot.arrived, snapshot.outstanding, snapshot.overdue), (1, 99, 99));
    assert_eq!(snapshot.violations(), 99);
    assert!(snapshot.p99.unwrap() >= Duration::from_millis(4_900), "{snapshot:?}");
    assert!(snapshot.max.unwrap() >= Duration::from_millis(4_980), "{snapshot:?}");
}

#[test]
fn a_load_that_is_over_shows_its_whole_distribution_with_what_has_not_arrived() {
    let account = account(1_000);
    // Record n takes n ms; the last hundred do not arrive.
    for sequence in 0..900 {
        arrive(&account, sequence, sequence * 10 + sequence);
    }
    assert_eq!(account.latency(at(20_000)).tail, [], "the load is not over");
    account.end(at(10_000));
    let tail = account.latency(at(20_000)).tail;
    let shown: Vec<_> = tail.iter().map(|point| (point.one_in, point.latency.as_millis())).collect();
    let expected = [
        (1, 0),
        (2, 499),
        (5, 799),
        (10, 899),
        (20, 10_500),
        (50, 10_800),
        (100, 10_900),
        (200, 10_950),
        (500, 10_980),
        (1_000, 10_990),
    ];
    for ((one_in, shown), (place, expected)) in shown.iter().zip(expected) {
        assert_eq!(*one_in, place);
        assert!(shown.abs_diff(expected) <= 1 + expected / 500, "1 in {one_in}: {shown} ms, {expected} ms");
    }
    assert_eq!(shown.len(), expected.len());
}

#[test]
fn the_interval_of_p99_lies_around_it_and_counts_what_has_not_arrived() {
    let account = account(1_000);
    let milli = Duration::from_millis;
    // Record n takes n / 10 ms; the last five do not arrive and are one second and more old.
    for sequence in 0..995 {
        arrive(&account, sequence, sequence * 10 + sequence / 10);
    }
    let LatencySnapshot { p99, p99_range, max, .. } = account.latency(at(11_000));
    let (low, high) = p99_range.unwrap();
    assert!(p99.is_some_and(|p99| p99 >= milli(98) && p99 <= milli(100)), "{p99:?}");
    assert!(low >= milli(97) && low <= milli(99), "rank 983: {low:?}");
    assert!(high >= milli(1_010) && Some(high) <= max, "rank 998 has not arrived: {high:?}");
    let few = self::account(999);
    assert_eq!(few.latency(at(11_000)).p99_range, None, "too few for an interval");
}

#[test]
fn a_latency_of_exactly_the_bound_is_a_violation() {
    let account = account(2);
    arrive(&account, 0, 999);
    arrive(&account, 1, 1_010);
    let snapshot = account.latency(at(1_010));
    assert_eq!((snapshot.late, snapshot.overdue), (1, 0));
}

#[test]
fn an_outstanding_record_is_overdue_from_the_bound_on() {
    let account = account(1);
    assert_eq!(account.latency(at(999)).overdue, 0);
    assert_eq!(account.latency(at(1_000)).overdue, 1);
    assert_eq!(account.latency(at(1_000)).overdue_from_handover, 1);
}

#[test]
fn a_record_that_failed_is_not_waited_for() {
    let account = account(1);
    account.failed(0, LoadPart::Source, Some(RDKafkaErrorCode::MessageTimedOut), || "timed out".to_owned());
    let snapshot = account.latency(at(9_000));
    assert_eq!((snapshot.overdue, snapshot.outstanding), (0, 0));
    let progress = account.progress(at(9_000));
    assert_eq!((progress.failed, progress.in_flight()), (1, 0));
    assert_eq!(progress.limit.unwrap().part, LoadPart::Source);
    assert!(account.is_closed());
}

#[test]
fn a_stalled_generator_is_late_from_the_due_time_only() {
    let account =
        TierAccount::new(RunId::random(), 2, Rate::per_second(100).unwrap(), Until::After(HOLD), BOUND);
    account.begin(at(0));
    account.offered(0, at(4_000));
    account.mark(at(4_000));
    let stamp =
        Stamp { kind: Kind::Load, run: account.run(), tier: 2, sequence: 0, due: at(0), handed: at(4_000) };
    account.arrived(&[sighting(stamp, at(4_010))]);
    let snapshot = account.latency(at(4_020));
    assert_eq!((snapshot.violations(), snapshot.violations_from_handover()), (1, 0));
    assert!(account.progress(at(4_020)).lateness_p99 >= Duration::from_millis(3_990));
}

#[test]
fn duplicates_and_reordering_are_counted_once_each() {
    let account = account(10);
    for sequence in [0, 1, 4, 2, 3, 5, 5, 5, 4] {
        arrive(&account, sequence, 200);
    }
    let snapshot = account.latency(at(200));
    assert_eq!((snapshot.arrived, snapshot.duplicates, snapshot.reordered), (6, 3, 2));
}

#[test]
fn order_is_watched_within_each_partition_and_within_each_key() {
    let account = account(10);
    let arrive = |sequence: u64, partition, key| {
        let due = at(sequence * 10);
        let stamp = Stamp { kind: Kind::Load, run: account.run(), tier: 2, sequence, due, handed: due };
        account.arrived(&[Sighting { partition, key, ..sighting(stamp, at(200)) }]);
    };
    // Key 7 goes on in another partition before its own is through.
    for (sequence, partition, key) in
        [(0, 0, Some(7)), (2, 1, Some(7)), (1, 0, Some(7)), (4, 1, None), (3, 1, Some(8))]
    {
        arrive(sequence, partition, key);
    }
    let seen = account.arrivals();
    assert_eq!((seen.reordered, seen.reordered_by_key), (1, 1));
}

#[test]
fn replication_counts_from_the_acknowledgement() {
    let account = account(10);
    account.acknowledged(0, 1, at(0), at(40));
    account.acknowledged(1, 1, at(10), at(50));
    arrive(&account, 0, 100);
    arrive(&account, 1, 30);
    arrive(&account, 2, 60);
    let seen = account.arrivals();
    assert_eq!((seen.replication.count(), seen.before_ack), (3, 1), "one has no acknowledgement yet");
    let longest = seen.replication.max().unwrap();
    assert!(longest >= Duration::from_millis(60) && longest < Duration::from_millis(61), "{longest:?}");
    assert_eq!(account.lag(), 0);
}

#[test]
fn records_of_another_run_or_tier_are_ignored() {
    let account = account(1);
    let stamp =
        Stamp { kind: Kind::Load, run: account.run(), tier: 3, sequence: 0, due: at(0), handed: at(0) };
    account.arrived(&[sighting(stamp, at(1))]);
    account.arrived(&[sighting(Stamp { tier: 2, run: RunId::random(), ..stamp }, at(1))]);
    account.arrived(&[sighting(Stamp { tier: 2, sequence: u64::MAX, ..stamp }, at(1))]);
    assert_eq!(account.latency(at(1)).arrived, 0);
}

#[test]
fn what_was_not_offered_when_the_load_was_cut_is_not_due() {
    let account = account(50);
    account.cut(at(500));
    assert_eq!(account.progress(at(9_000)).due, 51, "record 50 is due at 500 ms exactly");
}

/// The account of [`account`] for a probe that reads one of the four partitions of one topic, and that partition.
fn sampled(offered: u64) -> (TierAccount, i32) {
    let topics = [TopicView { name: "t".to_owned(), partitions: 4 }];
    let sample = Sample::choose(&topics, "25%".parse().unwrap()).unwrap();
    let (_, read) = sample.places().next().unwrap();
    (account(offered).of_sample(Arc::new(sample)), read)
}

fn acknowledge(account: &TierAccount, sequence: u64, partition: i32) {
    account.placed(sequence, partition);
    account.acknowledged(sequence, 1, at(sequence * 10), at(sequence * 10 + 1));
}

#[test]
fn of_a_sample_only_records_that_are_known_to_be_in_it_count() {
    let (account, read) = sampled(100);
    let silent = account.latency(at(9_000));
    assert_eq!((silent.offered, silent.overdue, silent.p99), (0, 0, None), "nobody knows where they are");
    for sequence in 0..100 {
        acknowledge(&account, sequence, (read + i32::try_from(sequence).unwrap()) % 4);
    }
    arrive(&account, 0, 5);
    let snapshot = account.latency(at(5_000));
    assert_eq!((snapshot.offered, snapshot.arrived), (25, 1));
    assert_eq!((snapshot.outstanding, snapshot.overdue, account.lag()), (24, 24, 24));
    assert!(snapshot.p99.unwrap() >= Duration::from_millis(4_900), "silence is the worst: {snapshot:?}");
    let told = account.sample().unwrap();
    assert_eq!((told.acknowledged, told.unread, told.moved), (25, 75, 0));
    assert_eq!((told.lost.lost, told.lost.range), (96, None), "one partition tells no interval");
}

#[test]
fn a_record_that_arrives_where_it_was_not_written_is_moved() {
    let (account, read) = sampled(2);
    arrive(&account, 0, 5);
    assert_eq!(
        account.latency(at(6)).offered,
        1,
        "it is where it was seen until its acknowledgement says more"
    );
    assert_eq!(account.sample().unwrap().moved, 0);
    acknowledge(&account, 0, (read + 1) % 4);
    acknowledge(&account, 1, read);
    arrive(&account, 1, 20);
    assert_eq!(account.sample().unwrap().moved, 1);
}

#[test]
fn a_partition_that_was_added_is_in_no_sample() {
    let (account, _read) = sampled(2);
    for (sequence, partition) in [(0, 4), (1, -1)] {
        acknowledge(&account, sequence, partition);
    }
    let told = account.sample().unwrap();
    assert_eq!((told.acknowledged, told.unread, account.progress(at(20)).acknowledged), (0, 0, 2));
}

#[test]
fn who_reads_all_partitions_has_no_sample() {
    assert_eq!(account(1).sample(), None);
}

proptest! {
    /// Of a sample each count is that of an account of all records that has only those of the sample.
    #[test]
    fn counts_of_a_sample_agree_with_a_plain_model(
        partitions in prop::collection::vec(0_i32..4, 200),
        missing in prop::collection::vec(any::<bool>(), 200),
        after in 0_u64..3_000,
    ) {
        let (account, read) = sampled(200);
        for (sequence, partition) in (0..).zip(&partitions) {
            acknowledge(&account, sequence, *partition);
        }
        let ours = || (0..).zip(&partitions).filter(|(_, partition)| **partition == read);
        let missing = |sequence: u64| missing[usize::try_from(sequence).unwrap()];
        for (sequence, _) in ours().filter(|(sequence, _)| !missing(*sequence)) {
            arrive(&account, sequence, sequence * 10 + after);
        }
        let (count, lost) = (ours().count() as u64, ours().filter(|(n, _)| missing(*n)).count() as u64);
        let snapshot = account.latency(at(30_000));
        prop_assert_eq!((snapshot.offered, snapshot.arrived), (count, count - lost));
        prop_assert_eq!((snapshot.outstanding, snapshot.overdue), (lost, lost));
        prop_assert_eq!(snapshot.late, if after >= 1_000 { count - lost } else { 0 });
        let told = account.sample().unwrap();
        prop_assert_eq!((told.acknowledged, told.unread, told.moved), (count, 200 - count, 0));
        prop_assert!(told.lost.lost >= lost);
    }

    /// The bitmaps agree with a set of arrivals, whatever the order.
    #[test]
    fn counts_agree_with_a_plain_model(
        acknowledged in prop::collection::vec(0_u64..200, 0..300),
        arrivals in prop::collection::vec((0_u64..200, 0_u64..3_000), 0..300),
        now in 2_000_u64..6_000,
    ) {
        let account = account(200);
        for &sequence in &acknowledged {
            account.acknowledged(sequence, 1, at(sequence * 10), at(sequence * 10));
        }
        let mut first = BTreeMap::new();
        for &(sequence, after) in &arrivals {
            arrive(&account, sequence, sequence * 10 + after);
            first.entry(sequence).or_insert(after);
        }
        let missing = |sequence: &u64| !first.contains_key(sequence);
        let snapshot = account.latency(at(now));
        let outstanding: std::collections::BTreeSet<_> = acknowledged.into_iter().filter(missing).collect();
        prop_assert_eq!(snapshot.arrived, first.len() as u64);
        prop_assert_eq!(snapshot.duplicates, (arrivals.len() - first.len()) as u64);
        prop_assert_eq!(snapshot.late, first.values().filter(|after| **after >= 1_000).count() as u64);
        prop_assert_eq!(snapshot.outstanding, outstanding.len() as u64);
        let overdue = (0..200).filter(missing).filter(|sequence| now >= sequence * 10 + 1_000);
        prop_assert_eq!(snapshot.overdue, overdue.count() as u64);
    }
}
