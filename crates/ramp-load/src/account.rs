//! The account of one tier: every record from its due time to its arrival, kept by producer and probe together.
//!
//! Counts are exact and come from one bit per record and stage; histograms are for display.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use ramp_core::{
    observation::{LatencySnapshot, LoadLimit, LoadPart, LoadProgress},
    units::Rate,
};

use crate::{
    clock::Moment,
    lock::lock,
    schedule::Schedule,
    stamp::{RunId, Stamp},
};

/// One tier's account.
#[derive(Debug)]
pub struct TierAccount {
    run: RunId,
    tier: u16,
    rate: Rate,
    hold: Duration,
    bound: Duration,
    schedule: OnceLock<Schedule>,
    /// When the schedule was ended before its time; 0 while it was not.
    cut: AtomicU64,
    offered: AtomicU64,
    blocked: AtomicU64,
    acknowledged: Records,
    failed: Records,
    arrived: Records,
    sending: Mutex<Sending>,
    delivery: Mutex<Delivery>,
    arrival: Mutex<Arrival>,
}

/// What the sending thread adds to once per tick.
#[derive(Debug)]
struct Sending {
    lateness: Histogram<u64>,
    /// How many records had been handed over by then, in steps of [`MARK`].
    marks: Vec<(Moment, u64)>,
    /// The same at the last hand-over of all.
    last: (Moment, u64),
}

#[derive(Debug)]
struct Delivery {
    total: Histogram<u64>,
    failures: BTreeMap<String, u64>,
    limit: Option<LoadLimit>,
}

#[derive(Debug)]
struct Arrival {
    latency: Histogram<u64>,
    late: u64,
    late_from_handover: u64,
    duplicates: u64,
    reordered: u64,
    /// The highest sequence that has arrived of each partition.
    highest: Vec<Option<u64>>,
}

