//! Whether a campaign outlives any kill: demos that are killed without warning at moments drawn from a fixed seed, and
//! taken up again until each is over.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{broker::wrong, process};
use crate::command::{Failure, cargo, target};

/// Kills so many times as `only` says, 50 where it is empty.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let kills: u32 = if only.is_empty() { KILLS } else { only.parse().map_err(|_| Failure::Usage)? };
    cargo(&["build", "--package", "ramp"])?;
    let ramp = target().join("debug/ramp");
    let folder = target().join("bench/kill");
    // What an earlier benchmark left.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| wrong(&error.to_string()))?;
    let (mut moment, mut killed, mut over) = (Moments(SEED), 0, 0);
    let mut run: Option<PathBuf> = None;
    while killed < kills || run.is_some() {
        let mut command = Command::new(&ramp);
        command.current_dir(&folder);
        match &run {
            None => command.args(["demo", "--fast"]),
            Some(run) => command.arg("resume").arg(run),
        };
        let after = (killed < kills).then(|| moment.next());
        let ended = end(&mut command, after)?;
        let known = newest(&folder)?;
        let Some(known) = known else { continue };
        process::run(Command::new(&ramp).current_dir(&folder).arg("report").arg(&known))?;
        if ended {
            check(&known)?;
            over += 1;
            run = None;
            fs::rename(&known, folder.join(format!("over-{over}")))
                .map_err(|error| wrong(&error.to_string()))?;
        } else {
            killed += 1;
            run = Some(known);
        }
    }
    println!(
        "{killed} kills: every journal was read, and {over} campaigns came to their end with every record accounted for"
    );
    Ok(())
}

/// Runs a campaign and kills it after so long; whether it ended before.
fn end(command: &mut Command, after: Option<Duration>) -> Result<bool, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| wrong(&error.to_string()))?;
    let begun = Instant::now();
    loop {
        if child.try_wait().map_err(|error| wrong(&error.to_string()))?.is_some() {
            return Ok(true);
        }
        if after.is_some_and(|after| begun.elapsed() >= after) {
            child.kill().and_then(|()| child.wait()).map_err(|error| wrong(&error.to_string()))?;
            return Ok(false);
        }
        sleep(GLANCE);
    }
}

/// The run that is under way; nothing where the process was killed before it had one.
fn newest(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let Ok(runs) = fs::read_dir(folder.join("runs")) else { return Ok(None) };
    let mut paths = Vec::new();
    for run in runs {
        let path = run.map_err(|error| wrong(&error.to_string()))?.path();
        // A journal without its first line is of no campaign.
        let journal = fs::read(path.join("journal.jsonl")).unwrap_or_default();
        if journal.contains(&b'\n') {
            paths.push(path);
        }
    }
    Ok(paths.into_iter().max())
}

/// Every tier that was judged has sent, had acknowledged and seen the same number of records.
fn check(run: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(run.join("report.json")).map_err(|error| wrong(&error.to_string()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    for tier in report["tiers"].as_array().into_iter().flatten() {
        let (load, latency) = (&tier["load"], &tier["latency"]);
        let counts = [&load["offered"], &load["acknowledged"], &latency["arrived"]];
        if counts.iter().any(|count| *count != counts[0]) {
            return Err(wrong(&format!("{}: a tier's records do not add up: {counts:?}", run.display())));
        }
    }
    println!("{}: {}", run.display(), report["ending"]);
    Ok(())
}

/// Moments that look like chance and are the same every time.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % LONGEST)
    }
}

const KILLS: u32 = 50;
const SEED: u64 = 9;

/// A fast demo takes about this long, in milliseconds.
const LONGEST: u64 = 15_000;
const GLANCE: Duration = Duration::from_millis(5);
