//! A replication that exists only as numbers: a queue that is worked off at a limit, with noise, outages, readings
//! that are missing and counters that are reset. The same seed gives the same campaign.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Input},
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{Absence, LatencySnapshot, LoadProgress, Point, Reading, Sample},
    plan::{Plan, PlanDraft, Tier},
    signal::{Fold, Signal, SignalId, Unit},
    units::{Elapsed, Rate},
};

pub(crate) const CPU: SignalId = SignalId::literal("cpu");
pub(crate) const EXHAUSTED: SignalId = SignalId::literal("exhausted");

/// What a replication is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cluster {
    /// Records per second that it carries.
    pub(crate) limit: f64,
    /// The standard deviation of that from second to second, as a share of it.
    pub(crate) noise: f64,
    /// Seconds without any service, and how many seconds lie between two of them.
    pub(crate) outage: Option<(f64, f64)>,
    /// The share of readings that are missing.
    pub(crate) gaps: f64,
    /// Whether counters are reset now and then.
    pub(crate) resets: bool,
    pub(crate) seed: u64,
}

impl Cluster {
    /// One that always carries `limit` records per second.
    pub(crate) const fn steady(limit: f64) -> Self {
        Self { limit, noise: 0.0, outage: None, gaps: 0.0, resets: false, seed: 0 }
    }

    /// Runs a campaign over `plan` to its end.
    pub(crate) fn run(self, plan: Plan) -> Campaign {
        let mut run = Run {
            cluster: self,
            random: Random(self.seed),
            campaign: Campaign::new(plan),
            now: Duration::ZERO,
            proving: None,
            load: None,
            counter: 1_000.0,
        };
        while run.campaign.poll_timeout().is_some() {
            assert!(run.now < LONGEST, "the campaign does not end");
            run.carry_out();
            run.now += BEAT;
            run.beat();
        }
        run.campaign
    }
}

/// The form's plan, with a stop on the processor, on the lag and on a counter.
pub(crate) fn form() -> PlanDraft {
    let criterion = |signal, bound, severity, sustained| Criterion {
        signal,
        comparison: Comparison::Above,
        bound,
        severity,
        sustained: Duration::from_secs(sustained),
    };
    let criteria = vec![
        criterion(CPU, 95.0, Severity::Stop, 0),
        criterion(SignalId::LAG, 10_000.0, Severity::Warning, 0),
        criterion(SignalId::LAG, 50_000.0, Severity::Stop, 30),
        criterion(EXHAUSTED, 10.0, Severity::Stop, 0),
    ];
    let tiers = [(1_000, 1), (2_500, 2), (5_000, 3), (7_500, 4), (10_000, 5)].into_iter().zip(1..);
    let tiers = tiers.map(|((rate, bound), number)| Tier {
        name: format!("P{number}"),
        rate: Rate::per_second(rate).unwrap_or_else(|| unreachable!("it is above 0")),
        hold: Duration::from_secs(300),
        p99_bound: Duration::from_secs(bound),
        criteria: criteria.clone(),
    });
    let gauge = |id, unit, interval| Signal::gauge(id, unit, "virtual", interval);
    let signals = vec![
        gauge(CPU, Unit::Percent, SCRAPE),
        gauge(SignalId::LAG, Unit::Records, BEAT),
        Signal { fold: Fold::Increase, ..gauge(EXHAUSTED, Unit::Count, SCRAPE) },
    ];
    PlanDraft { signals, ..PlanDraft::new("form", tiers.collect()) }
}

struct Run {
    cluster: Cluster,
    random: Random,
    campaign: Campaign,
    now: Duration,
    /// The tier whose path is being shown to be clear, and when that will be done.
    proving: Option<(usize, Duration)>,
    load: Option<Load>,
    counter: f64,
}

/// The records of the latest tier, as quantities: nothing here is counted one by one.
struct Load {
    tier: usize,
    rate: f64,
    bound: f64,
    hold: f64,
    started: Duration,
    /// Seconds after the start at which the load ended.
    ended: Option<f64>,
    told: bool,
    arrived: f64,
    late: f64,
}

