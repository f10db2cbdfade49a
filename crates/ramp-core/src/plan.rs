//! The plan: tiers, signals, criteria and the rules of evidence. A [`Plan`] that exists is sound.

mod faults;

use std::time::Duration;

use self::faults::Faults;
pub use self::faults::{CeilingFault, PlanError, PlanErrors};
use crate::{
    criterion::Criterion,
    signal::{Signal, SignalId},
    units::{Rate, Ratio},
};

/// A plan as it was written, to be checked by [`Plan::new`].
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct PlanDraft {
    /// The plan's name.
    pub name: String,
    /// Every signal that a criterion refers to or that is only to be recorded.
    pub signals: Vec<Signal>,
    /// For how long the first tier's rate is loaded before it, which no verdict is about: caches and compilers of what
    /// has just been started are cold.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub warmup: Option<Duration>,
    /// The tiers in their order, rates strictly increasing.
    pub tiers: Vec<Tier>,
    /// What follows each tier.
    pub recovery: Recovery,
    /// What counts as enough evidence.
    pub evidence: EvidenceRules,
    /// The share of the validated capacity that is recommended for production.
    pub recommended: Ratio,
    /// The time the whole campaign is meant to take at most; an overrun is a warning.
    pub budget: Option<Duration>,
    /// What bounds the latency of tiers whose records nobody sees arrive.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ceiling: Option<LatencyCeiling>,
    /// How the limit is searched for between the last tier that was GO and the one that was STOP.
    #[cfg_attr(feature = "serde", serde(default))]
    pub refine: Option<Refine>,
}

impl PlanDraft {
    /// What a warm-up is called, which no tier beside it may be.
    pub const WARMUP: &str = "warm-up";

    /// A draft of `tiers` alone, without signals: the least that a plan needs. The rest is as in most campaigns, to be
    /// replaced where it does not fit: 2 minutes of recovery at least, to a lag below 1 000, given up on after
    /// 10 minutes; 70 % recommended; no warm-up, no budget, no ceiling, no search.
    #[must_use]
    pub fn new(name: impl Into<String>, tiers: Vec<Tier>) -> Self {
        const RECOMMENDED: Ratio = Ratio::new(0.70).expect("0.70 is a ratio");
        Self {
            name: name.into(),
            signals: Vec::new(),
            warmup: None,
            tiers,
            recovery: Recovery {
                minimum: Duration::from_secs(120),
                floor: 1_000,
                give_up: Duration::from_secs(600),
            },
            evidence: EvidenceRules::default(),
            recommended: RECOMMENDED,
            budget: None,
            ceiling: None,
            refine: None,
        }
    }
}

/// A rate held for a time, with its criteria.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Tier {
    /// The name people call it by: `P3`.
    pub name: String,
    /// The load.
    pub rate: Rate,
    /// For how long the load is held.
    pub hold: Duration,
    /// The objective: the 99th percentile of latency must stay below this.
    pub p99_bound: Duration,
    /// The criteria beside the objective.
    pub criteria: Vec<Criterion>,
}

impl Tier {
    /// A tier that is judged by its objective alone.
    #[must_use]
    pub fn new(name: impl Into<String>, rate: Rate, hold: Duration, p99_bound: Duration) -> Self {
        Self { name: name.into(), rate, hold, p99_bound, criteria: Vec::new() }
    }

    /// How many records the tier offers when it runs to its end.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.rate.records_in(self.hold)
    }
}

/// From the stop of the load to the next tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Recovery {
    /// The least time to wait, however early the lag is gone.
    pub minimum: Duration,
    /// The lag (records) below which the system counts as recovered.
    pub floor: u64,
    /// When to give up on records that do not arrive.
    pub give_up: Duration,
}

/// What counts as enough evidence for a GO.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct EvidenceRules {
    /// The least share of expected values that a `stop` signal must have had.
    pub coverage: Ratio,
    /// The least share of the target rate that must have been offered.
    pub achieved: Ratio,
    /// The most that the 99th percentile of the generator's own lateness may be.
    pub lateness: Duration,
}

