//! The producer: one tier's records, each handed over when it is due.
//!
//! The schedule says when a record is due; governor is only the ceiling on catching up, so that a client that was
//! stalled does not flood the cluster in a millisecond (docs/adr/0001-absolute-schedule-with-governed-catch-up.md).

use std::{
    io,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use ramp_core::{observation::LoadPart, units::Rate};
use rdkafka::{
    ClientContext, Message,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer},
};
use tokio::sync::watch::{Receiver, channel};

use crate::{
    account::TierAccount,
    client_config::{ClusterConfig, ConnectError, Listener},
    clock::{Clock, Moment},
    payload::{Payload, Renderer},
    schedule::Schedule,
    stamp::{Kind, RunId, Stamp},
};

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The run that the records belong to.
    pub run: RunId,
    /// The tier within it.
    pub tier: u16,
    /// The rate.
    pub rate: Rate,
    /// For how long.
    pub hold: Duration,
    /// The bound on latency: what the account counts against, and what the delivery timeout follows.
    pub bound: Duration,
    /// The topics, loaded in turn.
    pub topics: Vec<String>,
    /// What each record carries.
    pub payload: Payload,
}

/// A load that runs in threads of its own, from [`start`](Self::start) until [`finished`](Self::finished).
/// Dropping it stops the load and does not wait for its records.
#[derive(Debug)]
pub struct Load {
    account: Arc<TierAccount>,
    clock: Clock,
    stop: Arc<AtomicBool>,
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
    /// More records than an account can be kept of.
    #[error("{rate} for {} s is {records} records; at most {MOST_RECORDS} are accounted for", hold.as_secs())]
    TooMany {
        /// The rate.
        rate: Rate,
        /// For how long.
        hold: Duration,
        /// Their product.
        records: u64,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl Load {
    /// Connects to the cluster, warms every topic's metadata, and begins the schedule. Whoever is to see the records
    /// arrive is given their account by `watch` before the first of them is sent.
    ///
    /// Blocks for up to 10 s per topic that does not answer; begins nothing then.
    ///
    /// # Errors
    /// When the cluster or a topic cannot be used.
    pub fn start(
        config: &ClusterConfig,
        clock: Clock,
        spec: LoadSpec,
        watch: impl FnOnce(Arc<TierAccount>),
    ) -> Result<Self, StartError> {
        let LoadSpec { run, tier, rate, hold, bound, .. } = spec;
        let records = rate.records_in(hold);
        if records > MOST_RECORDS {
            return Err(StartError::TooMany { rate, hold, records });
        }
        let account = Arc::new(TierAccount::new(run, tier, rate, hold, bound));
        let (producer, deliveries) = Self::connect(config, clock, &spec, &account)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (finish, done) = channel(false);
        watch(Arc::clone(&account));
        let schedule = account.begin(clock.now());
        let sender = Sender {
            producer,
            account: Arc::clone(&account),
            clock,
            schedule,
            stop: Arc::clone(&stop),
            ceiling: Ceiling::over(rate),
            renderer: Renderer::new(spec.payload),
            keys: (1..=KEYS).map(|n| format!("key_{n}")).collect(),
            give_up: delivery_timeout(bound) + FLUSH_GRACE,
            next: 0,
            end: schedule.start().after(hold),
            lateness: Vec::new(),
            spec,
        };
        let run = move || {
            sender.run();
            drop(deliveries);
            // Nobody may be waiting any more.
            let _ = finish.send(true);
        };
        thread::Builder::new().name("ramp-sender".to_owned()).spawn(run)?;
        Ok(Self { account, clock, stop, done })
    }

    /// The tier's account.
    #[must_use]
    pub fn account(&self) -> Arc<TierAccount> {
        Arc::clone(&self.account)
    }

    /// Ends the schedule now: nothing more is handed over but the record under way. Does not block.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.account.cut(self.clock.now());
    }

    /// Waits until every record handed over was acknowledged or has failed, or the time for that is over.
    pub async fn finished(&self) {
        let mut done = self.done.clone();
        // An error means that the thread has ended without a word, which is an end too.
        let _ = done.wait_for(|done| *done).await;
    }

    fn connect(
        config: &ClusterConfig,
        clock: Clock,
        spec: &LoadSpec,
        account: &Arc<TierAccount>,
    ) -> Result<(Producing, Deliveries), StartError> {
        if spec.topics.is_empty() {
            return Err(StartError::NoTopic);
        }
        let timeout = delivery_timeout(spec.bound).as_millis().to_string();
        let mut client = config.client(DEFAULTS);
        // The alias would be a second word on the same matter.
        client.remove("delivery.timeout.ms");
        client.set("message.timeout.ms", timeout);
        let deliveries = Deliveries { account: Arc::clone(account), clock, listener: Listener::default() };
        let producer: Producing = client
            .create_with_context(deliveries.clone())
            .map_err(|error| ConnectError::client(&config.bootstrap, &error))?;
        let complaints = &deliveries.listener.complaints;
        for topic in &spec.topics {
            // Events are served by the producer's own thread.
            let metadata = complaints.metadata(&config.bootstrap, producer.client(), Some(topic), || {})?;
            let known = metadata.topics().iter().find(|known| known.name() == topic);
            let reason = match known.map(|known| (known.error(), known.partitions().len())) {
                Some((None, 1..)) => continue,
                Some((Some(error), _)) => KafkaError::MetadataFetch(error.into()).to_string(),
                Some((None, 0)) | None => "it has no partition".to_owned(),
            };
            return Err(StartError::Topic { topic: topic.clone(), reason });
        }
        Ok((producer, deliveries))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

type Producing = ThreadedProducer<Deliveries>;

/// Takes the delivery of each record into the account.
#[derive(Debug, Clone)]
struct Deliveries {
    account: Arc<TierAccount>,
    clock: Clock,
    listener: Listener,
}

impl ClientContext for Deliveries {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.listener.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The record's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: usize) {
        let sequence = sequence as u64;
        match result {
            Ok(_) => self.account.acknowledged(sequence, self.clock.now()),
            Err((error, message)) => {
                let part = part_to_answer(error);
                let topic = message.topic();
                let reason = self.listener.complaints.last();
                let reason = reason.map_or_else(String::new, |(_, reason)| format!("; {reason}"));
                tracing::debug!(sequence, topic, %error, "record failed{reason}");
                self.account.failed(sequence, part, &error.to_string());
            }
        }
    }
}

struct Sender {
    producer: Producing,
    account: Arc<TierAccount>,
    clock: Clock,
    schedule: Schedule,
    stop: Arc<AtomicBool>,
    ceiling: Ceiling,
    renderer: Renderer,
    keys: Vec<String>,
    give_up: Duration,
    next: u64,
    /// When the hold is over.
    end: Moment,
    /// How late each record of this tick was, in nanoseconds.
    lateness: Vec<u64>,
    spec: LoadSpec,
}

impl Sender {
    fn run(mut self) {
        while self.next < self.schedule.count() && !self.stop.load(Ordering::Acquire) {
            self.tick();
            // What could not be offered within the hold is not offered late: it is counted as not offered.
            if self.clock.now() >= self.end {
                self.tick();
                break;
            }
            thread::sleep(TICK);
        }
        self.account.cut(self.clock.now());
        if self.producer.flush(self.give_up).is_err() {
            self.producer.purge(PurgeConfig::default().queue().inflight());
            // Purged records are failures, which the callback accounts.
            let _ = self.producer.flush(FLUSH_GRACE);
        }
    }

    /// Hands over what is due, as far as the ceiling allows.
    fn tick(&mut self) {
        let due = self.schedule.due_by(self.clock.now());
        'due: while self.next < due {
            let batch = u32::try_from(due - self.next).unwrap_or(u32::MAX);
            let Some(allowed) = self.ceiling.allow(batch) else { break };
            for _ in 0..allowed {
                if !self.hand_over() {
                    break 'due;
                }
            }
        }
        self.report();
    }

    /// Tells the account what has been handed over since the last time.
    fn report(&mut self) {
        if !self.lateness.is_empty() {
            self.account.offered(self.next, self.clock.now(), &self.lateness);
            self.lateness.clear();
        }
    }

    /// Hands over the next record; false where the load was stopped, or the hold was over, before the client took it.
    fn hand_over(&mut self) -> bool {
        let sequence = self.next;
        let topics = self.spec.topics.len() as u64;
        // Keys and kinds of message go on once every topic has had its turn, so that each topic gets all of them.
        let turn = sequence / topics.max(1);
        // The remainder is below the number of topics, which fits any usize.
        let Some(topic) = self.spec.topics.get((sequence % topics.max(1)) as usize) else { return false };
        let Ok(opaque) = usize::try_from(sequence) else { return false };
        let due = self.schedule.due(sequence);
        let mut handed = self.clock.now();
        // The remainder is below the number of keys, which fits any usize.
        let Some(key) = self.keys.get((turn % KEYS) as usize) else { return false };
        let payload = self.renderer.render(turn, sequence, handed);
        let (run, tier) = (self.spec.run, self.spec.tier);
        let record = |handed| {
            let value = Stamp { kind: Kind::Load, run, tier, sequence, due, handed }.encode();
            let header = Header { key: Stamp::HEADER, value: Some(&value) };
            BaseRecord::with_opaque_to(topic, opaque)
                .key(key.as_str())
                .payload(payload)
                .headers(OwnedHeaders::new_with_capacity(1).insert(header))
        };
        loop {
            match self.producer.send(record(handed)) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    if self.stop.load(Ordering::Acquire) || handed >= self.end.after(TICK) {
                        return false;
                    }
                    self.account.offered(self.next, handed, &self.lateness);
                    self.lateness.clear();
                    thread::sleep(TICK);
                    let now = self.clock.now();
                    self.account.blocked(now.since(handed));
                    handed = now;
                }
                Err((error, _)) => {
                    self.account.failed(sequence, LoadPart::Client, &error.to_string());
                    break;
                }
            }
        }
        let late = handed.since(due).as_nanos();
        self.lateness.push(u64::try_from(late).unwrap_or(u64::MAX));
        self.next += 1;
        true
    }
}

