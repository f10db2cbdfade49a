//! What holds for every campaign.

use std::time::Duration;

use proptest::prelude::*;
use ramp_core::{
    campaign::{Campaign, Input, Stage},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{Plan, PlanDraft, Refine},
    signal::SignalId,
    units::{Elapsed, Ratio},
    verdict::Verdict,
};

use crate::world::{CPU, World, draft, secs};

/// That many cases, or as many as the environment's PROPTEST_CASES asks for.
pub(crate) fn cases(many: u32) -> ProptestConfig {
    let asked = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() { asked } else { ProptestConfig::with_cases(many) }
}

fn any_input() -> impl Strategy<Value = Input> {
    let tier = 0..8_usize;
    let reason = || "because".to_owned();
    let progress = (0..400_000_u64, 0..400_000_u64, 0..400_000_u64, 0..10_u64).prop_map(
        |(due, offered, acknowledged, failed)| LoadProgress {
            due,
            offered,
            acknowledged,
            failed,
            ..LoadProgress::default()
        },
    );
    let snapshot = (0..400_000_u64, 0..400_000_u64, 0..9_000_u64, 0..9_000_u64, 0..90_000_u64).prop_map(
        |(offered, arrived, late, overdue, outstanding)| LatencySnapshot {
            offered,
            arrived,
            late,
            late_from_handover: late,
            overdue,
            overdue_from_handover: overdue,
            outstanding,
            ..LatencySnapshot::default()
        },
    );
    let value = prop_oneof![(0.0..100.0_f64), Just(f64::NAN), Just(f64::INFINITY)];
    let reading = (value, 0..4_000_u64, any::<bool>()).prop_map(|(value, second, lag)| {
        let point = Point { series: "w1".into(), value, scraped: Elapsed::new(secs(second)) };
        let signal = if lag { SignalId::LAG } else { CPU };
        Input::Reading(Reading { signal, sample: Sample::Present { points: vec![point], panel: None } })
    });
    prop_oneof![
        4 => Just(Input::Tick),
        4 => tier.clone().prop_map(|tier| Input::PathClear { tier }),
        1 => tier.clone().prop_map(move |tier| Input::PathBlocked { tier, reason: reason() }),
        4 => tier.clone().prop_map(|tier| Input::LoadStarted { tier }),
        1 => tier.clone().prop_map(move |tier| Input::LoadFailed { tier, reason: reason() }),
        2 => (tier.clone(), progress.clone()).prop_map(|(tier, progress)| Input::Load { tier, progress }),
        3 => (tier.clone(), progress).prop_map(|(tier, progress)| Input::LoadEnded { tier, progress }),
        4 => (tier.clone(), snapshot).prop_map(|(tier, snapshot)| Input::Latency { tier, snapshot }),
        1 => tier.clone().prop_map(move |tier| Input::ObservationLost { tier, reason: reason() }),
        1 => tier.prop_map(|tier| Input::SkipRecovery { tier }),
        4 => reading,
        1 => Just(Input::Reading(Reading { signal: CPU, sample: Sample::Absent(Absence::NoSeries) })),
        1 => Just(Input::Resumed),
        1 => Just(Input::Interrupt),
    ]
}

/// What a driver would know of its load: it runs from `StartLoad` until it ends or is stopped.
#[derive(Default)]
struct LoadModel {
    may_run: bool,
}

impl LoadModel {
    fn drain(&mut self, campaign: &mut Campaign) {
        while let Some(action) = campaign.poll_action() {
            match action {
                Action::ProvePath { .. } => assert!(!self.may_run, "the load runs while the path is proved"),
                Action::StartLoad { .. } => self.may_run = true,
                Action::StopLoad => self.may_run = false,
            }
        }
        while campaign.poll_event().is_some() {}
    }
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn any_inputs_in_any_order_end_after_an_interrupt_with_the_load_stopped(
        steps in prop::collection::vec((0..60_000_u64, any_input()), 0..80),
        backwards in prop::collection::vec(0..5_000_u64, 0..5),
        refine in any::<bool>(),
    ) {
        let resolution = Ratio::new(0.05).unwrap();
        let plan = PlanDraft { refine: refine.then_some(Refine { resolution }), ..draft() };
        let mut campaign = Campaign::new(Plan::new(plan).unwrap());
        let mut load = LoadModel::default();
        let mut now = 0;
        for (step, input) in steps {
            now += step;
            let ended = match &input {
                // Whoever resumes says that nothing of the old load runs any more.
                Input::Resumed => {
                    load.may_run = false;
                    false
                }
                Input::LoadEnded { tier, .. } | Input::LoadFailed { tier, .. } => {
                    matches!(campaign.stage(), Stage::Starting { tier: own, .. } | Stage::Loading { tier: own, .. } if own == *tier)
                }
                _ => false,
            };
            campaign.handle(Elapsed::new(Duration::from_millis(now)), input);
            if ended && !matches!(campaign.stage(), Stage::Starting { .. }) {
                load.may_run = false;
            }
            load.drain(&mut campaign);
            if matches!(campaign.stage(), Stage::Recovering { .. } | Stage::Done { .. }) {
                prop_assert!(!load.may_run, "the load runs in {:?}", campaign.stage());
            }
        }
        for earlier in backwards {
            campaign.handle(Elapsed::new(Duration::from_millis(earlier)), Input::Tick);
        }
        campaign.handle(Elapsed::new(Duration::from_millis(now)), Input::Interrupt);
        for _ in 0..100 {
            load.drain(&mut campaign);
            let Some(at) = campaign.poll_timeout() else { break };
            campaign.handle(at, Input::Tick);
        }
        load.drain(&mut campaign);
        prop_assert!(campaign.outcome().is_some(), "{:?}", campaign.stage());
        prop_assert!(!load.may_run);
    }
}

