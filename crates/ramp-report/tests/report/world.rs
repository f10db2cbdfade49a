//! Campaigns told in virtual time: a queue that is filled by the load and emptied by a replication of some capacity.

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    campaign::{Campaign, Input},
    component::ComponentState,
    criterion::{Comparison, Criterion, Severity},
    event::Action,
    observation::{
        Absence, LatencySnapshot, LoadLimit, LoadPart, LoadProgress, Point, Reading, Sample, TailPoint,
        Throttle,
    },
    plan::{Plan, PlanDraft, Recovery, Refine, Tier},
    signal::{Signal, SignalId, Unit},
    statistics::tail_ranks,
    units::{Elapsed, Rate, Ratio},
};
use ramp_report::{KnownSignals, QueryFact, RunFacts};

pub(crate) const AVG: SignalId = SignalId::literal("mm2.latency_avg");
pub(crate) const MAX: SignalId = SignalId::literal("mm2.latency_max");
pub(crate) const ACTIVE: SignalId = SignalId::literal("mm2.active_records");
pub(crate) const BUFFER: SignalId = SignalId::literal("mm2.buffer_utilization");
pub(crate) const CPU: SignalId = SignalId::literal("host.cpu");
pub(crate) const MEMORY: SignalId = SignalId::literal("host.memory");

/// How a campaign goes.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Records per second that the replication carries; everything, where there is none.
    pub(crate) capacity: Option<f64>,
    /// What it is that limits it.
    pub(crate) fault: Fault,
    /// From this tier on the processor is not read.
    pub(crate) blind_from: Option<usize>,
    /// The tier during which a person ends the campaign.
    pub(crate) interrupted_in: Option<usize>,
    /// The busy share of the workers' processors, in per cent.
    pub(crate) cpu: f64,
    /// Arrivals that are repeated in each tier.
    pub(crate) duplicates: u64,
    /// How long the warm-up is, in seconds.
    pub(crate) warmup: Option<u64>,
    /// How long a load is held, in seconds.
    pub(crate) hold: u64,
    /// How long the least recovery is, in seconds.
    pub(crate) recovery: u64,
    /// How often the load is reported, in seconds.
    pub(crate) beat: u64,
    /// The resolution of the search for the limit.
    pub(crate) refine: Option<f64>,
    /// What the load's client says of what holds it back, from P3 on.
    pub(crate) client: Option<LoadPart>,
    /// How late the generator is, in milliseconds.
    pub(crate) lateness: f64,
    /// How much longer each record takes than usual, in milliseconds.
    pub(crate) slower: f64,
    /// What the replication's components come to, and at which second of the campaign.
    pub(crate) components: Vec<(u64, ComponentState)>,
    /// The 99th percentile of the acknowledgements, in milliseconds, where it is told.
    pub(crate) acks: Option<u64>,
    /// How the source holds the load back, where that is told.
    pub(crate) throttle: Option<Throttle>,
    /// From this tier on no canary crosses.
    pub(crate) blocked_from: Option<usize>,
}

/// Where records wait when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// In the worker: the target takes no more.
    Target,
    /// On the source: the worker reads no more.
    Source,
    /// The worker's task is paused and its panels are at rest.
    Paused,
    /// The worker is gone, and its series with it.
    Dead,
    /// In the worker, for one partition among many.
    HotPartition,
}

impl Default for World {
    fn default() -> Self {
        Self {
            capacity: None,
            fault: Fault::Target,
            blind_from: None,
            interrupted_in: None,
            cpu: 38.0,
            duplicates: 0,
            warmup: None,
            hold: 30,
            recovery: 10,
            beat: 2,
            refine: None,
            client: None,
            lateness: 0.9,
            slower: 0.0,
            components: Vec::new(),
            acks: None,
            throttle: None,
            blocked_from: None,
        }
    }
}

/// The load of the latest tier; times in seconds.
struct Load {
    tier: usize,
    rate: f64,
    bound: f64,
    hold: u64,
    begun: u64,
    stopped: Option<u64>,
    offered: f64,
    waiting: f64,
    late: f64,
    /// Latencies in milliseconds, each with the number of records that had it.
    arrivals: BTreeMap<u64, f64>,
}

