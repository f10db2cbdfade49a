//! What a probe finds of loads that it knows nothing of: their records say to which load they belong.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    account::{Arrivals, Sighting, TierAccount},
    lock::lock,
    snapshot::ArrivalSnapshot,
    stamp::{Kind, RunId, Stamp},
};

/// Every load whose records a probe meets, each with an account of its own.
#[derive(Debug)]
pub struct Verification {
    /// The only run that counts, where one was named.
    run: Option<RunId>,
    loads: Mutex<Vec<Found>>,
    left_out: AtomicU64,
}

/// A load that was met.
#[derive(Debug, Clone)]
struct Found {
    run: RunId,
    tier: u16,
    /// One more than the highest number that was seen.
    records: u64,
    arrivals: Arc<Arrivals>,
}

/// What is known of a load that was met.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedLoad {
    /// Its run.
    pub run: RunId,
    /// The tier within it.
    pub tier: u16,
    /// How many records it had at least: one more than the highest number that was seen.
    pub records: u64,
    /// How many records of these, or of as many as were expected, have not been seen.
    pub missing: u64,
    /// How they arrived.
    pub arrivals: ArrivalSnapshot,
}

impl Verification {
    /// The most loads that are told apart, each of which takes some megabytes; [`left_out`](Self::left_out) counts the
    /// records of further ones.
    pub const MOST_LOADS: usize = 64;

    /// Accounts the loads of `run`, or of every run.
    #[must_use]
    pub const fn new(run: Option<RunId>) -> Self {
        Self { run, loads: Mutex::new(Vec::new()), left_out: AtomicU64::new(0) }
    }

    /// Notes that records were seen; returns how many of them belong to a load that counts, or are canaries.
    pub(super) fn witness(&self, batch: &[Sighting]) -> usize {
        let of_one_load = |one: &Sighting, other: &Sighting| key(&one.stamp) == key(&other.stamp);
        batch.chunk_by(of_one_load).map(|sightings| self.witness_of_one(sightings)).sum()
    }

    /// The same of records of one load.
    fn witness_of_one(&self, sightings: &[Sighting]) -> usize {
        let Some(stamp) = sightings.first().map(|sighting| sighting.stamp) else { return 0 };
        match stamp.kind {
            Kind::Canary => return sightings.len(),
            Kind::Load => {}
        }
        let possible = |sighting: &Sighting| sighting.stamp.sequence < TierAccount::MOST_TRACED;
        let highest = sightings.iter().filter(|one| possible(one)).map(|one| one.stamp.sequence).max();
        let Some(highest) = highest.filter(|_| self.run.is_none_or(|run| run == stamp.run)) else { return 0 };
        let mut loads = lock(&self.loads);
        let known = loads.iter().position(|found| (found.run, found.tier) == (stamp.run, stamp.tier));
        let at = known.unwrap_or(loads.len());
        if known.is_none() {
            if at >= Self::MOST_LOADS {
                self.left_out.fetch_add(sightings.len() as u64, Ordering::Relaxed);
                return sightings.len();
            }
            let arrivals = Arc::new(Arrivals::new());
            loads.push(Found { run: stamp.run, tier: stamp.tier, records: 0, arrivals });
        }
        let Some(found) = loads.get_mut(at) else { return 0 };
        found.records = found.records.max(highest + 1);
        let arrivals = Arc::clone(&found.arrivals);
        drop(loads);
        arrivals.witness(sightings.iter().filter(|one| possible(one)))
    }

