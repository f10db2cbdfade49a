//! Canaries: one record to each partition, which shows that what lay before it has crossed too.

use std::{
    collections::BTreeMap,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use rdkafka::{
    ClientContext,
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
};
use tokio::time::{Instant, sleep};

use super::{Probe, ProbeError, sample::Sample};
use crate::{
    client_config::{ClusterConfig, ConnectError, Listener},
    clock::{Clock, Moment},
    cluster::TopicView,
    payload::Payload,
    stamp::{self, Identity, Kind, RunId, Stamp},
};

/// The canaries of a run.
#[derive(Debug)]
pub struct Canaries {
    config: ClusterConfig,
    run: RunId,
    clock: Clock,
    /// Where they are sent: topic and partition.
    places: Vec<(String, i32)>,
    /// Whether each has to arrive in the partition that it was sent to.
    is_sample: bool,
    next: AtomicU64,
}

/// A canary as it was first seen on the target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighted {
    pub(super) identity: Identity,
    pub(super) partition: i32,
    pub(super) at: Moment,
}

/// The way of every canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    identity: Identity,
    /// One for each partition.
    pub canaries: Vec<Crossed>,
}

/// The way of one canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossed {
    /// The topic on the source.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// From the hand-over to the producer to the sight on the target. A topic that the canary itself makes there takes up
    /// to half a second more until it is found.
    pub took: Duration,
}

/// Records could not be told from one another on the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "headers are lost on the way, and records of payload {payload} cannot be known without; let the headers through, or \
     use payload json or random:N of {} bytes or more",
    Payload::SMALLEST_NAMED
)]
pub struct HeadersLost {
    payload: Payload,
}

impl Crossing {
    /// By what records of `payload` will be known on the target: by their payload where it names them, else by their
    /// header.
    ///
    /// # Errors
    /// When they will not be: as soon as one canary has lost its header.
    pub fn identity(&self, payload: &Payload) -> Result<Identity, HeadersLost> {
        match (payload.names_records(), self.identity) {
            (true, _) => Ok(Identity::Payload),
            (false, Identity::Header) => Ok(Identity::Header),
            (false, Identity::Payload) => Err(HeadersLost { payload: payload.clone() }),
        }
    }

    /// The shortest and the longest way; nothing where no canary was sent.
    #[must_use]
    pub fn extremes(&self) -> Option<(Duration, Duration)> {
        let took = || self.canaries.iter().map(|canary| canary.took);
        took().min().zip(took().max())
    }
}

/// Why the path could not be shown to be clear.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// The source cannot be written to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A canary cannot be sent.
    #[error("cannot send a canary to partition {partition} of {topic}: {reason}")]
    Send {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Why.
        reason: String,
    },
    /// The target cannot be observed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The replication writes a record to another partition than it was in, so that a sample of partitions is not the
    /// same one on both clusters.
    #[error(
        "a canary to partition {partition} of {topic} has arrived in partition {arrived}: the replication does not keep \
         partitions, and a sample of them needs that; read all of them"
    )]
    Moved {
        /// The topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The partition in which the canary was seen.
        arrived: i32,
    },
    /// Not every canary has crossed.
    #[error(
        "{missing} of {sent} canaries have not crossed in {} s (first missing: partition {partition} of {topic}): \
         a backlog, a stopped connector, or a replication policy that names the topic otherwise",
        waited.as_secs()
    )]
    NotCrossed {
        /// How many have not.
        missing: usize,
        /// How many were sent.
        sent: usize,
        /// A topic whose canary has not.
        topic: String,
        /// Its partition.
        partition: i32,
        /// How long was waited.
        waited: Duration,
    },
}

impl Canaries {
    /// Canaries for every partition of `topics` on the source that `config` reaches.
    #[must_use]
    pub fn new(config: ClusterConfig, run: RunId, clock: Clock, topics: Vec<TopicView>) -> Self {
        let places = topics.into_iter().flat_map(|TopicView { name, partitions }| {
            let partitions = 0..i32::try_from(partitions).unwrap_or(i32::MAX);
            partitions.map(move |partition| (name.clone(), partition))
        });
        let places = places.collect();
        Self { config, run, clock, places, is_sample: false, next: AtomicU64::new(0) }
    }

    /// Canaries for the partitions of `sample`, each of which has to arrive in its own.
    #[must_use]
    pub fn of_sample(config: ClusterConfig, run: RunId, clock: Clock, sample: &Sample) -> Self {
        let places = sample.places().map(|(topic, partition)| (topic.to_owned(), partition)).collect();
        Self { config, run, clock, places, is_sample: true, next: AtomicU64::new(0) }
    }

