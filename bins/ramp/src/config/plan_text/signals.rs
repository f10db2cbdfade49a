//! The signals that a plan's criteria refer to.

use std::collections::BTreeSet;

use ramp_core::signal::SignalId;

use super::PlanText;

impl PlanText {
    /// Every signal that a criterion of the plan refers to.
    #[must_use]
    pub fn signals(&self) -> BTreeSet<SignalId> {
        let own = self.tiers.iter().flat_map(|tier| &tier.criteria);
        self.criteria.iter().chain(own).map(|criterion| criterion.signal.clone()).collect()
    }

    /// Replaces every name that a criterion has for its signal by the signal's own, as `find` knows it.
    ///
    /// # Errors
    /// The first name that `find` does not know.
    pub fn name_signals<E>(&mut self, find: impl Fn(&str) -> Result<SignalId, E>) -> Result<(), (String, E)> {
        let own = self.tiers.iter_mut().flat_map(|tier| &mut tier.criteria);
        for criterion in self.criteria.iter_mut().chain(own) {
            let name = criterion.signal.as_str();
            criterion.signal = if name.eq_ignore_ascii_case(SignalId::LAG.as_str()) {
                SignalId::LAG
            } else {
                find(name).map_err(|error| (name.to_owned(), error))?
            };
        }
        Ok(())
    }

    /// Turns every `stop` on the signals named by `prefix` into a warning.
    pub fn only_warn_on(&mut self, prefix: &str) {
        let own = self.tiers.iter_mut().flat_map(|tier| &mut tier.criteria);
        for criterion in self.criteria.iter_mut().chain(own) {
            if criterion.signal.as_str().starts_with(prefix)
                && let Some(stop) = criterion.stop.take()
            {
                criterion.warning.get_or_insert(stop);
            }
        }
    }
}
