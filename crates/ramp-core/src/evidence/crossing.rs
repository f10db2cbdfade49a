//! One criterion's crossings during one tier.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::Extreme;
use crate::{criterion::Criterion, signal::Signal, units::Elapsed, verdict::Finding};

/// A value of a series, without a copy of the series' name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub(super) value: f64,
    pub(super) series: Arc<str>,
    pub(super) at: Elapsed,
}

impl Value {
    pub(super) fn extreme(&self) -> Extreme {
        Extreme { value: self.value, series: (*self.series).to_owned(), at: self.at }
    }
}

/// How one criterion has been crossed so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Crossing {
    /// The series that cross now: since when, and until when that is known.
    crossing: BTreeMap<Arc<str>, (Elapsed, Elapsed)>,
    longest: Duration,
    worst: Option<Value>,
    panel: Option<f64>,
    first: Option<Elapsed>,
    met: bool,
}

impl Crossing {
    /// Takes a new value of a series, and what the dashboard's own aggregate showed then.
    ///
    /// Series may be read at different times, so that each has a crossing of its own. One that was not read for more
    /// than two and a half intervals may have recovered meanwhile: its crossing begins anew.
    pub(super) fn take(
        &mut self,
        criterion: &Criterion,
        interval: Duration,
        value: &Value,
        panel: Option<f64>,
    ) {
        if !criterion.comparison.crosses(value.value, criterion.bound) {
            self.crossing.remove(&value.series);
            return;
        }
        let lasted = match self.crossing.get_mut(&value.series) {
            Some((since, until)) => {
                if value.at.since(*until) > interval.saturating_mul(5) / 2 {
                    *since = value.at;
                }
                *until = value.at;
                value.at.since(*since)
            }
            None => {
                self.crossing.insert(value.series.clone(), (value.at, value.at));
                Duration::ZERO
            }
        };
        self.first.get_or_insert(value.at);
        self.longest = self.longest.max(lasted);
        self.met |= lasted >= criterion.sustained;
        if self.worst.as_ref().is_none_or(|known| criterion.comparison.is_worse(value.value, known.value)) {
            self.worst = Some(value.clone());
            self.panel = panel;
        }
    }

    /// Whether a crossing has lasted as long as the criterion asks.
    pub(super) const fn is_met(&self) -> bool {
        self.met
    }

    /// The series that has crossed for as long as the criterion asks and did so when it was last read.
    pub(super) fn now(&self, criterion: &Criterion) -> Option<&Arc<str>> {
        let lasting = |(since, until): &(Elapsed, Elapsed)| until.since(*since) >= criterion.sustained;
        self.crossing.iter().find(|(_, span)| lasting(span)).map(|(series, _)| series)
    }

    /// The finding on a criterion whose every value counts, if it was met.
    pub(super) fn finding(&self, signal: &Signal, criterion: &Criterion) -> Option<Finding> {
        let worst = self.worst.as_ref().filter(|_| self.met)?;
        Some(self.crossed(signal, criterion, worst, self.panel))
    }

    /// The finding on a criterion that only the tier's last word counts for, if that crosses.
    pub(super) fn settled(&self, signal: &Signal, criterion: &Criterion, word: &Value) -> Option<Finding> {
        let crosses = criterion.comparison.crosses(word.value, criterion.bound);
        crosses.then(|| self.crossed(signal, criterion, word, None))
    }

    fn crossed(&self, signal: &Signal, criterion: &Criterion, word: &Value, panel: Option<f64>) -> Finding {
        Finding::Crossed {
            criterion: criterion.clone(),
            unit: signal.unit,
            source: signal.source.clone(),
            series: (*word.series).to_owned(),
            value: word.value,
            panel,
            first: self.first.unwrap_or(word.at),
            lasted: self.longest,
        }
    }
}
