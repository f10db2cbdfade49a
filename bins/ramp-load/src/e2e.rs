//! `ramp-load e2e`: sends records, sees each arrive, and says where the time went.

use std::{fmt::Write, sync::Arc, time::Duration};

use ramp_core::observation::LatencySnapshot;
use ramp_load::{
    account::TierAccount,
    clock::Clock,
    cluster::{self, ClusterError, TopicView},
    probe::{
        Probe, ProbeError,
        canary::{Canaries, CanaryError, HeadersLost},
        sample::Sample,
    },
    producer::{Load, StartError},
    snapshot::{ArrivalSnapshot, SampleSnapshot},
};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    cli::{Output, seen::E2e as Flags},
    console::{say, tell},
    drive::{Ended, Signals, Why, attend, runtime},
    exit::Exit,
    latency_log::{LatencyFile, LatencyLog, LogError},
    progress::{Progress, millis},
    sampled, seen, summary,
};

/// Why records were not sent, or not seen to their end.
#[derive(Debug, thiserror::Error)]
enum E2eError {
    #[error("source: {0}")]
    Source(#[from] ClusterError),
    #[error("target: {0}")]
    Target(#[from] ProbeError),
    #[error("the path is not clear: {0}")]
    Path(#[from] CanaryError),
    #[error(transparent)]
    Unknown(#[from] HeadersLost),
    #[error("source: {0}")]
    Start(#[from] StartError),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A load whose records have arrived or have not.
struct Seen {
    ended: Ended,
    latency: LatencySnapshot,
    arrivals: ArrivalSnapshot,
    /// The highest true lag that was met.
    highest_lag: u64,
    foreign: u64,
    /// Of which partitions all of this is, where not of all.
    sampled: Option<(Arc<Sample>, SampleSnapshot)>,
}

/// Carries out `ramp-load e2e`.
pub(crate) fn run(flags: &Flags) -> Exit {
    match see(flags) {
        Ok(seen) => {
            match flags.load.telling.output {
                Output::Text => say(seen.text(flags).trim_end()),
                Output::Json => say(seen.json()),
            }
            seen.exit(flags)
        }
        Err(exit) => exit,
    }
}

fn see(flags: &Flags) -> Result<Seen, Exit> {
    let usage = |error: &dyn std::fmt::Display| {
        tell(error);
        Exit::Usage
    };
    let (source, timeout, notes) = flags.load.cluster().map_err(|error| usage(&error))?;
    let target = flags.target().map_err(|error| usage(&error))?;
    let mut spec = flags.spec(timeout).map_err(|error| usage(&error))?;
    let topics = flags.target_topics(target.is_some());
    let more = target.iter().flat_map(|(_, notes)| notes);
    notes.iter().chain(more).for_each(tell);
    let target = target.map_or_else(|| source.clone(), |(target, _)| target);

    let seen = || {
        let file = LatencyFile::create(flags.load.telling.hdr_log.as_deref())?;
        let clock = Clock::start();
        let views = cluster::describe(&source, &spec.topics)?.topics;
        spec.sample = sample(flags, &views);
        let (probe, canaries) = match &spec.sample {
            Some(sample) => (
                Probe::connect_to_sample(&target, clock, spec.run, topics, Arc::clone(sample))?,
                Canaries::of_sample(source.clone(), spec.run, clock, sample),
            ),
            None => (
                Probe::connect(&target, clock, spec.run, topics)?,
                Canaries::new(source.clone(), spec.run, clock, views),
            ),
        };
        for topic in probe.absent() {
            tell(format_args!("topic {topic} is not there yet; a canary on the source should make it"));
        }
        let runtime = runtime()?;
        runtime.block_on(canaries.cross(&probe, flags.patience))?.identity(&spec.payload)?;
        let sample = spec.sample.clone();
        let load = Load::start_watched(&source, clock, spec, |account| probe.watch(account))?;
        let log = file.begin(clock.now(), sample.as_deref())?;
        let seeing = Seeing { flags, load: &load, probe: &probe, clock, sample, highest_lag: 0 };
        runtime.block_on(seeing.attend(log))
    };
    seen().map_err(|error| {
        tell(&error);
        match error {
            E2eError::Source(_)
            | E2eError::Target(_)
            | E2eError::Path(_)
            | E2eError::Start(_)
            | E2eError::Runtime(_) => Exit::Cluster,
            E2eError::Unknown(_) | E2eError::Log(_) => Exit::Usage,
        }
    })
}

/// The partitions that are to be read, where not all are.
fn sample(flags: &Flags, topics: &[TopicView]) -> Option<Arc<Sample>> {
    let sample = Sample::choose(topics, flags.probe_sample?).map(Arc::new);
    match &sample {
        Some(sample) => tell(format_args!("{sample} are read")),
        None => tell("every partition is read: none is left out of such a share"),
    }
    sample
}

/// A load under way.
struct Seeing<'a> {
    flags: &'a Flags,
    load: &'a Load,
    probe: &'a Probe,
    clock: Clock,
    sample: Option<Arc<Sample>>,
    highest_lag: u64,
}

impl Seeing<'_> {
    async fn attend(mut self, mut log: LatencyLog) -> Result<Seen, E2eError> {
        let account = self.load.account();
        let progress = Progress::new(self.flags.load.duration);
        let watched = Arc::clone(&account);
        let mut seen = ArrivalSnapshot::default();
        let second = |second: &ramp_load::snapshot::LoadSnapshot| {
            let whole = watched.arrivals();
            let stretch = whole.since(&seen);
            log.add(|log| {
                log.write(second)?;
                log.write_arrivals(second.from, second.span, &stretch)
            });
            seen = whole;
        };
        let (clock, load, sample) = (self.clock, self.load, self.sample.clone());
        let watch = |stretch: crate::drive::Stretch<'_>| {
            let on_target = on_target(&account, clock, sample.as_deref());
            progress.tell(format!("{}, {on_target}", progress.line(&stretch)));
        };
        let mut signals = Signals::listen()?;
        let mut why = {
            let attended = attend(load, &mut signals, Duration::from_secs(1), second, watch);
            tokio::pin!(attended);
            let mut glances = interval(GLANCE);
            glances.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    why = &mut attended => break why?,
                    _ = glances.tick() => {
                        self.probe.health()?;
                        self.highest_lag = self.highest_lag.max(account.lag());
                    }
                }
            }
        };
        let from = load.snapshot().span;
        let begun = Instant::now();
        if self.drain(&account, &progress, &mut signals).await? == Drained::Interrupted && why == Why::Over {
            why = Why::Interrupted;
        }
        let drained = begun.elapsed();
        let rest = account.arrivals().since(&seen);
        log.add(|log| log.write_arrivals(from, drained, &rest));
        progress.end();
        log.end()?;
        let (arrivals, sampled) = (account.arrivals(), self.sample.zip(account.sample()));
        Ok(Seen {
            ended: Ended::of(load, clock, why),
            latency: account.latency(clock.now()),
            arrivals,
            highest_lag: self.highest_lag,
            foreign: self.probe.foreign(),
            sampled,
        })
    }

    /// Waits until every acknowledged record was seen, or is lost.
    async fn drain(
        &mut self,
        account: &TierAccount,
        progress: &Progress,
        signals: &mut Signals,
    ) -> Result<Drained, E2eError> {
        let begun = Instant::now();
        let mut told = begun;
        let mut glances = interval(GLANCE);
        loop {
            tokio::select! {
                () = signals.next() => return Ok(Drained::Interrupted),
                _ = glances.tick() => {}
            }
            self.probe.health()?;
            self.highest_lag = self.highest_lag.max(account.lag());
            let is_empty = account.latency(self.clock.now()).outstanding == 0;
            if is_empty || begun.elapsed() >= self.flags.drain {
                return Ok(Drained::Over);
            }
            if told.elapsed() >= Duration::from_secs(1) {
                told = Instant::now();
                let on_target = on_target(account, self.clock, self.sample.as_deref());
                progress.tell(format!("draining: {on_target}"));
            }
        }
    }
}

/// How the wait for the last records has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    /// All were seen, or had their time.
    Over,
    /// Somebody has interrupted it: what had not arrived counts as lost.
    Interrupted,
}

