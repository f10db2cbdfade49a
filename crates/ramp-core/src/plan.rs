//! The plan: tiers, signals, criteria and the rules of evidence. A [`Plan`] that exists is sound.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{
    criterion::{Criterion, Severity},
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

/// Every fault of a plan; at least one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct PlanErrors(Vec<PlanError>);

impl PlanErrors {
    /// The faults in the order of the plan.
    #[must_use]
    pub fn faults(&self) -> &[PlanError] {
        &self.0
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// One fault of a plan, with its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A plan without a tier.
    #[error("tiers: there is none; give at least one")]
    NoTier,
    /// A tier without a name, or with one that another tier has.
    #[error("tiers[{place}].name: {name:?} is empty or taken; give each tier a name of its own")]
    TierName {
        /// Index of the tier.
        place: usize,
        /// Its name.
        name: String,
    },
    /// Rates must rise, or the last GO would not be the highest.
    #[error("tiers[{place}].rate: {rate} is not above the tier before ({before}); order the tiers by rate")]
    RateNotIncreasing {
        /// Index of the tier.
        place: usize,
        /// Its rate.
        rate: Rate,
        /// The rate before it.
        before: Rate,
    },
    /// A duration of zero where it cannot be.
    #[error("{place}: is zero; give a duration above zero")]
    ZeroDuration {
        /// Where in the plan.
        place: String,
    },
    /// A criterion on a signal that the plan does not have.
    #[error("tiers[{place}].criteria: unknown signal {signal:?}; the plan has {known}")]
    UnknownSignal {
        /// Index of the tier.
        place: usize,
        /// The name that is unknown.
        signal: SignalId,
        /// The names there are.
        known: String,
    },
    /// Two signals of one name.
    #[error("signals: {0:?} is given twice; keep one")]
    DuplicateSignal(SignalId),
    /// A bound that nothing can be compared with.
    #[error("tiers[{place}].criteria: the bound {bound} on {signal} is not a finite number")]
    BoundNotFinite {
        /// Index of the tier.
        place: usize,
        /// The signal.
        signal: SignalId,
        /// The bound.
        bound: f64,
    },
    /// A warning that could only come after the stop.
    #[error("tiers[{place}].criteria: the warning at {warning} on {signal} lies beyond its stop at {stop}")]
    WarningBeyondStop {
        /// Index of the tier.
        place: usize,
        /// The signal.
        signal: SignalId,
        /// The warning's bound.
        warning: f64,
        /// The stop's bound.
        stop: f64,
    },
    /// A hold in which too few values of a signal could ever be had.
    #[error(
        "tiers[{place}].hold: {hold:?} is too short to judge {signal}: at least {least:?} is needed \
         (its interval {interval:?} and its rate window {window:?} must fit in it {fits} times); \
         hold longer, sample faster or shorten the window"
    )]
    HoldTooShort {
        /// Index of the tier.
        place: usize,
        /// The hold.
        hold: Duration,
        /// The signal.
        signal: SignalId,
        /// The least hold.
        least: Duration,
        /// The signal's interval.
        interval: Duration,
        /// The signal's rate window.
        window: Duration,
        /// How many times the two must fit.
        fits: u32,
    },
    /// A crossing that must last as long as the tier, or longer, could never count.
    #[error(
        "tiers[{place}].criteria: {signal} must cross for {sustained:?} in a tier of {hold:?}; ask for less"
    )]
    SustainedTooLong {
        /// Index of the tier.
        place: usize,
        /// The signal.
        signal: SignalId,
        /// For how long it must cross.
        sustained: Duration,
        /// The hold.
        hold: Duration,
    },
    /// Giving up before the least wait is over.
    #[error("recovery.give_up: {give_up:?} is shorter than recovery.minimum {minimum:?}")]
    GiveUpBeforeMinimum {
        /// The time after which to give up.
        give_up: Duration,
        /// The least wait.
        minimum: Duration,
    },
    /// A floor of zero could never be gone below.
    #[error("recovery.floor: is zero, which no lag can be below; give at least 1")]
    ZeroFloor,
    /// A recommendation of nothing.
    #[error("recommended: is zero; give a share above zero (the usual one is 0.7)")]
    ZeroRecommendation,
}

/// A stop signal must be able to give several values that speak of the tier alone.
const SETTLINGS_PER_HOLD: u32 = 5;

struct Faults<'a> {
    draft: &'a PlanDraft,
    found: Vec<PlanError>,
}

impl<'a> Faults<'a> {
    fn of(draft: &'a PlanDraft) -> Vec<PlanError> {
        let mut faults = Self { draft, found: Vec::new() };
        faults.signals();
        faults.ladder();
        for (place, tier) in draft.tiers.iter().enumerate() {
            faults.durations(place, tier);
            faults.criteria(place, tier);
            faults.warnings_beyond_stop(place, tier);
            faults.holds(place, tier);
        }
        faults.recovery();
        faults.found
    }