    /// Sends one canary to each partition and waits until `probe` has seen them all.
    ///
    /// # Errors
    /// When a canary cannot be sent, the target cannot be observed, or one has not crossed within `patience`; of a sample,
    /// when one arrives in another partition.
    pub async fn cross(&self, probe: &Probe, patience: Duration) -> Result<Crossing, CanaryError> {
        let Flight { sent, .. } = &self.send()?;
        let begun = Instant::now();
        loop {
            probe.health()?;
            let seen = probe.canaries_seen();
            if self.is_sample {
                sent.iter().try_for_each(|one| one.has_kept_its_partition(&seen))?;
            }
            let missing: Vec<_> = sent.iter().filter(|one| !seen.contains_key(&one.sequence)).collect();
            let Some(first) = missing.first() else { return Ok(crossing(sent, &seen)) };
            if begun.elapsed() >= patience {
                return Err(CanaryError::NotCrossed {
                    missing: missing.len(),
                    sent: sent.len(),
                    topic: first.topic.clone(),
                    partition: first.partition,
                    waited: begun.elapsed(),
                });
            }
            sleep(GLANCE).await;
        }
    }

    /// Sends one canary to each partition, for whoever sees otherwise than by a probe that they cross.
    ///
    /// # Errors
    /// When a canary cannot be sent.
    pub fn send(&self) -> Result<Flight, CanaryError> {
        let listener = Listener::default();
        let client = self.config.client(DEFAULTS);
        let producer: ThreadedProducer<Canary> = client
            .create_with_context(Canary { listener })
            .map_err(|error| ConnectError::client(&self.config.bootstrap, &error))?;
        let mut sent = Vec::new();
        for (topic, partition) in &self.places {
            let (sequence, partition) = (self.next.fetch_add(1, Ordering::Relaxed), *partition);
            let at = self.send_one(&producer, topic, partition, sequence)?;
            sent.push(Sent { sequence, topic: topic.clone(), partition, at });
        }
        Ok(Flight { sent, _producer: producer })
    }

    fn send_one(
        &self,
        producer: &ThreadedProducer<Canary>,
        topic: &str,
        partition: i32,
        sequence: u64,
    ) -> Result<Moment, CanaryError> {
        let now = self.clock.now();
        let canary = Stamp { kind: Kind::Canary, run: self.run, tier: 0, sequence, due: now, handed: now };
        let value = canary.encode();
        let header = Header { key: Stamp::HEADER, value: Some(&value) };
        let headers = OwnedHeaders::new_with_capacity(1).insert(header);
        // The payload says the same, for a replication that drops headers.
        let id = stamp::message_id(Kind::Canary, self.run, 0, sequence, 0);
        let time = Timestamp::from_nanosecond(now.as_nanos().into()).unwrap_or_default();
        let time = time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00");
        let payload =
            format!(r#"{{"_metadata": {{{}{time}{}{id}{}"#, stamp::TIME_FIELD, stamp::ID_FIELD, stamp::END);
        let record =
            BaseRecord::to(topic).partition(partition).key("canary").payload(&payload).headers(headers);
        producer.send(record).map_err(|(error, _)| CanaryError::Send {
            topic: topic.to_owned(),
            partition,
            reason: error.to_string(),
        })?;
        Ok(now)
    }
}

/// Canaries that are under way: what has not left yet is given up when it is dropped.
pub struct Flight {
    sent: Vec<Sent>,
    _producer: ThreadedProducer<Canary>,
}

impl Flight {
    /// How many they are.
    #[must_use]
    pub const fn canaries(&self) -> usize {
        self.sent.len()
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// A canary that is under way.
#[derive(Debug)]
struct Sent {
    sequence: u64,
    topic: String,
    partition: i32,
    at: Moment,
}

impl Sent {
    fn has_kept_its_partition(&self, seen: &BTreeMap<u64, Sighted>) -> Result<(), CanaryError> {
        let Self { topic, partition, .. } = self;
        match seen.get(&self.sequence) {
            Some(Sighted { partition: arrived, .. }) if arrived != partition => {
                Err(CanaryError::Moved { topic: topic.clone(), partition: *partition, arrived: *arrived })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The way of each canary that was sent; all of them have been seen.
fn crossing(sent: &[Sent], seen: &BTreeMap<u64, Sighted>) -> Crossing {
    let canaries = sent.iter().filter_map(|Sent { sequence, topic, partition, at }| {
        let Sighted { at: seen, .. } = seen.get(sequence)?;
        Some(Crossed { topic: topic.clone(), partition: *partition, took: seen.since(*at) })
    });
    let identity = seen.values().map(|sighted| sighted.identity).max().unwrap_or(Identity::Header);
    Crossing { identity, canaries: canaries.collect() }
}

/// A canary that is not delivered does not cross, which is what is waited for.
struct Canary {
    listener: Listener,
}

impl ClientContext for Canary {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Canary {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            tracing::warn!(%error, "a canary was not delivered");
        }
    }
}

const DEFAULTS: &[(&str, &str)] =
    &[("acks", "all"), ("linger.ms", "0"), ("allow.auto.create.topics", "false")];

/// How often it is looked whether the canaries have crossed.
const GLANCE: Duration = Duration::from_millis(50);
