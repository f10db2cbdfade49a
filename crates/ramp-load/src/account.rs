//! The account of one load: every record from its due time to its arrival, kept by producer and probe together.
//!
//! Counts are exact. Where a probe watches, they come from one bit per record and stage; histograms are for display.

mod acks;
mod arrivals;
mod handed;
mod placed;
mod records;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ramp_core::{
    observation::{LatencySnapshot, LoadLimit, LoadPart, LoadProgress, TailPoint, Throttle},
    statistics::{NINETY_NINE, quantile_ranks, tail_ranks},
    units::Rate,
};
use rdkafka::error::RDKafkaErrorCode;

pub(crate) use self::arrivals::Arrivals;
pub use self::arrivals::Sighting;
use self::{
    acks::Acks,
    arrivals::Sent,
    handed::Handed,
    placed::Placed,
    records::{Records, below, words},
};
use crate::{
    clock::Moment,
    latency::{nanos, quantile},
    ledger::Ledger,
    lock::lock,
    probe::sample::Sample,
    schedule::{Pace, RateChangeError, Schedule, Until},
    snapshot::{ArrivalSnapshot, LoadSnapshot, SampleSnapshot, Steady},
    stamp::{Identity, Kind, RunId},
};

/// One load's account.
#[derive(Debug)]
pub struct TierAccount {
    run: RunId,
    tier: u16,
    bound: Duration,
    pace: Pace,
    until: Until,
    schedule: OnceLock<Schedule>,
    /// When the schedule was ended before its time; 0 while it was not.
    cut: AtomicU64,
    /// When the last record had ended.
    ended: OnceLock<Moment>,
    ledger: Ledger,
    /// Records at the start that the steady account leaves out.
    warmup: u64,
    /// When the first record after these was handed over.
    warm: OnceLock<Moment>,
    /// Where a probe watches.
    trace: Option<Trace>,
}

/// What is kept of each record for a probe to complete.
#[derive(Debug)]
struct Trace {
    acknowledged: Records,
    failed: Records,
    arrivals: Arrivals,
    acks: Acks,
    handed: Mutex<Handed>,
    /// Where the probe reads only some partitions: what was written to them.
    placed: Option<Placed>,
}

impl TierAccount {
    /// The most records that a probe can be told of.
    pub(crate) const MOST_TRACED: u64 = Records::MOST;

    /// The account of a tier of `rate`, for a probe to complete; its latencies are held against `bound`.
    #[must_use]
    pub fn new(run: RunId, tier: u16, rate: Rate, until: Until, bound: Duration) -> Self {
        let trace = Trace {
            acknowledged: Records::new(),
            failed: Records::new(),
            arrivals: Arrivals::new(),
            acks: Acks::new(),
            handed: Mutex::default(),
            placed: None,
        };
        let untraced = Self::untraced(run, tier, Pace::Rate(rate), until, 0);
        Self { bound, trace: Some(trace), ..untraced }
    }

    /// The account for a probe that reads only the partitions of `sample`: all that it says of arrivals is of records
    /// that were written to these, as their acknowledgements tell. A campaign that is told so takes it for an observation
    /// that has missed the others, and passes no GO on it.
    #[must_use]
    pub fn of_sample(mut self, sample: Arc<Sample>) -> Self {
        if let Some(trace) = &mut self.trace {
            trace.placed = Some(Placed::new(sample));
        }
        self
    }

    /// The account of a load whose arrivals nobody sees. Its size does not grow with the load. Where there is a
    /// `warmup`, what comes after so many records is accounted once more.
    pub(crate) fn untraced(run: RunId, tier: u16, pace: Pace, until: Until, warmup: u64) -> Self {
        Self {
            run,
            tier,
            bound: Duration::MAX,
            pace,
            until,
            schedule: OnceLock::new(),
            cut: AtomicU64::new(0),
            ended: OnceLock::new(),
            ledger: Ledger::new(warmup > 0),
            warmup,
            warm: OnceLock::new(),
            trace: None,
        }
    }

    /// The run.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The tier within it.
    #[must_use]
    pub const fn tier(&self) -> u16 {
        self.tier
    }

    /// Begins the schedule at `start`, once; gives the schedule that holds.
    pub fn begin(&self, start: Moment) -> &Schedule {
        self.schedule.get_or_init(|| Schedule::new(start, self.pace, self.until))
    }

    /// Ends the schedule at `now`: nothing more falls due.
    pub fn cut(&self, now: Moment) {
        // Only the first cut counts.
        let _ = self.cut.compare_exchange(0, now.as_nanos().max(1), Ordering::AcqRel, Ordering::Acquire);
    }

    /// Notes that at `now` nothing is left that could end, the first time.
    pub(crate) fn end(&self, now: Moment) {
        self.ended.get_or_init(|| now);
    }

