//! The producer's own account: how many records went which way, and how long each part of the way took.
//!
//! offered = acknowledged + failed + in flight. Threads add to it without a lock; only a failure takes one.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ramp_core::observation::{LoadLimit, LoadPart, Throttle};
use rdkafka::error::RDKafkaErrorCode;

use crate::{
    latency::{Recording, nanos},
    lock::lock,
};

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) sending: Sending,
    pub(crate) delivery: Delivery,
    /// What the delivering thread counts of the records after the warm-up, where there is one.
    pub(crate) steady: Option<Delivery>,
    failures: Mutex<Failures>,
    uncommitted: Mutex<Option<(u64, String)>>,
    throttle: Mutex<Option<Throttle>>,
}

/// What the sending thread counts, apart from what the delivering thread counts: the two run on cores of their own.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Sending {
    offered: AtomicU64,
    blocked: AtomicU64,
    blockages: AtomicU64,
    /// Due → handed to the client.
    pub(crate) lateness: Recording,
}

/// What the delivering thread counts.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Delivery {
    acknowledged: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
    purged: AtomicU64,
    /// Handed to the client → acknowledged.
    pub(crate) ack: Recording,
    /// Due → acknowledged.
    pub(crate) total: Recording,
}

#[derive(Debug, Default)]
struct Failures {
    kinds: Vec<Failure>,
    /// The place of the latest among them.
    latest: usize,
}

#[derive(Debug)]
struct Failure {
    /// `None` for what librdkafka has no code for.
    code: Option<RDKafkaErrorCode>,
    text: String,
    part: LoadPart,
    count: u64,
}

impl Delivery {
    fn new() -> Self {
        Self {
            acknowledged: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            purged: AtomicU64::new(0),
            ack: Recording::new(),
            total: Recording::new(),
        }
    }

    pub(crate) fn acknowledged(&self, bytes: usize, ack: Duration, total: Duration) {
        self.ack.record(ack);
        self.total.record(total);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.acknowledged.fetch_add(1, Ordering::Release);
    }

    /// Acknowledged records and their bytes.
    pub(crate) fn sums(&self) -> (u64, u64) {
        (self.acknowledged.load(Ordering::Acquire), self.bytes.load(Ordering::Relaxed))
    }
}

impl Ledger {
    pub(crate) fn new(is_warmed_up: bool) -> Self {
        Self {
            sending: Sending {
                offered: AtomicU64::new(0),
                blocked: AtomicU64::new(0),
                blockages: AtomicU64::new(0),
                lateness: Recording::new(),
            },
            delivery: Delivery::new(),
            steady: is_warmed_up.then(Delivery::new),
            failures: Mutex::new(Failures::default()),
            uncommitted: Mutex::new(None),
            throttle: Mutex::new(None),
        }
    }

    /// Notes that record `sequence` was handed over, `lateness` after it was due.
    pub(crate) fn offered(&self, sequence: u64, lateness: Duration) {
        self.sending.lateness.record(lateness);
        // One thread hands over, so that nobody else writes here.
        self.sending.offered.store(sequence + 1, Ordering::Release);
    }

    pub(crate) fn blocked(&self, span: Duration) {
        self.sending.blocked.fetch_add(nanos(span), Ordering::Relaxed);
    }

    pub(crate) fn blockage(&self) {
        self.sending.blockages.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that the transaction of so many records was not committed.
    pub(crate) fn uncommitted(&self, records: u64, error: String) {
        let mut uncommitted = lock(&self.uncommitted);
        let before = uncommitted.as_ref().map_or(0, |(records, _)| *records);
        *uncommitted = Some((before + records, error));
    }

    /// How many records are in transactions that were not committed, and why the last was not.
    pub(crate) fn get_uncommitted(&self) -> Option<(u64, String)> {
        lock(&self.uncommitted).clone()
    }

    /// Notes by how much the cluster held back requests since this was noted last.
    pub(crate) fn throttled(&self, throttle: &Throttle) {
        lock(&self.throttle).get_or_insert_default().merge(throttle);
    }

    /// By how much it held them back so far; `None` while that was never noted.
    pub(crate) fn throttle(&self) -> Option<Throttle> {
        *lock(&self.throttle)
    }

    pub(crate) fn failed(
        &self,
        code: Option<RDKafkaErrorCode>,
        text: impl FnOnce() -> String,
        part: LoadPart,
    ) {
        let mut failures = lock(&self.failures);
        let known = failures.kinds.iter().position(|known| known.code == code);
        failures.latest = known.unwrap_or(failures.kinds.len());
        if known.is_none() {
            failures.kinds.push(Failure { code, text: text(), part, count: 0 });
        }
        let latest = failures.latest;
        if let Some(failure) = failures.kinds.get_mut(latest) {
            failure.count += 1;
        }
        drop(failures);
        if matches!(code, Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)) {
            self.delivery.purged.fetch_add(1, Ordering::Relaxed);
        }
        self.delivery.failed.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn counts(&self) -> Counts {
        // A record is handed over before it ends: reading the ends first keeps each ended record among the offered.
        let acknowledged = self.delivery.acknowledged.load(Ordering::Acquire);
        let failed = self.delivery.failed.load(Ordering::Acquire);
        let offered = self.sending.offered.load(Ordering::Acquire);
        Counts {
            // The sender notes a record just after the client took it, which can be after its acknowledgement.
            offered: offered.max(acknowledged + failed),
            acknowledged,
            failed,
            purged: self.delivery.purged.load(Ordering::Relaxed),
            bytes: self.delivery.bytes.load(Ordering::Relaxed),
            blocked: Duration::from_nanos(self.sending.blocked.load(Ordering::Relaxed)),
            blockages: self.sending.blockages.load(Ordering::Relaxed),
        }
    }

    /// Records handed over, as the sending thread has noted it.
    pub(crate) fn handed(&self) -> u64 {
        self.sending.offered.load(Ordering::Acquire)
    }

    /// Records that were acknowledged or have failed.
    pub(crate) fn closed(&self) -> u64 {
        self.delivery.acknowledged.load(Ordering::Acquire) + self.delivery.failed.load(Ordering::Acquire)
    }

    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        let failures = lock(&self.failures);
        failures.kinds.iter().map(|failure| (failure.text.clone(), failure.count)).collect()
    }

    pub(crate) fn limit(&self) -> Option<LoadLimit> {
        let failures = lock(&self.failures);
        let Failure { text, part, count, .. } = failures.kinds.get(failures.latest)?;
        Some(LoadLimit { part: *part, detail: format!("{text} ({count} records)") })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) offered: u64,
    pub(crate) acknowledged: u64,
    pub(crate) failed: u64,
    pub(crate) purged: u64,
    pub(crate) bytes: u64,
    pub(crate) blocked: Duration,
    pub(crate) blockages: u64,
}
