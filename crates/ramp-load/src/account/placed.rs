//! Which records were written to partitions that a probe reads, where it reads only some of them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::records::Records;
use crate::{
    probe::sample::{Place, Read, Sample, estimate, unlike},
    snapshot::SampleSnapshot,
};

/// The records of one load by their partitions, which their acknowledgements tell.
#[derive(Debug)]
pub(super) struct Placed {
    sample: Arc<Sample>,
    /// Those in partitions that are read.
    records: Records,
    /// How many were acknowledged in each partition, read or not.
    acknowledged: Box<[AtomicU64]>,
}

impl Placed {
    pub(super) fn new(sample: Arc<Sample>) -> Self {
        let none = std::iter::repeat_with(|| AtomicU64::new(0));
        let acknowledged = none.take(sample.partitions()).collect();
        Self { sample, records: Records::new(), acknowledged }
    }

    /// Notes that record `sequence` was acknowledged in `partition` of its topic, once.
    pub(super) fn note(&self, sequence: u64, partition: i32) {
        // The remainder is below the number of topics, which fits any usize.
        let turn = (sequence % (self.sample.turns() as u64).max(1)) as usize;
        let Some(Place { at, number }) = self.sample.place(turn, partition) else { return };
        if number.is_some() {
            self.records.mark(sequence);
        }
        if let Some(acknowledged) = self.acknowledged.get(at) {
            acknowledged.fetch_add(1, Ordering::Release);
        }
    }

    /// Those in partitions that are read.
    pub(super) const fn records(&self) -> &Records {
        &self.records
    }

    /// What the sample tells of the whole load, by how many records have `arrived` of each partition that is read; so many
    /// of them were `moved` there from others.
    pub(super) fn snapshot(&self, arrived: impl Fn(usize) -> u64, moved: u64) -> SampleSnapshot {
        let mut read = Vec::with_capacity(self.sample.read());
        let mut unread = 0;
        let mut counts = self.acknowledged.iter().map(|count| count.load(Ordering::Acquire));
        for topic in self.sample.topics() {
            let weight = topic.len() as f64 / topic.iter().flatten().count().max(1) as f64;
            for (number, acknowledged) in topic.iter().zip(&mut counts) {
                match number {
                    Some(number) => {
                        let lost = acknowledged.saturating_sub(arrived(*number));
                        read.push(Read { weight, acknowledged, lost });
                    }
                    None => unread += acknowledged,
                }
            }
        }
        let others = self.sample.partitions() - self.sample.read();
        let topics = self.sample.topics().map(|topic| (topic.iter().flatten().count(), topic.len()));
        SampleSnapshot {
            read: self.sample.read(),
            partitions: self.sample.partitions(),
            acknowledged: read.iter().map(|one| one.acknowledged).sum(),
            unread,
            lost: estimate(&read, others, unread),
            unlike: unlike(topics),
            moved,
        }
    }
}
