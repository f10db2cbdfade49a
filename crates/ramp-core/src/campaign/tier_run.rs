//! One tier from the start of its load to its final verdict.

use std::time::Duration;

use super::{Campaign, Stage, ceiling::CeilingRun, lag::Lag};
use crate::{
    criterion::Severity,
    event::{Action, Event},
    evidence::{Counters, Level, LevelChange, SignalEvidence, Tally},
    observation::{LatencySnapshot, LoadProgress, Point, Sample},
    plan::{Plan, Tier},
    signal::{Signal, SignalId},
    tier_result::{RecoveryResult, TierResult},
    units::Elapsed,
    verdict::Verdict,
};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct TierRun {
    pub(super) place: usize,
    pub(super) tier: Tier,
    /// What a lag that grows means for the tier.
    pub(super) growth: Severity,
    started: Elapsed,
    /// When the last record was due, or when the load was told to stop before that.
    stopped: Option<Elapsed>,
    /// Whether the load was cut before the end of its hold.
    pub(super) cut: bool,
    /// Whether `StopLoad` was given.
    told_to_stop: bool,
    /// When the ledger closed, or was given up on.
    pub(super) closed: Option<Elapsed>,
    /// Whether it was given up on.
    pub(super) abandoned: bool,
    pub(super) progress: LoadProgress,
    pub(super) latency: Option<(Elapsed, LatencySnapshot)>,
    /// What bounds the latencies as long as there is no snapshot of them.
    pub(super) ceiling: Option<CeilingRun>,
    pub(super) lag: Lag,
    /// When so many records were beyond the bound that the rest of the tier could not mend it.
    pub(super) certain: Option<Certain>,
    pub(super) lost: Option<(Elapsed, String)>,
    pub(super) failed: Option<String>,
    pub(super) interrupted: Option<Elapsed>,
    /// When a person wanted no more of the recovery's least wait.
    pub(super) skipped: Option<Elapsed>,
    provisional: bool,
    pub(super) tally: Tally,
}

/// A failure of the objective that the rest of the tier cannot mend, as it was counted then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Certain {
    pub(super) at: Elapsed,
    pub(super) violations: u64,
    pub(super) from_handover: u64,
}

/// What passing time has brought about.
#[derive(Default)]
pub(super) struct Step {
    pub(super) action: Option<Action>,
    pub(super) events: Vec<Event>,
    pub(super) conclusion: Option<Conclusion>,
}

pub(super) struct Conclusion {
    pub(super) result: TierResult,
    pub(super) interrupted: bool,
    /// What was read, if anything was.
    pub(super) tally: Option<Tally>,
    /// Since when no record of the tier has been under way.
    pub(super) drained: Option<Elapsed>,
}

impl TierRun {
    /// The run of `tier`, number `place` of the campaign, whose load starts at `now`. Records of the tier before were
    /// last under way at `drained`.
    pub(super) fn start(
        plan: &Plan,
        (place, tier): (usize, &Tier),
        now: Elapsed,
        drained: Option<Elapsed>,
        counters: &[Counters],
        before: Option<&Tally>,
    ) -> Self {
        let is_probe = place >= plan.tiers().len();
        let ceiling = plan.ceiling().map(|ceiling| {
            let mut arrivals = plan.signals().iter().zip(counters);
            let arrivals = arrivals.find(|(signal, _)| signal.id == ceiling.arrivals);
            CeilingRun::new(ceiling, now, arrivals.map(|(_, counters)| counters))
        });
        Self {
            tally: Tally::new(plan, tier, now, drained, counters, before),
            lag: Lag::new(tier, now),
            place,
            tier: tier.clone(),
            growth: if is_probe { Severity::Stop } else { Severity::Warning },
            started: now,
            stopped: None,
            cut: false,
            told_to_stop: false,
            closed: None,
            abandoned: false,
            progress: LoadProgress::default(),
            latency: None,
            ceiling,
            certain: None,
            lost: None,
            failed: None,
            interrupted: None,
            skipped: None,
            provisional: false,
        }
    }

    pub(super) const fn tier(&self) -> usize {
        self.place
    }

    /// Whether a verdict is passed on it.
    const fn is_judged(&self) -> bool {
        self.place != Campaign::WARMUP
    }

    pub(super) const fn progress(&self) -> &LoadProgress {
        &self.progress
    }

