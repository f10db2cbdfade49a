//! One criterion's crossings during one tier.

use std::{sync::Arc, time::Duration};

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
    /// When the present crossing began, while it lasts.
    since: Option<Elapsed>,
    longest: Duration,
    worst: Option<Value>,
    panel: Option<f64>,
    first: Option<Elapsed>,
    met: bool,
    now: bool,
}

impl Crossing {
    /// Takes the worst value of a reading, and what the dashboard's own aggregate showed then.
    pub(super) fn take(&mut self, criterion: &Criterion, worst: &Value, panel: Option<f64>) {
        if !criterion.comparison.crosses(worst.value, criterion.bound) {
            self.since = None;
            self.now = false;
            return;
        }
        let since = *self.since.get_or_insert(worst.at);
        let lasted = worst.at.since(since);
        self.first.get_or_insert(worst.at);
        self.longest = self.longest.max(lasted);
        self.now = lasted >= criterion.sustained;
        self.met |= self.now;
        if self.worst.as_ref().is_none_or(|known| criterion.comparison.is_worse(worst.value, known.value)) {
            self.worst = Some(worst.clone());
            self.panel = panel;
        }
    }

    /// Whether a crossing has lasted as long as the criterion asks.
    pub(super) const fn is_met(&self) -> bool {
        self.met
    }

    /// Whether that holds now.
    pub(super) const fn is_now(&self) -> bool {
        self.now
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
