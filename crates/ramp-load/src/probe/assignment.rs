//! Which partitions of the target are read, and from where.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    metadata::Metadata,
    topic_partition_list::Offset,
};

use super::ProbeError;
use crate::{client_config::Listener, lock::lock};

/// Where a probe begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Where each partition ends when the probe connects.
    AtEnd,
    /// With the first record of each partition that is still there.
    AtBeginning,
}

/// The partitions that are read, and where each ended when the probe connected; shared by its threads.
pub(super) type Ends = Arc<Mutex<BTreeMap<(String, i32), i64>>>;

/// The partitions that are read.
#[derive(Debug)]
pub(super) struct Assignment {
    topics: Vec<String>,
    begin: Begin,
    known: Ends,
}

impl Assignment {
    pub(super) fn new(topics: Vec<String>, begin: Begin) -> Self {
        Self { topics, begin, known: Ends::default() }
    }

    pub(super) fn ends(&self) -> Ends {
        Arc::clone(&self.known)
    }

    /// The topics that are not there yet.
    pub(super) fn absent(&self) -> Vec<String> {
        let known = lock(&self.known);
        let is_absent = |topic: &&String| !known.keys().any(|(there, _)| there == *topic);
        self.topics.iter().filter(is_absent).cloned().collect()
    }

    /// Begins to read every partition of `metadata`.
    pub(super) fn begin(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
    ) -> Result<(), ProbeError> {
        let begin = self.begin;
        self.extend(consumer, metadata, |topic, partition| {
            let (_low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            Ok(match begin {
                Begin::AtEnd => (Offset::Offset(high), high),
                Begin::AtBeginning => (Offset::Beginning, high),
            })
        })
    }

    /// Takes up the partitions of `metadata` that have appeared since, from their beginning.
    pub(super) fn refresh(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
    ) -> Result<(), ProbeError> {
        self.extend(consumer, metadata, |_topic, _partition| Ok((Offset::Beginning, 0)))
    }

    fn extend(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
        from: impl Fn(&str, i32) -> Result<(Offset, i64), KafkaError>,
    ) -> Result<(), ProbeError> {
        let mut added = TopicPartitionList::new();
        let ours = metadata.topics().iter().filter(|known| self.topics.iter().any(|t| t == known.name()));
        for topic in ours {
            let name = topic.name();
            let failed =
                |error: KafkaError| ProbeError::Assign { topic: name.to_owned(), reason: error.to_string() };
            for partition in topic.partitions() {
                let place = (name.to_owned(), partition.id());
                if lock(&self.known).contains_key(&place) {
                    continue;
                }
                let (offset, end) = from(name, partition.id()).map_err(failed)?;
                added.add_partition_offset(name, partition.id(), offset).map_err(failed)?;
                lock(&self.known).insert(place, end);
            }
        }
        if added.count() == 0 {
            return Ok(());
        }
        let topics: Vec<_> = added.elements().iter().map(|one| one.topic().to_owned()).collect();
        consumer
            .incremental_assign(&added)
            .map_err(|error| ProbeError::Assign { topic: topics.join(", "), reason: error.to_string() })
    }
}

/// Partitions numbered from 0 as they are first seen.
#[derive(Debug)]
pub(super) struct Partitions {
    ends: Ends,
    seen: Vec<(String, i32, Place)>,
    numbers: BTreeMap<String, BTreeMap<i32, usize>>,
    /// That of the record before: most records follow one of their own partition.
    latest: usize,
}

/// A partition as its reader knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its number.
    pub(super) partition: usize,
    /// The number of its topic: that of the first partition of it that was seen.
    pub(super) topic: usize,
    /// Where it ended when the probe connected.
    pub(super) end: i64,
}

impl Partitions {
    pub(super) const fn new(ends: Ends) -> Self {
        Self { ends, seen: Vec::new(), numbers: BTreeMap::new(), latest: 0 }
    }

    pub(super) fn find(&mut self, topic: &str, partition: i32) -> Place {
        let is = |(name, number, _): &(String, i32, Place)| *number == partition && name == topic;
        if let Some((_, _, place)) = self.seen.get(self.latest).filter(|one| is(one)) {
            return *place;
        }
        let known = self.numbers.get(topic).and_then(|numbers| numbers.get(&partition)).copied();
        match known.and_then(|at| Some((at, self.seen.get(at)?.2))) {
            Some((at, place)) => {
                self.latest = at;
                place
            }
            None => self.add(topic, partition),
        }
    }

    fn add(&mut self, topic: &str, partition: i32) -> Place {
        let end = lock(&self.ends).get(&(topic.to_owned(), partition)).copied();
        let number = self.seen.len();
        let numbers = self.numbers.entry(topic.to_owned()).or_default();
        let first = numbers.values().min().copied().unwrap_or(number);
        numbers.insert(partition, number);
        let place = Place { partition: number, topic: first, end: end.unwrap_or_default() };
        self.seen.push((topic.to_owned(), partition, place));
        self.latest = number;
        place
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
