//! When how many records had been handed over, as far back as the bound on latency looks.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Moment;

#[derive(Debug)]
pub(super) struct Handed {
    /// In steps of [`MARK`].
    marks: VecDeque<(Moment, u64)>,
    /// At the last hand-over of all.
    last: (Moment, u64),
}

impl Default for Handed {
    fn default() -> Self {
        Self { marks: VecDeque::new(), last: (Moment::from_nanos(0), 0) }
    }
}

impl Handed {
    /// Notes that so many records had been handed over at `now`; nobody asks for what lies further back than `bound`.
    pub(super) fn mark(&mut self, now: Moment, handed: u64, bound: Duration) {
        let state = (now, handed);
        if self.marks.back().is_none_or(|(last, _)| now.since(*last) >= MARK) {
            self.marks.push_back(state);
            let horizon = now.before(bound.saturating_add(HORIZON_GRACE));
            while self.marks.get(1).is_some_and(|(second, _)| *second < horizon) {
                self.marks.pop_front();
            }
        }
        self.last = state;
    }

    /// How many records had surely been handed over by `moment`.
    pub(super) fn by(&self, moment: Moment) -> u64 {
        if self.last.0 <= moment {
            return self.last.1;
        }
        let after = self.marks.partition_point(|(at, _)| *at <= moment);
        after.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |(_, handed)| *handed)
    }
}

/// The granularity at which hand-overs are kept.
const MARK: Duration = Duration::from_millis(10);

/// How much longer than the bound hand-overs are kept.
const HORIZON_GRACE: Duration = Duration::from_secs(10);
