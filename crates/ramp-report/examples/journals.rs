//! Writes the journals under `fixtures/journals`, which the tests render. They are told in virtual time and are kept
//! as they are: a journal that an earlier program wrote must stay readable.
#![expect(clippy::unwrap_used, reason = "this is a tool of the tests")]
#![allow(dead_code, reason = "the tests use more of the world")]

#[path = "../tests/report/world.rs"]
mod world;

use std::{fmt::Write, fs, path::Path};

use serde_json::json;
use world::{Fault, World};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/journals");
    for (name, world) in worlds() {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        let header = json!({ "schema_version": 1, "plan": world.plan(), "facts": world::facts() });
        let mut text = format!("{header}\n");
        world.tell(|at, input| {
            writeln!(text, "{}", json!({ "at": at, "input": input })).unwrap();
        });
        fs::write(folder.join("journal.jsonl"), text).unwrap();
    }
}

/// Every way that a fixture tells.
fn worlds() -> Vec<(&'static str, World)> {
    let one = World::default();
    vec![
        ("all-go", one.clone()),
        ("stop-at-p3", World { capacity: Some(4_000.0), ..one.clone() }),
        ("stop-at-p1", World { capacity: Some(200.0), fault: Fault::Source, beat: 1, ..one.clone() }),
        ("inconclusive", World { blind_from: Some(2), ..one.clone() }),
        ("interrupted", World { interrupted_in: Some(1), ..one.clone() }),
        ("warnings-only", World { cpu: 84.0, duplicates: 3, ..one.clone() }),
        ("refined", World { capacity: Some(4_000.0), refine: Some(0.2), beat: 4, ..one }),
    ]
}
