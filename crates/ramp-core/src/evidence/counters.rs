//! Counters across resets and restarts.

use std::collections::BTreeMap;

use crate::{observation::Point, units::Elapsed};

/// The running increase of every series of a counter since the campaign's start, across resets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counters(BTreeMap<String, Counter>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Counter {
    newest: Elapsed,
    last: f64,
    total: f64,
}

impl Counters {
    /// Takes the values of one reading.
    ///
    /// A counter that falls was reset: its value is what it has counted since. A series that appears in a later
    /// reading than the first was born: it counts from zero. Whoever reads the counters hands over with the first
    /// reading what was known before of series that are not there now.
    pub(crate) fn take(&mut self, points: &[Point]) {
        let is_first = self.0.is_empty();
        for Point { series, value, scraped } in points.iter().filter(|point| point.value.is_finite()) {
            let Some(counter) = self.0.get_mut(series) else {
                let total = if is_first { 0.0 } else { *value };
                self.0.insert(series.clone(), Counter { newest: *scraped, last: *value, total });
                continue;
            };
            if *scraped > counter.newest {
                counter.total += if *value < counter.last { *value } else { *value - counter.last };
                counter.newest = *scraped;
                counter.last = *value;
            }
        }
    }

    /// Whether no series was ever seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The increase of a series since the campaign's start; nothing where it was never seen.
    pub(crate) fn total(&self, series: &str) -> f64 {
        self.0.get(series).map_or(0.0, |counter| counter.total)
    }

    /// The series that have increased since `before`.
    pub(crate) fn grown_since(&self, before: &Self) -> impl Iterator<Item = &str> {
        let grown = self.0.iter().filter(|(series, counter)| counter.total > before.total(series));
        grown.map(|(series, _)| series.as_str())
    }

    /// The increase of all series together since the campaign's start.
    pub(crate) fn sum(&self) -> f64 {
        self.0.values().map(|counter| counter.total).sum()
    }
}
