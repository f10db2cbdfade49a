//! `ramp runs`: the runs in a folder with what each came to.

use std::{fs, path::Path};

use ramp_core::event::Ending;

use crate::{
    cli::RunsArgs,
    console,
    error::CommandError,
    exit::Exit,
    journal::{JournalError, Replay},
};

/// Lists the runs, the oldest first.
pub(crate) fn list(args: &RunsArgs) -> Result<Exit, CommandError> {
    let read = |source| CommandError::Read { path: args.runs.clone(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(&args.runs).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    for folder in folders {
        console::say(&format!("{}  {}\n", folder.display(), came_to(&folder)))?;
    }
    Ok(Exit::Done)
}

/// What a run came to, in a few words.
fn came_to(folder: &Path) -> String {
    let Replay { recorded, .. } = match Replay::read(folder) {
        Ok(replay) => replay,
        Err(JournalError::Read { .. }) => return "no run".to_owned(),
        Err(error) => return error.to_string(),
    };
    let Some(outcome) = recorded.campaign.outcome() else {
        return "under way, or cut off: `ramp resume` goes on with it".to_owned();
    };
    let capacity = outcome.capacity.map_or_else(
        || "no capacity".to_owned(),
        |found| format!("capacity {}{}", if found.exact { "" } else { "≥ " }, found.validated),
    );
    let ending = match outcome.ending {
        Ending::LastTierPassed => "every tier GO",
        Ending::Stopped => "STOP",
        Ending::Inconclusive => "INCONCLUSIVE",
        Ending::Interrupted => "interrupted",
    };
    format!("{capacity}, {ending}")
}
