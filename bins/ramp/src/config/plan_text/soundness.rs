//! What is wrong with a plan whatever its campaign meets, told before anything is connected.

use std::{convert::Infallible, time::Duration};

use ramp_core::signal::{Signal, SignalId, Unit};
use ramp_observe::catalog::Catalog;

use super::{PlanText, PlanTextError};

impl PlanText {
    /// Checks all of the plan but whether its tiers hold long enough for how often its signals are scraped, which only
    /// Prometheus tells. Criteria name signals as they like; one that `catalog` does not know is taken as it is.
    ///
    /// # Errors
    /// When a threshold has another unit than its signal, or the plan is faulty.
    pub fn check(&self, catalog: &Catalog) -> Result<(), PlanTextError> {
        let mut plan = self.clone();
        // A name that nobody knows is the same name afterwards, and no fault of the plan.
        let known = |name: &str| {
            let entry = catalog.find(name);
            Ok::<_, Infallible>(
                entry.map_or_else(|_| SignalId::new(name.to_owned()), |entry| entry.id.clone()),
            )
        };
        let Ok(()) = plan.name_signals(known);
        let signals = plan.signals().into_iter().map(|id| plan.signal(id, catalog)).collect();
        plan.plan(signals, None).map(drop)
    }

    /// The signal as far as it can be known, scraped as often as need be.
    fn signal(&self, id: SignalId, catalog: &Catalog) -> Signal {
        if id == SignalId::LAG {
            return Signal::gauge(id, Unit::Records, "", ANY);
        }
        match catalog.find(id.as_str()) {
            Ok(entry) => Signal { fold: entry.fold, ..Signal::gauge(id, entry.unit, "", ANY) },
            Err(_unknown) => {
                let own = self.tiers.iter().flat_map(|tier| &tier.criteria);
                let bounds = self.criteria.iter().chain(own).filter(|criterion| criterion.signal == id);
                let unit = bounds.flat_map(|criterion| [&criterion.warning, &criterion.stop]);
                let unit = unit.flatten().find_map(|threshold| threshold.unit);
                Signal::gauge(id, unit.unwrap_or(Unit::Count), "", ANY)
            }
        }
    }
}

/// An interval between two scrapes in which any tier holds long enough.
const ANY: Duration = Duration::from_nanos(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(changes: &[(&str, &str)]) -> String {
        let text = changes.iter().fold(PlanText::BUILT_IN.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let plan: PlanText = toml::from_str(&text).unwrap();
        plan.check(&Catalog::default()).map_or_else(|error| error.to_string(), |()| "sound".to_owned())
    }

    #[test]
    fn every_fault_is_told_and_a_signal_of_one_s_own_is_none() {
        assert_eq!(faults(&[]), "sound");
        assert_eq!(faults(&[("host.cpu", "CPU workers"), ("mm2.buffer_exhausted", "jvm.gc")]), "sound");
        assert_eq!(
            faults(&[("rate = 5_000", "rate = 500"), ("floor = 1_000", "floor = 0"), ("\"P4\"", "\"P1\"")]),
            "tiers[3].name: \"P1\" is empty or taken; give each tier a name of its own\n\
             tiers[2].rate: 500/s is not above the tier before (2500/s); order the tiers by rate\n\
             recovery.floor: is zero, which no lag can be below; give at least 1"
        );
        assert_eq!(
            faults(&[("> 80 %", "> 80 ms")]),
            "criterion on host.cpu: \"> 80 ms\" is in another unit than the signal, which is in Percent"
        );
    }
}
