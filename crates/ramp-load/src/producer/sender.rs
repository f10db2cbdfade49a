//! The sending thread: hands over each record when it is due.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer, PurgeConfig},
};

use super::{
    Keys, Pacing,
    ceiling::Ceiling,
    delivery::{Deliveries, Ticket, failed},
    transactions::{Transactions, Uncommitted},
};
use crate::{
    account::TierAccount,
    clock::{Clock, Moment},
    payload::Renderer,
    schedule::Schedule,
    stamp::{Kind, RunId, Stamp},
};

pub(super) type Producing = BaseProducer<Deliveries>;

/// What the sending thread is told from outside; never less than before.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders(Arc<AtomicU8>);

impl Orders {
    /// Hand over nothing more.
    pub(super) fn stop(&self) {
        self.0.fetch_max(STOP, Ordering::AcqRel);
    }

    /// Do not wait for what has been handed over either.
    pub(super) fn abandon(&self) {
        self.0.fetch_max(ABANDON, Ordering::AcqRel);
    }

    fn is_stop(&self) -> bool {
        self.0.load(Ordering::Acquire) >= STOP
    }

    fn is_abandon(&self) -> bool {
        self.0.load(Ordering::Acquire) >= ABANDON
    }
}

const STOP: u8 = 1;
const ABANDON: u8 = 2;

pub(super) struct Sender {
    pub(super) producer: Arc<Producing>,
    /// Sees deliveries when they come, whatever the sender does. An unthrottled sender has none and takes them itself:
    /// one thread keeps records in its own cache and memory arena, which saves a tenth of the CPU.
    pub(super) poller: Option<Poller>,
    pub(super) account: Arc<TierAccount>,
    pub(super) clock: Clock,
    pub(super) orders: Orders,
    pub(super) renderer: Renderer,
    pub(super) topics: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) run: RunId,
    pub(super) tier: u16,
    pub(super) is_stamped: bool,
    pub(super) pacing: Pacing,
    pub(super) transactions: Option<Transactions>,
    /// How long records may take to end after the last was handed over.
    pub(super) give_up: Duration,
    pub(super) next: u64,
}

/// How a record went.
enum Handed {
    /// The client has it, or has refused it for good.
    Over,
    /// The load was stopped, or the hold was over, before the client took it.
    TooLate,
}

impl Sender {
    /// Sends the load that begins at `start` and waits until every record of it has ended.
    pub(super) fn run(mut self, start: Moment) {
        let account = Arc::clone(&self.account);
        let schedule = account.begin(start);
        if schedule.rate().is_some() {
            self.send_on_schedule(schedule);
        } else {
            self.send_unthrottled(schedule);
            self.producer.context().unshare_clock();
        }
        account.mark(self.clock.now());
        account.cut(self.clock.now());
        self.see_out();
        account.end(self.clock.now());
    }

    fn send_on_schedule(&mut self, schedule: &Schedule) {
        let mut ceiling = None;
        let mut changes = 0;
        while !self.orders.is_stop() && schedule.count().is_none_or(|count| self.next < count) {
            if changes != schedule.changes() {
                changes = schedule.changes();
                ceiling = schedule.rate().map(Ceiling::over);
            }
            // What falls due within the hold's last tick is still sent when the hold is over, and nothing later.
            let over = schedule.end().is_some_and(|end| self.clock.now() >= end);
            self.tick(schedule, ceiling.as_ref());
            if over {
                break;
            }
            thread::sleep(self.pause(schedule));
        }
    }