impl World {
    pub(crate) fn plan(&self) -> Plan {
        let signal = |id: &SignalId, unit| {
            let source = format!("max({})", id.as_str().replace('.', "_"));
            Signal::gauge(id.clone(), unit, source, Duration::from_secs(5))
        };
        let above = |signal: &SignalId, bound, severity| Criterion {
            signal: signal.clone(),
            comparison: Comparison::Above,
            bound,
            severity,
            sustained: Duration::ZERO,
        };
        let tiers = [1_000, 2_500, 5_000, 7_500, 10_000].into_iter().zip(1..).map(|(rate, number)| {
            let rate = Rate::per_second(rate).unwrap();
            let hold = Duration::from_secs(self.hold);
            let criteria = vec![
                above(&ACTIVE, 10_000.0, Severity::Warning),
                above(&ACTIVE, 50_000.0, Severity::Stop),
                above(&BUFFER, 70.0, Severity::Warning),
                above(&CPU, 80.0, Severity::Warning),
                above(&CPU, 95.0, Severity::Stop),
                above(&MEMORY, 95.0, Severity::Stop),
            ];
            Tier { criteria, ..Tier::new(format!("P{number}"), rate, hold, Duration::from_secs(number)) }
        });
        Plan::new(PlanDraft {
            signals: vec![
                signal(&AVG, Unit::Milliseconds),
                signal(&MAX, Unit::Milliseconds),
                signal(&ACTIVE, Unit::Records),
                signal(&BUFFER, Unit::Percent),
                signal(&CPU, Unit::Percent),
                signal(&MEMORY, Unit::Percent),
            ],
            recovery: Recovery {
                minimum: Duration::from_secs(self.recovery),
                floor: 1_000,
                give_up: Duration::from_secs(self.recovery * 4),
            },
            budget: Some(Duration::from_secs(45 * 60)),
            refine: self.refine.map(|share| Refine { resolution: Ratio::new(share).unwrap() }),
            warmup: self.warmup.map(Duration::from_secs),
            ..PlanDraft::new("phase4", tiers.collect())
        })
        .unwrap()
    }

    /// Tells the campaign to its end; every input is handed to `heard` first.
    pub(crate) fn tell(&self, mut heard: impl FnMut(Elapsed, &Input)) -> Campaign {
        let mut campaign = Campaign::new(self.plan());
        let mut load: Option<Load> = None;
        for second in 0.. {
            let now = Elapsed::new(Duration::from_secs(second));
            let told = self.components.iter().filter(|(at, _)| *at == second);
            let mut inputs: Vec<_> = told.map(|(_, state)| Input::Component(state.clone())).collect();
            let quiet = inputs.len();
            while let Some(action) = campaign.poll_action() {
                match action {
                    Action::ProvePath { tier } if self.blocked_from.is_some_and(|from| tier >= from) => {
                        inputs.push(Input::PathBlocked { tier, reason: "no canary crossed".to_owned() });
                    }
                    Action::ProvePath { tier } => inputs.push(Input::PathClear { tier }),
                    Action::StartLoad { tier, rate, hold, bound } => {
                        inputs.push(Input::LoadStarted { tier });
                        load = Some(Load::new(tier, rate, hold, bound, second));
                    }
                    Action::StopLoad => {
                        if let Some(load) = &mut load {
                            load.stopped.get_or_insert(second);
                        }
                    }
                }
            }
            if inputs.len() == quiet
                && let Some(load) = &mut load
            {
                self.pass(load, second, &mut inputs);
            }
            for input in inputs {
                heard(now, &input);
                campaign.handle(now, input);
            }
            if campaign.outcome().is_some() {
                break;
            }
        }
        campaign
    }

    fn pass(&self, load: &mut Load, second: u64, inputs: &mut Vec<Input>) {
        let ends = load.stopped.is_none() && second - load.begun >= load.hold;
        load.pass(self.capacity, self.slower, second, ends);
        if ends {
            load.stopped = Some(second);
        }
        if second.is_multiple_of(5) {
            inputs.extend(self.readings(load, second));
        }
        if self.interrupted_in == Some(load.tier) && second - load.begun == load.hold / 2 {
            inputs.push(Input::Interrupt);
        }
        if ends || second.is_multiple_of(self.beat) {
            let (tier, progress) = (load.tier, self.progress(load, second));
            let input = match load.stopped {
                Some(_) => Input::LoadEnded { tier, progress },
                None => Input::Load { tier, progress },
            };
            inputs.push(input);
            inputs.push(Input::Latency { tier, snapshot: load.snapshot(second, self.duplicates) });
        }
    }

