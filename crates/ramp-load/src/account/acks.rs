//! When the latest records were acknowledged, so that their arrival can be counted from there.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Moment;

/// The acknowledgements of the last [`SLOTS`] records, whatever the load's length.
#[derive(Debug)]
pub(super) struct Acks {
    /// Each is the record's number above its place (24 bits) and the microsecond after the start (40 bits).
    slots: Box<[AtomicU64]>,
}

/// When a record was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// Then, to the microsecond.
    At(Moment),
    /// Not that anybody has heard of.
    NotYet,
    /// So many records ago that it has been forgotten.
    Forgotten,
}

impl Acks {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(|| AtomicU64::new(0)).take(SLOTS as usize).collect() }
    }

    /// Notes that record `sequence` of the load that began at `start` was acknowledged at `at`.
    pub(super) fn note(&self, sequence: u64, start: Moment, at: Moment) {
        if let Some(slot) = self.slot(sequence) {
            let micros = at.since(start).as_micros() as u64 & TIME;
            slot.store(lap(sequence) << TIME_BITS | micros, Ordering::Release);
        }
    }

    pub(super) fn find(&self, sequence: u64, start: Moment) -> Acknowledged {
        let noted = self.slot(sequence).map_or(0, |slot| slot.load(Ordering::Acquire));
        match (noted >> TIME_BITS).cmp(&lap(sequence)) {
            std::cmp::Ordering::Less => Acknowledged::NotYet,
            std::cmp::Ordering::Equal => {
                Acknowledged::At(start.after(std::time::Duration::from_micros(noted & TIME)))
            }
            std::cmp::Ordering::Greater => Acknowledged::Forgotten,
        }
    }

    fn slot(&self, sequence: u64) -> Option<&AtomicU64> {
        // The remainder is below the number of slots, which fits any usize.
        self.slots.get((sequence % SLOTS) as usize)
    }
}

/// Above 0, which an empty slot has.
const fn lap(sequence: u64) -> u64 {
    sequence / SLOTS + 1
}

/// 8 MiB: 10 s at 100 000 records/s.
const SLOTS: u64 = 1 << 20;
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_acknowledgement_is_known_until_a_million_records_later() {
        let (acks, start) = (Acks::new(), Moment::from_nanos(1_700_000_000_000_000_000));
        let later = start.after(Duration::from_micros(250_000_001));
        for sequence in [0, 5, SLOTS + 7] {
            assert_eq!(acks.find(sequence, start), Acknowledged::NotYet);
            acks.note(sequence, start, later);
            assert_eq!(acks.find(sequence, start), Acknowledged::At(later));
        }
        acks.note(SLOTS + 5, start, later);
        assert_eq!(acks.find(5, start), Acknowledged::Forgotten);
        assert_eq!(acks.find(SLOTS * 2 + 5, start), Acknowledged::NotYet);
    }
}
