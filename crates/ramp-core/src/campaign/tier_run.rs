//! One tier from the start of its load to its final verdict.

use std::time::Duration;

use super::Stage;
use crate::{
    event::{Action, Event},
    evidence::{Counters, Level, LevelChange, Tally},
    observation::{LatencySnapshot, LoadProgress, Point, Sample},
    plan::{Plan, Tier},
    signal::{Signal, SignalId},
    tier_result::{RecoveryResult, TierResult},
    units::Elapsed,
    verdict::{Finding, Verdict},
};

#[derive(Debug, Clone)]
pub(super) struct TierRun {
    place: usize,
    tier: Tier,
    started: Elapsed,
    /// When the last record was due, or when the load was told to stop before that.
    stopped: Option<Elapsed>,
    /// Whether the load was cut before the end of its hold.
    cut: bool,
    /// Whether `StopLoad` was given.
    told_to_stop: bool,
    /// When the ledger closed, or was given up on.
    closed: Option<Elapsed>,
    /// Whether it was given up on.
    abandoned: bool,
    progress: LoadProgress,
    latency: Option<(Elapsed, LatencySnapshot)>,
    lag_peak: Option<u64>,
    below_floor_since: Option<Elapsed>,
    drained_since: Option<Elapsed>,
    /// When so many records were beyond the bound that the rest of the tier could not mend it.
    certain: Option<Elapsed>,
    lost: Option<(Elapsed, String)>,
    failed: Option<String>,
    interrupted: Option<Elapsed>,
    provisional: bool,
    tally: Tally,
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
    /// Since when no record of the tier has been under way.
    pub(super) drained: Option<Elapsed>,
}

impl TierRun {
    pub(super) fn start(
        plan: &Plan,
        place: usize,
        now: Elapsed,
        drained: Option<Elapsed>,
        counters: &[Counters],
    ) -> Option<Self> {
        let tier = plan.tiers().get(place)?.clone();
        Some(Self {
            tally: Tally::new(plan, &tier, now, drained, counters),
            place,
            tier,
            started: now,
            stopped: None,
            cut: false,
            told_to_stop: false,
            closed: None,
            abandoned: false,
            progress: LoadProgress::default(),
            latency: None,
            lag_peak: None,
            below_floor_since: None,
            drained_since: None,
            certain: None,
            lost: None,
            failed: None,
            interrupted: None,
            provisional: false,
        })
    }

