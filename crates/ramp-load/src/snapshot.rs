//! What is known of a load at a moment, and a stream of it while the load runs.

use std::time::Duration;

use ramp_core::units::Rate;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{latency::Distribution, probe::sample::LossEstimate, producer::Load};

/// What the producer knows of its load: from the load's start, or of an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSnapshot {
    /// When it begins, from the load's start.
    pub from: Duration,
    /// How long it covers.
    pub span: Duration,
    /// The rate in force at its end; `None` where the load is unthrottled.
    pub rate: Option<Rate>,
    /// Records of the whole load at that rate; `None` where nobody can tell.
    pub planned: Option<u64>,
    /// Records that fell due. In an unthrottled load a record is due when it is handed over.
    pub due: u64,
    /// Records handed to the client.
    pub offered: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records that finally failed.
    pub failed: u64,
    /// Those among the failed that the client gave up on at the load's end. They may have been written all the same.
    pub purged: u64,
    /// Bytes of the acknowledged records' payloads.
    pub bytes: u64,
    /// Time during which the client would take no more.
    pub blocked: Duration,
    /// How often that happened.
    pub blockages: u64,
    /// How many records, so far, are in transactions that were not committed, and why the last was not. Acknowledged or
    /// not, no reader of committed records sees them.
    pub uncommitted: Option<(u64, String)>,
    /// Due → handed to the client.
    pub lateness: Distribution,
    /// Handed to the client → acknowledged: what a closed loop would report.
    pub ack: Distribution,
    /// Due → acknowledged.
    pub total: Distribution,
}

impl LoadSnapshot {
    /// Records handed to the client that are neither acknowledged nor failed. Meaningful from the load's start only.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.offered.saturating_sub(self.acknowledged).saturating_sub(self.failed)
    }

    /// Records that fell due and were not handed over.
    #[must_use]
    pub const fn not_offered(&self) -> u64 {
        self.due.saturating_sub(self.offered)
    }

    /// What happened since `earlier`, which is an earlier snapshot of the same load.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            from: earlier.from + earlier.span,
            span: self.span.saturating_sub(earlier.span),
            rate: self.rate,
            planned: self.planned,
            due: self.due.saturating_sub(earlier.due),
            offered: self.offered.saturating_sub(earlier.offered),
            acknowledged: self.acknowledged.saturating_sub(earlier.acknowledged),
            failed: self.failed.saturating_sub(earlier.failed),
            purged: self.purged.saturating_sub(earlier.purged),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            blocked: self.blocked.saturating_sub(earlier.blocked),
            blockages: self.blockages.saturating_sub(earlier.blockages),
            uncommitted: self.uncommitted.clone(),
            lateness: self.lateness.since(&earlier.lateness),
            ack: self.ack.since(&earlier.ack),
            total: self.total.since(&earlier.total),
        }
    }
}

/// What a probe has seen of a load's records: from the load's start, or of an interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArrivalSnapshot {
    /// Records that have arrived, each counted once.
    pub arrived: u64,
    /// Records among them that had lost their header and were known by their payload.
    pub by_payload: u64,
    /// Records among them that lay there before the probe began: they have no latency.
    pub was_there: u64,
    /// Records that arrived again.
    pub duplicates: u64,
    /// Records that arrived behind a later one of the same partition (first arrivals only).
    pub reordered: u64,
    /// Records that arrived behind a later one of the same key, of the first 262 144 keys.
    pub reordered_by_key: u64,
    /// Records that were seen before they were sent, by the two clocks. They count with a latency of 0.
    pub negative: u64,
    /// By how much the most of these was early: the clocks differ by at least as much.
    pub ahead: Duration,
    /// Due → seen on the target.
    pub latency: Distribution,
    /// Handed to the client → seen on the target.
    pub from_handover: Distribution,
    /// Acknowledged → seen on the target, of records that were acknowledged less than a million records ago.
    pub replication: Distribution,
    /// Records that were seen before their acknowledgement was; in `replication` they count as 0.
    pub before_ack: u64,
}

impl ArrivalSnapshot {
    /// Adds what was seen of another load.
    pub fn merge(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.by_payload += other.by_payload;
        self.was_there += other.was_there;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.reordered_by_key += other.reordered_by_key;
        self.negative += other.negative;
        self.ahead = self.ahead.max(other.ahead);
        self.latency.merge(&other.latency);
        self.from_handover.merge(&other.from_handover);
        self.replication.merge(&other.replication);
        self.before_ack += other.before_ack;
    }

    /// What happened since `earlier`, which is an earlier snapshot of the same load. `ahead` is that of the whole.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            arrived: self.arrived.saturating_sub(earlier.arrived),
            by_payload: self.by_payload.saturating_sub(earlier.by_payload),
            was_there: self.was_there.saturating_sub(earlier.was_there),
            duplicates: self.duplicates.saturating_sub(earlier.duplicates),
            reordered: self.reordered.saturating_sub(earlier.reordered),
            reordered_by_key: self.reordered_by_key.saturating_sub(earlier.reordered_by_key),
            negative: self.negative.saturating_sub(earlier.negative),
            ahead: self.ahead,
            latency: self.latency.since(&earlier.latency),
            from_handover: self.from_handover.since(&earlier.from_handover),
            replication: self.replication.since(&earlier.replication),
            before_ack: self.before_ack.saturating_sub(earlier.before_ack),
        }
    }
}

/// What the partitions that a probe reads tell of a whole load, where it does not read all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleSnapshot {
    /// How many partitions are read.
    pub read: usize,
    /// Of how many.
    pub partitions: usize,
    /// Records that were acknowledged in partitions that are read.
    pub acknowledged: u64,
    /// Records that were acknowledged in the others. Nothing else is known of them.
    pub unread: u64,
    /// How many of all acknowledged records have not arrived, as far as the partitions that are read tell. After the last
    /// arrival: how many are lost.
    pub lost: LossEstimate,
    /// So many of the partitions that are not read may be unlike all that are, with 95 % confidence: slow, or losing
    /// records. Nothing that was measured would show it.
    pub unlike: usize,
    /// Records that arrived in a partition that is read and were written to another one. Where there are any, the
    /// replication does not keep partitions and no figure of a sample means what it says.
    pub moved: u64,
}

/// What came after the warm-up of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Steady {
    /// How long it covers, from the first record's hand-over on.
    pub span: Duration,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Handed to the client → acknowledged.
    pub ack: Distribution,
    /// Due → acknowledged.
    pub total: Distribution,
}

/// A load's intervals, one after the other, until it has finished. Together they are the whole load.
#[derive(Debug)]
pub struct Snapshots<'a> {
    load: &'a Load,
    ticks: Interval,
    last: Option<LoadSnapshot>,
    over: bool,
}

impl<'a> Snapshots<'a> {
    pub(crate) fn new(load: &'a Load, every: Duration) -> Self {
        let every = every.max(SHORTEST);
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { load, ticks, last: None, over: false }
    }

    /// The next interval, when it is over; the last one ends with the load and may be shorter. `None` after that.
    pub async fn next(&mut self) -> Option<LoadSnapshot> {
        if self.over {
            return None;
        }
        tokio::select! {
            biased;
            () = self.load.finished() => self.over = true,
            _ = self.ticks.tick() => {}
        }
        let now = self.load.snapshot();
        let interval = self.last.as_ref().map_or_else(|| now.clone(), |last| now.since(last));
        self.last = Some(now);
        Some(interval)
    }
}

const SHORTEST: Duration = Duration::from_millis(1);
