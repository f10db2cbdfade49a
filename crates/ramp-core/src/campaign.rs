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
//! let rate = Rate::per_second(1_000).unwrap();
//! let tier = Tier::new("P1", rate, Duration::from_secs(300), Duration::from_secs(1));
//! let plan = Plan::new(PlanDraft::new("one tier", vec![tier]))?;
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

mod ceiling;
mod input;
mod judgement;
mod lag;
mod outcome;
mod search;
mod tier_run;
mod warmup;

use std::{collections::VecDeque, time::Duration};

pub use self::{
    input::Input,
    outcome::{Outcome, Stage},
    warmup::Warmup,
};
use self::{
    search::Search,
    tier_run::{Conclusion, TierRun},
};
use crate::{
    capacity::Refined,
    event::{Action, Ending, Event},
    evidence::{Counters, Tally},
    observation::{LatencySnapshot, Reading, Sample},
    plan::{Plan, Tier},
    signal::{Fold, Signal, SignalId},
    tier_result::TierResult,
    units::Elapsed,
    verdict::{Finding, Verdict},
};

/// The state machine. See the [module](self) for how it is driven. Two campaigns that were told the same, and polled
/// for all that followed, are equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    plan: Plan,
    now: Elapsed,
    phase: Phase,
    counters: Vec<Counters>,
    /// What is loaded before the first tier, where the plan asks for it.
    warmup: Option<Tier>,
    warmed_up: Option<Warmup>,
    /// What the plan's tiers came to.
    results: Vec<TierResult>,
    /// What follows a STOP, where the plan asks for it.
    search: Option<Search>,
    /// What was read in the last tier that ran.
    before: Option<Tally>,
    /// When the last record of the last tier that ran was under way.
    drained: Option<Elapsed>,
    /// Whether records that this process has not sent may be under way until the path is shown to be clear: whatever
    /// loaded it before the campaign, or a former process of it.
    unknown: bool,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

