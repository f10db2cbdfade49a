//! Thresholds as a plan writes them: `"> 50_000"`, `">= 200 ms"`, `"> 50_000 for 30s"`.

use std::{str::FromStr, time::Duration};

use ramp_core::{criterion::Comparison, signal::Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::{Span, SpanError};

/// A crossing: a comparison with a number, and for how long it must last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^\s*(>=?|<=?)\s*[0-9._]+\s*(ms|%)?\s*( for .+)?$", "examples" = ["> 50_000", ">= 200 ms", "> 50_000 for 30s"]))]
pub struct Threshold {
    /// How a value crosses the bound.
    pub comparison: Comparison,
    /// The bound, in the signal's unit.
    pub bound: f64,
    /// The unit, where it was written.
    pub unit: Option<Unit>,
    /// For how long the crossing must last; zero for at once.
    pub sustained: Duration,
    text: String,
}

/// Why a text is no [`Threshold`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// It does not begin with a comparison.
    #[error("{0:?} does not begin with >, >=, < or <=; write for example \"> 50_000\"")]
    Comparison(String),
    /// What follows the comparison is no finite number.
    #[error("{0:?} has no finite number after its comparison; write for example \"> 50_000\"")]
    Number(String),
    /// The unit is unknown.
    #[error("{0:?} has an unknown unit; use ms, % or none")]
    Unit(String),
    /// The time after `for` is no duration.
    #[error("{text:?}: {source}")]
    Sustained {
        /// The whole text.
        text: String,
        /// What is wrong with its duration.
        source: SpanError,
    },
}

impl Threshold {
    /// The same crossing, which must last for `sustained`.
    #[must_use]
    pub fn sustained_for(self, sustained: Duration) -> Self {
        let crossing = self.text.split(FOR).next().unwrap_or(&self.text);
        let text = if sustained.is_zero() {
            crossing.to_owned()
        } else {
            format!("{crossing}{FOR}{}", Span::new(sustained))
        };
        Self { sustained, text, ..self }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (crossing, sustained) = match text.split_once(FOR) {
            None => (text, Duration::ZERO),
            Some((crossing, span)) => {
                let span = span.parse::<Span>();
                let span =
                    span.map_err(|source| ThresholdError::Sustained { text: text.to_owned(), source })?;
                (crossing, span.get())
            }
        };
        let crossing = crossing.trim();
        let (comparison, rest) = COMPARISONS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, crossing.strip_prefix(sign)?.trim())))
            .ok_or_else(|| ThresholdError::Comparison(text.to_owned()))?;
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || "._".contains(c))).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let unit = match unit.trim() {
            "" => None,
            "ms" => Some(Unit::Milliseconds),
            "%" => Some(Unit::Percent),
            _unknown => return Err(ThresholdError::Unit(text.to_owned())),
        };
        let bound = number.replace('_', "").parse::<f64>().ok().filter(|bound| bound.is_finite());
        let bound = bound.ok_or_else(|| ThresholdError::Number(text.to_owned()))?;
        Ok(Self { comparison, bound, unit, sustained, text: text.to_owned() })
    }
}

impl TryFrom<String> for Threshold {
    type Error = ThresholdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.text
    }
}

/// What stands between a crossing and how long it must last.
const FOR: &str = " for ";

/// The longer signs first: `>` begins `>=` as well.
const COMPARISONS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_reads_as_it_is_written() {
        let threshold: Threshold = ">= 1_000.5 ms for 30s".parse().unwrap();
        assert_eq!(threshold.comparison, Comparison::AtLeast);
        assert_eq!(threshold.bound, 1000.5);
        assert_eq!(threshold.unit, Some(Unit::Milliseconds));
        assert_eq!(threshold.sustained, Duration::from_secs(30));
    }

    #[test]
    fn a_threshold_sustained_for_another_time_reads_as_it_is_written() {
        for (text, expected) in [("> 5 for 30s", "> 5 for 2s"), (">= 5 ms", ">= 5 ms for 2s")] {
            let threshold: Threshold = text.parse().unwrap();
            let threshold = threshold.sustained_for(Duration::from_secs(2));
            assert_eq!(threshold, expected.parse().unwrap());
            assert_eq!(threshold.sustained_for(Duration::ZERO).sustained, Duration::ZERO);
        }
    }

    #[test]
    fn every_fault_of_a_threshold_is_named_with_its_text() {
        let faults = ["90", "> lots", "> ", "> 5 apples", "> 5 for ever", "> 1.2.3"].map(|text| {
            text.parse::<Threshold>().map_or_else(|fault| fault.to_string(), |_| "accepted".to_owned())
        });
        insta::assert_snapshot!(faults.join("\n"), @r#"
        "90" does not begin with >, >=, < or <=; write for example "> 50_000"
        "> lots" has an unknown unit; use ms, % or none
        "> " has no finite number after its comparison; write for example "> 50_000"
        "> 5 apples" has an unknown unit; use ms, % or none
        "> 5 for ever": "ever" is not a duration; write for example "30s", "5m" or "1m 30s"
        "> 1.2.3" has no finite number after its comparison; write for example "> 50_000"
        "#);
    }
}