    /// How many records have arrived, each counted once, and how many there are at least. Takes no pass over them.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let loads = lock(&self.loads);
        loads.iter().fold((0, 0), |(arrived, records), found| {
            (arrived + found.arrivals.count(), records + found.records)
        })
    }

    /// Records of more loads than are told apart: nothing else is known of these.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// What has arrived of all loads together.
    #[must_use]
    pub fn arrivals(&self) -> ArrivalSnapshot {
        let mut whole = ArrivalSnapshot::default();
        for found in lock(&self.loads).clone() {
            whole.merge(&found.arrivals.snapshot());
        }
        whole
    }

    /// Each load in the order in which they were met; each is held against `expected` records, or against as many as
    /// its numbers show.
    #[must_use]
    pub fn loads(&self, expected: Option<u64>) -> Vec<VerifiedLoad> {
        let load = |Found { run, tier, records, arrivals }: Found| {
            let expected = expected.unwrap_or(records);
            VerifiedLoad {
                run,
                tier,
                records,
                missing: expected.saturating_sub(arrivals.count_below(expected)),
                arrivals: arrivals.snapshot(),
            }
        };
        // Cloned, so that counting does not hold up the reader.
        let found = lock(&self.loads).clone();
        found.into_iter().map(load).collect()
    }
}

/// What records of one load have in common.
const fn key(stamp: &Stamp) -> (Kind, RunId, u16) {
    (stamp.kind, stamp.run, stamp.tier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Moment, stamp::Identity};

    fn sighting(run: RunId, sequence: u64) -> Sighting {
        let (handed, at) = (Moment::from_nanos(5_000_000), Moment::from_nanos(7_000_000));
        let stamp = Stamp { kind: Kind::Load, run, tier: 0, sequence, due: handed, handed };
        Sighting { stamp, identity: Identity::Header, partition: 0, key: None, at, was_there: false }
    }

    #[test]
    fn what_is_missing_is_told_from_the_numbers_or_from_what_is_expected() {
        let (run, verification) = (RunId::random(), Verification::new(None));
        for sequence in [0, 1, 3, 3, 5] {
            assert_eq!(verification.witness(&[sighting(run, sequence)]), 1);
        }
        let missing = |expected| verification.loads(expected)[0].missing;
        assert_eq!((missing(None), missing(Some(6)), missing(Some(10)), missing(Some(2))), (2, 2, 6, 0));
        assert_eq!((verification.counts(), verification.arrivals().duplicates), ((4, 6), 1));
    }

    #[test]
    fn loads_are_kept_apart_and_only_the_run_that_is_named_counts() {
        let (one, other) = (RunId::random(), RunId::random());
        let all = Verification::new(None);
        assert_eq!(all.witness(&[sighting(one, 0), sighting(one, 1), sighting(other, 0)]), 3);
        assert_eq!(all.loads(None).iter().map(|load| load.run).collect::<Vec<_>>(), [one, other]);
        let named = Verification::new(Some(one));
        assert_eq!(named.witness(&[sighting(one, 0), sighting(other, 0), sighting(one, 2)]), 2);
        let impossible = [sighting(one, 3), sighting(one, u64::MAX)];
        assert_eq!(named.witness(&impossible), 1, "a number that no load has");
        assert_eq!(named.loads(None).len(), 1);
    }

    #[test]
    fn records_of_more_loads_than_are_told_apart_are_counted() {
        let verification = Verification::new(None);
        for _ in 0..Verification::MOST_LOADS {
            assert_eq!(verification.witness(&[sighting(RunId::random(), 0)]), 1);
        }
        let further = RunId::random();
        assert_eq!(verification.witness(&[sighting(further, 0), sighting(further, 1)]), 2, "they are ours");
        assert_eq!((verification.left_out(), verification.loads(None).len()), (2, Verification::MOST_LOADS));
    }

    #[test]
    fn a_record_from_a_clock_that_is_ahead_is_counted_and_kept() {
        let (run, verification) = (RunId::random(), Verification::new(None));
        let early = Moment::from_nanos(4_000_000);
        verification.witness(&[Sighting { at: early, ..sighting(run, 0) }, sighting(run, 1)]);
        let arrivals = verification.arrivals();
        assert_eq!((arrivals.negative, arrivals.ahead.as_millis(), arrivals.latency.count()), (1, 1, 2));
    }
}