    /// From `now` on records fall due at `rate`.
    pub(crate) fn change(&self, now: Moment, rate: Rate) -> Result<(), RateChangeError> {
        let schedule = self.schedule.get().ok_or(RateChangeError::Unthrottled)?;
        if self.trace.is_some() {
            let rest = schedule.end().map_or(Duration::ZERO, |end| end.since(now));
            let due = schedule.due_by(now).ok_or(RateChangeError::Unthrottled)?;
            let records = due.saturating_add(rate.records_in(rest));
            if records > Self::MOST_TRACED {
                return Err(RateChangeError::TooMany { rate, records, most: Self::MOST_TRACED });
            }
        }
        schedule.change(now, rate)
    }

    /// Notes that the client took record `sequence` at `now`; the records before it have been noted.
    pub fn offered(&self, sequence: u64, now: Moment) {
        let due = self.schedule.get().and_then(|schedule| schedule.due(sequence));
        self.ledger.offered(sequence, due.map_or(Duration::ZERO, |due| now.since(due)));
        if sequence == self.warmup {
            self.warm.get_or_init(|| now);
        }
    }

    /// Notes when what has been offered was offered, once per tick.
    pub(crate) fn mark(&self, now: Moment) {
        let Some(trace) = &self.trace else { return };
        lock(&trace.handed).mark(now, self.ledger.handed(), self.bound);
    }

    /// Notes that the client takes no more for now.
    pub(crate) fn blockage(&self) {
        self.ledger.blockage();
    }

    /// Notes that the sending thread was blocked for `span` by a client that would take no more.
    pub fn blocked(&self, span: Duration) {
        self.ledger.blocked(span);
    }

    /// Notes that record `sequence` was acknowledged in `partition` of its topic; its acknowledgement is noted after that.
    pub fn placed(&self, sequence: u64, partition: i32) {
        if let Some(placed) = self.trace.as_ref().and_then(|trace| trace.placed.as_ref()) {
            placed.note(sequence, partition);
        }
    }

    /// Notes that record `sequence` of so many `bytes`, handed over at `handed`, was acknowledged at `at`.
    pub fn acknowledged(&self, sequence: u64, bytes: usize, handed: Moment, at: Moment) {
        let schedule = self.schedule.get();
        if let Some(trace) = &self.trace {
            if !trace.acknowledged.mark(sequence) {
                return;
            }
            if let Some(schedule) = schedule {
                trace.acks.note(sequence, schedule.start(), at);
            }
        }
        let due = schedule.and_then(|schedule| schedule.due(sequence)).unwrap_or(handed);
        let (ack, total) = (at.since(handed), at.since(due));
        self.ledger.delivery.acknowledged(bytes, ack, total);
        if let Some(steady) = self.ledger.steady.as_ref().filter(|_| sequence >= self.warmup) {
            steady.acknowledged(bytes, ack, total);
        }
    }

    /// Notes that record `sequence` finally failed with `code`, of which `text` tells people, and which `part` is to
    /// answer for.
    pub(crate) fn failed(
        &self,
        sequence: u64,
        part: LoadPart,
        code: Option<RDKafkaErrorCode>,
        text: impl FnOnce() -> String,
    ) {
        if self.trace.as_ref().is_none_or(|trace| trace.failed.mark(sequence)) {
            self.ledger.failed(code, text, part);
        }
    }

    /// Notes that records were seen on the target. Those that are not of this tier are ignored.
    pub fn arrived(&self, batch: &[Sighting]) {
        let (Some(trace), Some(schedule)) = (&self.trace, self.schedule.get()) else { return };
        let planned = self.planned();
        let ours = batch.iter().filter(|Sighting { stamp, .. }| {
            (stamp.kind, stamp.run, stamp.tier) == (Kind::Load, self.run, self.tier)
                && stamp.sequence < planned
        });
        let sent = |Sighting { stamp, identity, .. }: &Sighting| {
            let due = match identity {
                Identity::Header => stamp.due,
                // Its text has microseconds, the schedule has more.
                Identity::Payload => schedule.due(stamp.sequence).unwrap_or(stamp.due),
            };
            let acknowledged = trace.acks.find(stamp.sequence, schedule.start());
            Sent { due, acknowledged, bound: self.bound }
        };
        trace.arrivals.take(ours.map(|sighting| (sighting, sent(sighting))));
    }

    /// What the probe has seen so far. Nothing where none watches.
    #[must_use]
    pub fn arrivals(&self) -> ArrivalSnapshot {
        self.trace.as_ref().map_or_else(ArrivalSnapshot::default, |trace| trace.arrivals.snapshot())
    }