/// Polls all that has followed.
fn drain(campaign: &mut Campaign) {
    while campaign.poll_action().is_some() || campaign.poll_event().is_some() {}
}

/// A campaign of two short tiers with noise in its latencies and readings.
pub(crate) fn noisy(behind: f64, cpu: f64, seen: Vec<bool>) -> World {
    let mut plan = draft();
    plan.tiers.truncate(2);
    for tier in &mut plan.tiers {
        tier.hold = secs(60);
    }
    let reading = move |_, since: f64| {
        let scrape = since as usize / 5;
        let value = if scrape.is_multiple_of(7) { cpu } else { 30.0 };
        // Only what does not cross may go missing.
        (value > 80.0 || seen.get(scrape % seen.len().max(1)).is_none_or(|seen| *seen)).then_some(value)
    };
    World { plan, behind: Box::new(move |_, _| behind), cpu: Box::new(reading), ..World::healthy() }
}

/// GO is best, STOP is worst.
fn order(verdicts: &[Verdict]) -> Vec<u8> {
    let of = |verdict: &Verdict| match verdict {
        Verdict::Go => 2,
        Verdict::Inconclusive => 1,
        Verdict::Stop => 0,
    };
    let mut order: Vec<_> = verdicts.iter().map(of).collect();
    order.resize(2, 0);
    order
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn absences_in_place_of_readings_that_do_not_cross_never_make_a_go(
        behind in 0.0..3.0_f64, cpu in 30.0..110.0_f64, seen in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let full = order(&noisy(behind, cpu, vec![true]).run().verdicts());
        let gaps = order(&noisy(behind, cpu, seen).run().verdicts());
        prop_assert!(gaps <= full, "{gaps:?} is better than {full:?}");
    }

    #[test]
    fn a_higher_latency_never_improves_a_verdict(
        behind in 0.0..3.0_f64, more in 0.0..3.0_f64, cpu in 30.0..90.0_f64,
    ) {
        let low = order(&noisy(behind, cpu, vec![true]).run().verdicts());
        let high = order(&noisy(behind + more, cpu, vec![true]).run().verdicts());
        prop_assert!(high <= low, "{high:?} is better than {low:?}");
    }

    #[test]
    fn any_beginning_of_a_journal_gives_the_same_campaign_and_reads_back_as_it_was_written(
        behind in 0.0..3.0_f64, cpu in 30.0..110.0_f64, seen in prop::collection::vec(any::<bool>(), 1..12),
        kept in 0.0..1.0_f64,
    ) {
        let run = noisy(behind, cpu, seen).run();
        let plan = serde_json::to_string(run.campaign.plan()).unwrap();
        let kept = (run.inputs.len() as f64 * kept) as usize;
        let mut lived = Campaign::new(run.campaign.plan().clone());
        drain(&mut lived);
        let mut replayed = Campaign::new(serde_json::from_str(&plan).unwrap());
        for (place, (at, input)) in run.inputs.iter().enumerate() {
            if place == kept {
                drain(&mut replayed);
                prop_assert_eq!(&replayed, &lived, "the journal ends after {} inputs", place);
            }
            lived.handle(*at, input.clone());
            drain(&mut lived);
            let line = serde_json::to_string(&(at, input)).unwrap();
            let (at, input) = serde_json::from_str(&line).unwrap();
            replayed.handle(at, input);
        }
        drain(&mut replayed);
        prop_assert_eq!(&replayed, &run.campaign);
        let outcome = serde_json::to_string(&run.outcome()).unwrap();
        prop_assert_eq!(serde_json::from_str::<ramp_core::campaign::Outcome>(&outcome).unwrap(), run.outcome());
    }
}
