//! Whether a long load keeps its memory and its account: half an hour with keys, stamps and JSON, as `ramp` sends it.

use std::{process::Command, thread::sleep, time::Duration};

use super::{
    broker::{Broker, ramp_load, wrong},
    median,
    process::Running,
};
use crate::command::Failure;

/// Runs for so many minutes as `only` says, 30 where it is empty.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let minutes: u64 = if only.is_empty() { MINUTES } else { only.parse().map_err(|_| Failure::Usage)? };
    let program = ramp_load()?;
    let broker = Broker::start()?;
    broker.create(TOPIC, false)?;
    let mut command = Command::new(program);
    command.args([
        "run",
        "--bootstrap",
        &broker.address,
        "--topic",
        TOPIC,
        "--rate",
        RATE,
        "--output",
        "json",
    ]);
    command.args(["--duration", &(minutes * 60).to_string()]);
    let running = Running::start(&mut command)?;
    let mut resident = Vec::new();
    while let Some(bytes) = running.resident() {
        resident.push(bytes as f64 / 1_048_576.0);
        sleep(SAMPLE);
    }
    let run = running.finish()?;
    let third = resident.len() / 3;
    let middle = |samples: Option<&[f64]>| median(samples.into_iter().flatten().copied());
    let (first, last) = (middle(resident.get(..third)), middle(resident.get(resident.len() - third..)));
    let line = run.printed.lines().find(|line| line.starts_with('{')).unwrap_or("{}");
    let account: serde_json::Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
    println!("\n{minutes} min at {RATE}/s, {:.3} cores", run.cpu.as_secs_f64() / run.wall.as_secs_f64());
    if let Some((first, last)) = first.zip(last) {
        println!("  resident memory: {first:.1} MiB in the first third, {last:.1} MiB in the last");
    }
    for figure in ["due", "offered", "acknowledged", "failed", "in_flight"] {
        println!("  {figure}: {}", account[figure]);
    }
    println!("  p99 lateness {} s, p99 total {} s", account["lateness"]["p99"], account["total"]["p99"]);
    Ok(())
}

const TOPIC: &str = "bench-soak";
const RATE: &str = "20000";
const MINUTES: u64 = 30;
const SAMPLE: Duration = Duration::from_secs(5);
