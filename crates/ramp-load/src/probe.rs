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
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    stamp::{Kind, RunId, Stamp},
};

/// A probe that reads in a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
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

/// What the reading thread and everybody else share.
#[derive(Debug)]
struct Shared {
    run: RunId,
    clock: Clock,
    stop: AtomicBool,
    foreign: AtomicU64,
    /// The account of the latest tier, and of the one before it, whose stragglers may still come.
    accounts: Mutex<Vec<Arc<TierAccount>>>,
    canaries: Mutex<BTreeSet<u64>>,
    broken: Mutex<Option<ProbeError>>,
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
        let consumer: BaseConsumer<Listener> = client
            .create_with_context(listener.clone())
            .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
        let poll = || drop(consumer.poll(Duration::ZERO));
        listener.complaints.metadata(&config.bootstrap, consumer.client(), None, poll)?;
        let mut assignment = Assignment::new(topics);
        assignment.begin(&consumer)?;

        let shared = Arc::new(Shared {
            run,
            clock,
            stop: AtomicBool::new(false),
            foreign: AtomicU64::new(0),
            accounts: Mutex::new(Vec::new()),
            canaries: Mutex::new(BTreeSet::new()),
            broken: Mutex::new(None),
        });
        let reader = Reader {
            shared: Arc::clone(&shared),
            consumer,
            listener,
            assignment,
            partitions: Partitions::default(),
            unreachable_since: None,
        };
        let thread = thread::Builder::new().name("ramp-probe".to_owned()).spawn(move || reader.run());
        let thread = thread.map_err(|error| ProbeError::Thread(Arc::new(error)))?;
        Ok(Self { shared, thread: Some(thread) })
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

    fn canaries_seen(&self) -> BTreeSet<u64> {
        lock(&self.shared.canaries).clone()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nobody here to hand it to.
            let _ = thread.join();
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    consumer: BaseConsumer<Listener>,
    listener: Listener,
    assignment: Assignment,
    partitions: Partitions,
    unreachable_since: Option<Instant>,
}

impl Reader {
    fn run(mut self) {
        let mut refreshed = Instant::now();
        while !self.shared.stop.load(Ordering::Acquire) {
            let polled = self.consumer.poll(POLL);
            let at = self.shared.clock.now();
            let step = match polled {
                Some(Ok(message)) => {
                    self.unreachable_since = None;
                    Self::arrived(&self.shared, &mut self.partitions, &message, at);
                    Ok(())
                }
                Some(Err(error)) => self.complain(&error),
                None => Ok(()),
            };
            let step = step.and_then(|()| {
                if refreshed.elapsed() < REFRESH {
                    return Ok(());
                }
                refreshed = Instant::now();
                self.assignment.refresh(&self.consumer)
            });
            if let Err(error) = step {
                lock(&self.shared.broken).get_or_insert(error);
                return;
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

    /// Broken connections mend themselves; what would lose records, or lasts too long, does not.
    fn complain(&mut self, error: &KafkaError) -> Result<(), ProbeError> {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve,
            ) => {
                let since = *self.unreachable_since.get_or_insert_with(Instant::now);
                let silence = since.elapsed();
                if silence < UNREACHABLE_PATIENCE {
                    return Ok(());
                }
                let reason = self.listener.complaints.last();
                let reason = reason.map_or_else(|| error.to_string(), |(_, reason)| reason);
                Err(ProbeError::Unreachable { silence, reason })
            }
            // A topic that has not been mirrored yet appears later.
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition,
            ) => Ok(()),
            Some(_) | None => Err(ProbeError::Read { reason: error.to_string() }),
        }
    }
}

/// A thread that panicked while it held one of these locks left no broken invariant.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a user's properties may replace.
const DEFAULTS: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "error"),
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
