//! The campaign: one state machine from the first tier to the capacity.
//!
//! The caller owns the clock, the load and every connection. It feeds what happened by
//! [`Campaign::handle`], and after each call carries out every [`Action`] that [`Campaign::poll_action`] yields,
//! shows every [`Event`] that [`Campaign::poll_event`] yields, and sees to it that `handle` is called again at
//! [`Campaign::poll_timeout`] at the latest (an [`Input::Tick`] will do):
//!
//! ```
//! use std::time::Duration;
//! use ramp_core::{campaign::{Campaign, Input}, event::Action, plan::*, units::*};
//!
//! let tier = Tier {
//!     name: "P1".into(),
//!     rate: Rate::per_second(1_000).unwrap(),
//!     hold: Duration::from_secs(300),
//!     p99_bound: Duration::from_secs(1),
//!     criteria: vec![],
//! };
//! let plan = Plan::new(PlanDraft {
//!     name: "one tier".into(),
//!     signals: vec![],
//!     tiers: vec![tier],
//!     recovery: Recovery {
//!         minimum: Duration::from_secs(120),
//!         floor: 1_000,
//!         give_up: Duration::from_secs(600),
//!     },
//!     evidence: EvidenceRules::default(),
//!     recommended: Ratio::new(0.7).unwrap(),
//!     budget: None,
//! })?;
//! let mut campaign = Campaign::new(plan);
//! assert_eq!(campaign.poll_action(), Some(Action::ProvePath { tier: 0 }));
//! campaign.handle(Elapsed::new(Duration::from_secs(1)), Input::PathClear { tier: 0 });
//! assert!(matches!(campaign.poll_action(), Some(Action::StartLoad { tier: 0, .. })));
//! assert_eq!(campaign.poll_action(), None);
//! assert!(campaign.poll_timeout().is_some());
//! # Ok::<(), PlanErrors>(())
//! ```
//!
//! Every input is welcome at every moment: one that does not fit (late, doubled, of another tier) changes nothing,
//! and time that runs backwards stands still.

mod tier_run;

use std::{collections::VecDeque, time::Duration};

use self::tier_run::{Conclusion, TierRun};
use crate::{
    capacity::Capacity,
    event::{Action, Ending, Event},
    evidence::{Counters, Level},
    observation::{LatencySnapshot, LoadProgress, Reading, Sample},
    plan::{Plan, Tier},
    signal::{Signal, SignalId},
    tier_result::TierResult,
    units::Elapsed,
    verdict::{Finding, Verdict},
};

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The path was shown to be free of a backlog.
    PathClear {
        /// Index of the tier that is to follow.
        tier: usize,
    },
    /// It was not.
    PathBlocked {
        /// Index of the tier that was to follow.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// The load's schedule has begun.
    LoadStarted {
        /// Index of the tier.
        tier: usize,
    },
    /// The load could not start, or broke off; nothing of it runs any more.
    LoadFailed {
        /// Index of the tier.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// The load's account so far.
    Load {
        /// Index of the tier.
        tier: usize,
        /// The account.
        progress: LoadProgress,
    },
    /// The load has ended, by itself or because it was stopped, and its ledger has closed as far as it will.
    LoadEnded {
        /// Index of the tier.
        tier: usize,
        /// The final account.
        progress: LoadProgress,
    },
    /// The latencies so far.
    Latency {
        /// Index of the tier.
        tier: usize,
        /// The latencies.
        snapshot: LatencySnapshot,
    },
    /// Latencies can no longer be observed.
    ObservationLost {
        /// Index of the tier.
        tier: usize,
        /// Why.
        reason: String,
    },
    /// A signal was read, or could not be.
    Reading(Reading),
    /// A person or the system wants the campaign to end.
    Interrupt,
}

/// What a campaign came to.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The tiers that were begun, in order. The plan's other tiers were not reached.
    pub tiers: Vec<TierResult>,
    /// The capacity, if a tier was GO.
    pub capacity: Option<Capacity>,
    /// How long it took.
    pub took: Duration,
    /// By how much that was beyond the plan's budget.
    pub overrun: Option<Duration>,
}

