//! Criteria: bounds on signals, each with a severity.

use std::{fmt, time::Duration};

use crate::signal::SignalId;

/// A bound on a signal during a tier.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Criterion {
    /// The signal that is bounded.
    pub signal: SignalId,
    /// How a value crosses the bound.
    pub comparison: Comparison,
    /// The bound, in the signal's unit; finite.
    pub bound: f64,
    /// What a crossing means.
    pub severity: Severity,
    /// For how long the crossing must last before it counts; zero for at once.
    pub sustained: Duration,
}

/// How a value crosses a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Comparison {
    /// Crossed when the value is greater than the bound.
    Above,
    /// Crossed when the value is the bound or greater.
    AtLeast,
    /// Crossed when the value is less than the bound.
    Below,
    /// Crossed when the value is the bound or less.
    AtMost,
}

impl Comparison {
    /// Whether `value` crosses `bound`. NaN crosses nothing: it is an absence, which is judged elsewhere.
    #[must_use]
    pub fn crosses(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }

    /// Whether high values are the bad ones.
    #[must_use]
    pub const fn fails_high(self) -> bool {
        match self {
            Self::Above | Self::AtLeast => true,
            Self::Below | Self::AtMost => false,
        }
    }

    /// Whether `a` is worse than `b` for a criterion that crosses this way.
    #[must_use]
    pub fn is_worse(self, a: f64, b: f64) -> bool {
        if self.fails_high() { a > b } else { a < b }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Above => ">",
            Self::AtLeast => "≥",
            Self::Below => "<",
            Self::AtMost => "≤",
        })
    }
}

/// What the crossing of a criterion means for its tier; a stop outranks a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Severity {
    /// The tier may be GO; the crossing is listed.
    Warning,
    /// The tier is STOP.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Comparison; 4] =
        [Comparison::Above, Comparison::AtLeast, Comparison::Below, Comparison::AtMost];

    #[test]
    fn a_value_crosses_on_its_comparison_s_side_and_on_the_bound_only_inclusively() {
        let crossed = |value| ALL.map(|comparison| comparison.crosses(value, 1.0));
        assert_eq!(crossed(0.9), [false, false, true, true]);
        assert_eq!(crossed(1.0), [false, true, false, true]);
        assert_eq!(crossed(1.1), [true, true, false, false]);
    }

    #[test]
    fn the_worse_value_lies_further_on_the_side_that_fails() {
        let worse = |a, b| ALL.map(|comparison| comparison.is_worse(a, b));
        assert_eq!(worse(2.0, 1.0), [true, true, false, false]);
        assert_eq!(worse(1.0, 2.0), [false, false, true, true]);
        assert_eq!(worse(1.0, 1.0), [false; 4]);
    }

    #[test]
    fn a_comparison_is_written_as_its_sign() {
        assert_eq!(ALL.map(|comparison| comparison.to_string()), [">", "≥", "<", "≤"]);
    }

    #[test]
    fn nan_crosses_nothing() {
        assert!(ALL.iter().all(|comparison| !comparison.crosses(f64::NAN, 0.0)));
    }
}
