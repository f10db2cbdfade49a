//! The producer: one load, each record handed over when it is due.
//!
//! The schedule says when a record is due; governor is only the ceiling on catching up, so that a client that was
//! stalled does not flood the cluster in a millisecond (docs/adr/0001-absolute-schedule-with-governed-catch-up.md).

mod ceiling;
mod delivery;
mod sender;
mod statistics;
mod transactions;

use std::{io, sync::Arc, thread, time::Duration};

use ramp_core::units::Rate;
use rdkafka::{error::KafkaError, producer::Producer};
use tokio::sync::watch::{Receiver, channel};

use self::{
    delivery::Deliveries,
    sender::{FLUSH_GRACE, Orders, Poller, Producing, Sender, keys},
    transactions::Transactions,
};
use crate::{
    account::TierAccount,
    client_config::{ClusterConfig, ConnectError},
    clock::Clock,
    payload::{Payload, Renderer},
    probe::sample::Sample,
    schedule::{Pace, RateChangeError, Until},
    snapshot::{LoadSnapshot, Snapshots},
    stamp::RunId,
};

/// What is to be sent. [`new`](Self::new) has the defaults of every field.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The run that the records belong to.
    pub run: RunId,
    /// The tier within it.
    pub tier: u16,
    /// How fast.
    pub pace: Pace,
    /// How long.
    pub until: Until,
    /// How finely records are spaced. Means nothing to an unthrottled load.
    pub pacing: Pacing,
    /// The bound on latency that the account of a watched load counts against.
    pub bound: Duration,
    /// How long the client tries to deliver a record before it has failed; at most [`Load::LONGEST_DELIVERY`].
    pub delivery_timeout: Duration,
    /// The topics, loaded in turn.
    pub topics: Vec<String>,
    /// What each record carries.
    pub payload: Payload,
    /// The records' keys.
    pub keys: Keys,
    /// Whether each record carries a [`Stamp`](crate::stamp::Stamp) in a header, and in its payload where
    /// [that has room](Payload::names_records), by which a probe knows it. The producer's own account needs none.
    pub stamped: bool,
    /// The partitions in which a probe sees the records of a watched load arrive, where these are not all. Chosen for
    /// these topics, in their order.
    pub sample: Option<Arc<Sample>>,
    /// Records at the start that [`TierAccount::steady`] leaves out.
    pub warmup: u64,
    /// Sends in transactions, each committed after so long; the cluster's `transactional.id` names them.
    pub transaction: Option<Duration>,
}

/// How finely records are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pacing {
    /// What falls due within a millisecond leaves together: half a millisecond late in the middle, and cheap.
    #[default]
    Ticks,
    /// Each record leaves when it is due, as exactly as the system wakes a thread; costs a wake-up per record.
    Precise,
}

/// The keys of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// None: the client fills one partition's batch after the other.
    None,
    /// `key_1` to `key_1000` in turn, each as often as the others.
    #[default]
    Uniform,
}

impl LoadSpec {
    /// A load of JSON records with keys and stamps, of a run of its own.
    #[must_use]
    pub fn new(topics: Vec<String>, pace: Pace, until: Until) -> Self {
        Self {
            run: RunId::random(),
            tier: 0,
            pace,
            until,
            pacing: Pacing::default(),
            bound: DEFAULT_BOUND,
            delivery_timeout: delivery_timeout(DEFAULT_BOUND),
            topics,
            payload: Payload::Json,
            keys: Keys::default(),
            stamped: true,
            sample: None,
            warmup: 0,
            transaction: None,
        }
    }

    /// A tier of a run: `rate` for `hold`, its latencies held against `bound`, which the delivery timeout follows. It
    /// has no topics yet.
    #[must_use]
    pub fn tier(run: RunId, tier: u16, rate: Rate, hold: Duration, bound: Duration) -> Self {
        let load = Self::new(Vec::new(), Pace::Rate(rate), Until::After(hold));
        Self { run, tier, bound, delivery_timeout: delivery_timeout(bound), ..load }
    }
}

/// A load that runs in threads of its own, from [`start`](Self::start) until [`finished`](Self::finished).
/// Dropping it stops the load and does not wait for its records.
#[derive(Debug)]
pub struct Load {
    account: Arc<TierAccount>,
    clock: Clock,
    orders: Orders,
    done: Receiver<bool>,
}

