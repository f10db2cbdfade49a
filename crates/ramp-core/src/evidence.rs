//! What a tier's readings add up to, and which criteria they cross.

mod counters;
mod crossing;
mod tally;

use crate::{criterion::Severity, observation::Absence, signal::SignalId, units::Elapsed};

pub(crate) use self::{counters::Counters, tally::Tally};

/// What one tier's readings of one signal add up to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SignalEvidence {
    /// The signal.
    pub signal: SignalId,
    /// The highest value of any series.
    pub highest: Option<Extreme>,
    /// The lowest value of any series.
    pub lowest: Option<Extreme>,
    /// The mean over every value of every series.
    pub mean: Option<f64>,
    /// The same figures of the dashboard's own aggregate, where it differs from the series.
    pub panel: Option<PanelFigures>,
    /// Distinct values seen of the series that had the fewest.
    pub seen: u64,
    /// Values expected of that series between the tier's settling and its end.
    pub expected: u64,
    /// Readings that were absences.
    pub absences: u64,
    /// The reason of the last of them.
    pub absence: Option<Absence>,
    /// What the source of the readings warned of during the tier, each warning once.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub warnings: Vec<String>,
}

/// A value that was the highest or the lowest of a tier.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extreme {
    /// The value.
    pub value: f64,
    /// The series that had it.
    pub series: String,
    /// When.
    pub at: Elapsed,
}

/// What the dashboard's own aggregate showed during a tier.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PanelFigures {
    /// The mean of what it showed.
    pub mean: f64,
    /// The highest.
    pub highest: f64,
    /// The lowest.
    pub lowest: f64,
}

/// A signal's level during a tier: the gravest severity among its criteria that are crossed now.
pub type Level = Option<Severity>;

/// A level that changed with a reading.
pub(crate) struct LevelChange {
    pub(crate) from: Level,
    pub(crate) to: Level,
    pub(crate) series: String,
    pub(crate) value: f64,
}
