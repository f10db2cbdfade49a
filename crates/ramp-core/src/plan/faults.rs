//! The faults that a plan may have, all told at once.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{LatencyCeiling, PlanDraft, Recovery, Tier};
use crate::{
    criterion::Severity,
    signal::{Fold, Signal, SignalId, Unit},
    units::{Rate, Ratio},
};

/// Every fault of a plan; at least one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct PlanErrors(pub(super) Vec<PlanError>);

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
         (its interval {interval:?} and its rate window {window:?} must fit in it {fits} times{}); \
         hold longer, sample faster or shorten the window",
        remembered(*memory)
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
        /// How long it remembers what was before the first tier; zero for any other, which is waited for.
        memory: Duration,
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
    /// A crossing that must last, of a signal that only the tier's end is judged by.
    #[error(
        "tiers[{place}].criteria: {signal} is judged by its {fold:?} value at the tier's end, where nothing can \
         last; leave the time out"
    )]
    SustainedAtTheEnd {
        /// Index of the tier.
        place: usize,
        /// The signal.
        signal: SignalId,
        /// How its readings become one figure.
        fold: Fold,
    },
    /// The latency ceiling cannot be had from the signals that it names.
    #[error("ceiling: {signal} {fault}")]
    Ceiling {
        /// The signal.
        signal: SignalId,
        /// What is wrong with it.
        fault: CeilingFault,
    },
    /// A search that would never end, or never begin.
    #[error("refine.resolution: is {0}; give a share above 0 and below 1, such as 0.05 for 5 %")]
    Resolution(Ratio),
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

/// What keeps a signal from its part in a [`LatencyCeiling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CeilingFault {
    /// The plan does not have it.
    #[error("is not a signal of the plan; add it")]
    Unknown,
    /// The gauge has another unit.
    #[error("is not in milliseconds; name the gauge of the highest latency")]
    NotMilliseconds,
    /// The counter is not folded as one.
    #[error("is not folded by its increase; name the counter of records that have arrived")]
    NotACounter,
    /// Readings so far apart leave latencies unseen.
    #[error("remembers {memory:?}, less than twice the gap of {gap:?} between readings; ask more often")]
    GapTooLong {
        /// The span whose highest latency the gauge shows.
        memory: Duration,
        /// The longest time between two readings.
        gap: Duration,
    },
    /// The gauge has no value as often as it has to be read.
    #[error(
        "has a value every {interval:?} only, and may go unread for {gap:?} at most; scrape it more often"
    )]
    TooSeldom {
        /// How often it has one.
        interval: Duration,
        /// The longest time between two readings.
        gap: Duration,
    },
}

/// A stop signal must be able to give several values that speak of the tier alone.
const SETTLINGS_PER_HOLD: u32 = 5;

pub(super) struct Faults<'a> {
    draft: &'a PlanDraft,
    found: Vec<PlanError>,
}

/// What a hold needs beside, of a gauge with a memory.
fn remembered(memory: Duration) -> String {
    if memory.is_zero() {
        return String::new();
    }
    format!(" after the {memory:?} that it remembers of the time before the campaign")
}

impl<'a> Faults<'a> {
    pub(super) fn of(draft: &'a PlanDraft) -> Vec<PlanError> {
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
        if let Some(ceiling) = &draft.ceiling {
            faults.ceiling(ceiling);
        }
        if let Some(refine) = draft.refine
            && (refine.resolution.get() <= 0.0 || refine.resolution.get() >= 1.0)
        {
            faults.found.push(PlanError::Resolution(refine.resolution));
        }
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
        if self.draft.warmup.is_some_and(|hold| hold.is_zero()) {
            self.zero("warmup".to_owned());
        }
        let mut names: BTreeSet<_> = self.draft.warmup.map(|_| PlanDraft::WARMUP).into_iter().collect();
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
            let Some(signal) = self.signal(&criterion.signal) else {
                let known: Vec<_> = self.draft.signals.iter().map(|s| s.id.as_str()).collect();
                self.found.push(PlanError::UnknownSignal {
                    place,
                    signal: criterion.signal.clone(),
                    known: known.join(", "),
                });
                continue;
            };
            if signal.fold.settles() && !criterion.sustained.is_zero() {
                let (signal, fold) = (signal.id.clone(), signal.fold);
                self.found.push(PlanError::SustainedAtTheEnd { place, signal, fold });
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
            // No wait comes before the first tier in which a gauge could forget.
            let memory = if place == 0 && stops { signal.memory } else { Duration::ZERO };
            let least = signal.settling().saturating_mul(fits).saturating_add(memory);
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
                    memory,
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

    fn ceiling(&mut self, LatencyCeiling { highest, arrivals, gap }: &LatencyCeiling) {
        if gap.is_zero() {
            self.zero("ceiling.gap".to_owned());
        }
        let gauge = match self.signal(highest) {
            None => Some(CeilingFault::Unknown),
            Some(signal) if signal.unit != Unit::Milliseconds => Some(CeilingFault::NotMilliseconds),
            Some(Signal { memory, .. }) if *memory < gap.saturating_mul(2) => {
                Some(CeilingFault::GapTooLong { memory: *memory, gap: *gap })
            }
            Some(Signal { interval, .. }) if interval > gap => {
                Some(CeilingFault::TooSeldom { interval: *interval, gap: *gap })
            }
            Some(_) => None,
        };
        let counter = match self.signal(arrivals) {
            None => Some(CeilingFault::Unknown),
            Some(signal) if signal.fold != Fold::Increase => Some(CeilingFault::NotACounter),
            Some(_) => None,
        };
        for (signal, fault) in [(highest, gauge), (arrivals, counter)] {
            let fault = fault.map(|fault| PlanError::Ceiling { signal: signal.clone(), fault });
            self.found.extend(fault);
        }
    }

    fn signal(&self, id: &SignalId) -> Option<&'a Signal> {
        self.draft.signals.iter().find(|signal| signal.id == *id)
    }
}
