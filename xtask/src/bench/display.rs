//! Whether the live display slows a campaign: demos with it and without it take turns on a terminal, and what their
//! journals say of the driver's beat is set side by side.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{broker::wrong, median};
use crate::command::{Failure, cargo, target};

/// Runs so many pairs of demos as `only` says, three where it is empty.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let pairs: u32 = if only.is_empty() { PAIRS } else { only.parse().map_err(|_| Failure::Usage)? };
    cargo(&["build", "--release", "--package", "ramp"])?;
    let folder = target().join("bench/display");
    let displays = [("live", ""), ("plain", "--plain")];
    let mut seen = displays.map(|_| Figures::default());
    for pair in 1..=pairs {
        for ((name, flag), figures) in displays.into_iter().zip(&mut seen) {
            let folder = folder.join(name);
            // What an earlier turn left.
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).map_err(|error| wrong(&error.to_string()))?;
            demo(&folder, flag)?;
            let one = Figures::of(&folder)?;
            println!("{pair} {name:5} {one}");
            figures.add(one);
        }
    }
    for ((name, _), figures) in displays.into_iter().zip(&seen) {
        println!("all {name:5} {figures}");
    }
    Ok(())
}

/// Runs a demo on a terminal of its own, whose reader takes everything at once.
fn demo(folder: &Path, flag: &str) -> Result<(), Failure> {
    let ramp = target().join("release/ramp");
    // The shell says at its end what time its children took.
    let shell = format!("stty rows 40 cols 120; {} demo {flag}; times > times", ramp.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &shell, "/dev/null"]).env("TERM", "xterm-256color");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let typed = format!("script --command '{shell}' /dev/null");
    let status = command.current_dir(folder).status();
    let status = status.map_err(|source| Failure::NotStarted { program: typed.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Failed { command: typed }) }
}

/// What was seen of one display, in milliseconds but for the seconds of the processor.
#[derive(Default)]
struct Figures {
    /// By how much each beat of the driver missed its half second since the one before.
    missed: Vec<f64>,
    /// From the journal's line of the load to that of the latencies, which the same beat writes.
    within: Vec<f64>,
    /// The 99th percentile of the generator's lateness, of each tier that ran.
    lateness: Vec<f64>,
    /// What the whole process took.
    processor: Vec<f64>,
}

impl Figures {
    /// Those of the only run in `folder`.
    fn of(folder: &Path) -> Result<Self, Failure> {
        let read = |path: &Path| fs::read_to_string(path).map_err(|error| wrong(&error.to_string()));
        let runs = fs::read_dir(folder.join("runs")).map_err(|error| wrong(&error.to_string()))?;
        let run = runs.flatten().next().ok_or_else(|| wrong("the demo has left no run"))?.path();
        let mut figures = Self::default();
        let (mut load, mut beat) = (None, None);
        for line in read(&run.join("journal.jsonl"))?.lines().skip(1) {
            let line: Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
            let at = millis(&line["at"]);
            if let Some(input) = line["input"].get("load") {
                let before = beat.replace((input["tier"].clone(), at));
                let same = before.filter(|(tier, _)| *tier == input["tier"]);
                figures.missed.extend(same.map(|(_, before)| (at - before - BEAT).abs()));
                load = Some(at);
            } else if line["input"].get("latency").is_some() {
                figures.within.extend(load.take().map(|load| at - load));
            }
        }
        let report: Value = serde_json::from_str(&read(&run.join("report.json"))?)
            .map_err(|error| wrong(&error.to_string()))?;
        let tiers = report["tiers"].as_array().into_iter().flatten();
        figures.lateness.extend(tiers.map(|tier| millis(&tier["load"]["lateness_p99"])));
        // The shell's own times stand before those of its children.
        let times = read(&folder.join("times"))?;
        let children = times.lines().nth(1).unwrap_or_default().split_whitespace();
        figures.processor.push(children.filter_map(seconds).sum());
        Ok(figures)
    }

    fn add(&mut self, other: Self) {
        self.missed.extend(other.missed);
        self.within.extend(other.within);
        self.lateness.extend(other.lateness);
        self.processor.extend(other.processor);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |values: &[f64], share| {
            quantile(values, share).map_or_else(|| "none".to_owned(), |value| format!("{value:.3}"))
        };
        let Self { missed, within, lateness, processor } = self;
        write!(
            f,
            "{} beats missed by {} ms (median), {} (p99), {} (most); within a beat {} ms, {}, {}; lateness p99 {} ms \
             (median of {} tiers), {} (most); processor {:.2} s",
            missed.len(),
            of(missed, 0.5),
            of(missed, 0.99),
            of(missed, 1.0),
            of(within, 0.5),
            of(within, 0.99),
            of(within, 1.0),
            of(lateness, 0.5),
            lateness.len(),
            of(lateness, 1.0),
            median(processor.iter().copied()).unwrap_or(f64::NAN),
        )
    }
}

/// A duration of a journal or a report, in milliseconds.
fn millis(duration: &Value) -> f64 {
    let part = |name: &str| duration[name].as_f64().unwrap_or(f64::NAN);
    part("secs") * 1e3 + part("nanos") / 1e6
}

/// A time as a shell says it: `1m2.345s`.
fn seconds(time: &str) -> Option<f64> {
    let (minutes, seconds) = time.strip_suffix('s')?.split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}

/// The value that `share` of all are at most.
fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    // Counts of values stay far below 2^53.
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

/// The driver's beat, in milliseconds.
const BEAT: f64 = 500.0;

const PAIRS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_shell_and_of_a_journal_are_read() {
        assert_eq!(seconds("1m2.5s"), Some(62.5));
        assert_eq!(seconds("2.5"), None);
        assert_eq!(millis(&serde_json::json!({"secs": 1, "nanos": 500_000})), 1_000.5);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_seen_and_of_nothing_none() {
        let values: Vec<_> = (1..=200).map(f64::from).collect();
        assert_eq!(
            [0.5, 0.99, 1.0].map(|share| quantile(&values, share)),
            [Some(100.0), Some(198.0), Some(200.0)]
        );
        assert_eq!(quantile(&[], 0.5), None);
    }
}
