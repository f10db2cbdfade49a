//! `ramp compare`: runs side by side.

use std::path::Path;

use ramp_core::units::Ratio;
use ramp_report::{
    Report,
    compare::{self, Change, Comparison, Run},
};

use crate::{
    cli::{CompareArgs, CompareFormat},
    console,
    error::CommandError,
    exit::Exit,
    journal::Replay,
    lang::Lang,
    report,
};

/// Compares the first run with each of the others.
pub(crate) fn compare(args: &CompareArgs) -> Result<Exit, CommandError> {
    let base = replayed(&args.base)?;
    let others = args.runs.iter().map(|run| replayed(run)).collect::<Result<Vec<_>, _>>()?;
    let others = others.iter().map(|(name, report)| Run { name, report }).collect();
    let margin = args.fail_if_worse.unwrap_or(USUAL_MARGIN);
    let comparison = Comparison::new(Run { name: &base.0, report: &base.1 }, others, margin);
    let locale = Lang::choose(args.lang, None).locale();
    let text = match args.format {
        CompareFormat::Markdown => compare::markdown::render(&comparison, locale),
        CompareFormat::Html => compare::html::render(&comparison, locale),
    };
    console::say(&text)?;
    Ok(if args.fail_if_worse.is_some() { exit(&comparison) } else { Exit::Done })
}

/// A run by the name of its folder, and its report.
fn replayed(folder: &Path) -> Result<(String, Report), CommandError> {
    let replay = Replay::read(folder)?;
    let name = folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
    Ok((name.into_owned(), report::of(&replay.header.facts, &replay.recorded, replay.sha256(), folder)?))
}

fn exit(comparison: &Comparison<'_>) -> Exit {
    let changes: Vec<_> = comparison.changes().collect();
    if changes.contains(&Change::Worse) {
        Exit::Worse
    } else if changes.contains(&Change::Unknown) {
        Exit::Inconclusive
    } else {
        Exit::Done
    }
}

const USUAL_MARGIN: Ratio = Ratio::new(0.10).expect("10 % is a ratio");