    fn progress(&self, load: &Load, second: u64) -> LoadProgress {
        let offered = load.offered as u64;
        let client = self.client.filter(|_| load.tier >= 2);
        LoadProgress {
            due: offered,
            offered,
            acknowledged: offered,
            lateness_p99: Duration::from_micros((self.lateness * 1e3 + 400.0 * wobble(second, 9)) as u64),
            ack_p99: self.acks.map(Duration::from_millis),
            throttle: self.throttle,
            limit: client.map(|part| LoadLimit { part, detail: "as it says".to_owned() }),
            ..LoadProgress::default()
        }
    }

    fn readings(&self, load: &Load, second: u64) -> Vec<Input> {
        let in_worker = match self.fault {
            Fault::Target | Fault::HotPartition => load.waiting.min(31_500.0),
            Fault::Source | Fault::Paused | Fault::Dead => 0.0,
        };
        let waits = load.waiting / self.capacity.unwrap_or(f64::INFINITY).max(1.0) * 1e3;
        let loaded = if load.stopped.is_none() { load.rate / 10_000.0 } else { 0.0 };
        let noise = |salt| wobble(second, salt);
        let values = [
            (AVG, 24.0 + 9.0 * noise(1) + waits.min(60_000.0)),
            (MAX, 140.0 + 90.0 * noise(2) + waits.min(60_000.0)),
            (ACTIVE, in_worker + (40.0 + 60.0 * noise(3)) * loaded),
            (BUFFER, (in_worker / 315.0).min(100.0)),
            (CPU, self.cpu * (0.3 + 0.7 * loaded.sqrt()) + 5.0 * noise(4)),
            (MEMORY, 61.0 + noise(5)),
        ];
        let broken = load.waiting > 2_000.0;
        let readings = values.into_iter().map(|(signal, value)| {
            let of_worker = [AVG, MAX, ACTIVE, BUFFER].contains(&signal);
            let blind = signal == CPU && self.blind_from.is_some_and(|from| load.tier >= from);
            let gone = of_worker && broken && self.fault == Fault::Dead;
            let sample = if blind || gone {
                Sample::Absent(Absence::NoSeries)
            } else {
                let (decimals, port) = if of_worker { (10.0, 7_073) } else { (10.0, 9_100) };
                let point = |worker: u64, share: f64| Point {
                    series: format!(r#"instance="w{worker}:{port}""#),
                    value: (value * share * decimals).round() / decimals,
                    scraped: Elapsed::new(Duration::from_secs(second)),
                };
                // Of partitions that are all late some are later, as they are read in turn.
                let share = |partition: u64| match self.fault {
                    Fault::HotPartition if partition > 0 => 0.02,
                    Fault::HotPartition => 1.0,
                    Fault::Target | Fault::Source | Fault::Paused | Fault::Dead if partition > 3 => 0.1,
                    Fault::Target | Fault::Source | Fault::Paused | Fault::Dead => 1.0,
                };
                let points = if signal == AVG {
                    let part = |partition| Point {
                        series: format!(r#"partition="{partition}""#),
                        ..point(1, share(partition))
                    };
                    (0..12).map(part).collect()
                } else {
                    vec![point(1, 1.0), point(2, 0.9)]
                };
                Sample::Present { points, panel: Some((value * 9.5).round() / 10.0) }
            };
            Input::Reading(Reading { signal, sample })
        });
        readings.collect()
    }
}

impl Load {
    fn new(tier: usize, rate: Rate, hold: Duration, bound: Duration, begun: u64) -> Self {
        Self {
            tier,
            rate: f64::from(rate.get()),
            bound: bound.as_secs_f64(),
            hold: hold.as_secs(),
            begun,
            stopped: None,
            offered: 0.0,
            waiting: 0.0,
            late: 0.0,
            arrivals: BTreeMap::new(),
        }
    }

    /// One second passes.
    fn pass(&mut self, capacity: Option<f64>, slower: f64, second: u64, ends: bool) {
        if self.stopped.is_none() || ends {
            let due = self.rate * (second - self.begun).min(self.hold) as f64;
            self.waiting += due - self.offered;
            self.offered = due;
        }
        let arriving = capacity.map_or(self.waiting, |capacity| capacity.min(self.waiting)).floor();
        let queue = self.waiting / capacity.unwrap_or(f64::INFINITY).max(1.0);
        let usual = 0.03 + slower / 1e3 + 0.05 * wobble(second, 7).powi(3);
        let latency = usual + if queue > 1.05 { queue } else { 0.0 };
        self.waiting -= arriving;
        if arriving > 0.0 {
            *self.arrivals.entry((latency * 1e3) as u64).or_default() += arriving;
        }
        if latency >= self.bound {
            self.late += arriving;
        }
    }

    fn snapshot(&self, second: u64, duplicates: u64) -> LatencySnapshot {
        let since_stop = self.stopped.map_or(0, |stopped| second - stopped) as f64;
        let young = self.rate * (self.bound - since_stop).max(0.0);
        let overdue = (self.waiting - young).max(0.0) as u64;
        let mut all: Vec<_> = self.arrivals.iter().map(|(millis, n)| (*millis as f64 / 1e3, *n)).collect();
        if self.waiting >= 1.0 {
            all.push((since_stop + self.waiting / self.rate, self.waiting));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = all.iter().map(|(_, records)| records).sum();
        let quantile = |share: f64| {
            let mut passed = 0.0;
            let found = all.iter().find(|(_, records)| {
                passed += records;
                passed >= share * total
            });
            found.or_else(|| all.last()).map(|(latency, _)| Duration::from_micros((latency * 1e6) as u64))
        };
        let arrived: f64 = self.arrivals.values().sum();
        let weighted: f64 = self.arrivals.iter().map(|(millis, n)| *millis as f64 / 1e3 * n).sum();
        let late = self.late as u64;
        LatencySnapshot {
            offered: self.offered as u64,
            arrived: arrived as u64,
            late,
            overdue,
            late_from_handover: late,
            overdue_from_handover: overdue,
            outstanding: self.waiting as u64,
            known_by_content: Some(arrived as u64),
            duplicates,
            mean: (arrived > 0.0).then(|| Duration::from_micros((weighted / arrived * 1e6) as u64)),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p99_range: quantile(0.985).zip(quantile(0.995)),
            max: quantile(1.0),
            tail: self.stopped.map_or_else(Vec::new, |_| {
                let point = |(one_in, rank): (u64, u64)| {
                    Some(TailPoint { one_in, latency: quantile(rank as f64 / total)? })
                };
                tail_ranks(total as u64).filter_map(point).collect()
            }),
            ..LatencySnapshot::default()
        }
    }
}

/// A number between 0 and 1 that looks like chance and is the same every time.
fn wobble(second: u64, salt: u64) -> f64 {
    let mut x = second.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 32;
    (x % 1_000) as f64 / 1_000.0
}

pub(crate) fn facts() -> RunFacts {
    let query = |signal: SignalId, dashboard: &str, panel: &str, expression: &str| QueryFact {
        signal,
        dashboard: dashboard.to_owned(),
        panel: panel.to_owned(),
        place: None,
        expression: expression.to_owned(),
        panel_expression: None,
        found: None,
        notes: vec!["each series of the sum is judged".to_owned()],
    };
    RunFacts {
        name: "staging".to_owned(),
        started: "2026-01-02T03:04:05.678Z".to_owned(),
        versions: BTreeMap::from([("ramp".to_owned(), "0.0.0".to_owned())]),
        source: "kafka-a:9093".to_owned(),
        target: "kafka-b:9092".to_owned(),
        prometheus: "http://prometheus:9090".to_owned(),
        grafana: None,
        queries: vec![
            query(
                ACTIVE,
                "mm2-detailed-metrics.json",
                "Active Records (Lag)",
                r#"max(kafka_connect_source_task_source_record_active_count{connector=~"mm2"}) by (instance)"#,
            ),
            query(CPU, "Node-Eporter.json", "CPU% Basic", "max(host_cpu)"),
        ],
        variables: BTreeMap::from([("interval".to_owned(), "30s".to_owned())]),
        topics: vec!["t.generated-data-01.json".to_owned()],
        payload: "json".to_owned(),
        configuration: [
            ("source.bootstrap", "kafka-a:9093"),
            ("source.login", "***"),
            ("source.properties.security.protocol", "SASL_SSL"),
            ("target.bootstrap", "kafka-b:9092"),
            ("prometheus.headers.X-Scope-OrgID", "***"),
            ("replication.policy", "default"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
    }
}

pub(crate) const fn known() -> KnownSignals {
    KnownSignals {
        latency_avg: AVG,
        latency_max: MAX,
        active_records: ACTIVE,
        buffer: BUFFER,
        cpu: CPU,
        memory: MEMORY,
    }
}
