//! The probe: a consumer on the target cluster that sees each record arrive, in the producer's own process.
//!
//! It takes part in no consumer group and commits nothing. It starts where the target's partitions end when it
//! connects, takes up topics and partitions that appear later from their beginning, and never jumps: an offset that
//! is gone is an error, because a silent jump would hide a loss. It reads every partition, or those of a
//! [`Sample`].

pub mod canary;
pub mod sample;
pub mod topics;
pub mod verification;

mod assignment;
mod reader;

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::consumer::{BaseConsumer, Consumer};

pub use self::assignment::Begin;
use self::{
    assignment::Assignment, canary::Sighted, reader::Reader, sample::Sample, verification::Verification,
};
use crate::{
    account::{Sighting, TierAccount},
    client_config::{ClusterConfig, ConnectError, Listener},
    clock::Clock,
    lock::lock,
    stamp::{RunId, Stamp},
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
    /// A sample of partitions would not be what it is on the source.
    #[error(
        "{topic} has {on_target} partitions on the target and {on_source} on the source; a sample of partitions needs as \
         many on both: read all of them"
    )]
    Partitions {
        /// The topic on the target.
        topic: String,
        /// How many partitions it has.
        on_target: usize,
        /// How many it has on the source.
        on_source: usize,
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
    register: Register,
    clock: Clock,
    consumer: BaseConsumer<Listener>,
    listener: Listener,
    stop: AtomicBool,
    foreign: AtomicU64,
    absent: Mutex<Vec<String>>,
    broken: Mutex<Option<ProbeError>>,
}

/// What becomes of a record that was seen.
enum Register {
    /// It is held against the tiers of one run.
    Run {
        run: RunId,
        /// The account of the latest tier, and of the one before it, whose stragglers may still come.
        accounts: Mutex<Vec<Arc<TierAccount>>>,
        canaries: Mutex<BTreeMap<u64, Sighted>>,
    },
    /// It is told whose it is by itself alone.
    Every(Arc<Verification>),
}

impl Register {
    fn of(run: RunId) -> Self {
        Self::Run { run, accounts: Mutex::new(Vec::new()), canaries: Mutex::new(BTreeMap::new()) }
    }

    /// Notes that records were seen; returns how many of them are not somebody else's.
    fn note(&self, batch: &[Sighting]) -> usize {
        match self {
            Self::Run { run, accounts, .. } => {
                if !batch.is_empty() {
                    lock(accounts).iter().for_each(|account| account.arrived(batch));
                }
                batch.iter().filter(|sighting| sighting.stamp.run == *run).count()
            }
            Self::Every(verification) => verification.witness(batch),
        }
    }

    /// Notes that a canary was seen.
    fn crossed(&self, canary: &Stamp, sighted: Sighted) {
        match self {
            Self::Run { run, canaries, .. } if canary.run == *run => {
                // A canary that is delivered twice has crossed the first time.
                lock(canaries).entry(canary.sequence).or_insert(sighted);
            }
            Self::Run { .. } | Self::Every(_) => {}
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl Probe {
    /// Connects to the target and begins to read `topics` where they end now, for the tiers of `run`.
    ///
    /// # Errors
    /// When the cluster does not answer within 10 s, or a topic that is there cannot be read.
    pub fn connect(
        config: &ClusterConfig,
        clock: Clock,
        run: RunId,
        topics: Vec<String>,
    ) -> Result<Self, ProbeError> {
        Self::begin(config, clock, Assignment::new(topics, Begin::AtEnd), Register::of(run))
    }

    /// As [`connect`](Self::connect), but reads only the partitions of `sample`, which was chosen for the topics that
    /// these are on the target, in the same order.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and when a topic has not as many partitions as on the source. The same later is a
    /// matter of [`health`](Self::health).
    pub fn connect_to_sample(
        config: &ClusterConfig,
        clock: Clock,
        run: RunId,
        topics: Vec<String>,
        sample: Arc<Sample>,
    ) -> Result<Self, ProbeError> {
        Self::begin(config, clock, Assignment::of_sample(topics, Begin::AtEnd, sample), Register::of(run))
    }

    /// Connects to a cluster and accounts what `topics` hold of any load, from `begin` on.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn verify(
        config: &ClusterConfig,
        clock: Clock,
        topics: Vec<String>,
        begin: Begin,
        verification: Arc<Verification>,
    ) -> Result<Self, ProbeError> {
        Self::begin(config, clock, Assignment::new(topics, begin), Register::Every(verification))
    }

    fn begin(
        config: &ClusterConfig,
        clock: Clock,
        mut assignment: Assignment,
        register: Register,
    ) -> Result<Self, ProbeError> {
        let listener = Listener::default();
        let mut client = config.client(DEFAULTS);
        // It is never joined: the client wants one all the same.
        client.set("group.id", "ramp-probe");
        client.set("auto.offset.reset", "error");
        let consumer: BaseConsumer<Listener> = client
            .create_with_context(listener.clone())
            .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
        let poll = |span| while consumer.poll(span).is_some() {};
        let metadata = listener.complaints.metadata(&config.bootstrap, consumer.client(), None, poll)?;
        assignment.begin(&consumer, &metadata)?;

        let shared = Arc::new(Shared {
            register,
            clock,
            consumer,
            listener,
            stop: AtomicBool::new(false),
            foreign: AtomicU64::new(0),
            absent: Mutex::new(assignment.absent()),
            broken: Mutex::new(None),
        });
        let mut probe = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        let reader = Reader::new(Arc::clone(&shared), assignment.taken());
        probe.spawn("ramp-probe", move || reader.run())?;
        probe.spawn("ramp-probe-topics", move || watch_topics(&shared, assignment))?;
        Ok(probe)
    }

    /// Accounts the records of `account`'s tier from now on. The tier before it is accounted until the next call.
    pub fn watch(&self, account: Arc<TierAccount>) {
        match &self.shared.register {
            Register::Run { accounts, .. } => {
                let mut accounts = lock(accounts);
                accounts.insert(0, account);
                accounts.truncate(2);
            }
            Register::Every(_) => {}
        }
    }

    /// The topics that are not there yet. They are read from their beginning once they are.
    #[must_use]
    pub fn absent(&self) -> Vec<String> {
        lock(&self.shared.absent).clone()
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

    /// The canaries that have crossed, by their numbers.
    fn canaries_seen(&self) -> BTreeMap<u64, Sighted> {
        match &self.shared.register {
            Register::Run { canaries, .. } => lock(canaries).clone(),
            Register::Every(_) => BTreeMap::new(),
        }
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

/// Asks for the target's topics every few seconds: takes up those that appear, and finds out that it is gone.
fn watch_topics(shared: &Shared, mut assignment: Assignment) {
    let mut answered = Instant::now();
    loop {
        // A topic that is awaited is looked for more often: until it is found, its records seem to be late.
        let pause = if lock(&shared.absent).is_empty() { REFRESH } else { AWAITED };
        thread::park_timeout(pause);
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        let step = match shared.consumer.fetch_metadata(None, REFRESH) {
            Ok(metadata) => {
                answered = Instant::now();
                let step = assignment.refresh(&shared.consumer, &metadata);
                *lock(&shared.absent) = assignment.absent();
                step
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
];

const REFRESH: Duration = Duration::from_secs(5);
const AWAITED: Duration = Duration::from_millis(500);
const UNREACHABLE_PATIENCE: Duration = Duration::from_secs(20);