#[derive(Debug, Clone, PartialEq)]
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
        let warmup = warmup::tier(&plan);
        let first = if warmup.is_some() { Self::WARMUP } else { 0 };
        Self {
            plan,
            now: Elapsed::START,
            phase: Phase::Proving { tier: first, since: Elapsed::START },
            counters,
            warmup,
            warmed_up: None,
            results: Vec::new(),
            search: None,
            before: None,
            drained: None,
            unknown: true,
            actions: VecDeque::from([Action::ProvePath { tier: first }]),
            events: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Elapsed, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Tick | Input::Component(_) => {}
            Input::PathClear { tier } => self.path_clear(tier),
            Input::PathBlocked { tier, reason } => self.path_blocked(tier, reason),
            Input::LoadStarted { tier } => self.load_started(tier),
            Input::LoadFailed { tier, reason } => self.load_failed(tier, reason),
            Input::Load { tier, progress } => self.with_run(tier, |run, at| run.load(at, progress)),
            Input::LoadEnded { tier, progress } => {
                self.with_run(tier, |run, at| run.load_ended(at, progress));
            }
            Input::Latency { tier, snapshot } => self.latency(tier, snapshot),
            Input::ObservationLost { tier, reason } => {
                self.with_run(tier, |run, at| run.observation_lost(at, reason));
            }
            Input::Reading(reading) => self.reading(reading),
            Input::Warned { signal, warning } => self.warned(signal, warning),
            Input::Interrupt => self.interrupt(),
            Input::SkipRecovery { tier } => self.with_run(tier, |run, at| run.skip_recovery(at)),
            Input::Resumed => self.resume(),
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

    /// The tier that actions, events and results call `index`: one of the plan, a probe of the search, or the warm-up
    /// as if it were one, with the bound of the first tier and no criteria.
    #[must_use]
    pub fn tier(&self, index: usize) -> Option<&Tier> {
        let probe = || self.search.as_ref()?.probe(index);
        let warmup = || self.warmup.as_ref().filter(|_| index == Self::WARMUP);
        self.plan.tiers().get(index).or_else(probe).or_else(warmup)
    }

    fn path_clear(&mut self, tier: usize) {
        if !matches!(self.phase, Phase::Proving { tier: expected, .. } if expected == tier) {
            return;
        }
        let Some(&Tier { rate, hold, p99_bound: bound, .. }) = self.tier(tier) else { return };
        if std::mem::replace(&mut self.unknown, false) {
            self.drained = Some(self.now);
        }
        self.actions.push_back(Action::StartLoad { tier, rate, hold, bound });
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
            // Said twice, or late: whichever load is wanted is not to be stopped for that.
            Phase::Starting { .. } | Phase::Running(_) => return,
            // A load that starts after it was given up on is not wanted any more.
            Phase::Proving { .. } | Phase::Done { .. } => return self.actions.push_back(Action::StopLoad),
        }
        let Some(started) = self.tier(tier) else { return };
        let before = self.before.as_ref();
        let event = warmup::started(tier, started, self.now);
        let run = TierRun::start(&self.plan, (tier, started), self.now, self.drained, &self.counters, before);
        self.phase = Phase::Running(Box::new(run));
        self.events.push_back(event);
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
            && let Some(event) = run.latency(now, snapshot, &self.plan, &self.counters)
        {
            self.events.push_back(event);
        }
    }

    fn reading(&mut self, Reading { signal, mut sample }: Reading) {
        if let Sample::Present { points, .. } = &mut sample {
            // No value is of the future; taken as one, it would outdate all that follow.
            points.iter_mut().for_each(|point| point.scraped = point.scraped.min(self.now));
        }
        let mut signals = self.plan.signals().iter().enumerate();
        let asked = |known: &Signal| known.id == signal && known.id != SignalId::LAG;
        let Some((place, signal)) = signals.find(|(_, known)| asked(known)) else { return };
        if let Sample::Present { points, .. } = &sample
            && signal.fold == Fold::Increase
            && let Some(counters) = self.counters.get_mut(place)
        {
            counters.take(points);
        }
        if let Phase::Running(run) = &mut self.phase {
            self.events.extend(run.reading((place, signal), sample, &self.plan, &self.counters, self.now));
        }
    }

    fn warned(&mut self, signal: SignalId, warning: String) {
        let place = self.plan.signals().iter().position(|known| known.id == signal);
        if let (Phase::Running(run), Some(place)) = (&mut self.phase, place) {
            self.events.extend(run.warned(self.now, place, signal, warning));
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

    /// Takes up the tier that a former process has left unfinished.
    fn resume(&mut self) {
        let tier = match &self.phase {
            Phase::Proving { tier, .. } | Phase::Starting { tier, .. } => *tier,
            Phase::Running(run) => run.tier(),
            Phase::Done { ending: Ending::Interrupted, .. } => {
                let probe = self.search.as_mut().and_then(Search::resume);
                let tier = probe.or_else(|| Some(self.results.pop_if(|last| last.is_unfinished())?.tier));
                let Some(tier) = tier else { return };
                tier
            }
            Phase::Done {
                ending: Ending::LastTierPassed | Ending::Stopped | Ending::Inconclusive, ..
            } => {
                return;
            }
        };
        self.actions.clear();
        self.events.clear();
        // What was counted while nothing of the campaign ran is not its own.
        self.counters.fill(Counters::default());
        self.unknown = true;
        let tier = self.beginning_of(tier);
        self.events.push_back(Event::TierRepeated { tier, at: self.now });
        self.prove(tier);
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
        // What the warm-up cannot do, the tier that it is for cannot either.
        let tier = if tier == Self::WARMUP { 0 } else { tier };
        let Some(rate) = self.tier(tier).map(|tier| tier.rate) else { return };
        let interrupted = matches!(finding, Finding::Interrupted { .. });
        let result = TierResult::before_load(tier, rate, finding);
        self.conclude(Conclusion { result, interrupted, tally: None, drained: self.drained });
    }

    fn conclude(&mut self, Conclusion { result, interrupted, tally, drained }: Conclusion) {
        let (tier, verdict, at) = (result.tier, result.verdict, self.now);
        self.drained = drained;
        self.before = tally.or_else(|| self.before.take());
        if tier == Self::WARMUP {
            return self.warm(&result, interrupted);
        }
        self.events.push_back(Event::Final { tier, verdict, at });
        if let Some(search) = &mut self.search {
            search.take(result, interrupted);
            let ending = if interrupted { Ending::Interrupted } else { Ending::Stopped };
            return self.search_on(ending);
        }
        self.results.push(result);
        match verdict {
            Verdict::Go | Verdict::Stop | Verdict::Inconclusive if interrupted => {
                self.end(Ending::Interrupted)
            }
            Verdict::Inconclusive => self.end(Ending::Inconclusive),
            Verdict::Go if tier + 1 < self.plan.tiers().len() => self.prove(tier + 1),
            Verdict::Go => self.end(Ending::LastTierPassed),
            Verdict::Stop => {
                if let (Some(rules), Some(stopped)) = (self.plan.refine(), self.plan.tiers().get(tier)) {
                    self.search = Search::new(rules, stopped, self.plan.tiers().len(), &self.results);
                }
                self.search_on(Ending::Stopped);
            }
        }
    }

    /// Begins the next probe, or ends the campaign where there is none.
    fn search_on(&mut self, ending: Ending) {
        let Some((tier, rate)) = self.search.as_mut().and_then(Search::next) else { return self.end(ending) };
        if let Some(Refined { validated: Some(validated), stopped, .. }) = self.refined() {
            self.events.push_back(Event::Refining { tier, rate, validated, stopped, at: self.now });
        }
        self.prove(tier);
    }

    fn prove(&mut self, tier: usize) {
        self.phase = Phase::Proving { tier, since: self.now };
        self.actions.push_back(Action::ProvePath { tier });
    }

    fn end(&mut self, ending: Ending) {
        self.phase = Phase::Done { ending, at: self.now };
        self.events.push_back(Event::Ended { ending, at: self.now });
    }
}

const PROOF_GRACE: Duration = Duration::from_secs(5);

/// A load that has not begun its schedule after this long is not going to.
const START_PATIENCE: Duration = Duration::from_secs(60);
