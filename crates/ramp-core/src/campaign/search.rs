//! The search for the limit between the last GO and the first STOP.

use crate::{
    capacity::{RefineState, Refined},
    plan::{Refine, Tier},
    tier_result::TierResult,
    units::{Rate, Ratio},
    verdict::Verdict,
};

/// A search under way, or at its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Search {
    resolution: Ratio,
    /// The tier that was STOP, whose criteria every probe is judged by.
    template: Tier,
    /// Index of the first probe: the number of the plan's tiers.
    first: usize,
    /// Rates that were GO and are not contradicted, rising.
    passed: Vec<Rate>,
    stopped: Rate,
    state: RefineState,
    probes: Vec<Tier>,
    results: Vec<TierResult>,
}

impl Search {
    /// A search after `ladder`, whose last tier was STOP as `template` describes; `None` where no tier was GO, and
    /// nothing lies between.
    pub(super) fn new(rules: Refine, template: &Tier, first: usize, ladder: &[TierResult]) -> Option<Self> {
        let passed = ladder.iter().filter(|result| result.verdict == Verdict::Go).map(|result| result.rate);
        let passed: Vec<_> = passed.collect();
        let is_open = !passed.is_empty();
        is_open.then(|| Self {
            resolution: rules.resolution,
            template: template.clone(),
            first,
            passed,
            stopped: template.rate,
            state: RefineState::Searching,
            probes: Vec::new(),
            results: Vec::new(),
        })
    }

    /// Adds the next probe and gives its index and rate; `None` when the search is over.
    pub(super) fn next(&mut self) -> Option<(usize, Rate)> {
        let low = *self.passed.last().filter(|_| self.state == RefineState::Searching)?;
        let rate = self.between(low).unwrap_or(low);
        let Tier { hold, p99_bound, .. } = self.template;
        self.probes.push(Tier {
            name: format!("R{}", self.probes.len() + 1),
            rate,
            hold: hold.max(p99_bound.saturating_mul(BOUNDS_PER_HOLD)),
            ..self.template.clone()
        });
        Some((self.first + self.probes.len() - 1, rate))
    }

    /// The rate in the middle, unless GO and STOP lie close enough.
    fn between(&self, low: Rate) -> Option<Rate> {
        let distance = self.stopped.get() - low.get();
        let is_far = f64::from(distance) > f64::from(low.get()) * self.resolution.get();
        (is_far && distance > 1).then(|| Rate::per_second(low.get() + distance / 2))?
    }

    /// Takes a probe's final result.
    pub(super) fn take(&mut self, result: TierResult, interrupted: bool) {
        let (rate, verdict) = (result.rate, result.verdict);
        let is_second = self.passed.last() == Some(&rate);
        self.results.push(result);
        self.state = match verdict {
            Verdict::Go | Verdict::Stop | Verdict::Inconclusive if interrupted => RefineState::Interrupted,
            Verdict::Inconclusive => RefineState::Inconclusive,
            Verdict::Go if is_second => RefineState::Confirmed,
            Verdict::Go => {
                self.passed.push(rate);
                RefineState::Searching
            }
            Verdict::Stop if is_second => {
                self.passed.pop();
                RefineState::Swings
            }
            Verdict::Stop => {
                self.stopped = rate;
                RefineState::Searching
            }
        };
    }

    /// Goes on after an interrupt: the interrupted probe is forgotten, and its index and rate are given.
    pub(super) fn resume(&mut self) -> Option<usize> {
        let interrupted = self.results.pop_if(|result| result.is_unfinished())?;
        self.state = RefineState::Searching;
        Some(interrupted.tier)
    }

    /// The probe with index `tier`.
    pub(super) fn probe(&self, tier: usize) -> Option<&Tier> {
        self.probes.get(tier.checked_sub(self.first)?)
    }

    /// The results so far.
    pub(super) fn results(&self) -> &[TierResult] {
        &self.results
    }

    /// What was found so far.
    pub(super) fn refined(&self, recommended: Ratio) -> Refined {
        let validated = self.passed.last().copied();
        Refined {
            validated,
            stopped: self.stopped,
            state: self.state,
            recommended: validated.and_then(|rate| rate.share(recommended)),
        }
    }
}

/// A queue that grows at (r − L) passes while (r − L)/L is below about bound ÷ hold: 2.5 % at 40 bounds.
const BOUNDS_PER_HOLD: u32 = 40;
