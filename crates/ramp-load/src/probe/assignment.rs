//! Which partitions of the target are read, and from where.

use std::{
    collections::{BTreeMap, BTreeSet},
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
use crate::client_config::Listener;

/// The partitions that are read.
#[derive(Debug)]
pub(super) struct Assignment {
    topics: Vec<String>,
    known: BTreeSet<(String, i32)>,
}

impl Assignment {
    pub(super) const fn new(topics: Vec<String>) -> Self {
        Self { topics, known: BTreeSet::new() }
    }

    /// Begins to read every partition of `metadata` where it ends now.
    pub(super) fn begin(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
    ) -> Result<(), ProbeError> {
        self.extend(consumer, metadata, |topic, partition| {
            let (_low, high) = consumer.fetch_watermarks(topic, partition, PATIENCE)?;
            Ok(Offset::Offset(high))
        })
    }

    /// Takes up the partitions of `metadata` that have appeared since, from their beginning.
    pub(super) fn refresh(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
    ) -> Result<(), ProbeError> {
        self.extend(consumer, metadata, |_topic, _partition| Ok(Offset::Beginning))
    }

    fn extend(
        &mut self,
        consumer: &BaseConsumer<Listener>,
        metadata: &Metadata,
        from: impl Fn(&str, i32) -> Result<Offset, KafkaError>,
    ) -> Result<(), ProbeError> {
        let mut added = TopicPartitionList::new();
        let ours = metadata.topics().iter().filter(|known| self.topics.iter().any(|t| t == known.name()));
        for topic in ours {
            let name = topic.name();
            let failed =
                |error: KafkaError| ProbeError::Assign { topic: name.to_owned(), reason: error.to_string() };
            for partition in topic.partitions() {
                if self.known.contains(&(name.to_owned(), partition.id())) {
                    continue;
                }
                let offset = from(name, partition.id()).map_err(failed)?;
                added.add_partition_offset(name, partition.id(), offset).map_err(failed)?;
                self.known.insert((name.to_owned(), partition.id()));
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

/// Partitions numbered from 0 as they are first seen, found without allocating.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    topics: BTreeMap<String, BTreeMap<i32, usize>>,
    count: usize,
}

impl Partitions {
    pub(super) fn number(&mut self, topic: &str, partition: i32) -> usize {
        if let Some(&number) = self.topics.get(topic).and_then(|numbers| numbers.get(&partition)) {
            return number;
        }
        let number = self.count;
        self.count += 1;
        self.topics.entry(topic.to_owned()).or_default().insert(partition, number);
        number
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
