//! Arrivals of one load's records: one bit per record says which have come; the rest, how.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use foldhash::fast::FixedState;

use super::{acks::Acknowledged, records::Records};
use crate::{
    clock::Moment,
    lock::lock,
    snapshot::ArrivalSnapshot,
    stamp::{Identity, Stamp},
};

/// A record as its reader saw it.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// What it says of itself.
    pub stamp: Stamp,
    /// Where it says so.
    pub identity: Identity,
    /// The partition, as its reader numbers the partitions of all topics.
    pub partition: usize,
    /// The same number for the same key of the same topic; `None` for a record without a key.
    pub key: Option<u64>,
    /// When it was seen.
    pub at: Moment,
    /// Whether it lay there before its reader began, so that nobody knows when it arrived.
    pub was_there: bool,
}

#[derive(Debug)]
pub(crate) struct Arrivals {
    arrived: Records,
    seen: Mutex<Seen>,
}

/// What is counted of arrivals beside their bits.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) snapshot: ArrivalSnapshot,
    /// Records at or beyond the bound, from the due time and from the hand-over.
    pub(super) late: u64,
    pub(super) late_from_handover: u64,
    /// By the number of the partition.
    partitions: Vec<OfPartition>,
    /// The highest sequence that has arrived of each key.
    keys: HashMap<u64, u64, FixedState>,
}

/// What has arrived of one partition.
#[derive(Debug, Clone, Copy, Default)]
struct OfPartition {
    /// The highest sequence.
    highest: Option<u64>,
    /// How many records, each counted once.
    arrived: u64,
}

/// What is known of a record by others than its reader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) due: Moment,
    pub(super) acknowledged: Acknowledged,
    pub(super) bound: Duration,
}

impl Arrivals {
    pub(crate) fn new() -> Self {
        Self { arrived: Records::new(), seen: Mutex::default() }
    }

    /// Notes arrivals of which only the records themselves tell; returns how many there were.
    pub(crate) fn witness<'a>(&self, sightings: impl Iterator<Item = &'a Sighting>) -> usize {
        let sent = |sighting: &Sighting| Sent {
            due: sighting.stamp.due,
            acknowledged: Acknowledged::Forgotten,
            bound: Duration::MAX,
        };
        self.take(sightings.map(|sighting| (sighting, sent(sighting))))
    }

    /// Notes arrivals; returns how many there were.
    pub(super) fn take<'a>(&self, sightings: impl Iterator<Item = (&'a Sighting, Sent)>) -> usize {
        let mut seen = lock(&self.seen);
        let (mut count, mut fresh) = (0, 0);
        for (sighting, sent) in sightings {
            count += 1;
            if self.arrived.set(sighting.stamp.sequence) {
                fresh += 1;
                seen.take(sighting, sent);
            } else {
                seen.snapshot.duplicates += 1;
            }
        }
        self.arrived.add(fresh);
        count
    }

    /// Which have arrived.
    pub(super) const fn records(&self) -> &Records {
        &self.arrived
    }

    /// While it is held, no record arrives.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// How many have arrived, each counted once.
    pub(crate) fn count(&self) -> u64 {
        self.arrived.count()
    }

    /// How many of the first `records` have arrived.
    pub(crate) fn count_below(&self, records: u64) -> u64 {
        self.arrived.count_below(records)
    }

    pub(crate) fn snapshot(&self) -> ArrivalSnapshot {
        lock(&self.seen).snapshot.clone()
    }
}

impl Seen {
    /// How many records of a partition have arrived, each counted once.
    pub(super) fn arrived_of(&self, partition: usize) -> u64 {
        self.partitions.get(partition).map_or(0, |partition| partition.arrived)
    }

    /// Counts a first arrival.
    fn take(&mut self, sighting: &Sighting, sent: Sent) {
        self.order(sighting);
        let Sighting { stamp, at, .. } = sighting;
        let Self { snapshot, late, late_from_handover, .. } = self;
        snapshot.arrived += 1;
        match sighting.identity {
            Identity::Header => {}
            Identity::Payload => snapshot.by_payload += 1,
        }
        if sighting.was_there {
            snapshot.was_there += 1;
            return;
        }
        if *at < stamp.handed {
            snapshot.negative += 1;
            snapshot.ahead = snapshot.ahead.max(stamp.handed.since(*at));
        }
        let (latency, from_handover) = (at.since(sent.due), at.since(stamp.handed));
        snapshot.latency.record(latency);
        snapshot.from_handover.record(from_handover);
        *late += u64::from(latency >= sent.bound);
        *late_from_handover += u64::from(from_handover >= sent.bound);
        match sent.acknowledged {
            Acknowledged::At(acknowledged) => snapshot.replication.record(at.since(acknowledged)),
            Acknowledged::NotYet => {
                snapshot.replication.record(Duration::ZERO);
                snapshot.before_ack += 1;
            }
            Acknowledged::Forgotten => {}
        }
    }

    /// Counts a first arrival behind a later record of its partition, or of its key.
    fn order(&mut self, sighting: &Sighting) {
        let Sighting { stamp: Stamp { sequence, .. }, partition, key, .. } = *sighting;
        if self.partitions.len() <= partition {
            self.partitions.resize(partition + 1, OfPartition::default());
        }
        if let Some(OfPartition { highest, arrived }) = self.partitions.get_mut(partition) {
            self.snapshot.reordered += u64::from(highest.is_some_and(|highest| sequence < highest));
            *highest = (*highest).max(Some(sequence));
            *arrived += 1;
        }
        let Some(key) = key else { return };
        if let Some(highest) = self.keys.get_mut(&key) {
            self.snapshot.reordered_by_key += u64::from(sequence < *highest);
            *highest = (*highest).max(sequence);
        } else if self.keys.len() < MOST_KEYS {
            self.keys.insert(key, sequence);
        }
    }
}

/// The order of so many keys is watched: 9 MB.
const MOST_KEYS: usize = 1 << 18;
