//! The probe: a consumer on the target cluster that sees each record arrive, in the producer's own process.
//!
//! It takes part in no consumer group and commits nothing. It starts where the target's partitions end when it
//! connects, takes up topics and partitions that appear later from their beginning, and never jumps: an offset that
//! is gone is an error, because a silent jump would hide a loss.

pub mod canary;
pub mod topics;

mod assignment;

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers},
};

use self::assignment::{Assignment, Partitions};
use crate::{
    account::TierAccount,
    client_config::{ClusterConfig, ConnectError, Listener},
    clock::Clock,
    lock::lock,
    stamp::{Kind, RunId, Stamp},
};

/// A probe that reads in threads of its own until it is dropped.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Why the target cannot be observed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The cluster cannot be reached.
    #[error("{0}")]
    Connect(Arc<ConnectError>),
    /// The partitions cannot be assigned.
    #[error("cannot begin to read {topic}: {reason}")]
    Assign {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
    /// Reading broke off.
    #[error("reading the target broke off: {reason}")]
    Read {
        /// Why.
        reason: String,
    },
    /// The cluster has been unreachable for too long.
    #[error("the target has been unreachable for {} s: {reason}", silence.as_secs())]
    Unreachable {
        /// For how long.
        silence: Duration,
        /// What was said last.
        reason: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(Arc<io::Error>),
}

impl From<ConnectError> for ProbeError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Arc::new(error))
    }
}

/// What the probe's threads and everybody else share.
struct Shared {
    run: RunId,
    clock: Clock,
    consumer: BaseConsumer<Listener>,
    listener: Listener,
    stop: AtomicBool,
    foreign: AtomicU64,
    /// The account of the latest tier, and of the one before it, whose stragglers may still come.
    accounts: Mutex<Vec<Arc<TierAccount>>>,
    canaries: Mutex<BTreeSet<u64>>,
    broken: Mutex<Option<ProbeError>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("run", &self.run).field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl Probe {
    /// Connects to the target and begins to read `topics` where they end now.
    ///
    /// # Errors
    /// When the cluster does not answer within 10 s, or a topic that is there cannot be read.
    pub fn connect(
        config: &ClusterConfig,
        clock: Clock,
        run: RunId,
        topics: Vec<String>,
    ) -> Result<Self, ProbeError> {
        let listener = Listener::default();
        let mut client = config.client(DEFAULTS);
        client.set("group.id", format!("ramp-probe-{run}"));
        client.set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Listener> = client
            .create_with_context(listener.clone())
            .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
        let poll = || drop(consumer.poll(Duration::ZERO));
        let metadata = listener.complaints.metadata(&config.bootstrap, consumer.client(), None, poll)?;
        let mut assignment = Assignment::new(topics);
        assignment.begin(&consumer, &metadata)?;

        let shared = Arc::new(Shared {
            run,
            clock,
            consumer,
            listener,
            stop: AtomicBool::new(false),
            foreign: AtomicU64::new(0),
            accounts: Mutex::new(Vec::new()),
            canaries: Mutex::new(BTreeSet::new()),
            broken: Mutex::new(None),
        });
        let mut probe = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        let reader = Reader { shared: Arc::clone(&shared), partitions: Partitions::default() };
        probe.spawn("ramp-probe", move || reader.run())?;
        probe.spawn("ramp-probe-topics", move || watch_topics(&shared, assignment))?;
        Ok(probe)
    }

    /// Accounts the records of `account`'s tier from now on. The tier before it is accounted until the next call.
    pub fn watch(&self, account: Arc<TierAccount>) {
        let mut accounts = lock(&self.shared.accounts);
        accounts.insert(0, account);
        accounts.truncate(2);
    }

    /// Whether the probe sees what arrives.
    ///
    /// # Errors
    /// Why it does not, once it cannot be trusted any more.
    pub fn health(&self) -> Result<(), ProbeError> {
        lock(&self.shared.broken).clone().map_or(Ok(()), Err)
    }

    /// Records of others in the same topics; they are ignored.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.shared.foreign.load(Ordering::Relaxed)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ProbeError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        self.threads.push(thread.map_err(|error| ProbeError::Thread(Arc::new(error)))?);
        Ok(())
    }

    fn canaries_seen(&self) -> BTreeSet<u64> {
        lock(&self.shared.canaries).clone()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A panic of the thread has been printed; there is nobody here to hand it to.
            let _ = thread.join();
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    partitions: Partitions,
}

impl Reader {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        while !shared.stop.load(Ordering::Acquire) {
            let polled = shared.consumer.poll(POLL);
            let at = shared.clock.now();
            match polled {
                Some(Ok(message)) => Self::arrived(&shared, &mut self.partitions, &message, at),
                Some(Err(error)) => {
                    if let Some(error) = fatal(&error) {
                        lock(&shared.broken).get_or_insert(error);
                        return;
                    }
                }
                None => {}
            }
        }
    }

    fn arrived(
        shared: &Shared,
        partitions: &mut Partitions,
        message: &BorrowedMessage<'_>,
        at: crate::clock::Moment,
    ) {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let mut stamps = headers.filter(|header| header.key == Stamp::HEADER);
        let stamp = stamps.find_map(|header| Stamp::decode(header.value?));
        match stamp.filter(|stamp| stamp.run == shared.run) {
            None => {
                shared.foreign.fetch_add(1, Ordering::Relaxed);
            }
            Some(stamp) => match stamp.kind {
                Kind::Canary => {
                    lock(&shared.canaries).insert(stamp.sequence);
                }
                Kind::Load => {
                    let partition = partitions.number(message.topic(), message.partition());
                    for account in lock(&shared.accounts).iter() {
                        account.arrived(partition, &stamp, at);
                    }
                }
            },
        }
    }
}

/// Asks for the target's topics every few seconds: takes up those that appear, and finds out that it is gone.
fn watch_topics(shared: &Shared, mut assignment: Assignment) {
    let mut answered = Instant::now();
    loop {
        thread::park_timeout(REFRESH);
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        let step = match shared.consumer.fetch_metadata(None, REFRESH) {
            Ok(metadata) => {
                answered = Instant::now();
                assignment.refresh(&shared.consumer, &metadata)
            }
            Err(_) if answered.elapsed() < UNREACHABLE_PATIENCE => Ok(()),
            Err(error) => {
                let reason = shared.listener.complaints.last();
                let reason = reason.map_or_else(|| error.to_string(), |(_, reason)| reason);
                Err(ProbeError::Unreachable { silence: answered.elapsed(), reason })
            }
        };
        if let Err(error) = step {
            lock(&shared.broken).get_or_insert(error);
            return;
        }
    }
}

/// Broken connections mend themselves, and topics that are not there yet appear; what would lose records does neither.
fn fatal(error: &KafkaError) -> Option<ProbeError> {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition,
        ) => None,
        Some(_) | None => Some(ProbeError::Read { reason: error.to_string() }),
    }
}

/// What a user's properties may replace.
const DEFAULTS: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
    ("allow.auto.create.topics", "false"),
    ("fetch.wait.max.ms", "50"),
    ("fetch.min.bytes", "1"),
    ("fetch.error.backoff.ms", "50"),
    ("queued.max.messages.kbytes", "131072"),
];

const POLL: Duration = Duration::from_millis(100);
const REFRESH: Duration = Duration::from_secs(5);
const UNREACHABLE_PATIENCE: Duration = Duration::from_secs(20);
