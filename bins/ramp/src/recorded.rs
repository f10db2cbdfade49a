//! A campaign, and the recorder of everything that it is told: what a report is made of, live or from a journal.

use ramp_core::{
    campaign::{Campaign, Input},
    plan::Plan,
    units::Elapsed,
};
use ramp_report::Recorder;

/// A campaign with its recorder; both are told the same.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The campaign.
    pub campaign: Campaign,
    /// What it was told, over time.
    pub recorder: Recorder,
}

impl Recorded {
    /// A campaign over `plan` at its start.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { recorder: Recorder::new(&plan), campaign: Campaign::new(plan) }
    }

    /// Takes in what happened at `at`.
    pub fn handle(&mut self, at: Elapsed, input: Input) {
        self.recorder.take(at, &input);
        self.campaign.handle(at, input);
    }
}
