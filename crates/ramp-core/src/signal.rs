//! Signals: named quantities with a unit that are sampled over time.

use std::{borrow::Cow, fmt, time::Duration};

/// A signal's name within a plan, such as `mm2.active_records`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct SignalId(Cow<'static, str>);

impl SignalId {
    /// The true lag: acknowledged records that have not arrived. Fed by every latency snapshot, never by readings.
    pub const LAG: Self = Self::literal("lag");

    /// The signal of that name.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The signal of a name that is known when the program is built.
    #[must_use]
    pub const fn literal(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A signal: what it measures, and how its readings are to be taken.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signal {
    /// Its name within the plan.
    pub id: SignalId,
    /// The unit of its values.
    pub unit: Unit,
    /// How a tier's readings become one figure.
    pub fold: Fold,
    /// Where its values come from, as a person can repeat it: a query, a panel, a probe.
    pub source: String,
    /// The shortest time between two values that can differ: the scrape interval, or the sampling period if longer.
    pub interval: Duration,
    /// The span that one value averages over (a rate window); zero for a plain gauge.
    pub window: Duration,
    /// For how long an old peak still shows in a value (a sliding maximum); zero for a plain gauge.
    pub memory: Duration,
    /// Whether a tier may be GO although too few readings of a `stop` signal were had.
    pub optional: bool,
}

impl Signal {
    /// A plain gauge, judged by its worst value: no rate window, no memory, not optional.
    #[must_use]
    pub fn gauge(id: SignalId, unit: Unit, source: impl Into<String>, interval: Duration) -> Self {
        Self {
            id,
            unit,
            fold: Fold::Worst,
            source: source.into(),
            interval,
            window: Duration::ZERO,
            memory: Duration::ZERO,
            optional: false,
        }
    }

    /// Time from a tier's start to the first value that speaks of this tier alone: one interval and the rate window.
    #[must_use]
    pub const fn settling(&self) -> Duration {
        self.interval.saturating_add(self.window)
    }
}

/// The unit of a signal's values. Values are kept in it; only renderers convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Per cent, 0 to 100.
    Percent,
    /// A share, 0 to 1.
    Ratio,
    /// Records (or requests, rows, messages).
    Records,
    /// A plain number of events or things.
    Count,
}

impl Unit {
    /// The suffix that follows a printed value, with its space; empty for plain numbers.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Milliseconds => " ms",
            Self::Percent => " %",
            Self::Ratio | Self::Records | Self::Count => "",
        }
    }
}

/// How a tier's readings become one figure. Several series fold to the worst of them, which is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Fold {
    /// The worst value: the highest for a criterion that fails above its bound, the lowest for one that fails below.
    Worst,
    /// The mean of each series over the tier. Judged when the tier ends; a crossing on the way stops nothing.
    Mean,
    /// The last value of each series. Judged when the tier ends; a crossing on the way stops nothing.
    Last,
    /// The increase of a counter since the tier's start; a counter that falls was reset and counts from zero.
    Increase,
}

impl Fold {
    /// Whether only the tier's end says what the readings come to, so that no crossing before it is certain.
    #[must_use]
    pub const fn settles(self) -> bool {
        match self {
            Self::Mean | Self::Last => true,
            Self::Worst | Self::Increase => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_called_by_its_name_however_it_came_by_it() {
        assert_eq!(SignalId::new("lag".to_owned()), SignalId::LAG);
        assert_eq!((SignalId::LAG.as_str(), SignalId::LAG.to_string().as_str()), ("lag", "lag"));
    }

    #[test]
    fn values_are_followed_by_their_unit() {
        let units = [Unit::Milliseconds, Unit::Percent, Unit::Ratio, Unit::Records, Unit::Count];
        assert_eq!(units.map(Unit::suffix), [" ms", " %", "", "", ""]);
    }

    #[test]
    fn a_gauge_settles_after_an_interval_and_its_rate_window() {
        let gauge = Signal::gauge(SignalId::LAG, Unit::Records, "probe", Duration::from_secs(5));
        assert_eq!(gauge.settling(), Duration::from_secs(5));
        let rate = Signal { window: Duration::from_secs(30), ..gauge };
        assert_eq!(rate.settling(), Duration::from_secs(35));
    }
}