impl TierAccount {
    /// The account of a tier of `rate` for `hold`, whose latencies are held against `bound`.
    #[must_use]
    pub fn new(run: RunId, tier: u16, rate: Rate, hold: Duration, bound: Duration) -> Self {
        let records = || Records::new(rate.records_in(hold));
        Self {
            run,
            tier,
            rate,
            hold,
            bound,
            schedule: OnceLock::new(),
            cut: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            acknowledged: records(),
            failed: records(),
            arrived: records(),
            sending: Mutex::new(Sending {
                lateness: histogram(),
                marks: Vec::new(),
                last: (Moment::from_nanos(0), 0),
            }),
            delivery: Mutex::new(Delivery { total: histogram(), failures: BTreeMap::new(), limit: None }),
            arrival: Mutex::new(Arrival {
                latency: histogram(),
                late: 0,
                late_from_handover: 0,
                duplicates: 0,
                reordered: 0,
                highest: Vec::new(),
            }),
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
    pub fn begin(&self, start: Moment) -> Schedule {
        *self.schedule.get_or_init(|| Schedule::new(start, self.rate, self.hold))
    }

    /// Ends the schedule at `now`: nothing more falls due.
    pub fn cut(&self, now: Moment) {
        // Only the first cut counts.
        let _ = self.cut.compare_exchange(0, now.as_nanos().max(1), Ordering::AcqRel, Ordering::Acquire);
    }

    /// Notes that the records from the last call up to `sequence`, not included, have been handed over.
    /// `lateness` holds how late each was, in nanoseconds.
    pub fn offered(&self, sequence: u64, now: Moment, lateness: &[u64]) {
        let mut sending = lock(&self.sending);
        for &nanos in lateness {
            sending.lateness.saturating_record(micros(nanos));
        }
        if sending.marks.last().is_none_or(|(last, _)| now.since(*last) >= MARK) {
            sending.marks.push((now, sequence));
        }
        sending.last = (now, sequence);
        self.offered.store(sequence, Ordering::Release);
    }

    /// Notes that the sending thread was blocked for `span` by a client that would take no more.
    pub fn blocked(&self, span: Duration) {
        self.blocked.fetch_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Notes that record `sequence` was acknowledged at `at`.
    pub fn acknowledged(&self, sequence: u64, at: Moment) {
        if self.acknowledged.mark(sequence)
            && let Some(schedule) = self.schedule.get()
        {
            let total = nanos(at.since(schedule.due(sequence)));
            lock(&self.delivery).total.saturating_record(micros(total));
        }
    }

    /// Notes that record `sequence` finally failed with `error`, which `part` is to answer for.
    pub fn failed(&self, sequence: u64, part: LoadPart, error: &str) {
        if self.failed.mark(sequence) {
            let mut delivery = lock(&self.delivery);
            let count = delivery.failures.entry(error.to_owned()).or_default();
            *count += 1;
            let detail = format!("{error} ({count} records)");
            delivery.limit = Some(LoadLimit { part, detail });
        }
    }

    /// Notes that the record of `stamp` was seen at `at` in the partition that its reader numbers `partition`.
    /// A record that is not of this tier is ignored.
    pub fn arrived(&self, partition: usize, stamp: &Stamp, at: Moment) {
        if stamp.run != self.run || stamp.tier != self.tier || stamp.sequence >= self.arrived.capacity() {
            return;
        }
        let mut arrival = lock(&self.arrival);
        if !self.arrived.mark(stamp.sequence) {
            arrival.duplicates += 1;
            return;
        }
        let latency = at.since(stamp.due);
        arrival.latency.saturating_record(micros(nanos(latency)));
        arrival.late += u64::from(latency >= self.bound);
        arrival.late_from_handover += u64::from(at.since(stamp.handed) >= self.bound);
        if arrival.highest.len() <= partition {
            arrival.highest.resize(partition + 1, None);
        }
        let Some(highest) = arrival.highest.get_mut(partition) else { return };
        let behind = highest.is_some_and(|highest| stamp.sequence < highest);
        *highest = (*highest).max(Some(stamp.sequence));
        arrival.reordered += u64::from(behind);
    }

    /// Whether every record handed over has been acknowledged or has failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.acknowledged.count() + self.failed.count() >= self.offered.load(Ordering::Acquire)
    }

    /// The load's account at `now`.
    #[must_use]
    pub fn progress(&self, now: Moment) -> LoadProgress {
        let due = self.schedule.get().map_or(0, |schedule| schedule.due_by(self.last(now)));
        let offered = self.offered.load(Ordering::Acquire);
        let lateness_p99 = quantile(&lock(&self.sending).lateness, 0.99).unwrap_or_default();
        let blocked = Duration::from_nanos(self.blocked.load(Ordering::Relaxed));
        let limit = lock(&self.delivery).limit.clone();
        LoadProgress {
            due,
            offered,
            acknowledged: self.acknowledged.count(),
            failed: self.failed.count(),
            lateness_p99,
            blocked,
            limit: limit.or_else(|| self.shortfall(due, offered, blocked)),
        }
    }

    /// Arrivals and latencies at `now`, from one pass over the records' bits.
    #[must_use]
    pub fn latency(&self, now: Moment) -> LatencySnapshot {
        let offered = self.offered.load(Ordering::Acquire);
        let Some(schedule) = self.schedule.get() else { return LatencySnapshot::default() };
        let arrival = lock(&self.arrival);
        let ripe = now.before(self.bound);
        let due = schedule.due_by(ripe).min(offered);
        let handed = lock(&self.sending).handed_by(ripe).min(offered);
        let mut histogram = arrival.latency.clone();
        let mut snapshot = LatencySnapshot {
            offered,
            arrived: self.arrived.count(),
            late: arrival.late,
            late_from_handover: arrival.late_from_handover,
            duplicates: arrival.duplicates,
            reordered: arrival.reordered,
            ..LatencySnapshot::default()
        };
        let mean = (!histogram.is_empty()).then(|| histogram.mean());
        snapshot.mean = mean.map(|micros| Duration::from_secs_f64(micros / 1e6));
        for word in 0..self.arrived.words(offered) {
            let arrived = self.arrived.word(word);
            let missing = !arrived & !self.failed.word(word) & below(offered, word);
            let acknowledged = self.acknowledged.word(word) & !arrived & below(offered, word);
            snapshot.outstanding += u64::from(acknowledged.count_ones());
            snapshot.overdue += u64::from((missing & below(due, word)).count_ones());
            snapshot.overdue_from_handover += u64::from((missing & below(handed, word)).count_ones());
            let first = word as u64 * 64;
            if missing == u64::MAX && self.rate.get() >= DENSE {
                let age = nanos(now.since(schedule.due(first + 32)));
                histogram.saturating_record_n(micros(age), 64);
            } else {
                for bit in (0..64).filter(|bit| missing >> bit & 1 == 1) {
                    histogram.saturating_record(micros(nanos(now.since(schedule.due(first + bit)))));
                }
            }
        }
        // Until here no record could arrive, so that each is counted as arrived or as missing and never as neither.
        drop(arrival);
        snapshot.p50 = quantile(&histogram, 0.50);
        snapshot.p99 = quantile(&histogram, 0.99);
        snapshot.max = quantile(&histogram, 1.0);
        snapshot
    }

    /// Latencies from the due time to the acknowledgement: p50, p99 and the highest, once there are any.
    #[must_use]
    pub fn acknowledgement(&self) -> Option<[Duration; 3]> {
        let delivery = lock(&self.delivery);
        let of = |q| quantile(&delivery.total, q);
        Some([of(0.50)?, of(0.99)?, of(1.0)?])
    }

    /// Records that finally failed, by the error.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<String, u64> {
        lock(&self.delivery).failures.clone()
    }

    /// The moment up to which the schedule has run at `now`.
    fn last(&self, now: Moment) -> Moment {
        match self.cut.load(Ordering::Acquire) {
            0 => now,
            cut => now.min(Moment::from_nanos(cut)),
        }
    }

    /// What holds back a load that is behind its schedule by more than a tick can explain.
    fn shortfall(&self, due: u64, offered: u64, blocked: Duration) -> Option<LoadLimit> {
        let behind = due.saturating_sub(offered);
        if behind <= self.rate.records_in(Duration::from_millis(100)) {
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

impl Sending {
    /// How many records had surely been handed over by `moment`.
    fn handed_by(&self, moment: Moment) -> u64 {
        if self.last.0 <= moment {
            return self.last.1;
        }
        let after = self.marks.partition_point(|(at, _)| *at <= moment);
        after.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |(_, handed)| *handed)
    }
}

/// One bit per record, and how many are set.
#[derive(Debug)]
struct Records {
    bits: Vec<AtomicU64>,
    capacity: u64,
    count: AtomicU64,
}

impl Records {
    fn new(capacity: u64) -> Self {
        let words = usize::try_from(capacity.div_ceil(64)).unwrap_or(usize::MAX);
        let bits = std::iter::repeat_with(|| AtomicU64::new(0)).take(words).collect();
        Self { bits, capacity, count: AtomicU64::new(0) }
    }

    const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Sets a record's bit; false where it was set before, or there is no such record.
    fn mark(&self, record: u64) -> bool {
        let word = usize::try_from(record / 64).ok().and_then(|word| self.bits.get(word));
        let mask = 1 << (record % 64);
        let fresh = word.is_some_and(|word| word.fetch_or(mask, Ordering::AcqRel) & mask == 0);
        self.count.fetch_add(u64::from(fresh), Ordering::AcqRel);
        fresh
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    fn word(&self, word: usize) -> u64 {
        self.bits.get(word).map_or(0, |bits| bits.load(Ordering::Acquire))
    }

    /// How many words hold the first `records` records.
    fn words(&self, records: u64) -> usize {
        usize::try_from(records.div_ceil(64)).unwrap_or(usize::MAX).min(self.bits.len())
    }
}

/// The bits of `word` whose records come before `end`.
fn below(end: u64, word: usize) -> u64 {
    match end.saturating_sub(word as u64 * 64) {
        0 => 0,
        rest @ 1..=63 => (1 << rest) - 1,
        _all => u64::MAX,
    }
}

fn quantile(histogram: &Histogram<u64>, quantile: f64) -> Option<Duration> {
    let micros = || Duration::from_micros(histogram.value_at_quantile(quantile));
    (!histogram.is_empty()).then(micros)
}

/// Three significant digits from 1 µs to 1 h; what lies beyond counts as 1 h.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_MICROS, 3).expect("1 µs to 1 h with 3 digits is a valid range")
}

const HIGHEST_MICROS: u64 = 3_600_000_000;

/// From this rate on, 64 records in a row are due within 10 ms and share an age.
const DENSE: u32 = 6_400;

/// The granularity at which hand-overs are kept.
const MARK: Duration = Duration::from_millis(10);

const fn micros(nanos: u64) -> u64 {
    nanos / 1_000
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
