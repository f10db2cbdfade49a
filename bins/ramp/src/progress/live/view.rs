//! How a campaign stands at one moment, as the live display shows it: taken by the driver in passing, drawn elsewhere.
//! Nothing in its texts acts on a terminal.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Stage},
    criterion::{Criterion, Severity},
    evidence::{Level, SignalEvidence},
    observation::LoadProgress,
    plan,
    signal::{Fold, Signal},
    units::{Elapsed, Rate},
    verdict::Verdict,
};
use ramp_report::terminal::harmless;

use crate::progress::text::p99_bound;

/// How a campaign stands.
#[derive(Debug)]
pub(in crate::progress) struct View {
    pub(super) plan: String,
    pub(super) at: Elapsed,
    pub(super) tiers: Vec<Tier>,
    pub(super) phase: Phase,
    /// The tier that recovers, if one does.
    pub(super) recovering: Option<usize>,
    pub(super) load: Option<Load>,
    pub(super) signals: Vec<Judged>,
}

/// A tier or a probe of the search, in a word.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) name: String,
    pub(super) rate: Rate,
    /// Its verdict, once that is final.
    pub(super) verdict: Option<Verdict>,
    pub(super) is_current: bool,
}

/// What is being done.
#[derive(Debug)]
pub(super) struct Phase {
    /// Of which tier, and what.
    pub(super) name: String,
    pub(super) spent: Duration,
    /// How long it takes as far as is known; nothing where it is not.
    pub(super) lasts: Duration,
    /// What is waited for once that time is over.
    pub(super) then: &'static str,
    /// Whether nothing follows any more.
    pub(super) is_over: bool,
}

/// The load of the current tier and the latencies of its records.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) tier: usize,
    pub(super) target: Rate,
    /// Records per second so far, while the load runs.
    pub(super) rate: Option<f64>,
    pub(super) progress: LoadProgress,
    /// What the p99 is judged by; a warm-up's is not.
    pub(super) bound: Option<Duration>,
    pub(super) p99: Option<Duration>,
    pub(super) lag: Option<u64>,
}

/// A signal that is judged in the current tier.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) name: String,
    /// The worst of the tier so far, or why there is none.
    pub(super) worst: String,
    pub(super) bounds: String,
    pub(super) level: Level,
    /// Whether nothing has been read of it.
    pub(super) is_absent: bool,
}

impl View {
    /// How `campaign` stands at `at`.
    pub(in crate::progress) fn of(campaign: &Campaign, at: Elapsed) -> Self {
        let (current, phase) = Phase::of(campaign, at);
        let tier = current.and_then(|index| campaign.tier(index));
        Self {
            plan: harmless(campaign.plan().name()),
            at,
            tiers: tiers(campaign, current),
            phase,
            recovering: super::keys::recovering(campaign),
            load: current.zip(tier).and_then(|(index, tier)| Load::of(campaign, (index, tier), at)),
            signals: tier.map_or_else(Vec::new, |tier| judged(campaign, tier)),
        }
    }
}

impl Phase {
    /// The current tier, and what is being done.
    fn of(campaign: &Campaign, at: Elapsed) -> (Option<usize>, Self) {
        let recovery = campaign.plan().recovery();
        let tier_of = |index| campaign.tier(index);
        let (index, what, since, lasts, then) = match campaign.stage() {
            Stage::Proving { tier, since } => (tier, "canaries cross the path", since, Duration::ZERO, ""),
            Stage::Starting { tier, since } => (tier, "the load starts", since, Duration::ZERO, ""),
            Stage::Loading { tier, since } => {
                let hold = tier_of(tier).map_or(Duration::ZERO, |tier| tier.hold);
                (tier, "load", since, hold, "the last records are acknowledged")
            }
            Stage::Recovering { tier, since } => {
                (tier, "recovery", since, recovery.minimum, "the last records arrive")
            }
            Stage::Done { at: since, .. } => {
                let name = "the campaign is over: its reports are written".to_owned();
                return (
                    None,
                    Self { name, spent: at.since(since), lasts: Duration::ZERO, then: "", is_over: true },
                );
            }
        };
        let name = tier_of(index).map_or_else(String::new, |tier| harmless(&tier.name));
        (
            Some(index),
            Self { name: format!("{name} {what}"), spent: at.since(since), lasts, then, is_over: false },
        )
    }
}

