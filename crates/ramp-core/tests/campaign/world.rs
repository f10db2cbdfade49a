//! A world that does what a campaign asks, and goes wrong as a test wants it to.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Input, Outcome},
    criterion::{Comparison, Criterion, Severity},
    event::{Action, Event},
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{EvidenceRules, Plan, PlanDraft, Recovery, Tier},
    signal::{Fold, Signal, SignalId, Unit},
    tier_result::TierResult,
    units::{Elapsed, Rate, Ratio},
    verdict::{Finding, Verdict},
};

pub(crate) const CPU: SignalId = SignalId::literal("cpu");
pub(crate) const BEAT: Duration = Duration::from_millis(500);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn signal(id: SignalId, unit: Unit) -> Signal {
    let interval = if id == SignalId::LAG { BEAT } else { secs(5) };
    Signal {
        source: format!("query of {id}"),
        id,
        unit,
        fold: Fold::Worst,
        interval,
        window: Duration::ZERO,
        memory: Duration::ZERO,
        optional: false,
    }
}

pub(crate) fn criterion(signal: SignalId, bound: f64, severity: Severity, sustained: u64) -> Criterion {
    Criterion { signal, comparison: Comparison::Above, bound, severity, sustained: secs(sustained) }
}

/// The form's five tiers with a stop on the processor and both thresholds on the lag.
pub(crate) fn draft() -> PlanDraft {
    let criteria = vec![
        criterion(CPU, 80.0, Severity::Warning, 0),
        criterion(CPU, 95.0, Severity::Stop, 0),
        criterion(SignalId::LAG, 10_000.0, Severity::Warning, 0),
        criterion(SignalId::LAG, 50_000.0, Severity::Stop, 30),
    ];
    let tiers = [(1_000, 1), (2_500, 2), (5_000, 3), (7_500, 4), (10_000, 5)];
    let tiers = tiers.iter().enumerate().map(|(place, &(rate, bound))| Tier {
        name: format!("P{}", place + 1),
        rate: Rate::per_second(rate).unwrap(),
        hold: secs(300),
        p99_bound: secs(bound),
        criteria: criteria.clone(),
    });
    PlanDraft {
        name: "form".to_owned(),
        signals: vec![signal(CPU, Unit::Percent), signal(SignalId::LAG, Unit::Records)],
        warmup: None,
        tiers: tiers.collect(),
        recovery: Recovery { minimum: secs(120), floor: 1_000, give_up: secs(600) },
        evidence: EvidenceRules::default(),
        recommended: Ratio::new(0.7).unwrap(),
        budget: Some(secs(45 * 60)),
        ceiling: None,
        refine: None,
    }
}

/// Changes what a tier's load or probe would have said.
type Change<T> = Box<dyn Fn(usize, &mut T)>;

/// What goes wrong, as functions of the tier and the seconds since its load started.
pub(crate) struct World {
    pub(crate) plan: PlanDraft,
    /// Seconds by which the replication is behind: what arrives now was due that long ago.
    pub(crate) behind: Box<dyn Fn(usize, f64) -> f64>,
    /// The share of records that never arrives.
    pub(crate) stuck: Box<dyn Fn(usize) -> f64>,
    pub(crate) cpu: Box<dyn Fn(usize, f64) -> Option<f64>>,
    /// Last word on the load's account.
    pub(crate) load: Change<LoadProgress>,
    /// Last word on the latencies.
    pub(crate) latency: Change<LatencySnapshot>,
    /// Inputs at a second of the campaign.
    pub(crate) at: Vec<(u64, Input)>,
    /// Whether latencies are reported at all.
    pub(crate) probe: bool,
}

impl World {
    /// A world in which nothing goes wrong.
    pub(crate) fn healthy() -> Self {
        Self {
            plan: draft(),
            behind: Box::new(|_, _| 0.05),
            stuck: Box::new(|_| 0.0),
            cpu: Box::new(|_, _| Some(40.0)),
            load: Box::new(|_, _| {}),
            latency: Box::new(|_, _| {}),
            at: Vec::new(),
            probe: true,
        }
    }

    pub(crate) fn run(self) -> Run {
        let plan = Plan::new(self.plan.clone()).unwrap();
        let mut run = Run {
            campaign: Campaign::new(plan),
            inputs: Vec::new(),
            events: Vec::new(),
            now: Duration::ZERO,
            load: None,
            load_runs: false,
        };
        let mut scripted = self.at.clone();
        scripted.reverse();
        while run.campaign.outcome().is_none() {
            assert!(run.now < secs(4 * 3600), "the campaign does not end");
            while scripted.last().is_some_and(|(second, _)| secs(*second) <= run.now) {
                run.feed_only(scripted.pop().unwrap().1);
            }
            run.carry_out();
            run.now += BEAT;
            run.beat(&self);
        }
        run.carry_out();
        assert!(!run.load_runs, "the load runs after the end");
        run
    }
}

