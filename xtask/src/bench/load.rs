//! What a record costs where nothing but the client and the broker limit the load, beside the other tools.

use std::collections::BTreeMap;

use super::{
    broker::Broker,
    median, no_case,
    process::{self, Run},
    tools::{Load, Tool, Tools, told},
};
use crate::command::Failure;

/// What one run came to.
struct Figures {
    per_second: f64,
    cpu_per_million: f64,
    peak: u64,
}

/// Runs the cases whose names contain `only`: for each, the tools in turn, several times over.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let with_start = START.contains(only);
    let mut cases = Vec::new();
    for acks in ["all", "1"] {
        for (compression, records) in [("none", 1_500_000), ("lz4", 1_500_000), ("gzip", 200_000)] {
            let name = format!("acks={acks} {compression}");
            if name.contains(only) {
                cases.push((name, [("acks", acks), ("compression.type", compression)], records));
            }
        }
    }
    if cases.is_empty() && !with_start {
        return Err(no_case(only, "start, or acks=all or acks=1 with none, lz4 or gzip"));
    }
    let tools = Tools::build()?;
    let broker = Broker::start()?;
    broker.create(TOPIC, false)?;
    if with_start {
        start(&tools, &broker)?;
    }
    for (name, properties, records) in cases {
        case(&tools, &broker, &name, &properties, records)?;
    }
    Ok(())
}

/// What each tool takes to send one record.
fn start(tools: &Tools, broker: &Broker) -> Result<(), Failure> {
    println!("\none record, from the start of the program to its end");
    let load = Load { topic: TOPIC, records: 1, rate: None, properties: &[("acks", "all")], queue: None };
    for tool in Tool::ALL {
        let runs = (0..RUNS).map(|_| process::run(&mut tools.command(tool, broker, load)));
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let of = |figure: fn(&Run) -> f64| {
            median(runs.iter().map(figure)).map_or_else(String::new, |value| format!("{value:9.3}"))
        };
        let (wall, cpu) = (of(|run| run.wall.as_secs_f64()), of(|run| run.cpu.as_secs_f64()));
        println!("  {:26} {wall} s {cpu} CPU s {} MiB", tool.name(), of(|run| mebi(run.peak)));
    }
    Ok(())
}

fn case(
    tools: &Tools,
    broker: &Broker,
    name: &str,
    properties: &[(&str, &str)],
    records: u64,
) -> Result<(), Failure> {
    println!("\n{name}: {records} records of 1 KiB, no key, {RUNS} rounds");
    let load = Load { topic: TOPIC, records, rate: None, properties, queue: None };
    // What random payloads cost to compress does not compare with rdkafka_performance's, which repeat one text.
    let comparable = |tool: &Tool| *tool != Tool::RdkafkaPerformance || name.ends_with("none");
    let mut figures = BTreeMap::<Tool, Vec<Figures>>::new();
    for _ in 0..RUNS {
        for tool in Tool::ALL.into_iter().filter(comparable) {
            let run = process::run(&mut tools.command(tool, broker, load))?;
            let Some(per_second) = told(tool, &run)?.per_second else { continue };
            let cpu_per_million = run.cpu.as_secs_f64() * 1e6 / records as f64;
            figures.entry(tool).or_default().push(Figures { per_second, cpu_per_million, peak: run.peak });
        }
    }
    println!("  {:26} {:>12} {:>14} {:>10}", "", "records/s", "CPU s/million", "peak MiB");
    let middle = |tool: Tool, of: fn(&Figures) -> f64| median(figures.get(&tool)?.iter().map(of));
    for tool in figures.keys() {
        let of = |of: fn(&Figures) -> f64| {
            middle(*tool, of).map_or_else(String::new, |value| format!("{value:.2}"))
        };
        println!(
            "  {:26} {:>12} {:>14} {:>10}",
            tool.name(),
            middle(*tool, |run| run.per_second).map_or_else(String::new, |value| format!("{value:.0}")),
            of(|run| run.cpu_per_million),
            of(|run| mebi(run.peak))
        );
    }
    for peer in figures.keys().filter(|tool| **tool != Tool::RampLoad) {
        let ratio = |of| Some(middle(Tool::RampLoad, of)? / middle(*peer, of)?);
        let speed = ratio(|run| run.per_second);
        let cost = ratio(|run| run.cpu_per_million);
        if let Some((speed, cost)) = speed.zip(cost) {
            println!("  ramp-load / {}: {speed:.2} × the records/s at {cost:.2} × the CPU", peer.name());
        }
    }
    Ok(())
}

fn mebi(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

const START: &str = "start";
const TOPIC: &str = "bench-load";
const RUNS: usize = 3;