/// What bounds a tier's latency from above where no [latency snapshot](crate::observation::LatencySnapshot) ever comes.
///
/// A gauge of the highest latency of the last moments, read without a gap from the start of the load until the last
/// record has arrived and always below the objective's bound, proves that every record met it: the tier may be GO,
/// and its p99 is said to be [bounded](crate::tier_result::P99::Bounded). Anything else proves nothing, a value
/// beyond the bound included: one record is not one in a hundred.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct LatencyCeiling {
    /// The gauge, in milliseconds. Its [memory](Signal::memory) is the span whose highest latency it shows.
    pub highest: SignalId,
    /// A counter of the records that have arrived, written by nobody but this load.
    pub arrivals: SignalId,
    /// The longest time between two readings of a series; at most half the gauge's memory, so that the spans overlap.
    pub gap: Duration,
}

/// How the limit is searched for between the last tier that was GO and the one that was STOP: by tiers of rates
/// between them, halving the distance, each judged by the criteria of the tier that was STOP.
///
/// Such a probe holds its load as long as that tier or 40 times its bound, whichever is longer: a queue that grows
/// slowly would pass in less. A lag that is shown to grow denies it the GO.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Refine {
    /// The search ends once the rates of GO and STOP lie within this share of the former; above 0 and below 1.
    pub resolution: Ratio,
}

impl Default for EvidenceRules {
    fn default() -> Self {
        const COVERAGE: Ratio = Ratio::new(0.80).expect("0.80 is a ratio");
        const ACHIEVED: Ratio = Ratio::new(0.99).expect("0.99 is a ratio");
        Self { coverage: COVERAGE, achieved: ACHIEVED, lateness: Duration::from_millis(100) }
    }
}

/// A checked plan: nothing downstream can fail on it.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "PlanDraft", into = "PlanDraft")
)]
pub struct Plan(PlanDraft);

impl Plan {
    /// Checks `draft`.
    ///
    /// # Errors
    /// Every fault of the draft at once, each with its place.
    pub fn new(draft: PlanDraft) -> Result<Self, PlanErrors> {
        let faults = Faults::of(&draft);
        if faults.is_empty() { Ok(Self(draft)) } else { Err(PlanErrors(faults)) }
    }

    /// The plan's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The signals; ids are unique.
    #[must_use]
    pub fn signals(&self) -> &[Signal] {
        &self.0.signals
    }

    /// The signal called `id`, if the plan has it.
    #[must_use]
    pub fn signal(&self, id: &SignalId) -> Option<&Signal> {
        self.0.signals.iter().find(|signal| signal.id == *id)
    }

    /// For how long the first tier's rate is loaded before it, unjudged.
    #[must_use]
    pub fn warmup(&self) -> Option<Duration> {
        self.0.warmup
    }

    /// The tiers; at least one, rates strictly increasing.
    #[must_use]
    pub fn tiers(&self) -> &[Tier] {
        &self.0.tiers
    }

    /// What follows each tier.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.0.recovery
    }

    /// What counts as enough evidence.
    #[must_use]
    pub fn evidence(&self) -> EvidenceRules {
        self.0.evidence
    }

    /// The share of the validated capacity that is recommended for production.
    #[must_use]
    pub fn recommended(&self) -> Ratio {
        self.0.recommended
    }

    /// The time the whole campaign is meant to take at most.
    #[must_use]
    pub fn budget(&self) -> Option<Duration> {
        self.0.budget
    }

    /// What bounds the latency of tiers whose records nobody sees arrive.
    #[must_use]
    pub fn ceiling(&self) -> Option<&LatencyCeiling> {
        self.0.ceiling.as_ref()
    }

    /// How the limit is searched for after a STOP.
    #[must_use]
    pub fn refine(&self) -> Option<Refine> {
        self.0.refine
    }
}

impl TryFrom<PlanDraft> for Plan {
    type Error = PlanErrors;

    fn try_from(draft: PlanDraft) -> Result<Self, Self::Error> {
        Self::new(draft)
    }
}

impl From<Plan> for PlanDraft {
    fn from(plan: Plan) -> Self {
        plan.0
    }
}