    fn signals(&mut self) {
        let mut seen = BTreeSet::new();
        for signal in &self.draft.signals {
            if !seen.insert(&signal.id) {
                self.found.push(PlanError::DuplicateSignal(signal.id.clone()));
            }
            if signal.interval.is_zero() {
                self.zero(format!("signals.{}.interval", signal.id));
            }
        }
    }

    fn ladder(&mut self) {
        if self.draft.tiers.is_empty() {
            self.found.push(PlanError::NoTier);
        }
        let mut names = BTreeSet::new();
        for (place, tier) in self.draft.tiers.iter().enumerate() {
            if tier.name.is_empty() || !names.insert(&tier.name) {
                self.found.push(PlanError::TierName { place, name: tier.name.clone() });
            }
        }
        for (before, pair) in self.draft.tiers.windows(2).enumerate() {
            let [low, high] = pair else { continue };
            if high.rate <= low.rate {
                self.found.push(PlanError::RateNotIncreasing {
                    place: before + 1,
                    rate: high.rate,
                    before: low.rate,
                });
            }
        }
    }

    fn durations(&mut self, place: usize, tier: &Tier) {
        if tier.hold.is_zero() {
            self.zero(format!("tiers[{place}].hold"));
        }
        if tier.p99_bound.is_zero() {
            self.zero(format!("tiers[{place}].p99_bound"));
        }
    }

    fn criteria(&mut self, place: usize, tier: &Tier) {
        for criterion in &tier.criteria {
            if !criterion.bound.is_finite() {
                self.found.push(PlanError::BoundNotFinite {
                    place,
                    signal: criterion.signal.clone(),
                    bound: criterion.bound,
                });
            }
            if criterion.sustained >= tier.hold && !tier.hold.is_zero() {
                self.found.push(PlanError::SustainedTooLong {
                    place,
                    signal: criterion.signal.clone(),
                    sustained: criterion.sustained,
                    hold: tier.hold,
                });
            }
            if self.signal(&criterion.signal).is_none() {
                let known: Vec<_> = self.draft.signals.iter().map(|s| s.id.as_str()).collect();
                self.found.push(PlanError::UnknownSignal {
                    place,
                    signal: criterion.signal.clone(),
                    known: known.join(", "),
                });
            }
        }
    }

    fn warnings_beyond_stop(&mut self, place: usize, tier: &Tier) {
        let of = |severity| tier.criteria.iter().filter(move |c| c.severity == severity);
        for warning in of(Severity::Warning) {
            for stop in of(Severity::Stop).filter(|s| s.signal == warning.signal) {
                let same_way = stop.comparison.fails_high() == warning.comparison.fails_high();
                if same_way && stop.comparison.is_worse(warning.bound, stop.bound) {
                    self.found.push(PlanError::WarningBeyondStop {
                        place,
                        signal: warning.signal.clone(),
                        warning: warning.bound,
                        stop: stop.bound,
                    });
                }
            }
        }
    }

    fn holds(&mut self, place: usize, tier: &Tier) {
        for signal in &self.draft.signals {
            let stops = tier.criteria.iter().any(|c| c.signal == signal.id && c.severity == Severity::Stop);
            let fits = if stops && !signal.optional { SETTLINGS_PER_HOLD } else { 1 };
            let least = signal.settling().saturating_mul(fits);
            let judged = tier.criteria.iter().any(|c| c.signal == signal.id);
            if judged && tier.hold < least && !tier.hold.is_zero() {
                self.found.push(PlanError::HoldTooShort {
                    place,
                    hold: tier.hold,
                    signal: signal.id.clone(),
                    least,
                    interval: signal.interval,
                    window: signal.window,
                    fits,
                });
            }
        }
    }

    fn recovery(&mut self) {
        let Recovery { minimum, floor, give_up } = self.draft.recovery;
        if give_up.is_zero() {
            self.zero("recovery.give_up".to_owned());
        }
        if give_up < minimum {
            self.found.push(PlanError::GiveUpBeforeMinimum { give_up, minimum });
        }
        if floor == 0 {
            self.found.push(PlanError::ZeroFloor);
        }
        if self.draft.recommended.get() <= 0.0 {
            self.found.push(PlanError::ZeroRecommendation);
        }
    }

    fn zero(&mut self, place: String) {
        self.found.push(PlanError::ZeroDuration { place });
    }

    fn signal(&self, id: &SignalId) -> Option<&Signal> {
        self.draft.signals.iter().find(|signal| signal.id == *id)
    }
}
