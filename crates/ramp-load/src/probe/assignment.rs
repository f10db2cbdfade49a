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
    metadata::{Metadata, MetadataTopic},
    topic_partition_list::Offset,
};

use super::{ProbeError, sample::Sample};
use crate::{client_config::Listener, lock::lock};

/// Where a probe begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Where each partition ends when the probe connects.
    AtEnd,
    /// With the first record of each partition that is still there.
    AtBeginning,
}

/// The partitions that are read; shared by the probe's threads.
pub(super) type Taken = Arc<Mutex<BTreeMap<(String, i32), Start>>>;

/// What is known of a partition when it is taken up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start {
    /// Its number: by the sample where there is one, in the order in which they are taken up otherwise.
    number: usize,
    /// Where it ended when the probe connected.
    end: i64,
}

/// The partitions that are read.
#[derive(Debug)]
pub(super) struct Assignment {
    topics: Vec<String>,
    begin: Begin,
    /// The partitions to read, where not all are.
    sample: Option<Arc<Sample>>,
    known: Taken,
}

impl Assignment {
    pub(super) fn new(topics: Vec<String>, begin: Begin) -> Self {
        Self { topics, begin, sample: None, known: Taken::default() }
    }

    /// Only the partitions of `sample`, which are those of `topics` in their order.
    pub(super) fn of_sample(topics: Vec<String>, begin: Begin, sample: Arc<Sample>) -> Self {
        Self { sample: Some(sample), ..Self::new(topics, begin) }
    }

    pub(super) fn taken(&self) -> Taken {
        Arc::clone(&self.known)
    }

    /// The topics that are not there yet.
    pub(super) fn absent(&self) -> Vec<String> {
        let known = lock(&self.known);
        let is_absent = |topic: &&String| !known.keys().any(|(there, _)| there == *topic);
        self.topics.iter().filter(is_absent).cloned().collect()
    }

    /// Begins to read the partitions of `metadata`.
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
        let turn = |topic: &MetadataTopic| self.topics.iter().position(|ours| ours == topic.name());
        let ours = metadata.topics().iter().filter_map(|topic| Some((turn(topic)?, topic)));
        for (turn, topic) in ours {
            let name = topic.name();
            self.check(turn, topic)?;
            let failed =
                |error: KafkaError| ProbeError::Assign { topic: name.to_owned(), reason: error.to_string() };
            for partition in topic.partitions() {
                let place = (name.to_owned(), partition.id());
                if lock(&self.known).contains_key(&place) {
                    continue;
                }
                let Some(number) = self.number(turn, partition.id()) else { continue };
                let (offset, end) = from(name, partition.id()).map_err(failed)?;
                added.add_partition_offset(name, partition.id(), offset).map_err(failed)?;
                lock(&self.known).insert(place, Start { number, end });
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

    /// What is not as the sample needs it: the topic of that turn has to have as many partitions as on the source.
    fn check(&self, turn: usize, topic: &MetadataTopic) -> Result<(), ProbeError> {
        let on_source = self.sample.as_ref().and_then(|sample| sample.partitions_of(turn));
        let on_target = topic.partitions().len();
        match on_source {
            // A topic that is just being made has none yet.
            Some(on_source) if on_target > 0 && on_target != on_source => {
                Err(ProbeError::Partitions { topic: topic.name().to_owned(), on_target, on_source })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The number of a partition that is not taken up yet; `None` where it is not read.
    fn number(&self, turn: usize, partition: i32) -> Option<usize> {
        match &self.sample {
            Some(sample) => sample.place(turn, partition)?.number,
            None => Some(lock(&self.known).len()),
        }
    }
}

/// Partitions as they are first seen.
#[derive(Debug)]
pub(super) struct Partitions {
    taken: Taken,
    seen: Vec<(String, i32, Place)>,
    /// Where each stands among the above.
    places: BTreeMap<String, BTreeMap<i32, usize>>,
    /// That of the record before: most records follow one of their own partition.
    latest: usize,
}

/// A partition as its reader knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its number.
    pub(super) partition: usize,
    /// The number of its topic: where the first partition of it that was seen stands among all.
    pub(super) topic: usize,
    /// Where it ended when the probe connected.
    pub(super) end: i64,
}

impl Partitions {
    pub(super) const fn new(taken: Taken) -> Self {
        Self { taken, seen: Vec::new(), places: BTreeMap::new(), latest: 0 }
    }

    pub(super) fn find(&mut self, topic: &str, partition: i32) -> Place {
        let is = |(name, number, _): &(String, i32, Place)| *number == partition && name == topic;
        if let Some((_, _, place)) = self.seen.get(self.latest).filter(|one| is(one)) {
            return *place;
        }
        let known = self.places.get(topic).and_then(|places| places.get(&partition)).copied();
        match known.and_then(|at| Some((at, self.seen.get(at)?.2))) {
            Some((at, place)) => {
                self.latest = at;
                place
            }
            None => self.add(topic, partition),
        }
    }

    fn add(&mut self, topic: &str, partition: i32) -> Place {
        let taken = lock(&self.taken).get(&(topic.to_owned(), partition)).copied();
        let Start { number, end } = taken.unwrap_or_default();
        let at = self.seen.len();
        let places = self.places.entry(topic.to_owned()).or_default();
        let first = places.values().min().copied().unwrap_or(at);
        places.insert(partition, at);
        let place = Place { partition: number, topic: first, end };
        self.seen.push((topic.to_owned(), partition, place));
        self.latest = at;
        place
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