    /// Hands over what is due, as far as the ceiling allows.
    fn tick(&mut self, schedule: &Schedule, ceiling: Option<&Ceiling>) {
        let Some(due) = schedule.due_by(self.clock.now()) else { return };
        'due: while self.next < due {
            let Some(allowed) = ceiling.and_then(|ceiling| ceiling.allow(due - self.next)) else { break };
            for _ in 0..allowed {
                match self.hand_over(schedule) {
                    Handed::Over => {}
                    Handed::TooLate => break 'due,
                }
            }
        }
        self.account.mark(self.clock.now());
    }

    /// How long nothing has to be done.
    fn pause(&self, schedule: &Schedule) -> Duration {
        let until_due = schedule.due(self.next).map_or(TICK, |due| due.since(self.clock.now()));
        match self.pacing {
            Pacing::Ticks => until_due.clamp(TICK, LONGEST_PAUSE),
            // A record that is due and was not allowed waits for its ceiling.
            Pacing::Precise if until_due.is_zero() => TICK,
            Pacing::Precise => until_due.min(LONGEST_PAUSE),
        }
    }

    fn send_unthrottled(&mut self, schedule: &Schedule) {
        let count = schedule.count().unwrap_or(u64::MAX);
        while self.next < count && !self.orders.is_stop() {
            for _ in 0..BURST.min(count - self.next) {
                match self.hand_over(schedule) {
                    Handed::Over => {}
                    Handed::TooLate => return,
                }
            }
            take_deliveries(&self.producer, &self.account);
            if schedule.end().is_some_and(|end| self.clock.now() >= end) {
                return;
            }
        }
    }

    /// Hands over the next record.
    fn hand_over(&mut self, schedule: &Schedule) -> Handed {
        let sequence = self.next;
        let topics = self.topics.len() as u64;
        // Keys and kinds of message go on once every topic has had its turn, so that each topic gets all of them.
        let turn = sequence / topics.max(1);
        // The remainders are below the numbers of topics and of keys, which fit any usize.
        let Some(topic) = self.topics.get((sequence % topics.max(1)) as usize) else {
            return Handed::TooLate;
        };
        let key = self.keys.get((turn % (self.keys.len() as u64).max(1)) as usize);
        let mut handed = self.clock.now();
        let opened = self.transactions.as_mut().map(|transactions| transactions.open(&self.producer, handed));
        if self.is_uncommitted(opened) {
            return Handed::TooLate;
        }
        let due = schedule.due(sequence);
        let mut blocked = false;
        loop {
            let due = due.unwrap_or(handed);
            let stamp = Stamp { kind: Kind::Load, run: self.run, tier: self.tier, sequence, due, handed };
            let payload = self.renderer.render(turn, &stamp);
            let mut record =
                BaseRecord::with_opaque_to(topic, Ticket::new(sequence, handed).0).payload(payload);
            record.key = key.map(String::as_str);
            record.headers = self.is_stamped.then(|| {
                let stamp = stamp.encode();
                OwnedHeaders::new_with_capacity(1).insert(Header { key: Stamp::HEADER, value: Some(&stamp) })
            });
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    let over = schedule.end().is_some_and(|end| handed >= end.after(TICK));
                    if over || self.orders.is_stop() {
                        return Handed::TooLate;
                    }
                    if !blocked {
                        blocked = true;
                        self.account.blockage();
                    }
                    self.account.mark(handed);
                    thread::sleep(TICK);
                    if self.poller.is_none() {
                        take_deliveries(&self.producer, &self.account);
                    }
                    let now = self.clock.now();
                    self.account.blocked(now.since(handed));
                    handed = now;
                }
                Err((error, _)) => {
                    failed(&self.account, sequence, &error);
                    break;
                }
            }
        }
        self.account.offered(sequence, handed);
        self.next += 1;
        let committed =
            self.transactions.as_mut().map(|transactions| transactions.commit_if_due(&self.producer, handed));
        if self.is_uncommitted(committed) { Handed::TooLate } else { Handed::Over }
    }

    /// Whether a transaction has failed, which ends the load.
    fn is_uncommitted(&self, done: Option<Result<(), Uncommitted>>) -> bool {
        let Some(Err(Uncommitted { records, error })) = done else { return false };
        self.account.uncommitted(records, error.to_string());
        self.orders.stop();
        true
    }

    /// Waits for the records in flight; what has not ended by then is purged, which the account says.
    fn see_out(&mut self) {
        let begun = Instant::now();
        while self.producer.flush(GLANCE).is_err() {
            if begun.elapsed() >= self.give_up || self.orders.is_abandon() {
                self.producer.purge(PurgeConfig::default().queue().inflight());
                // Purged records are failures, which the client reports like any other.
                let _ = self.producer.flush(FLUSH_GRACE);
                break;
            }
        }
        let committed = self.transactions.as_mut().map(|transactions| transactions.commit(&self.producer));
        self.is_uncommitted(committed);
    }
}

/// Takes the deliveries that have come, event by event.
fn take_deliveries(producer: &Producing, account: &TierAccount) {
    let mut closed = account.closed();
    loop {
        producer.context().share_clock();
        producer.poll(Duration::ZERO);
        let now_closed = account.closed();
        if now_closed == closed {
            return;
        }
        closed = now_closed;
    }
}

/// Takes deliveries until it is dropped.
pub(super) struct Poller {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    pub(super) fn start(producer: Arc<Producing>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let poll = move || {
            while !stopped.load(Ordering::Acquire) {
                producer.poll(POLL);
            }
        };
        let thread = thread::Builder::new().name("ramp-deliveries".to_owned()).spawn(poll)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so.
            let _ = thread.join();
        }
    }
}

pub(super) fn keys(keys: Keys) -> Vec<String> {
    match keys {
        Keys::None => Vec::new(),
        Keys::Uniform => (1..=KEYS).map(|number| format!("key_{number}")).collect(),
    }
}

/// The users' applications use the keys `key_1` to `key_1000`.
const KEYS: u32 = 1_000;

const TICK: Duration = Duration::from_millis(1);

/// The load looks for orders at least this often.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// Records between two looks at orders and clock where nothing else limits the load.
const BURST: u64 = 128;

/// The end of a load is seen so exactly.
pub(super) const GLANCE: Duration = Duration::from_millis(10);

/// How long the deliveries' thread looks for them before it looks for its end.
const POLL: Duration = Duration::from_millis(100);

/// What the client may take beyond the delivery timeout to report on its records.
pub(super) const FLUSH_GRACE: Duration = Duration::from_secs(2);
