//! Grafana's units, as far as a signal's values come in them.

use ramp_core::signal::Unit;

/// How a panel's values become values of a signal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scale {
    /// As they are.
    Same,
    /// Multiplied by this, the panel being in another unit of the same kind.
    Times(f64),
    /// Not at all: the panel is in a unit of another kind.
    Unlike,
}

impl Scale {
    /// From a panel in Grafana's unit `panel` to `unit`. A panel without a unit is believed to have the right one.
    pub(crate) fn between(panel: &str, unit: Unit) -> Self {
        if ["", "none", "short", "locale", "sishort"].contains(&panel) {
            return Self::Same;
        }
        let factors: &[(&str, f64)] = match unit {
            Unit::Milliseconds => &[
                ("ms", 1.0),
                ("s", 1e3),
                ("dtdurations", 1e3),
                ("dtdurationms", 1.0),
                ("µs", 1e-3),
                ("ns", 1e-6),
                ("m", 6e4),
            ],
            Unit::Percent => &[("percent", 1.0), ("percentunit", 100.0)],
            Unit::Ratio => &[("percentunit", 1.0), ("percent", 0.01)],
            // A thing that is counted has whatever name its author gave it.
            Unit::Records | Unit::Count => return Self::Same,
        };
        match factors.iter().find(|(known, _)| *known == panel) {
            Some((_, factor)) if (factor - 1.0).abs() < f64::EPSILON => Self::Same,
            Some((_, factor)) => Self::Times(*factor),
            None => Self::Unlike,
        }
    }

    /// `value` in the signal's unit.
    pub(crate) fn apply(&self, value: f64) -> f64 {
        match self {
            Self::Same | Self::Unlike => value,
            Self::Times(factor) => value * factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_milliseconds_and_shares_per_cent() {
        assert_eq!(Scale::between("s", Unit::Milliseconds).apply(1.5), 1_500.0);
        assert_eq!(Scale::between("percentunit", Unit::Percent).apply(0.5), 50.0);
        assert_eq!(Scale::between("percent", Unit::Ratio).apply(50.0), 0.5);
        assert_eq!(Scale::between("ms", Unit::Milliseconds), Scale::Same);
    }

    #[test]
    fn no_unit_is_the_right_one_and_a_unit_of_another_kind_is_none() {
        assert_eq!(Scale::between("short", Unit::Percent), Scale::Same);
        assert_eq!(Scale::between("bytes", Unit::Percent), Scale::Unlike);
        assert_eq!(Scale::between("ops", Unit::Records), Scale::Same);
    }
}