impl Load {
    fn of(campaign: &Campaign, (index, tier): (usize, &plan::Tier), at: Elapsed) -> Option<Self> {
        let (progress, latency) = campaign.current()?;
        let rate = match campaign.stage() {
            Stage::Loading { since, .. } => {
                let spent = at.since(since).min(tier.hold).as_secs_f64();
                // Counts of records stay far below 2^53.
                (spent > 0.0).then(|| progress.offered as f64 / spent)
            }
            Stage::Proving { .. }
            | Stage::Starting { .. }
            | Stage::Recovering { .. }
            | Stage::Done { .. } => None,
        };
        let target = tier.rate;
        let bound = p99_bound((index, tier));
        let (p99, lag) = (latency.and_then(|latency| latency.p99), campaign.lag());
        Some(Self { tier: index, target, rate, progress: progress.clone(), bound, p99, lag })
    }
}

/// The plan's tiers and the probes so far.
fn tiers(campaign: &Campaign, current: Option<usize>) -> Vec<Tier> {
    let tiers = (0..).map_while(|index| Some((index, campaign.tier(index)?)));
    let results = || campaign.results().iter().chain(campaign.probes());
    let tier = |(index, tier): (usize, &plan::Tier)| Tier {
        name: harmless(&tier.name),
        rate: tier.rate,
        verdict: results().find(|result| result.tier == index).map(|result| result.verdict),
        is_current: current == Some(index),
    };
    tiers.map(tier).collect()
}

/// The signals that have criteria in `tier`, with what was read of each.
fn judged(campaign: &Campaign, tier: &plan::Tier) -> Vec<Judged> {
    let read = campaign.evidence();
    let known = campaign.plan().signals().iter().zip(campaign.levels()).zip(&read);
    let judged = known.filter_map(|((signal, level), read)| {
        let criteria: Vec<_> =
            tier.criteria.iter().filter(|criterion| criterion.signal == signal.id).collect();
        let worst = worst(signal, criteria.first()?, read);
        let absence = || read.absence.as_ref().map_or_else(|| "—".to_owned(), ToString::to_string);
        Some(Judged {
            name: harmless(signal.id.as_str()),
            is_absent: worst.is_none(),
            worst: worst.map_or_else(|| harmless(&absence()), |worst| value(worst, signal)),
            bounds: criteria.iter().map(|criterion| bound(criterion, signal)).collect::<Vec<_>>().join(", "),
            level,
        })
    });
    judged.collect()
}

/// The figure by which `signal` would be judged if the tier ended now.
fn worst(signal: &Signal, criterion: &Criterion, read: &SignalEvidence) -> Option<f64> {
    let extreme = if criterion.comparison.fails_high() { &read.highest } else { &read.lowest };
    match signal.fold {
        Fold::Mean => read.mean,
        Fold::Worst | Fold::Last | Fold::Increase => extreme.as_ref().map(|extreme| extreme.value),
    }
}

fn bound(criterion: &Criterion, signal: &Signal) -> String {
    let Criterion { comparison, bound, severity, sustained, .. } = criterion;
    let severity = match severity {
        Severity::Warning => "warning",
        Severity::Stop => "stop",
    };
    let lasting =
        if sustained.is_zero() { String::new() } else { format!(" for {} s", sustained.as_secs_f64()) };
    format!("{severity} {comparison} {}{lasting}", value(*bound, signal))
}

fn value(value: f64, signal: &Signal) -> String {
    let decimals = if value.fract() == 0.0 || value.abs() >= 1_000.0 { 0 } else { 2 };
    format!("{value:.decimals$}{}", signal.unit.suffix())
}
