//! What seeing a record costs, beside a consumer that reads it and looks at nothing, and one that looks at its bytes.

use std::{path::PathBuf, process::Command};

use super::{
    broker::{Broker, ramp_load},
    median,
    process::{self, Run},
};
use crate::command::{Failure, cargo, target};

/// Both read the same records of a load in turn, several times over.
pub(super) fn run() -> Result<(), Failure> {
    let probe = ramp_load()?;
    cargo(&["build", "--release", "--package", "ramp-load", "--example", "arrivals"])?;
    let plain = target().join("release/examples/arrivals");
    let broker = Broker::start()?;
    broker.create(TOPIC, true)?;
    process::run(&mut load(&probe, &broker))?;
    let (mut probing, mut reading, mut touching) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        probing.push(process::run(&mut seen(&probe, &broker))?);
        let plainly = |how| process::run(Command::new(&plain).args([&broker.address, TOPIC, RECORDS, how]));
        reading.push(plainly("--bare")?);
        touching.push(plainly("--touch")?);
    }
    println!("\n{RECORDS} records of JSON with keys and headers, {ROUNDS} rounds");
    let cost = |runs: &[Run]| median(runs.iter().map(|run| run.cpu.as_secs_f64())).unwrap_or(f64::NAN);
    let probing = cost(&probing);
    println!("  ramp-load probe {probing:7.3} CPU s");
    for (name, runs) in [("bare consumer  ", &reading), ("that looks     ", &touching)] {
        println!("  {name} {:7.3} CPU s, ratio {:7.3}", cost(runs), probing / cost(runs));
    }
    Ok(())
}

fn load(program: &PathBuf, broker: &Broker) -> Command {
    let mut command = Command::new(program);
    command.args([
        "run",
        "--bootstrap",
        &broker.address,
        "--topic",
        TOPIC,
        "--records",
        RECORDS,
        "--unthrottled",
    ]);
    command
}

fn seen(program: &PathBuf, broker: &Broker) -> Command {
    let mut command = Command::new(program);
    command.args(["probe", "--bootstrap", &broker.address, "--topic", TOPIC, "--from-beginning"]);
    command.args(["--records", RECORDS, "--output", "json"]);
    command
}

const TOPIC: &str = "bench-probe";
const RECORDS: &str = "2000000";
const ROUNDS: usize = 5;
