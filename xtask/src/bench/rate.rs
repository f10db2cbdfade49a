//! How exactly a rate is held, from the timestamps of the records in the topic and not from anybody's own counters.

use std::time::Duration;

use super::{
    broker::Broker,
    no_case, process,
    tools::{Load, Tool, Tools, told},
};
use crate::command::Failure;

/// Runs the rate `only`, or all of them where that is empty; at 10 000/s the other tools too.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let chosen: Vec<u32> =
        RATES.into_iter().filter(|rate| only.is_empty() || rate.to_string() == only).collect();
    if chosen.is_empty() {
        return Err(no_case(only, "1000, 2500, 5000, 7500, 10000 and 50000"));
    }
    let tools = Tools::build()?;
    let broker = Broker::start()?;
    println!(
        "\n{:26} {:>8} {:>12} {:>20} {:>16} {:>7}",
        "", "asked/s", "achieved", "worst second", "p99 lateness", "cores"
    );
    for rate in chosen {
        case(&tools, &broker, Tool::RampLoad, rate)?;
        if rate == BESIDE {
            case(&tools, &broker, Tool::RdkafkaPerformance, rate)?;
            case(&tools, &broker, Tool::PerfTest, rate)?;
        }
    }
    Ok(())
}

fn case(tools: &Tools, broker: &Broker, tool: Tool, rate: u32) -> Result<(), Failure> {
    let topic = format!("bench-rate-{}-{rate}", tool.name());
    broker.create(&topic, true)?;
    let records = u64::from(rate) * HOLD.as_secs();
    let load = Load { topic: &topic, records, rate: Some(rate), properties: &[("acks", "all")], queue: None };
    let run = process::run(&mut tools.command(tool, broker, load))?;
    let lateness = told(tool, &run)?.lateness;
    let held = Held::of(&broker.timestamps(&topic, records)?, rate);
    broker.delete(&topic)?;
    let Some(held) = held else {
        println!("{:26} {rate:>8} no two records were read back", tool.name());
        return Ok(());
    };
    println!(
        "{:26} {rate:>8} {:>+10.3} % {:>+10.3} % (no {:>2}) {:>13} {:>7.3}",
        tool.name(),
        (held.achieved - 1.0) * 100.0,
        (held.worst - 1.0) * 100.0,
        held.worst_second,
        lateness.map_or_else(|| "-".to_owned(), |lateness| format!("{lateness:.3} ms")),
        run.cpu.as_secs_f64() / run.wall.as_secs_f64()
    );
    Ok(())
}

/// How a rate was held, as shares of it.
#[derive(Debug, PartialEq)]
struct Held {
    achieved: f64,
    /// Of the full second that is farthest from it.
    worst: f64,
    worst_second: usize,
}

impl Held {
    /// From timestamps in milliseconds and in order; `None` where there is no time between the first and the last.
    fn of(stamps: &[u64], rate: u32) -> Option<Self> {
        let (first, last) = (*stamps.first()?, *stamps.last()?);
        let seconds = (last > first).then(|| (last - first) as f64 / 1e3)?;
        let achieved = (stamps.len() - 1) as f64 / seconds / f64::from(rate);
        // A second is full where records were still due after it.
        let full = ((last - first) / 1_000) as usize;
        let mut counts = vec![0_u64; full];
        for stamp in stamps {
            if let Some(count) = counts.get_mut(((stamp - first) / 1_000) as usize) {
                *count += 1;
            }
        }
        let shares = counts.iter().map(|count| *count as f64 / f64::from(rate));
        let (worst_second, worst) =
            shares.enumerate().max_by(|a, b| (a.1 - 1.0).abs().total_cmp(&(b.1 - 1.0).abs()))?;
        Some(Self { achieved, worst, worst_second: worst_second + 1 })
    }
}

const RATES: [u32; 6] = [1_000, 2_500, 5_000, 7_500, 10_000, 50_000];
const HOLD: Duration = Duration::from_secs(60);

/// The rate at which the other tools are asked too.
const BESIDE: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_farthest_from_the_rate_is_found() {
        // Ten a second for three seconds, but for two that are missing in the second one.
        let stamps: Vec<_> = (0..=30).filter(|n| ![14, 15].contains(n)).map(|n| 5_000 + n * 100).collect();
        let held = Held::of(&stamps, 10).unwrap();
        assert_eq!((held.worst, held.worst_second), (0.8, 2));
        assert!((held.achieved - 28.0 / 30.0).abs() < 1e-9);
        assert_eq!(Held::of(&[7], 10), None);
    }
}
