//! How the components of the system stood while a tier's records were under way.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use ramp_core::{
    component::{ComponentState, Standing},
    units::Elapsed,
};

/// How every component stands now.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Components(BTreeMap<String, ComponentState>);

/// The components that did not work throughout a tier, or work elsewhere since.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Disturbances(BTreeMap<String, Disturbance>);

#[derive(Debug, Clone, PartialEq)]
struct Disturbance {
    gravest: Standing,
    said: String,
    lasted: Duration,
    /// Since when it does not work.
    since: Option<Elapsed>,
}

/// What became of a component during a tier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Disturbed<'a> {
    pub(crate) component: &'a str,
    /// The gravest that it came to; it works throughout where it was only moved.
    pub(crate) gravest: Standing,
    /// What was said of that.
    pub(crate) said: &'a str,
    /// For how long it did not work.
    pub(crate) lasted: Duration,
    pub(crate) works_again: bool,
}

impl Components {
    /// Whether any was told of.
    pub(crate) fn are_told(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn take(&mut self, state: &ComponentState) {
        if self.0.len() < MOST || self.0.contains_key(&state.component) {
            self.0.insert(state.component.clone(), state.clone());
        }
    }

    /// Those that do not work at `at`, when a tier begins.
    pub(crate) fn disturbed(&self, at: Elapsed) -> Disturbances {
        let disturbed = self.0.iter().filter(|(_, state)| state.standing != Standing::Working);
        let disturbed = disturbed.map(|(component, state)| {
            (component.clone(), Disturbance { since: Some(at), ..Disturbance::of(state) })
        });
        Disturbances(disturbed.collect())
    }

    /// Whether a component that works now did so before, and otherwise: on another worker.
    fn worked_otherwise(&self, now: &ComponentState) -> bool {
        let before = self.0.get(&now.component);
        before.is_some_and(|known| known.standing == Standing::Working && known.said != now.said)
    }
}

impl Disturbances {
    /// Takes in what a component came to at `at`; `before` is how every component stood until then.
    pub(crate) fn take(&mut self, at: Elapsed, state: &ComponentState, before: &Components) {
        let works = state.standing == Standing::Working;
        if !self.0.contains_key(&state.component) {
            // What works was not disturbed, unless it worked elsewhere before.
            let is_at_rest = works && !before.worked_otherwise(state);
            if is_at_rest || self.0.len() >= MOST {
                return;
            }
            self.0.insert(state.component.clone(), Disturbance::of(state));
        }
        let Some(known) = self.0.get_mut(&state.component) else { return };
        if let Some(since) = known.since {
            known.lasted += at.since(since);
        }
        known.since = (!works).then_some(at);
        if state.standing > known.gravest {
            (known.gravest, known.said) = (state.standing, state.said.clone());
        }
    }

    /// What became of each until `end`, the gravest and longest first.
    pub(crate) fn until(&self, end: Elapsed) -> Vec<Disturbed<'_>> {
        let disturbed = self.0.iter().map(|(component, known)| Disturbed {
            component,
            gravest: known.gravest,
            said: &known.said,
            lasted: known.lasted + known.since.map_or(Duration::ZERO, |since| end.since(since)),
            works_again: known.since.is_none(),
        });
        let mut disturbed: Vec<_> = disturbed.collect();
        disturbed.sort_by_key(|one| Reverse((one.gravest, one.lasted)));
        disturbed
    }
}

impl Disturbance {
    fn of(state: &ComponentState) -> Self {
        Self { gravest: state.standing, said: state.said.clone(), lasted: Duration::ZERO, since: None }
    }
}

/// More components than this are not told apart.
const MOST: usize = 512;
