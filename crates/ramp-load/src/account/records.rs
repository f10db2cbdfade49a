//! One bit per record: what makes the counts exact.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::growing::Growing;

/// One bit per record, and how many are set. Takes memory for the records that were marked, a mebi-record at a time.
#[derive(Debug)]
pub(super) struct Records {
    bits: Growing<AtomicU64, 16_384>,
    count: AtomicU64,
}

impl Records {
    /// The most records there may be: three bits each make 1.6 GB.
    pub(super) const MOST: u64 = 4_000_000_000;

    pub(super) fn new() -> Self {
        Self { bits: Growing::new(), count: AtomicU64::new(0) }
    }

    /// Sets a record's bit and counts it; false where it was set before, or there can be no such record.
    pub(super) fn mark(&self, record: u64) -> bool {
        let fresh = self.set(record);
        self.add(u64::from(fresh));
        fresh
    }

    /// Sets a record's bit, which is still to be [added](Self::add) where it was not set before.
    pub(super) fn set(&self, record: u64) -> bool {
        let word = usize::try_from(record / 64).ok().and_then(|word| self.bits.make(word));
        let mask = 1 << (record % 64);
        word.is_some_and(|word| word.fetch_or(mask, Ordering::AcqRel) & mask == 0)
    }

    pub(super) fn add(&self, set: u64) {
        self.count.fetch_add(set, Ordering::AcqRel);
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// How many of the first `records` are set.
    pub(super) fn count_below(&self, records: u64) -> u64 {
        let set = |word: usize| (self.word(word) & below(records, word)).count_ones();
        (0..words(records)).map(|word| u64::from(set(word))).sum()
    }

    pub(super) fn word(&self, word: usize) -> u64 {
        self.bits.get(word).map_or(0, |bits| bits.load(Ordering::Acquire))
    }
}

/// How many words hold the first `records` records.
pub(super) fn words(records: u64) -> usize {
    usize::try_from(records.min(Records::MOST).div_ceil(64)).unwrap_or(usize::MAX)
}

/// The bits of `word` whose records come before `end`.
pub(super) fn below(end: u64, word: usize) -> u64 {
    match end.saturating_sub(word as u64 * 64) {
        0 => 0,
        rest @ 1..=63 => (1 << rest) - 1,
        _all => u64::MAX,
    }
}