/// How fast a load that has fallen behind may catch up.
struct Ceiling {
    limiter: DefaultDirectRateLimiter,
    burst: u32,
}

impl Ceiling {
    /// A quarter above `rate`, in bursts of at most 20 ms.
    fn over(rate: Rate) -> Self {
        let above = rate.get().saturating_add(rate.get() / 4).saturating_add(1);
        let above = NonZeroU32::new(above).unwrap_or_else(|| rate.non_zero());
        let burst = NonZeroU32::new(above.get() / 50).unwrap_or(NonZeroU32::MIN).saturating_add(1);
        let quota = Quota::per_second(above).allow_burst(burst);
        Self { limiter: RateLimiter::direct(quota), burst: burst.get() }
    }

    /// How many of `wanted` records may go now; `None` for none.
    fn allow(&self, wanted: u32) -> Option<u32> {
        let mut batch = wanted.min(self.burst);
        while let Some(cells) = NonZeroU32::new(batch) {
            if matches!(self.limiter.check_n(cells), Ok(Ok(()))) {
                return Some(batch);
            }
            batch /= 2;
        }
        None
    }
}

/// Which part is to answer for a record that failed with `error`.
fn part_to_answer(error: &KafkaError) -> LoadPart {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::NetworkException,
        ) => LoadPart::Network,
        Some(
            RDKafkaErrorCode::PurgeQueue
            | RDKafkaErrorCode::PurgeInflight
            | RDKafkaErrorCode::MessageSizeTooLarge,
        ) => LoadPart::Client,
        Some(_) | None => LoadPart::Source,
    }
}

/// A record is given up on soon enough for its tier to be judged, and not before its latency is a violation.
fn delivery_timeout(bound: Duration) -> Duration {
    bound + Duration::from_secs(10)
}

/// What a user's properties may replace.
const DEFAULTS: &[(&str, &str)] = &[
    ("acks", "all"),
    ("linger.ms", "5"),
    ("batch.size", "131072"),
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "1048576"),
    ("allow.auto.create.topics", "false"),
    ("socket.nagle.disable", "true"),
];

/// The users' applications use the keys `key_1` to `key_1000`.
const KEYS: u64 = 1_000;

/// Three bits are kept for each: 1.5 GB.
const MOST_RECORDS: u64 = 4_000_000_000;

const TICK: Duration = Duration::from_millis(1);

/// What the client may take beyond the delivery timeout to report on its records.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