/// Where a campaign stands, for displays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The path is being shown to be clear.
    Proving {
        /// Index of the tier that is to follow.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load was told to start.
    Starting {
        /// Index of the tier.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load runs, or its ledger is closing.
    Loading {
        /// Index of the tier.
        tier: usize,
        /// Since when.
        since: Elapsed,
    },
    /// The load has ended; records may still be under way.
    Recovering {
        /// Index of the tier.
        tier: usize,
        /// Since when: the stop of the load.
        since: Elapsed,
    },
    /// The campaign is over.
    Done {
        /// How.
        ending: Ending,
        /// When.
        at: Elapsed,
    },
}

/// The state machine. See the [module](self) for how it is driven.
#[derive(Debug, Clone)]
pub struct Campaign {
    plan: Plan,
    now: Elapsed,
    phase: Phase,
    counters: Vec<Counters>,
    results: Vec<TierResult>,
    /// When the last record of the last tier that ran was under way.
    drained: Option<Elapsed>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

#[derive(Debug, Clone)]
enum Phase {
    Proving { tier: usize, since: Elapsed },
    Starting { tier: usize, since: Elapsed },
    Running(Box<TierRun>),
    Done { ending: Ending, at: Elapsed },
}

impl Campaign {
    /// A campaign over `plan` at its start.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let counters = plan.signals().iter().map(|_| Counters::default()).collect();
        Self {
            plan,
            now: Elapsed::START,
            phase: Phase::Proving { tier: 0, since: Elapsed::START },
            counters,
            results: Vec::new(),
            drained: None,
            actions: VecDeque::from([Action::ProvePath { tier: 0 }]),
            events: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Elapsed, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Tick => {}
            Input::PathClear { tier } => self.path_clear(tier),
            Input::PathBlocked { tier, reason } => self.path_blocked(tier, reason),
            Input::LoadStarted { tier } => self.load_started(tier),
            Input::LoadFailed { tier, reason } => self.load_failed(tier, reason),
            Input::Load { tier, progress } => self.with_run(tier, |run, _| run.load(progress)),
            Input::LoadEnded { tier, progress } => {
                self.with_run(tier, |run, at| run.load_ended(at, progress));
            }
            Input::Latency { tier, snapshot } => self.latency(tier, snapshot),
            Input::ObservationLost { tier, reason } => {
                self.with_run(tier, |run, at| run.observation_lost(at, reason));
            }
            Input::Reading(reading) => self.reading(reading),
            Input::Interrupt => self.interrupt(),
        }
        self.advance();
    }

    /// What is to be done next; poll until `None`.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// What happened that a display should show; poll until `None`.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle`](Self::handle) is to be called at the latest; `None` when the campaign is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Elapsed> {
        match &self.phase {
            Phase::Proving { since, .. } => Some(since.after(self.proof_patience())),
            Phase::Starting { since, .. } => Some(since.after(START_PATIENCE)),
            Phase::Running(run) => Some(run.deadline(&self.plan, self.now)),
            Phase::Done { .. } => None,
        }
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the campaign stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Proving { tier, since } => Stage::Proving { tier: *tier, since: *since },
            Phase::Starting { tier, since } => Stage::Starting { tier: *tier, since: *since },
            Phase::Running(run) => run.stage(),
            Phase::Done { ending, at } => Stage::Done { ending: *ending, at: *at },
        }
    }

    /// The load and latencies of the tier that runs or recovers.
    #[must_use]
    pub fn current(&self) -> Option<(&LoadProgress, Option<&LatencySnapshot>)> {
        match &self.phase {
            Phase::Running(run) => Some((run.progress(), run.snapshot())),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => None,
        }
    }

    /// The level of every signal of the plan, in its order, while a tier runs or recovers.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let run = match &self.phase {
            Phase::Running(run) => Some(run),
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Done { .. } => None,
        };
        run.into_iter().flat_map(|run| run.levels())
    }

    /// The tiers whose verdict is final, in order.
    #[must_use]
    pub fn results(&self) -> &[TierResult] {
        &self.results
    }

    /// What the campaign came to; `None` before it is over.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let Phase::Done { ending, at } = self.phase else { return None };
        let took = at.since(Elapsed::START);
        Some(Outcome {
            ending,
            tiers: self.results.clone(),
            capacity: Capacity::of(&self.results, self.plan.recommended()),
            took,
            overrun: self
                .plan
                .budget()
                .and_then(|budget| took.checked_sub(budget))
                .filter(|over| !over.is_zero()),
        })
    }

    fn path_clear(&mut self, tier: usize) {
        if !matches!(self.phase, Phase::Proving { tier: expected, .. } if expected == tier) {
            return;
        }
        let Some(Tier { rate, hold, p99_bound, .. }) = self.plan.tiers().get(tier) else { return };
        self.actions.push_back(Action::StartLoad { tier, rate: *rate, hold: *hold, bound: *p99_bound });
        self.phase = Phase::Starting { tier, since: self.now };
    }

    fn path_blocked(&mut self, tier: usize, reason: String) {
        if matches!(self.phase, Phase::Proving { tier: expected, .. } if expected == tier) {
            self.end_before_load(tier, Finding::PathNotClear { reason });
        }
    }

    fn load_started(&mut self, tier: usize) {
        match &self.phase {
            Phase::Starting { tier: expected, .. } if *expected == tier => {}
            // Said twice of the load that runs.
            Phase::Running(run) if run.tier() == tier => return,
            // A load that starts after it was given up on is not wanted any more.
            Phase::Proving { .. } | Phase::Starting { .. } | Phase::Running(_) | Phase::Done { .. } => {
                return self.actions.push_back(Action::StopLoad);
            }
        }
        if let Some(run) = TierRun::start(&self.plan, tier, self.now, self.drained, &self.counters) {
            self.phase = Phase::Running(Box::new(run));
            self.events.push_back(Event::TierStarted { tier, at: self.now });
        }
    }

    fn load_failed(&mut self, tier: usize, reason: String) {
        if matches!(self.phase, Phase::Starting { tier: expected, .. } if expected == tier) {
            self.end_before_load(tier, Finding::LoadFailed { reason });
        } else {
            self.with_run(tier, |run, at| run.load_failed(at, reason));
        }
    }

    fn latency(&mut self, tier: usize, snapshot: LatencySnapshot) {
        let now = self.now;
        let Phase::Running(run) = &mut self.phase else { return };
        if run.tier() == tier
            && let Some(event) = run.latency(now, snapshot, &self.plan, &mut self.counters)
        {
            self.events.push_back(event);
        }
    }

    fn reading(&mut self, Reading { signal, sample }: Reading) {
        let mut signals = self.plan.signals().iter().enumerate();
        let asked = |known: &Signal| known.id == signal && known.id != SignalId::LAG;
        let Some((place, signal)) = signals.find(|(_, known)| asked(known)) else { return };
        let Some(counters) = self.counters.get_mut(place) else { return };
        match (&mut self.phase, sample) {
            (Phase::Running(run), sample) => {
                let event = run.reading((place, signal), sample, counters, self.now);
                self.events.extend(event);
            }
            (_, Sample::Present { points, .. }) => counters.take(&points),
            (_, Sample::Absent(_)) => {}
        }
    }

    fn interrupt(&mut self) {
        let at = self.now;
        match &mut self.phase {
            Phase::Proving { tier, .. } => {
                let tier = *tier;
                self.end_before_load(tier, Finding::Interrupted { at });
            }
            Phase::Starting { tier, .. } => {
                let tier = *tier;
                self.actions.push_back(Action::StopLoad);
                self.end_before_load(tier, Finding::Interrupted { at });
            }
            Phase::Running(run) => run.interrupt(at),
            Phase::Done { .. } => {}
        }
    }

    fn with_run(&mut self, tier: usize, change: impl FnOnce(&mut TierRun, Elapsed)) {
        if let Phase::Running(run) = &mut self.phase
            && run.tier() == tier
        {
            change(run, self.now);
        }
    }

    /// Does whatever time alone brings about.
    fn advance(&mut self) {
        let now = self.now;
        let proof_patience = self.proof_patience();
        match &mut self.phase {
            Phase::Proving { tier, since } => {
                let waited = now.since(*since);
                if waited >= proof_patience {
                    let tier = *tier;
                    let reason = format!("no answer for {} s", waited.as_secs());
                    self.end_before_load(tier, Finding::PathNotClear { reason });
                }
            }
            Phase::Starting { tier, since } => {
                if now.since(*since) >= START_PATIENCE {
                    let tier = *tier;
                    let reason = format!("it did not start within {} s", START_PATIENCE.as_secs());
                    self.actions.push_back(Action::StopLoad);
                    self.end_before_load(tier, Finding::LoadFailed { reason });
                }
            }
            Phase::Running(run) => {
                let step = run.advance(now, &self.plan);
                self.actions.extend(step.action);
                self.events.extend(step.events);
                if let Some(conclusion) = step.conclusion {
                    self.conclude(conclusion);
                }
            }
            Phase::Done { .. } => {}
        }
    }

    /// Whoever proves the path is given as long as a recovery, and time to say what was missing.
    fn proof_patience(&self) -> Duration {
        self.plan.recovery().give_up.saturating_add(PROOF_GRACE)
    }

    fn end_before_load(&mut self, tier: usize, finding: Finding) {
        let Some(rate) = self.plan.tiers().get(tier).map(|tier| tier.rate) else { return };
        let interrupted = matches!(finding, Finding::Interrupted { .. });
        let drained = self.drained;
        self.conclude(Conclusion {
            result: TierResult::before_load(tier, rate, finding),
            interrupted,
            drained,
        });
    }

    fn conclude(&mut self, Conclusion { result, interrupted, drained }: Conclusion) {
        let (tier, verdict, at) = (result.tier, result.verdict, self.now);
        self.events.push_back(Event::Final { tier, verdict, at });
        self.results.push(result);
        self.drained = drained;
        let ending = match verdict {
            Verdict::Go | Verdict::Stop | Verdict::Inconclusive if interrupted => Ending::Interrupted,
            Verdict::Stop => Ending::Stopped,
            Verdict::Inconclusive => Ending::Inconclusive,
            Verdict::Go if tier + 1 < self.plan.tiers().len() => {
                self.phase = Phase::Proving { tier: tier + 1, since: at };
                self.actions.push_back(Action::ProvePath { tier: tier + 1 });
                return;
            }
            Verdict::Go => Ending::LastTierPassed,
        };
        self.phase = Phase::Done { ending, at };
        self.events.push_back(Event::Ended { ending, at });
    }
}

const PROOF_GRACE: Duration = Duration::from_secs(5);

/// A load that has not begun its schedule after this long is not going to.
const START_PATIENCE: Duration = Duration::from_secs(60);
