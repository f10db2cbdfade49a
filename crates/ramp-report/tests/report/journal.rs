//! Reports of the journals under `fixtures/journals`, and of campaigns that are told anew.

use std::path::Path;

use ramp_core::{
    campaign::{Campaign, Input},
    plan::Plan,
    units::Elapsed,
};
use ramp_report::{Recorder, Report, RunFacts};
use serde::Deserialize;

use crate::world::{self, World};

/// The journals, by the name of their folder.
pub(crate) const JOURNALS: [&str; 7] =
    ["all-go", "stop-at-p3", "stop-at-p1", "inconclusive", "interrupted", "warnings-only", "refined"];

#[derive(Deserialize)]
struct Header {
    plan: Plan,
    facts: RunFacts,
}

#[derive(Deserialize)]
struct Line {
    at: Elapsed,
    input: Input,
}

/// The report of a journal under `fixtures/journals`.
pub(crate) fn report(name: &str) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/journals").join(name);
    let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let mut recorder = Recorder::new(&header.plan);
    let mut campaign = Campaign::new(header.plan);
    for line in lines {
        let Line { at, input } = serde_json::from_str(line).unwrap();
        recorder.take(at, &input);
        campaign.handle(at, input);
    }
    Report::of(header.facts, &campaign, &recorder, world::known())
}

/// The report of a campaign in another world.
pub(crate) fn told(world: &World) -> Report {
    let mut recorder = Recorder::new(&world.plan());
    let campaign = world.tell(|at, input| recorder.take(at, input));
    Report::of(world::facts(), &campaign, &recorder, world::known())
}
