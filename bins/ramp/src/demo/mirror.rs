//! The simulated replication: it reads the source, and writes to the target what its capacity allows, as MirrorMaker 2
//! does: key, payload, headers, timestamp and partition are carried over, what is read and not yet written is
//! bounded, and what does not fit waits on the source.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ramp_core::units::Rate;
use rdkafka::{
    ClientConfig, ClientContext, Message, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::OwnedMessage,
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, PurgeConfig, ThreadedProducer},
};

use super::{
    clusters::{Clusters, PARTITIONS, SimulationError},
    fault::{Fault, FaultPlan},
    gauges::Gauges,
};

/// How much is read and not yet written at most, in bytes.
pub(super) const BUFFER: usize = 16 * 1024 * 1024;

/// What is mirrored.
#[derive(Debug)]
pub(super) struct MirrorSpec {
    /// Each source topic with its target topic.
    pub(super) topics: Vec<(String, String)>,
    /// How many records per second are written at most.
    pub(super) capacity: Rate,
    /// What goes wrong.
    pub(super) fault: Option<FaultPlan>,
}

/// A mirror that runs in a thread of its own until it is dropped.
#[derive(Debug)]
pub(super) struct Mirror {
    gauges: Arc<Gauges>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    pub(super) fn start(clusters: &Clusters, spec: MirrorSpec) -> Result<Self, SimulationError> {
        let gauges = Arc::new(Gauges::new(spec.topics.iter().map(|(_, target)| target.clone())));
        let stop = Arc::new(AtomicBool::new(false));
        let source = clusters.source().bootstrap;
        let target = clusters.target().bootstrap;
        let worker = Worker {
            consumer: consumer(&source, &spec.topics).map_err(SimulationError::Mirror)?,
            producer: producer(&target, Arc::clone(&gauges)).map_err(SimulationError::Mirror)?,
            limiter: limiter(spec.capacity),
            topics: spec.topics,
            gauges: Arc::clone(&gauges),
            buffer: VecDeque::new(),
            read: 0,
            fault: spec.fault,
            struck: None,
            stop: Arc::clone(&stop),
        };
        let thread = thread::Builder::new().name("demo-mirror".to_owned()).spawn(|| worker.run());
        Ok(Self { gauges, stop, thread: Some(thread.map_err(SimulationError::Thread)?) })
    }

    pub(super) fn gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.gauges)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nobody here to hand it to.
            let _ = thread.join();
        }
    }
}

struct Worker {
    consumer: BaseConsumer<Quiet>,
    producer: ThreadedProducer<Written>,
    limiter: DefaultDirectRateLimiter,
    topics: Vec<(String, String)>,
    gauges: Arc<Gauges>,
    /// Read and not yet handed to the producer, each with how often it is to be written.
    buffer: VecDeque<(OwnedMessage, usize)>,
    read: u64,
    fault: Option<FaultPlan>,
    /// When the fault began.
    struck: Option<Instant>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            if self.is_still() {
                thread::sleep(TURN);
            } else {
                self.take();
                self.write();
            }
        }
        // Nobody waits for what is left, and the cluster is about to go.
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }

    /// Whether the fault keeps the mirror from moving anything now.
    fn is_still(&mut self) -> bool {
        let Some(plan) = self.fault.filter(|plan| self.read >= plan.after) else { return false };
        let since = self.struck.get_or_insert_with(Instant::now).elapsed();
        let still = plan.is_still(since);
        if plan.fault == Fault::Flap {
            self.gauges.running(!still);
        }
        still
    }

    /// Reads what is there, as long as the buffer has room.
    fn take(&mut self) {
        let until = Instant::now() + TURN;
        while self.gauges.buffered() < BUFFER as u64 {
            let left = until.saturating_duration_since(Instant::now());
            // Broken connections mend themselves, and there is no other error on a cluster of one's own.
            let Some(polled) = self.consumer.poll(left) else { return };
            if let Ok(message) = polled {
                self.read += 1;
                let strikes = self.fault.filter(|_| self.struck.is_some());
                let copies = strikes.map_or(1, |plan| plan.copies(self.read));
                let message = message.detach();
                self.gauges.taken(size(&message));
                self.buffer.push_back((message, copies));
            }
            if left.is_zero() {
                return;
            }
        }
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    /// Writes as much as the capacity allows.
    fn write(&mut self) {
        while let Some((message, copies)) = self.buffer.front() {
            if *copies == 0 {
                self.gauges.done(size(message));
            } else {
                if self.limiter.check().is_err() {
                    return;
                }
                if !self.send(message) {
                    return;
                }
                if *copies > 1 {
                    self.gauges.taken(size(message));
                    self.send(message);
                }
            }
            self.buffer.pop_front();
        }
    }

    /// Hands a record to the producer; `false` where it takes no more now.
    fn send(&self, message: &OwnedMessage) -> bool {
        let Some(place) = self.topics.iter().position(|(source, _)| source == message.topic()) else {
            return true;
        };
        let Some((_, target)) = self.topics.get(place) else { return true };
        let timestamp = message.timestamp().to_millis();
        let written = Box::new(Record { topic: place, timestamp, bytes: size(message) });
        let mut record = BaseRecord::with_opaque_to(target, written).partition(message.partition());
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = timestamp;
        record.headers = message.headers().cloned();
        match self.producer.send::<[u8], [u8]>(record) {
            Ok(()) => true,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => false,
            Err((_, record)) => {
                self.gauges.done(record.delivery_opaque.bytes);
                true
            }
        }
    }
}

fn size(message: &OwnedMessage) -> usize {
    message.payload().map_or(0, <[u8]>::len)
}

fn consumer(bootstrap: &str, topics: &[(String, String)]) -> Result<BaseConsumer<Quiet>, KafkaError> {
    let consumer: BaseConsumer<Quiet> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "demo-mirror")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .set("fetch.wait.max.ms", "10")
        .set("fetch.error.backoff.ms", "10")
        .create_with_context(Quiet)?;
    let mut partitions = TopicPartitionList::new();
    for (topic, _) in topics {
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

fn producer(bootstrap: &str, gauges: Arc<Gauges>) -> Result<ThreadedProducer<Written>, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("acks", "all")
        .set("linger.ms", "5")
        .create_with_context(Written { gauges })
}

/// Tokens for a tenth of a second at most: a thread that is woken late does not lose them, and none is saved up.
fn limiter(capacity: Rate) -> DefaultDirectRateLimiter {
    let burst = NonZeroU32::new(capacity.get() / 10).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(capacity.non_zero()).allow_burst(burst))
}

/// A record on its way to the target.
struct Record {
    topic: usize,
    /// When it was made, in milliseconds since the Unix epoch.
    timestamp: Option<i64>,
    bytes: usize,
}

/// Tells the gauges of what the target has acknowledged.
struct Written {
    gauges: Arc<Gauges>,
}

impl ClientContext for Written {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Written {
    type DeliveryOpaque = Box<Record>;

    fn delivery(&self, result: &DeliveryResult<'_>, record: Box<Record>) {
        self.gauges.done(record.bytes);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let made = record.timestamp.and_then(|made| u128::try_from(made).ok());
        if let (Ok(_), Some(made)) = (result, made) {
            let millis = now.saturating_sub(made);
            self.gauges.replicated(record.topic, u64::try_from(millis).unwrap_or(u64::MAX));
        }
    }
}

/// The simulated brokers' comings and goings are nobody's concern.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Quiet {}

/// How long one round of reading lasts while there is nothing to read.
const TURN: Duration = Duration::from_millis(2);