/// Why a load cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The cluster cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A topic is not there, or has no partition that can be written to.
    #[error("topic {topic} cannot be written to: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
    /// There is no topic to load.
    #[error("there is no topic to load; give at least one")]
    NoTopic,
    /// More records than a probe can be told of.
    #[error("a load of {records} records at {rate} cannot be watched; at most {most} are accounted for")]
    TooMany {
        /// The rate.
        rate: Rate,
        /// How many there would be.
        records: u64,
        /// The most there may be.
        most: u64,
    },
    /// A load that a probe cannot judge.
    #[error("a probe can only watch a load of stamped records at a rate")]
    NotWatchable,
    /// Records that would be in flight for too long.
    #[error("a delivery timeout of {} s is too long; it may be up to {} s", timeout.as_secs(), longest.as_secs())]
    DeliveryTimeout {
        /// The timeout.
        timeout: Duration,
        /// The longest there may be.
        longest: Duration,
    },
    /// The cluster gives no transactions.
    #[error("no transactions: {reason}; check transactional.id and what its user may do")]
    Transactions {
        /// What was said.
        reason: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl Load {
    /// The longest delivery timeout: the highest latency that is told from higher ones.
    pub const LONGEST_DELIVERY: Duration = Duration::from_secs(3_600);

    /// Connects to the cluster, warms every topic's metadata, and begins the schedule. The account's size does not
    /// grow with the load.
    ///
    /// Blocks for up to 10 s per topic that does not answer; begins nothing then.
    ///
    /// # Errors
    /// When the cluster or a topic cannot be used, or the load is none.
    pub fn start(config: &ClusterConfig, clock: Clock, spec: LoadSpec) -> Result<Self, StartError> {
        let account = TierAccount::untraced(spec.run, spec.tier, spec.pace, spec.until, spec.warmup);
        Self::begin(config, clock, spec, account, drop)
    }

    /// As [`start`](Self::start), for a probe that sees the records arrive: `watch` is given their account before the
    /// first of them is sent. The account keeps three bits of each record, four where there is a sample.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when the load is none that a probe can judge.
    pub fn start_watched(
        config: &ClusterConfig,
        clock: Clock,
        spec: LoadSpec,
        watch: impl FnOnce(Arc<TierAccount>),
    ) -> Result<Self, StartError> {
        let (Pace::Rate(rate), true) = (spec.pace, spec.stamped) else {
            return Err(StartError::NotWatchable);
        };
        let records = match spec.until {
            Until::After(hold) => rate.records_in(hold),
            Until::Records(records) => records,
        };
        let most = TierAccount::MOST_TRACED;
        if records > most {
            return Err(StartError::TooMany { rate, records, most });
        }
        let account = TierAccount::new(spec.run, spec.tier, rate, spec.until, spec.bound);
        let account = match &spec.sample {
            Some(sample) => account.of_sample(Arc::clone(sample)),
            None => account,
        };
        Self::begin(config, clock, spec, account, watch)
    }

    fn begin(
        config: &ClusterConfig,
        clock: Clock,
        spec: LoadSpec,
        account: TierAccount,
        watch: impl FnOnce(Arc<TierAccount>),
    ) -> Result<Self, StartError> {
        let account = Arc::new(account);
        let producer = Arc::new(connect(config, clock, &spec, &account)?);
        let poller = match spec.pace {
            Pace::Rate(_) => Some(Poller::start(Arc::clone(&producer))?),
            Pace::Unthrottled => None,
        };
        let orders = Orders::default();
        let (finish, done) = channel(false);
        watch(Arc::clone(&account));
        let give_up = spec.delivery_timeout + FLUSH_GRACE;
        let sender = Sender {
            producer,
            poller,
            account: Arc::clone(&account),
            clock,
            orders: orders.clone(),
            renderer: Renderer::new(spec.payload, spec.run, spec.tier, spec.stamped),
            topics: spec.topics,
            keys: keys(spec.keys),
            run: spec.run,
            tier: spec.tier,
            is_stamped: spec.stamped,
            pacing: spec.pacing,
            transactions: spec.transaction.map(|length| Transactions::new(length, give_up)),
            give_up,
            next: 0,
        };
        let start = clock.now();
        account.begin(start);
        let run = move || {
            sender.run(start);
            // Nobody may be waiting any more.
            let _ = finish.send(true);
        };
        thread::Builder::new().name("ramp-sender".to_owned()).spawn(run)?;
        Ok(Self { account, clock, orders, done })
    }

    /// The load's account.
    #[must_use]
    pub fn account(&self) -> Arc<TierAccount> {
        Arc::clone(&self.account)
    }

    /// Everything known of the load now, from its start.
    #[must_use]
    pub fn snapshot(&self) -> LoadSnapshot {
        self.account.snapshot(self.clock.now())
    }

    /// The load's intervals of so long each (1 ms at least), until it has finished.
    #[must_use]
    pub fn snapshots(&self, every: Duration) -> Snapshots<'_> {
        Snapshots::new(self, every)
    }

    /// From now on records fall due at `rate`: what had fallen due before stays due, and nothing else does at once.
    /// A load for a time keeps its end, one of a number of records its number.
    ///
    /// # Errors
    /// When the load has no rate to change.
    pub fn set_rate(&self, rate: Rate) -> Result<(), RateChangeError> {
        self.account.change(self.clock.now(), rate)
    }

    /// Ends the schedule now: nothing more is handed over but the record under way. Does not block.
    pub fn stop(&self) {
        self.orders.stop();
        self.account.cut(self.clock.now());
    }

    /// Stops the load and gives up the records in flight, which fail as purged. They may be written all the same.
    /// Does not block.
    pub fn abandon(&self) {
        self.stop();
        self.orders.abandon();
    }

    /// Whether every record handed over was acknowledged or has failed, or the time for that is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // An error means that the thread has ended without a word, which is an end too.
        *self.done.borrow() || self.done.has_changed().is_err()
    }

    /// Waits until every record handed over was acknowledged or has failed, or the time for that is over.
    pub async fn finished(&self) {
        let mut done = self.done.clone();
        // An error means that the thread has ended without a word, which is an end too.
        let _ = done.wait_for(|done| *done).await;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(
    config: &ClusterConfig,
    clock: Clock,
    spec: &LoadSpec,
    account: &Arc<TierAccount>,
) -> Result<Producing, StartError> {
    if spec.topics.is_empty() {
        return Err(StartError::NoTopic);
    }
    let (timeout, longest) = (spec.delivery_timeout, Load::LONGEST_DELIVERY);
    if timeout > longest {
        return Err(StartError::DeliveryTimeout { timeout, longest });
    }
    let of_pace = match spec.pace {
        Pace::Rate(_) => PACED,
        Pace::Unthrottled => UNTHROTTLED,
    };
    let mut client = config.client(&[DEFAULTS, of_pace].concat());
    // The alias would be a second word on the same matter.
    client.remove("delivery.timeout.ms");
    client.set("message.timeout.ms", timeout.as_millis().max(1).to_string());
    let deliveries = Deliveries::new(Arc::clone(account), clock);
    let complaints = deliveries.complaints();
    let producer: Producing = client
        .create_with_context(deliveries)
        .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
    for topic in &spec.topics {
        let poll = |span| producer.poll(span);
        let metadata = complaints.metadata(&config.bootstrap, producer.client(), Some(topic), poll)?;
        let known = metadata.topics().iter().find(|known| known.name() == topic);
        let reason = match known.map(|known| (known.error(), known.partitions().len())) {
            Some((None, 1..)) => continue,
            Some((Some(error), _)) => KafkaError::MetadataFetch(error.into()).to_string(),
            Some((None, 0)) | None => "it has no partition".to_owned(),
        };
        return Err(StartError::Topic { topic: topic.clone(), reason });
    }
    if spec.transaction.is_some() {
        let refused = |error: KafkaError| StartError::Transactions { reason: error.to_string() };
        producer.init_transactions(TRANSACTIONS_PATIENCE).map_err(refused)?;
    }
    Ok(producer)
}

/// How long a cluster may take to grant transactions.
const TRANSACTIONS_PATIENCE: Duration = Duration::from_secs(8);

/// A record is given up on soon enough for its tier to be judged, and not before its latency is a violation.
fn delivery_timeout(bound: Duration) -> Duration {
    bound + Duration::from_secs(10)
}

/// The bound where nobody names one: with what follows from it, a record has failed after 30 s.
const DEFAULT_BOUND: Duration = Duration::from_secs(20);

/// What a user's properties may replace.
const DEFAULTS: &[(&str, &str)] = &[
    ("acks", "all"),
    ("linger.ms", "5"),
    ("batch.size", "131072"),
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.messages", "500000"),
    ("allow.auto.create.topics", "false"),
    ("socket.nagle.disable", "true"),
];

const PACED: &[(&str, &str)] = &[
    // Holds a stall of 50 s at 10 000 records/s.
    ("queue.buffering.max.kbytes", "1048576"),
    // Read by the thread that takes the deliveries, between two of them; what comes after the last interval is missed.
    ("statistics.interval.ms", "2000"),
];

const UNTHROTTLED: &[(&str, &str)] = &[
    // What the Java client keeps. A longer queue would add to the latency and to nothing else.
    ("queue.buffering.max.kbytes", "32768"),
];