    /// What the partitions that are read tell of the whole load. `None` where all are read, or no probe watches.
    #[must_use]
    pub fn sample(&self) -> Option<SampleSnapshot> {
        let trace = self.trace.as_ref()?;
        let placed = trace.placed.as_ref()?;
        let seen = trace.arrivals.seen();
        let moved = |word| {
            let arrived = trace.arrivals.records().word(word) & trace.acknowledged.word(word);
            u64::from((arrived & !placed.records().word(word)).count_ones())
        };
        let moved = (0..words(self.ledger.counts().offered)).map(moved).sum();
        Some(placed.snapshot(|partition| seen.arrived_of(partition), moved))
    }

    /// True lag: records acknowledged on the source and not seen on the target. Takes no pass over the records, so that
    /// a record that arrives before its acknowledgement makes it one too low.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.trace.as_ref().map_or(0, |trace| {
            let placed = trace.placed.as_ref().map_or(&trace.acknowledged, Placed::records);
            placed.count().saturating_sub(trace.arrivals.count())
        })
    }

    /// Whether every record handed over has been acknowledged or has failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let counts = self.ledger.counts();
        counts.acknowledged + counts.failed >= counts.offered
    }

    /// The load's account at `now`.
    #[must_use]
    pub fn progress(&self, now: Moment) -> LoadProgress {
        let counts = self.ledger.counts();
        let due = self.due(now, counts.offered);
        let limit = self.ledger.limit();
        LoadProgress {
            due,
            offered: counts.offered,
            acknowledged: counts.acknowledged,
            failed: counts.failed,
            lateness_p99: self.ledger.sending.lateness.quantile(0.99).unwrap_or_default(),
            ack_p99: self.ledger.delivery.ack.quantile(0.99),
            throttle: self.ledger.throttle(),
            blocked: counts.blocked,
            limit: limit.or_else(|| self.shortfall(due, counts.offered, counts.blocked)),
        }
    }

    /// Everything that the producer knows at `now`, from the load's start until then or until the load's end.
    #[must_use]
    pub fn snapshot(&self, now: Moment) -> LoadSnapshot {
        let schedule = self.schedule.get();
        let now = self.ended.get().map_or(now, |ended| now.min(*ended));
        let counts = self.ledger.counts();
        LoadSnapshot {
            from: Duration::ZERO,
            span: schedule.map_or(Duration::ZERO, |schedule| now.since(schedule.start())),
            rate: schedule.and_then(Schedule::rate),
            planned: schedule.and_then(Schedule::count),
            due: self.due(now, counts.offered),
            offered: counts.offered,
            acknowledged: counts.acknowledged,
            failed: counts.failed,
            purged: counts.purged,
            bytes: counts.bytes,
            blocked: counts.blocked,
            blockages: counts.blockages,
            uncommitted: self.ledger.get_uncommitted(),
            lateness: self.ledger.sending.lateness.distribution(),
            ack: self.ledger.delivery.ack.distribution(),
            total: self.ledger.delivery.total.distribution(),
        }
    }

    /// What came after the warm-up, at `now`; `None` before that, or without one.
    #[must_use]
    pub fn steady(&self, now: Moment) -> Option<Steady> {
        let steady = self.ledger.steady.as_ref()?;
        let (acknowledged, bytes) = steady.sums();
        let span = now.since(*self.warm.get()?);
        Some(Steady {
            span,
            acknowledged,
            bytes,
            ack: steady.ack.distribution(),
            total: steady.total.distribution(),
        })
    }

    /// Notes by how much the cluster held back requests of the load since this was noted last.
    pub(crate) fn throttled(&self, throttle: &Throttle) {
        self.ledger.throttled(throttle);
    }

    /// Notes that the transaction of so many records was not committed.
    pub(crate) fn uncommitted(&self, records: u64, error: String) {
        self.ledger.uncommitted(records, error);
    }

    /// Arrivals and latencies at `now`, from one pass over the records' bits. Nothing where no probe watches. Where it
    /// reads only some partitions: of the records that are known to be in them. A record is once it was acknowledged or
    /// has arrived, and so counts among the offered only then.
    #[must_use]
    pub fn latency(&self, now: Moment) -> LatencySnapshot {
        let (Some(schedule), Some(trace)) = (self.schedule.get(), &self.trace) else {
            return LatencySnapshot::default();
        };
        let offered = self.ledger.counts().offered;
        let arrived = trace.arrivals.records();
        let seen = trace.arrivals.seen();
        let ripe = now.before(self.bound);
        let handed = lock(&trace.handed).by(ripe).min(offered);
        // What has no due time counts from where it was handed over.
        let due = schedule.due_by(ripe).map_or(handed, |due| due.min(offered));
        let age = |sequence| nanos(schedule.due(sequence).map_or(Duration::ZERO, |due| now.since(due)));
        let dense = schedule.rate().is_some_and(|rate| rate.get() >= DENSE);
        let mut histogram = seen.snapshot.latency.histogram().clone();
        let mut snapshot = LatencySnapshot {
            offered,
            arrived: arrived.count(),
            late: seen.late,
            late_from_handover: seen.late_from_handover,
            known_by_content: Some(seen.snapshot.by_payload),
            duplicates: seen.snapshot.duplicates,
            reordered: seen.snapshot.reordered,
            ..LatencySnapshot::default()
        };
        // Records of which nobody knows whether they are in partitions that are read, and those that are not.
        let mut outside = 0;
        let mean = (!histogram.is_empty()).then(|| histogram.mean());
        snapshot.mean = mean.map(|nanos| Duration::from_secs_f64(nanos / 1e9));
        for word in 0..words(offered) {
            let arrived = arrived.word(word);
            let mut watched = below(offered, word);
            if let Some(placed) = &trace.placed {
                watched &= placed.records().word(word) | arrived;
                outside += u64::from((below(offered, word) & !watched).count_ones());
            }
            let missing = !arrived & !trace.failed.word(word) & watched;
            let acknowledged = trace.acknowledged.word(word) & !arrived & watched;
            snapshot.outstanding += u64::from(acknowledged.count_ones());
            snapshot.overdue += u64::from((missing & below(due, word)).count_ones());
            snapshot.overdue_from_handover += u64::from((missing & below(handed, word)).count_ones());
            let first = word as u64 * 64;
            if missing == u64::MAX && dense {
                histogram.saturating_record_n(age(first + 32), 64);
            } else {
                for bit in (0..64).filter(|bit| missing >> bit & 1 == 1) {
                    histogram.saturating_record(age(first + bit));
                }
            }
        }
        // Until here no record could arrive, so that each is counted as arrived or as missing and never as neither.
        drop(seen);
        snapshot.offered -= outside;
        snapshot.p50 = quantile(&histogram, 0.50);
        snapshot.p99 = quantile(&histogram, 0.99);
        let ranked = |rank: u64| quantile(&histogram, rank as f64 / histogram.len() as f64);
        snapshot.p99_range = quantile_ranks(histogram.len(), NINETY_NINE)
            .and_then(|ranks| ranked(*ranks.start()).zip(ranked(*ranks.end())));
        snapshot.max = quantile(&histogram, 1.0);
        // The whole distribution is for people, who look at a load that is over.
        if self.ended.get().is_some() {
            let point = |(one_in, rank)| Some(TailPoint { one_in, latency: ranked(rank)? });
            snapshot.tail = tail_ranks(histogram.len()).filter_map(point).collect();
        }
        snapshot
    }

    /// Latencies from the due time to the acknowledgement: p50, p99 and the highest, once there are any.
    #[must_use]
    pub fn acknowledgement(&self) -> Option<[Duration; 3]> {
        let total = self.ledger.delivery.total.distribution();
        Some([total.quantile(0.50)?, total.quantile(0.99)?, total.max()?])
    }

    /// Records that finally failed, by the error.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<String, u64> {
        self.ledger.failures()
    }

    /// Records handed over so far, as the sending thread has noted it.
    pub(crate) fn handed(&self) -> u64 {
        self.ledger.handed()
    }

    /// Records that were acknowledged or have failed.
    pub(crate) fn closed(&self) -> u64 {
        self.ledger.closed()
    }

    fn planned(&self) -> u64 {
        self.schedule.get().and_then(Schedule::count).unwrap_or(u64::MAX)
    }

    /// How many records have fallen due by `now`.
    fn due(&self, now: Moment, offered: u64) -> u64 {
        let last = match self.cut.load(Ordering::Acquire) {
            0 => now,
            cut => now.min(Moment::from_nanos(cut)),
        };
        let due = self.schedule.get().and_then(|schedule| schedule.due_by(last));
        due.map_or(offered, |due| due.max(offered))
    }

    /// What holds back a load that is behind its schedule by more than a tick can explain.
    fn shortfall(&self, due: u64, offered: u64, blocked: Duration) -> Option<LoadLimit> {
        let rate = self.schedule.get().and_then(Schedule::rate)?;
        let behind = due.saturating_sub(offered);
        if behind <= rate.records_in(Duration::from_millis(100)) {
            return None;
        }
        let (part, why) = if blocked.is_zero() {
            (LoadPart::Client, "the generator did not keep up".to_owned())
        } else {
            let why = format!("the client's queue was full for {:.1} s", blocked.as_secs_f64());
            (LoadPart::Source, why)
        };
        Some(LoadLimit { part, detail: format!("{why}: {behind} records behind the schedule") })
    }
}

/// From this rate on, 64 records in a row are due within 10 ms and share an age.
const DENSE: u32 = 6_400;

#[cfg(test)]
mod tests;