/// How the load stands on the target now.
fn on_target(account: &TierAccount, clock: Clock, sample: Option<&Sample>) -> String {
    let now = account.latency(clock.now());
    let p99 = now.p99.map_or_else(|| "unknown".to_owned(), millis);
    let of = sample.map_or_else(String::new, |sample| format!(" of {sample}"));
    format!("seen{of}: p99 {p99}, lag {}, {} duplicated", now.outstanding, now.duplicates)
}

impl Seen {
    fn is_fast(&self, flags: &Flags) -> bool {
        let few = self.latency.violations() <= self.latency.offered / 100 && self.latency.offered > 0;
        flags.demands.p99.is_none() || few
    }

    fn exit(&self, flags: &Flags) -> Exit {
        let ArrivalSnapshot { duplicates, reordered, reordered_by_key, .. } = self.arrivals;
        let lost = self.latency.outstanding;
        let (acknowledged, is_sound) = match &self.sampled {
            // Where nothing was to be seen, nothing was verified.
            Some((_, sample)) => (sample.acknowledged, sample.acknowledged > 0 && sample.moved == 0),
            None => (self.ended.whole.acknowledged, true),
        };
        let is_good = is_sound
            && seen::is_tolerated(lost, acknowledged, flags.load.telling.tolerance)
            && (duplicates + reordered + reordered_by_key == 0 || !flags.demands.exactly_once)
            && self.is_fast(flags);
        if is_good { self.ended.exit(flags.load.telling.tolerance) } else { Exit::Incomplete }
    }

