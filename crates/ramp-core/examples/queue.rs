//! Finds what a queue within a process carries, in virtual time: a worker takes 300 items per second from it; 100, 200
//! and 400 are put in. Whoever drives a campaign owns the clock, so that 45 minutes take a moment.
//! `cargo run -p ramp-core --example queue`.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::{collections::VecDeque, time::Duration};

use ramp_core::{
    campaign::{Campaign, Input, Outcome},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{LatencySnapshot, LoadProgress, Point, Reading, Sample, Taken},
    plan::{Plan, PlanDraft, PlanErrors, Tier},
    signal::{Signal, SignalId, Unit},
    units::{Elapsed, Rate},
};

fn main() -> Result<(), PlanErrors> {
    run().map(|outcome| println!("{outcome:#?}"))
}

/// Runs the campaign; `None` if it did not come to an end.
pub(crate) fn run() -> Result<Option<Outcome>, PlanErrors> {
    const DEPTH: SignalId = SignalId::literal("queue.depth");
    let secs = Duration::from_secs;
    let too_deep = Criterion {
        signal: DEPTH,
        comparison: Comparison::Above,
        bound: 5_000.0,
        severity: Severity::Stop,
        sustained: Duration::ZERO,
    };
    let rates = [100, 200, 400].into_iter().filter_map(Rate::per_second);
    let tiers = rates.map(|rate| Tier {
        criteria: vec![too_deep.clone()],
        ..Tier::new(rate.to_string(), rate, secs(300), secs(2))
    });
    let signals = vec![Signal::gauge(DEPTH, Unit::Count, "items in the queue", secs(5))];
    let plan = Plan::new(PlanDraft { signals, ..PlanDraft::new("queue", tiers.collect()) })?;

    let mut campaign = Campaign::new(plan);
    let mut clock = Duration::ZERO;
    let mut queue = VecDeque::new();
    // What became of the tier's items, and their tier, rate, bound, and the span in which they are put in.
    let mut taken: Vec<Taken> = Vec::new();
    let mut load = None;
    while campaign.poll_timeout().is_some() {
        let now = Elapsed::new(clock);
        while let Some(action) = campaign.poll_action() {
            match action {
                Action::ProvePath { tier } if queue.is_empty() => {
                    campaign.handle(now, Input::PathClear { tier })
                }
                Action::ProvePath { tier } => {
                    let reason = format!("{} items are left", queue.len());
                    campaign.handle(now, Input::PathBlocked { tier, reason });
                }
                Action::StartLoad { tier, rate, hold, bound } => {
                    load = Some((tier, rate, bound, clock, clock + hold));
                    taken.clear();
                    campaign.handle(now, Input::LoadStarted { tier });
                }
                Action::StopLoad => load.iter_mut().for_each(|load| load.4 = clock),
            }
        }
        let before = clock;
        clock += Duration::from_millis(100);
        queue.drain(..queue.len().min(30)).for_each(|due| taken.push(Taken::Arrived(before - due)));
        let Some((tier, rate, bound, begun, end)) = load else { continue };
        let offered = rate.records_in(clock.min(end) - begun);
        let dues = (taken.len() + queue.len()) as u64..offered;
        queue.extend(dues.map(|item| begun + secs(item) / rate.get()));

        let now = Elapsed::new(clock);
        let progress =
            LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
        campaign.handle(
            now,
            match clock < end {
                true => Input::Load { tier, progress },
                false => Input::LoadEnded { tier, progress },
            },
        );
        if clock.as_millis().is_multiple_of(5_000) {
            let waiting = queue.iter().map(|due| Taken::Outstanding(clock - *due));
            let snapshot = LatencySnapshot::of(taken.iter().copied().chain(waiting), bound);
            campaign.handle(now, Input::Latency { tier, snapshot });
            let point = Point { series: String::new(), value: queue.len() as f64, scraped: now };
            let sample = Sample::Present { points: vec![point], panel: None };
            campaign.handle(now, Input::Reading(Reading { signal: DEPTH, sample }));
        }
    }
    Ok(campaign.outcome())
}