    pub(super) const fn tier(&self) -> usize {
        self.place
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

    pub(super) fn stage(&self) -> Stage {
        match (self.closed, self.stopped) {
            (Some(_), Some(since)) => Stage::Recovering { tier: self.place, since },
            (None, _) | (_, None) => Stage::Loading { tier: self.place, since: self.started },
        }
    }

    pub(super) fn load(&mut self, progress: LoadProgress) {
        if self.closed.is_none() {
            self.progress = progress;
        }
    }

    pub(super) fn load_ended(&mut self, now: Elapsed, progress: LoadProgress) {
        if self.closed.is_none() {
            self.progress = progress;
            self.end_schedule(now);
            self.closed = Some(now);
        }
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

    pub(super) fn latency(
        &mut self,
        now: Elapsed,
        snapshot: LatencySnapshot,
        plan: &Plan,
        counters: &mut [Counters],
    ) -> Option<Event> {
        if self.lost.is_some() {
            return None;
        }
        let lag = snapshot.outstanding;
        if self.stopped.is_none() {
            self.lag_peak = self.lag_peak.max(Some(lag));
            if snapshot.violations_from_handover().min(snapshot.violations()) > self.tier.records() / 100 {
                self.certain.get_or_insert(now);
            }
        }
        if lag < plan.recovery().floor {
            self.below_floor_since.get_or_insert(now);
        } else {
            self.below_floor_since = None;
        }
        if lag > 0 {
            self.drained_since = None;
        } else {
            self.drained_since.get_or_insert(now);
        }
        self.latency = Some((now, snapshot));

        let place = plan.signals().iter().position(|signal| signal.id == SignalId::LAG)?;
        // Lags stay far below 2^53, up to which every whole number has its own f64.
        let point = Point { series: String::new(), value: lag as f64, scraped: now };
        let sample = Sample::Present { points: vec![point], panel: None };
        self.reading((place, plan.signals().get(place)?), sample, counters.get_mut(place)?, now)
    }

    pub(super) fn reading(
        &mut self,
        (place, signal): (usize, &Signal),
        sample: Sample,
        counters: &mut Counters,
        now: Elapsed,
    ) -> Option<Event> {
        let (points, panel) = match sample {
            Sample::Present { points, panel } => (points, panel),
            Sample::Absent(why) => {
                if self.stopped.is_none() {
                    self.tally.absent(place, why);
                }
                return None;
            }
        };
        let change =
            self.tally.take((place, signal), &self.tier, (&points, panel), counters, self.stopped)?;
        let LevelChange { from, to, series, value } = change;
        Some(Event::LevelChanged {
            tier: self.place,
            signal: signal.id.clone(),
            from,
            to,
            series,
            value,
            at: now,
        })
    }

    /// When something happens by the mere passing of time.
    pub(super) fn deadline(&self, plan: &Plan, now: Elapsed) -> Elapsed {
        let next = match (self.stopped, self.closed) {
            (None, _) => self.hold_end(),
            (Some(stopped), None) if self.told_to_stop => self.close_deadline(stopped),
            (Some(stopped), None) => stopped.after(STOP_GRACE),
            (Some(stopped), Some(_)) => {
                let least = stopped.after(plan.recovery().minimum);
                if least > now { least } else { stopped.after(plan.recovery().give_up) }
            }
        };
        let silence = self.lost.is_none().then(|| self.heard().after(SNAPSHOT_PATIENCE));
        let next = silence.map_or(next, |silence| next.min(silence));
        next.max(now)
    }

    pub(super) fn advance(&mut self, now: Elapsed, plan: &Plan) -> Step {
        let mut step = Step::default();
        if self.lost.is_none() && now.since(self.heard()) >= SNAPSHOT_PATIENCE {
            let reason = format!("no latencies were reported for {} s", SNAPSHOT_PATIENCE.as_secs());
            self.lost = Some((now, reason));
        }
        if self.stopped.is_none() {
            self.end_of_load(now, &mut step);
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

    fn end_of_load(&mut self, now: Elapsed, step: &mut Step) {
        let hold_end = self.hold_end();
        let cut = self.certain.is_some()
            || self.lost.is_some()
            || self.interrupted.is_some()
            || self.tally.has_stopped(&self.tier);
        if now >= hold_end {
            self.stopped = Some(hold_end);
        } else if cut {
            self.stopped = Some(now);
            self.cut = true;
            step.events.push(Event::TierCut { tier: self.place, at: now });
            self.tell_to_stop(step);
        }
    }

    fn recover(&mut self, now: Elapsed, (stopped, closed): (Elapsed, Elapsed), plan: &Plan, step: &mut Step) {
        let rules = plan.recovery();
        let waited = now.since(stopped);
        let fresh = self.latency.as_ref().filter(|(at, _)| *at >= closed).map(|(_, snapshot)| snapshot);
        let drained = fresh.is_some_and(|snapshot| snapshot.outstanding == 0);
        if let Some(snapshot) = fresh
            && !self.provisional
            && snapshot.outstanding <= snapshot.overdue
        {
            self.provisional = true;
            let verdict = Verdict::of(&self.findings(plan, stopped, None));
            step.events.push(Event::Provisional { tier: self.place, verdict, at: now });
        }
        let over = (waited >= rules.minimum && drained && self.below_floor_since.is_some())
            || waited >= rules.give_up
            || self.lost.is_some()
            || self.interrupted.is_some();
        if over {
            step.conclusion = Some(self.conclude(plan, stopped, waited));
        }
    }

    fn conclude(&self, plan: &Plan, stopped: Elapsed, waited: Duration) -> Conclusion {
        let findings = self.findings(plan, stopped, Some(waited));
        let outstanding = self.snapshot().map_or(0, |snapshot| snapshot.outstanding);
        let recovered_after = self.below_floor_since.map(|since| since.since(stopped));
        let observed = self.latency.is_some() && self.lost.is_none() && self.interrupted.is_none();
        let result = TierResult {
            tier: self.place,
            rate: self.tier.rate,
            verdict: Verdict::of(&findings),
            findings,
            started: Some(self.started),
            stopped: Some(stopped),
            load: self.progress.clone(),
            latency: self.snapshot().cloned(),
            signals: self.tally.evidence(plan, stopped),
            lag_peak: self.lag_peak,
            recovery: observed.then_some(RecoveryResult { recovered_after, waited, outstanding }),
        };
        Conclusion {
            result,
            interrupted: self.interrupted.is_some(),
            drained: self.drained_since.or(Some(self.started)),
        }
    }

    /// Everything found so far, gravest first; `waited` is given once the recovery is over.
    fn findings(&self, plan: &Plan, stopped: Elapsed, waited: Option<Duration>) -> Vec<Finding> {
        let mut findings = self.tally.findings(plan, &self.tier, stopped);
        self.judge_latency(&mut findings, waited);
        self.judge_load(plan, &mut findings);
        if let Some(at) = self.interrupted {
            findings.push(Finding::Interrupted { at });
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight()));
        findings
    }

    fn judge_latency(&self, findings: &mut Vec<Finding>, waited: Option<Duration>) {
        if let Some((at, reason)) = &self.lost {
            findings.push(Finding::ObservationLost { at: *at, reason: reason.clone() });
        }
        let heard = self.latency.as_ref().map(|(at, _)| *at);
        if let (Some(at), Some(closed), Some(_), None) = (heard, self.closed, waited, &self.lost)
            && at < closed
            && self.interrupted.is_none()
        {
            let reason = "no latencies were reported after the load had ended".to_owned();
            findings.push(Finding::ObservationLost { at, reason });
        }
        let Some(snapshot) = self.snapshot().filter(|snapshot| snapshot.offered > 0) else {
            findings.push(Finding::NoLatency);
            return;
        };
        let (violations, from_handover) = (snapshot.violations(), snapshot.violations_from_handover());
        let allowed = snapshot.offered / 100;
        if violations > allowed && from_handover > allowed {
            findings.push(Finding::LatencyObjective {
                bound: self.tier.p99_bound,
                violations,
                allowed,
                offered: snapshot.offered,
                p99: snapshot.p99,
                max: snapshot.max,
                certain: self.certain,
            });
        } else if violations > allowed {
            findings.push(Finding::GeneratorLate { violations, from_handover, allowed });
        }
        if let Some(waited) = waited
            && snapshot.outstanding > 0
            && self.lost.is_none()
            && self.interrupted.is_none()
        {
            findings.push(Finding::NotRecovered { outstanding: snapshot.outstanding, waited });
        }
        if snapshot.duplicates > 0 {
            findings.push(Finding::Duplicates { records: snapshot.duplicates });
        }
        if snapshot.reordered > 0 {
            findings.push(Finding::Reordered { records: snapshot.reordered });
        }
    }

    fn judge_load(&self, plan: &Plan, findings: &mut Vec<Finding>) {
        let rules = plan.evidence();
        let LoadProgress { offered, failed, lateness_p99, .. } = self.progress;
        if let Some(reason) = &self.failed {
            findings.push(Finding::LoadFailed { reason: reason.clone() });
        }
        let due = if self.cut { self.progress.due } else { self.tier.records() };
        if offered == 0 || (offered as f64) < due as f64 * rules.achieved.get() {
            findings.push(Finding::Shortfall {
                target: self.tier.rate,
                due,
                offered,
                least: rules.achieved,
                limit: self.progress.limit.clone(),
            });
        }
        if failed > 0 {
            findings.push(Finding::RecordsFailed { failed, limit: self.progress.limit.clone() });
        }
        if self.progress.in_flight() > 0 || self.abandoned {
            findings.push(Finding::OpenLedger { in_flight: self.progress.in_flight() });
        }
        if lateness_p99 > rules.lateness {
            findings.push(Finding::Lateness { p99: lateness_p99, bound: rules.lateness });
        }
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

    /// When the last snapshot came, or the load started.
    fn heard(&self) -> Elapsed {
        self.latency.as_ref().map_or(self.started, |(at, _)| *at)
    }

    fn close_deadline(&self, stopped: Elapsed) -> Elapsed {
        stopped.after(self.tier.p99_bound).after(CLOSE_PATIENCE)
    }
}

/// A load that ends by itself is told to stop only when it has not done so after this long.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// The client gives up on a record at the bound + 10 s; this leaves it time to say so.
const CLOSE_PATIENCE: Duration = Duration::from_secs(15);

/// Latencies come several times a second; a silence this long is an observation lost.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