    pub(super) fn snapshot(&self) -> Option<&LatencySnapshot> {
        self.latency.as_ref().map(|(_, snapshot)| snapshot)
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = Level> {
        self.tally.levels()
    }

    /// What was read of every signal until `now`, or until the load stopped.
    pub(super) fn evidence(&self, plan: &Plan, now: Elapsed) -> Vec<SignalEvidence> {
        self.tally.evidence(plan, self.stopped.unwrap_or(now))
    }

    pub(super) fn stage(&self) -> Stage {
        match (self.closed, self.stopped) {
            (Some(_), Some(since)) => Stage::Recovering { tier: self.place, since },
            (None, _) | (_, None) => Stage::Loading { tier: self.place, since: self.started },
        }
    }

    pub(super) fn load(&mut self, now: Elapsed, progress: LoadProgress) {
        if self.closed.is_none() {
            if let Some(ceiling) = &mut self.ceiling {
                ceiling.acknowledged(now, progress.acknowledged);
            }
            self.progress = progress;
        }
    }

    pub(super) fn load_ended(&mut self, now: Elapsed, progress: LoadProgress) {
        self.load(now, progress);
        self.end_schedule(now);
        self.closed.get_or_insert(now);
    }

    pub(super) fn load_failed(&mut self, now: Elapsed, reason: String) {
        if self.closed.is_none() {
            self.failed = Some(reason);
            self.end_schedule(now);
            self.closed = Some(now);
        }
    }

    pub(super) fn observation_lost(&mut self, now: Elapsed, reason: String) {
        self.lost.get_or_insert((now, reason));
    }

    pub(super) fn interrupt(&mut self, now: Elapsed) {
        self.interrupted.get_or_insert(now);
    }

    pub(super) fn skip_recovery(&mut self, now: Elapsed) {
        if self.closed.is_some() {
            self.skipped.get_or_insert(now);
        }
    }

    pub(super) fn latency(
        &mut self,
        now: Elapsed,
        snapshot: LatencySnapshot,
        plan: &Plan,
        counters: &[Counters],
    ) -> Option<Event> {
        let known = self.snapshot().map_or((0, 0), |known| (known.offered, known.arrived));
        // Counts only rise: one that is lower was told before and comes late.
        if self.lost.is_some() || snapshot.offered < known.0 || snapshot.arrived < known.1 {
            return None;
        }
        self.ceiling = None;
        let lag = snapshot.outstanding;
        let (violations, from_handover) = (snapshot.violations(), snapshot.violations_from_handover());
        let is_lost = violations.min(from_handover) > self.tier.records() / 100;
        if is_lost && self.is_judged() && self.stopped.is_none() {
            self.certain.get_or_insert(Certain { at: now, violations, from_handover });
        }
        self.latency = Some((now, snapshot));
        self.lagged(now, lag, plan, counters)
    }

    /// Takes a warning of the source of a signal's readings.
    pub(super) fn warned(
        &mut self,
        now: Elapsed,
        place: usize,
        signal: SignalId,
        warning: String,
    ) -> Option<Event> {
        let is_new = self.stopped.is_none() && self.tally.warned(place, &warning);
        is_new.then_some(Event::Warned { tier: self.place, signal, warning, at: now })
    }

    pub(super) fn reading(
        &mut self,
        (place, signal): (usize, &Signal),
        sample: Sample,
        plan: &Plan,
        counters: &[Counters],
        now: Elapsed,
    ) -> Vec<Event> {
        let (points, panel) = match sample {
            Sample::Present { points, panel } => (points, panel),
            Sample::Absent(why) => {
                if self.stopped.is_none() {
                    self.tally.absent(place, why);
                }
                return Vec::new();
            }
        };
        let Some(own) = counters.get(place) else { return Vec::new() };
        let lagged = self.bound(signal, &points, plan, counters);
        let judged = self.judge((place, signal), (&points, panel), own, now);
        lagged.into_iter().chain(judged).collect()
    }

    /// Takes a reading of the ceiling's signals, as long as nobody sees records arrive.
    fn bound(
        &mut self,
        signal: &Signal,
        points: &[Point],
        plan: &Plan,
        counters: &[Counters],
    ) -> Option<Event> {
        let (rules, ceiling) = (plan.ceiling()?, self.ceiling.as_mut()?);
        if signal.id == rules.highest {
            ceiling.latencies(points);
        }
        if signal.id != rules.arrivals {
            return None;
        }
        let place = plan.signals().iter().position(|known| known.id == signal.id)?;
        let scraped = points.iter().map(|point| point.scraped).max()?;
        let closed = self.closed.map(|_| self.progress.acknowledged);
        let lag = ceiling.arrivals(counters.get(place)?, points, closed)?;
        self.lagged(scraped, lag, plan, counters)
    }

    /// Takes the lag at `at` for the recovery and for the criteria on it.
    fn lagged(&mut self, at: Elapsed, lag: u64, plan: &Plan, counters: &[Counters]) -> Option<Event> {
        self.lag.take(at, lag, plan.recovery().floor, self.stopped.is_none());
        let place = plan.signals().iter().position(|signal| signal.id == SignalId::LAG)?;
        // Lags stay far below 2^53, up to which every whole number has its own f64.
        let point = Point { series: String::new(), value: lag as f64, scraped: at };
        self.judge((place, plan.signals().get(place)?), (&[point], None), counters.get(place)?, at)
    }

    fn judge(
        &mut self,
        (place, signal): (usize, &Signal),
        values: (&[Point], Option<f64>),
        counters: &Counters,
        at: Elapsed,
    ) -> Option<Event> {
        let change = self.tally.take((place, signal), &self.tier, values, counters, self.stopped)?;
        let LevelChange { from, to, series, value } = change;
        Some(Event::LevelChanged { tier: self.place, signal: signal.id.clone(), from, to, series, value, at })
    }

    /// When something happens by the mere passing of time.
    pub(super) fn deadline(&self, plan: &Plan, now: Elapsed) -> Elapsed {
        let next = match (self.stopped, self.closed) {
            (None, _) => self.hold_end(),
            (Some(stopped), None) if self.told_to_stop => self.close_deadline(stopped),
            (Some(stopped), None) => stopped.after(STOP_GRACE),
            (Some(stopped), Some(_)) => {
                let least = self.least_wait(plan, stopped);
                if least > now { least } else { stopped.after(plan.recovery().give_up) }
            }
        };
        let next = self.silence_deadline().map_or(next, |silence| next.min(silence));
        next.max(now)
    }

    pub(super) fn advance(&mut self, now: Elapsed, plan: &Plan) -> Step {
        let mut step = Step::default();
        if self.silence_deadline().is_some_and(|silence| now >= silence) {
            let reason = format!("no latencies were reported for {} s", SNAPSHOT_PATIENCE.as_secs());
            self.lost = Some((now, reason));
        }
        if self.stopped.is_none() {
            self.end_of_load(now, plan, &mut step);
        }
        if let (Some(stopped), None) = (self.stopped, self.closed) {
            if !self.told_to_stop && now.since(stopped) >= STOP_GRACE {
                self.tell_to_stop(&mut step);
            }
            if now >= self.close_deadline(stopped) {
                self.closed = Some(now);
                self.abandoned = true;
            }
        }
        if let (Some(stopped), Some(closed)) = (self.stopped, self.closed) {
            self.recover(now, (stopped, closed), plan, &mut step);
        }
        step
    }

    fn end_of_load(&mut self, now: Elapsed, plan: &Plan, step: &mut Step) {
        let hold_end = self.hold_end();
        let cut = self.certain.is_some()
            || self.lost.is_some()
            || self.interrupted.is_some()
            || self.tally.has_stopped();
        if now >= hold_end {
            self.stopped = Some(hold_end);
        } else if cut {
            self.stopped = Some(now);
            self.cut = true;
            let finding = self.findings(plan, now, None).0.into_iter().next();
            step.events.push(Event::TierCut { tier: self.place, finding, at: now });
            self.tell_to_stop(step);
        }
    }

    fn recover(&mut self, now: Elapsed, (stopped, closed): (Elapsed, Elapsed), plan: &Plan, step: &mut Step) {
        let rules = plan.recovery();
        let waited = now.since(stopped);
        let fresh = self.latency.as_ref().filter(|(at, _)| *at >= closed).map(|(_, snapshot)| snapshot);
        let fresh = fresh.filter(|snapshot| snapshot.offered >= self.progress.offered);
        let bounded = self.ceiling.as_ref().is_some_and(CeilingRun::is_drained);
        let settled = bounded || fresh.is_some_and(|snapshot| snapshot.outstanding <= snapshot.overdue);
        let drained = bounded || fresh.is_some_and(|snapshot| snapshot.outstanding == 0);
        if settled && !self.provisional {
            self.provisional = true;
            if self.is_judged() {
                let verdict = Verdict::of(&self.findings(plan, stopped, None).0);
                step.events.push(Event::Provisional { tier: self.place, verdict, at: now });
            }
        }
        let over =
            (now >= self.least_wait(plan, stopped) && drained && self.lag.below_floor_since().is_some())
                || waited >= rules.give_up
                || self.lost.is_some()
                || self.interrupted.is_some();
        if over {
            step.conclusion = Some(self.conclude(now, plan, stopped));
        }
    }

    fn conclude(&self, now: Elapsed, plan: &Plan, stopped: Elapsed) -> Conclusion {
        let waited = now.since(stopped);
        let (findings, p99) = self.findings(plan, stopped, Some(now));
        let recovered_after = self.lag.below_floor_since().map(|since| since.since(stopped));
        let observed = self.lost.is_none() && self.interrupted.is_none();
        let outstanding = self.lag.newest().filter(|_| observed);
        let recovery = outstanding.map(|outstanding| RecoveryResult { recovered_after, waited, outstanding });
        let result = TierResult {
            tier: self.place,
            rate: self.tier.rate,
            verdict: Verdict::of(&findings),
            findings,
            started: Some(self.started),
            stopped: Some(stopped),
            load: self.progress.clone(),
            latency: self.snapshot().cloned(),
            p99,
            signals: self.tally.evidence(plan, stopped),
            lag_peak: self.lag.peak(),
            recovery,
        };
        Conclusion {
            result,
            interrupted: self.interrupted.is_some(),
            tally: Some(self.tally.clone()),
            drained: Some(self.drained_at(stopped)),
        }
    }

    /// Before this no recovery is over, however early the lag is gone.
    fn least_wait(&self, plan: &Plan, stopped: Elapsed) -> Elapsed {
        let asked = stopped.after(plan.recovery().minimum);
        if self.skipped.is_none() {
            return asked;
        }
        let drained = self.drained_at(stopped);
        let needs = |signal: &Signal| {
            let read = stopped.after(signal.interval.saturating_mul(READ_WITHIN));
            // What a gauge remembers of this tier would hide as much of the next one.
            read.max(drained.after(signal.memory))
        };
        plan.signals().iter().map(needs).max().map_or(stopped, |needed| needed.min(asked))
    }

    /// Since when no record has been under way, the load having stopped at `stopped`.
    fn drained_at(&self, stopped: Elapsed) -> Elapsed {
        self.lag.gone_since().map_or(stopped, |since| since.max(stopped))
    }

    fn end_schedule(&mut self, now: Elapsed) {
        let end = now.min(self.hold_end());
        self.stopped.get_or_insert(end);
    }

    fn tell_to_stop(&mut self, step: &mut Step) {
        self.told_to_stop = true;
        step.action = Some(Action::StopLoad);
    }

    fn hold_end(&self) -> Elapsed {
        self.started.after(self.tier.hold)
    }

    /// When the silence of whoever sees records arrive is an observation lost; `None` where nobody needs to.
    fn silence_deadline(&self) -> Option<Elapsed> {
        let heard = self.latency.as_ref().map_or(self.started, |(at, _)| *at);
        let needed = self.lost.is_none() && self.ceiling.is_none();
        needed.then(|| heard.after(SNAPSHOT_PATIENCE))
    }

    fn close_deadline(&self, stopped: Elapsed) -> Elapsed {
        stopped.after(self.tier.p99_bound).after(CLOSE_PATIENCE)
    }
}

/// A load that ends by itself is told to stop only when it has not done so after this long.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// The client gives up on a record at the bound + 10 s; this leaves it time to say so.
const CLOSE_PATIENCE: Duration = Duration::from_secs(15);

/// The last values of a tier have been read after so many of their signal's intervals: the first one after it, which
/// ends its counts, then the sampling, then the answer.
const READ_WITHIN: u32 = 3;

/// Latencies come several times a second; a silence this long is an observation lost.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
