//! Whether a stall of the broker shows in the latencies as the schedule says it must, and how the load catches up.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    broker::Broker,
    no_case,
    process::Running,
    tools::{Load, RECORD, Tool, Tools, told},
};
use crate::command::Failure;

/// Runs the cases whose names contain `only`.
pub(super) fn run(only: &str) -> Result<(), Failure> {
    let queues = [("default queue", None), ("tiny queue", Some(TINY * RECORD))];
    let chosen: Vec<_> = queues.into_iter().filter(|(name, _)| name.contains(only)).collect();
    if chosen.is_empty() {
        return Err(no_case(only, "default queue and tiny queue"));
    }
    let tools = Tools::build()?;
    let broker = Broker::start()?;
    for (name, queue) in chosen {
        println!("\n{name}: {RECORDS} records at {RATE}/s, the broker frozen after {} s", BEFORE.as_secs());
        for tool in [Tool::RampLoad, Tool::PerfTest] {
            case(&tools, &broker, tool, queue)?;
        }
    }
    Ok(())
}

fn case(tools: &Tools, broker: &Broker, tool: Tool, queue: Option<u64>) -> Result<(), Failure> {
    let topic = format!("bench-stall-{}-{}", tool.name(), queue.unwrap_or(0));
    broker.create(&topic, true)?;
    let load =
        Load { topic: &topic, records: RECORDS, rate: Some(RATE), properties: &[("acks", "all")], queue };
    let running = Running::start(&mut tools.command(tool, broker, load))?;
    sleep(BEFORE);
    let frozen = Instant::now();
    broker.freeze()?;
    sleep(STALL);
    broker.thaw()?;
    let stall = frozen.elapsed();
    let run = running.finish()?;
    let told = told(tool, &run)?;
    let stamps = broker.timestamps(&topic, RECORDS)?;
    broker.delete(&topic)?;
    let expected = Expected::of(stall, queue.map(|_| TINY));
    let figure = |told: Option<f64>, expected: f64| {
        told.map_or_else(
            || "none".to_owned(),
            |told| {
                format!(
                    "{told:.0} ms ({:+.1} % of the schedule's {expected:.0})",
                    (told / expected - 1.0) * 100.0
                )
            },
        )
    };
    println!("  {:26} p99 {}", tool.name(), figure(told.p99, expected.p99));
    println!("  {:26} max {}", "", figure(told.max, expected.max));
    println!(
        "  {:26} {} records in its busiest second, ramp-load's ceiling is {CEILING}",
        "",
        busiest_second(&stamps)
    );
    Ok(())
}

/// What the latencies of a stall are in milliseconds, counted from the due times.
#[derive(Debug)]
struct Expected {
    p99: f64,
    max: f64,
}

impl Expected {
    /// Of a client whose queue takes `queue` records while the broker stands still, all of them where it is `None`, and
    /// that catches up at the ceiling. The broker itself takes no time.
    fn of(stall: Duration, queue: Option<u64>) -> Self {
        let (rate, stall) = (f64::from(RATE), stall.as_secs_f64());
        let during = (stall * rate) as u64;
        let mut latencies: Vec<_> = (0..RECORDS)
            .map(|record| {
                let due = record as f64 / rate;
                let handed = match queue {
                    Some(queue) if record >= queue => stall + (record - queue) as f64 / (rate * 1.25),
                    Some(_) | None => 0.0,
                };
                let acknowledged = if record < during { stall.max(handed) } else { handed.max(due) };
                (acknowledged - due) * 1e3
            })
            .collect();
        // Record 0 is the first of the stall here: those before it, in the real run, have no latency to speak of.
        let after = RECORDS.saturating_sub((BEFORE.as_secs_f64() * rate) as u64);
        latencies.truncate(usize::try_from(after).unwrap_or(usize::MAX));
        latencies.sort_by(f64::total_cmp);
        let beyond = usize::try_from(RECORDS / 100).unwrap_or(usize::MAX);
        let p99 = latencies.len().checked_sub(beyond + 1).and_then(|at| latencies.get(at));
        Self { p99: p99.copied().unwrap_or(f64::NAN), max: latencies.last().copied().unwrap_or(f64::NAN) }
    }
}

/// The most records within a second, of timestamps in milliseconds and in order.
fn busiest_second(stamps: &[u64]) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (to, stamp) in stamps.iter().enumerate() {
        while stamps.get(from).is_some_and(|first| stamp - first >= 1_000) {
            from += 1;
        }
        most = most.max(to + 1 - from);
    }
    most
}

const RATE: u32 = 5_000;
const RECORDS: u64 = 100_000;
const BEFORE: Duration = Duration::from_secs(8);
const STALL: Duration = Duration::from_secs(3);

/// Records that a tiny queue holds: a tenth of a second.
const TINY: u64 = 500;

/// A quarter above the rate for a second, and one burst of 20 ms.
const CEILING: u32 = RATE / 4 * 5 + RATE / 4 * 5 / 50 + 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_that_the_queue_holds_ages_each_record_until_its_end() {
        let expected = Expected::of(Duration::from_secs(3), None);
        assert!((expected.max - 3_000.0).abs() < 1.0, "{expected:?}");
        assert!((expected.p99 - 2_800.0).abs() < 1.0, "{expected:?}");
    }

    #[test]
    fn behind_a_tiny_queue_every_record_waits_for_its_turn_too() {
        let expected = Expected::of(Duration::from_secs(3), Some(500));
        assert!((expected.max - 3_000.0).abs() < 1.0, "{expected:?}");
        assert!(expected.p99 > 2_800.0 && expected.p99 < 2_960.0, "{expected:?}");
    }

    #[test]
    fn the_busiest_second_may_begin_at_any_record() {
        assert_eq!(busiest_second(&[0, 900, 1_000, 1_500, 1_899, 1_900]), 4);
        assert_eq!(busiest_second(&[]), 0);
    }
}
