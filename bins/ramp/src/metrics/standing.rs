//! How a campaign stands at one moment, as far as its metrics tell.

use std::{collections::BTreeSet, time::Duration};

use ramp_core::{
    campaign::{Campaign, Stage},
    capacity::Capacity,
    evidence::Level,
    observation::{LatencySnapshot, LoadProgress},
    plan::Tier,
    signal::SignalId,
    units::Rate,
    verdict::Verdict,
};

/// How a campaign stands.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// The run's name.
    pub(super) run: String,
    /// The plan's name.
    pub(super) plan: String,
    pub(super) stage: Stage,
    /// The name of the tier that is loaded, recovers, or is to follow.
    pub(super) tier: Option<String>,
    /// The load and what became of it, while a tier is loaded or recovers.
    pub(super) current: Option<Current>,
    /// The level of each signal that has a value, while a tier is loaded or recovers.
    pub(super) levels: Vec<(SignalId, Level)>,
    /// The tiers whose verdict is final.
    pub(super) verdicts: Vec<(String, Verdict)>,
    pub(super) capacity: Option<Capacity>,
}

/// A tier that is loaded or recovers.
#[derive(Debug, Clone)]
pub(super) struct Current {
    /// The tier's rate, while it is loaded.
    pub(super) target: Option<Rate>,
    /// Records offered per second, while it is loaded: the mean since its start.
    pub(super) achieved: Option<f64>,
    pub(super) p99_bound: Duration,
    pub(super) load: Load,
    /// The true lag: acknowledged records that are not known to have arrived.
    pub(super) lag: Option<u64>,
    /// What was seen to arrive, where somebody looks.
    pub(super) latency: Option<Latency>,
}

/// The account of a load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) due: u64,
    pub(super) offered: u64,
    pub(super) acknowledged: u64,
    pub(super) failed: u64,
    pub(super) in_flight: u64,
    pub(super) lateness_p99: Duration,
}

/// What was seen of a load's records on the target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) p99: Option<Duration>,
    pub(super) arrived: u64,
    pub(super) late: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    /// Records that have not arrived and are older than the bound.
    pub(super) overdue: u64,
}

impl Standing {
    /// How `campaign` stands, of whose signals those in `read` have a value.
    pub(super) fn of(run: &str, campaign: &Campaign, read: &BTreeSet<SignalId>) -> Self {
        let name = |index: usize| campaign.tier(index).map(|tier| tier.name.clone());
        let stage = campaign.stage();
        let index = match stage {
            Stage::Proving { tier, .. }
            | Stage::Starting { tier, .. }
            | Stage::Loading { tier, .. }
            | Stage::Recovering { tier, .. } => Some(tier),
            Stage::Done { .. } => None,
        };
        let current = index.and_then(|index| Current::of(campaign, campaign.tier(index)?));
        let knows_arrivals = current.as_ref().is_some_and(|current| current.lag.is_some());
        // No criterion is crossed by what has no value, which does not make it good.
        let has_value = |signal: &SignalId| {
            if *signal == SignalId::LAG { knows_arrivals } else { read.contains(signal) }
        };
        let levels = campaign.plan().signals().iter().map(|signal| signal.id.clone()).zip(campaign.levels());
        let finished = campaign.results().iter().chain(campaign.probes());
        Self {
            run: run.to_owned(),
            plan: campaign.plan().name().to_owned(),
            stage,
            tier: index.and_then(name),
            current,
            levels: levels.filter(|(signal, _)| has_value(signal)).collect(),
            verdicts: finished.filter_map(|result| Some((name(result.tier)?, result.verdict))).collect(),
            capacity: Capacity::of(campaign.results(), campaign.plan().recommended()),
        }
    }
}

impl Current {
    fn of(campaign: &Campaign, tier: &Tier) -> Option<Self> {
        let (load, latency) = campaign.current()?;
        let loads = matches!(campaign.stage(), Stage::Loading { .. });
        let target = loads.then_some(tier.rate);
        // By the schedule `due` records take `due ÷ rate` seconds.
        let achieved = target.filter(|_| load.due > 0);
        let achieved = achieved.map(|rate| f64::from(rate.get()) * load.offered as f64 / load.due as f64);
        Some(Self {
            target,
            achieved,
            p99_bound: tier.p99_bound,
            load: load.into(),
            lag: campaign.lag(),
            latency: latency.map(Latency::from),
        })
    }
}

impl From<&LoadProgress> for Load {
    fn from(load: &LoadProgress) -> Self {
        let &LoadProgress { due, offered, acknowledged, failed, lateness_p99, .. } = load;
        Self { due, offered, acknowledged, failed, in_flight: load.in_flight(), lateness_p99 }
    }
}

impl From<&LatencySnapshot> for Latency {
    fn from(snapshot: &LatencySnapshot) -> Self {
        let &LatencySnapshot { p99, arrived, late, duplicates, reordered, overdue, .. } = snapshot;
        Self { p99, arrived, late, duplicates, reordered, overdue }
    }
}
