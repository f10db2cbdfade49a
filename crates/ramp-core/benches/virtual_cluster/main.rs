//! How often the capacity that a campaign reports is the true one: thousands of campaigns of 45 minutes over clusters
//! of every limit, told in a table. `cargo bench -p ramp-core --bench virtual_cluster`.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark has a clock of its own")]

mod cluster;

use std::{thread, time::Instant};

use cluster::{Cluster, Random, form};
use ramp_core::{
    capacity::Capacity,
    event::Ending,
    plan::Plan,
    verdict::{Finding, Verdict},
};

/// How the reported capacities compare with the true ones.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    right: u32,
    floor: u32,
    lower: u32,
    higher: u32,
    /// Of `higher`: those in which the last GO tier warns that its lag grows.
    warned: u32,
    none: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steady = Cluster::steady(0.0);
    let noisy = Cluster { noise: 0.10, ..steady };
    let conditions = [
        ("steady limit", steady),
        ("noise of 10 % each second", noisy),
        ("noise, 2 s outage every 20 min", Cluster { outage: Some((2.0, 1_200.0)), ..noisy }),
        ("noise, 10 % of readings missing", Cluster { gaps: 0.10, ..noisy }),
        ("noise, counters reset", Cluster { resets: true, ..noisy }),
        ("noise, 30 % of readings missing", Cluster { gaps: 0.30, ..noisy }),
    ];
    let plan = Plan::new(form())?;
    let begun = Instant::now();
    println!(
        "limits of 500 to 12 000/s; the true capacity is the highest rate of a tier that the limit carries"
    );
    println!(
        "{:<34}{:>9}{:>8}{:>10}{:>8}{:>8}{:>14}{:>14}",
        "", "campaigns", "right", "right (≥)", "lower", "higher", "of it, warned", "inconclusive"
    );
    for (name, like) in conditions {
        let Tally { right, floor, lower, higher, warned, none } = tally(&plan, like);
        println!("{name:<34}{EACH:>9}{right:>8}{floor:>10}{lower:>8}{higher:>8}{warned:>14}{none:>14}");
    }
    let campaigns = conditions.len() as u32 * EACH;
    println!("{campaigns} campaigns in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Runs [`EACH`] campaigns, shared out over the processors there are.
fn tally(plan: &Plan, like: Cluster) -> Tally {
    let threads = thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
    let share = |thread: u32| {
        let mut tally = Tally::default();
        for seed in (thread..EACH).step_by(threads as usize) {
            tally.take(plan, Cluster { seed: u64::from(seed), ..like });
        }
        tally
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let tallies = workers.into_iter().filter_map(|worker| worker.join().ok());
        tallies.fold(Tally::default(), |all, own| Tally {
            right: all.right + own.right,
            floor: all.floor + own.floor,
            lower: all.lower + own.lower,
            higher: all.higher + own.higher,
            warned: all.warned + own.warned,
            none: all.none + own.none,
        })
    })
}

impl Tally {
    /// Runs one campaign; its limit follows from the seed.
    fn take(&mut self, plan: &Plan, like: Cluster) {
        let limit = 500.0 + 11_500.0 * Random(like.seed).next();
        let outcome = Cluster { limit, ..like }.run(plan.clone()).outcome();
        let truth = plan.tiers().iter().map(|tier| tier.rate).rfind(|rate| f64::from(rate.get()) <= limit);
        let Some(outcome) = outcome else { return };
        let found = outcome.capacity.map(|Capacity { validated, .. }| validated);
        if outcome.ending == Ending::Inconclusive {
            self.none += 1;
        } else if found == truth {
            let exact = outcome.capacity.is_none_or(|capacity| capacity.exact);
            *(if exact { &mut self.right } else { &mut self.floor }) += 1;
        } else if found < truth {
            self.lower += 1;
        } else {
            let last_go = outcome.tiers.iter().rfind(|result| result.verdict == Verdict::Go);
            let grows = |finding: &Finding| matches!(finding, Finding::LagGrows { .. });
            self.warned += u32::from(last_go.is_some_and(|last| last.findings.iter().any(grows)));
            self.higher += 1;
        }
    }
}

const EACH: u32 = 2_000;