/// The load of the latest tier.
#[derive(Clone, Copy)]
struct Load {
    tier: usize,
    started: Duration,
    stopped: Option<Duration>,
    ended: bool,
}

/// A campaign that was run, and what it was fed.
pub(crate) struct Run {
    pub(crate) campaign: Campaign,
    pub(crate) inputs: Vec<(Elapsed, Input)>,
    pub(crate) events: Vec<Event>,
    now: Duration,
    load: Option<Load>,
    load_runs: bool,
}

impl Run {
    pub(crate) fn outcome(&self) -> Outcome {
        self.campaign.outcome().unwrap()
    }

    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.campaign.results().iter().map(|result| result.verdict).collect()
    }

    pub(crate) fn last(&self) -> &TierResult {
        self.campaign.results().last().unwrap()
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Finding) -> bool) -> bool {
        self.last().findings.iter().any(wanted)
    }

    fn feed(&mut self, input: Input) {
        self.feed_only(input);
        self.carry_out();
    }

    fn feed_only(&mut self, input: Input) {
        let at = Elapsed::new(self.now);
        self.inputs.push((at, input.clone()));
        self.campaign.handle(at, input);
    }

    fn carry_out(&mut self) {
        while let Some(action) = self.campaign.poll_action() {
            match action {
                Action::ProvePath { tier } => self.feed(Input::PathClear { tier }),
                Action::StartLoad { tier, .. } => {
                    assert!(!self.load_runs, "two loads at once");
                    self.load_runs = true;
                    self.load = Some(Load { tier, started: self.now, stopped: None, ended: false });
                    self.feed(Input::LoadStarted { tier });
                }
                Action::StopLoad => {
                    self.load_runs = false;
                    if let Some(load) = &mut self.load {
                        load.stopped.get_or_insert(self.now);
                    }
                }
            }
        }
        self.events.extend(std::iter::from_fn(|| self.campaign.poll_event()));
    }

    fn beat(&mut self, world: &World) {
        let Some(load) = &mut self.load else { return self.feed(Input::Tick) };
        let Tier { rate, hold, p99_bound, .. } = self.campaign.tier(load.tier).unwrap().clone();
        let ran = (self.now - load.started).min(hold);
        let ran = load.stopped.map_or(ran, |stopped| ran.min(stopped - load.started));
        if ran == hold {
            load.stopped.get_or_insert(load.started + hold);
        }
        let Load { tier, started, stopped, ended } = *load;
        let since = (self.now - started).as_secs_f64();
        let offered = rate.records_in(ran);
        let mut progress =
            LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
        (world.load)(tier, &mut progress);
        if self.now.as_millis().is_multiple_of(5_000) {
            let sample = match (world.cpu)(tier, since) {
                Some(value) => {
                    let scraped = Elapsed::new(self.now);
                    Sample::Present {
                        points: vec![Point { series: "w1".into(), value, scraped }],
                        panel: None,
                    }
                }
                None => Sample::Absent(Absence::NoSeries),
            };
            self.feed(Input::Reading(Reading { signal: CPU, sample }));
        }
        if stopped.is_none() {
            self.feed(Input::Load { tier, progress: progress.clone() });
        } else if !ended {
            self.load_runs = false;
            if let Some(load) = &mut self.load {
                load.ended = true;
            }
            self.feed(Input::LoadEnded { tier, progress: progress.clone() });
        }
        if world.probe {
            let mut snapshot = arrivals(world, tier, since, &progress, rate, p99_bound);
            (world.latency)(tier, &mut snapshot);
            self.feed(Input::Latency { tier, snapshot });
        } else {
            self.feed(Input::Tick);
        }
    }
}

fn arrivals(
    world: &World,
    tier: usize,
    since: f64,
    progress: &LoadProgress,
    rate: Rate,
    bound: Duration,
) -> LatencySnapshot {
    let behind = (world.behind)(tier, since);
    let records = |seconds: f64| (seconds.max(0.0) * f64::from(rate.get())) as u64;
    let stuck = (progress.offered as f64 * (world.stuck)(tier)) as u64;
    let due_and_moving = records(since - behind).min(progress.offered);
    let arrived = due_and_moving.saturating_sub(stuck);
    let ripe = records(since - bound.as_secs_f64()).min(progress.offered);
    let overdue = ripe.saturating_sub(arrived);
    // A replication that was behind from the start has made late whatever has arrived.
    let late = if (world.behind)(tier, 0.0) >= bound.as_secs_f64() { arrived } else { 0 };
    let age = Duration::from_secs_f64(behind);
    LatencySnapshot {
        offered: progress.offered,
        arrived,
        late,
        late_from_handover: late,
        overdue,
        overdue_from_handover: overdue,
        outstanding: progress.acknowledged.saturating_sub(arrived),
        mean: Some(age),
        p50: Some(age),
        p99: Some(age),
        max: Some(age),
        ..LatencySnapshot::default()
    }
}