impl Run {
    fn carry_out(&mut self) {
        let at = Elapsed::new(self.now);
        while let Some(action) = self.campaign.poll_action() {
            match action {
                Action::ProvePath { tier } => self.proving = Some((tier, self.now + PROOF)),
                Action::StartLoad { tier, rate, hold, bound } => {
                    self.load = Some(Load {
                        tier,
                        rate: f64::from(rate.get()),
                        bound: bound.as_secs_f64(),
                        hold: hold.as_secs_f64(),
                        started: self.now,
                        ended: None,
                        told: false,
                        arrived: 0.0,
                        late: 0.0,
                    });
                    self.campaign.handle(at, Input::LoadStarted { tier });
                }
                Action::StopLoad => {
                    if let Some(load) = &mut self.load {
                        let ran = (self.now - load.started).as_secs_f64();
                        load.ended.get_or_insert(ran);
                    }
                }
            }
        }
        while self.campaign.poll_event().is_some() {}
    }

    fn beat(&mut self) {
        let at = Elapsed::new(self.now);
        if self.now.as_millis().is_multiple_of(SCRAPE.as_millis()) {
            self.read(at);
        }
        if let Some((tier, _)) = self.proving.take_if(|(_, done)| *done <= self.now) {
            return self.campaign.handle(at, Input::PathClear { tier });
        }
        let service = self.service();
        let Some(load) = &mut self.load else { return self.campaign.handle(at, Input::Tick) };
        let since = (self.now - load.started).as_secs_f64();
        if since >= load.hold {
            load.ended.get_or_insert(load.hold);
        }
        let offered = load.rate * load.ended.map_or(since, |ended| ended.min(since));
        let before = load.arrived;
        load.arrived = (before + service).min(offered);
        // Records due before this are beyond the bound when they arrive now.
        let ripe = (load.rate * (since - BASE - load.bound)).clamp(0.0, offered);
        load.late += (ripe.min(load.arrived) - before).max(0.0);
        let (late, arrived) = (load.late as u64, load.arrived as u64);
        let overdue = (ripe - load.arrived).max(0.0) as u64;
        let age = Duration::from_secs_f64((since - load.arrived / load.rate).max(0.0) + BASE);
        let (tier, offered) = (load.tier, offered as u64);
        let progress =
            LoadProgress { due: offered, offered, acknowledged: offered, ..LoadProgress::default() };
        let snapshot = LatencySnapshot {
            offered,
            arrived,
            late,
            late_from_handover: late,
            overdue,
            overdue_from_handover: overdue,
            outstanding: offered.saturating_sub(arrived),
            p99: Some(age),
            max: Some(age),
            ..LatencySnapshot::default()
        };
        if load.ended.is_none() {
            self.campaign.handle(at, Input::Load { tier, progress });
        } else if !std::mem::replace(&mut load.told, true) {
            self.campaign.handle(at, Input::LoadEnded { tier, progress });
        }
        self.campaign.handle(at, Input::Latency { tier, snapshot });
    }

    /// Records worked off in this beat.
    fn service(&mut self) -> f64 {
        let Cluster { limit, noise, outage, .. } = self.cluster;
        let noisy = if noise > 0.0 { limit * (1.0 + noise * self.random.normal()) } else { limit };
        let out = outage.is_some_and(|(span, every)| self.now.as_secs_f64() % every < span);
        if out { 0.0 } else { noisy.max(0.0) * BEAT.as_secs_f64() }
    }

    fn read(&mut self, at: Elapsed) {
        let busy = self.load.as_ref().filter(|load| load.ended.is_none()).map_or(0.0, |load| load.rate);
        let cpu = 20.0 + 70.0 * (busy / self.cluster.limit).min(1.0);
        if self.cluster.resets && self.random.next() < 0.02 {
            self.counter = 0.0;
        }
        for (signal, value) in [(CPU, cpu), (EXHAUSTED, self.counter)] {
            let sample = if self.random.next() < self.cluster.gaps {
                Sample::Absent(Absence::NoSeries)
            } else {
                Sample::Present {
                    points: vec![Point { series: "w1".into(), value, scraped: at }],
                    panel: None,
                }
            };
            self.campaign.handle(at, Input::Reading(Reading { signal, sample }));
        }
    }
}

/// A small generator: good enough to be unlike from seed to seed.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number from 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 ^ (self.0 >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, of mean 0 and standard deviation 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// How long it takes to show that the path is clear.
const PROOF: Duration = Duration::from_secs(20);

const LONGEST: Duration = Duration::from_secs(12 * 3_600);

/// How often load and latencies are told.
const BEAT: Duration = Duration::from_secs(1);

const SCRAPE: Duration = Duration::from_secs(5);

/// The latency of a record that waits for nothing, in seconds.
const BASE: f64 = 0.05;