    fn text(&self, flags: &Flags) -> String {
        let Self { ended, latency, arrivals, .. } = self;
        let mut text = format!("{}\n", ended.ledger());
        for fault in ended.faults() {
            let _ = writeln!(text, "{fault}");
        }
        let of = self.sampled.as_ref().map_or_else(String::new, |(sample, _)| format!(" of {sample}"));
        let sample = self.sampled.as_ref().map(|(_, sample)| sample);
        text.push_str(&sample.map_or_else(String::new, sampled::of));
        let _ = writeln!(
            text,
            "{} arrived, {} lost, {}; highest lag {}",
            latency.arrived,
            latency.outstanding,
            seen::order(arrivals),
            self.highest_lag
        );
        text.push_str(&sample.map_or_else(String::new, sampled::text));
        let range = latency.p99_range.map_or_else(String::new, |(low, high)| {
            format!(" (95 % interval {} to {})", millis(low), millis(high))
        });
        let p99 = seen::against(latency.p99, flags.demands.p99, self.is_fast(flags));
        let _ = writeln!(text, "{p99}{range}, from the due time, over {} records{of}", latency.offered);
        if flags.demands.p99.is_some() {
            let _ = writeln!(text, "{} records were beyond, seen or not", latency.violations());
        }
        text.push_str(&seen::remarks(arrivals));
        if self.foreign > 0 {
            let _ = writeln!(text, "{} records of others in these topics", self.foreign);
        }
        let _ = writeln!(text, "run {}\n", ended.run);
        let [lateness, ack, _total] = summary::rows(&ended.whole);
        text.push_str(&summary::table(&[
            lateness,
            ack,
            ("acknowledged to seen", &arrivals.replication),
            ("due to seen", &arrivals.latency),
        ]));
        if !of.is_empty() {
            let _ = writeln!(text, "what was seen is{of}");
        }
        text.push_str(&summary::bars(&format!("due to seen{of}"), &arrivals.latency));
        text
    }

    /// The account of the load, and what was seen of it beside.
    fn json(&self) -> Value {
        let Self { ended, latency, arrivals, .. } = self;
        let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
        let mut on_target = seen::json(arrivals);
        on_target["lost"] = json!(latency.outstanding);
        on_target["highest_lag"] = json!(self.highest_lag);
        on_target["foreign"] = json!(self.foreign);
        on_target["beyond_bound"] = json!(latency.violations());
        on_target["p99"] = json!(seconds(latency.p99));
        on_target["p99_low"] = json!(seconds(latency.p99_range.map(|(low, _)| low)));
        on_target["p99_high"] = json!(seconds(latency.p99_range.map(|(_, high)| high)));
        on_target["max"] = json!(seconds(latency.max));
        on_target["replication"] = summary::quantiles(&arrivals.replication);
        on_target["seen"] = summary::quantiles(&arrivals.latency);
        on_target["sample"] = json!(self.sampled.as_ref().map(|(sample, told)| sampled::json(sample, told)));
        let mut account = ended.json();
        account["target"] = on_target;
        account
    }
}

/// How often it is looked how the records stand.
const GLANCE: Duration = Duration::from_millis(20);
