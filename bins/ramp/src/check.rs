//! `ramp check`: everything that a campaign needs, each part looked at although another is missing. It writes one canary
//! to each partition that a campaign would load, and nothing else.

use std::{error::Error, fmt, time::Duration};

use futures_util::StreamExt;
use ramp_core::observation::{Reading, Sample};
use ramp_load::{
    clock::Clock,
    cluster::ClusterView,
    probe::{Probe, canary::Canaries},
    stamp::{Identity, RunId},
};
use ramp_observe::{Observed, Observer, catalog};
use tokio::time::Instant;

use crate::{
    claim::Claim,
    cli::CheckArgs,
    config::resolve::Settings,
    driver::Start,
    error::CommandError,
    exit::Exit,
    preflight::{self, PreflightError, lag},
    run::complete,
};

/// How one part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// A campaign can rely on it.
    Good,
    /// A campaign can begin; what is told may make it worth less.
    Doubtful,
    /// No campaign can begin.
    Missing,
}

/// What was found of one part, and what to do where it is not good.
#[derive(Debug)]
struct Finding {
    mark: Mark,
    part: &'static str,
    text: String,
}

/// Looks at every part and prints what it finds as soon as it is found.
pub(crate) fn check(args: &CheckArgs) -> Result<Exit, CommandError> {
    let settings = Settings::of(&args.inputs)?;
    complete(async {
        let mut worst = Mark::Good;
        let mut tell = |finding: Finding| {
            println!("{finding}");
            worst = if finding.mark.is_worse_than(worst) { finding.mark } else { worst };
        };
        look(&settings, &mut tell).await;
        Ok(match worst {
            Mark::Good | Mark::Doubtful => Exit::Done,
            Mark::Missing => Exit::Inconclusive,
        })
    })
}

async fn look(settings: &Settings, tell: &mut impl FnMut(Finding)) {
    let (run, clock, start) = (RunId::random(), Clock::start(), Start::now());
    let target_topics = settings.target_topics();
    let (source, target, observer) = tokio::join!(
        preflight::describe(&settings.source, &settings.topics),
        preflight::watch(&settings.target, &target_topics, clock, run),
        preflight::observe(settings, start),
    );
    tell(match &source {
        Ok(view) => Finding::good("source", described(settings, view)),
        Err(error) => Finding::missing("source", &cause(error)),
    });
    tell(match &target {
        Ok(probe) => watched(settings, probe),
        Err(error) => Finding::missing("target", &cause(error)),
    });
    match observer {
        Ok(observer) => observed(settings, &observer, start, tell).await,
        Err(error) => tell(Finding::missing("prometheus", &cause(&error))),
    }
    let (Ok(view), Ok(probe)) = (source, target) else {
        return tell(Finding::missing("replication", &"needs both clusters; nothing was sent"));
    };
    // No canary may cross beside another campaign's records.
    match Claim::on(view.id.as_deref().unwrap_or(&settings.source.bootstrap)) {
        Ok(claim) => {
            let canaries = Canaries::new(settings.source.clone(), run, clock, view.topics);
            tell(crossed(settings, &canaries, &probe).await);
            drop(claim);
        }
        Err(error) => tell(Finding::missing("replication", &format!("{error}; nothing was sent"))),
    }
}

/// What is wrong, without the part that the finding names.
fn cause(error: &PreflightError) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn described(settings: &Settings, view: &ClusterView) -> String {
    let partitions: usize = view.topics.iter().map(|topic| topic.partitions).sum();
    let (bootstrap, topics) = (&settings.source.bootstrap, view.topics.len());
    format!("{bootstrap} answers; {topics} topics with {partitions} partitions")
}

fn watched(settings: &Settings, probe: &Probe) -> Finding {
    let (bootstrap, topics) = (&settings.target.bootstrap, settings.topics.len());
    match probe.absent().as_slice() {
        [] => Finding::good("target", format!("{bootstrap} answers; {topics} topics can be read")),
        absent => Finding::doubtful(
            "target",
            format!(
                "{bootstrap} answers; {} of {topics} topics are not there yet ({}): the canaries make them, or \
                 [replication] names them otherwise than the replication does",
                absent.len(),
                absent.join(", ")
            ),
        ),
    }
}

async fn crossed(settings: &Settings, canaries: &Canaries, probe: &Probe) -> Finding {
    let begun = Instant::now();
    match canaries.cross(probe, PATIENCE).await {
        Err(error) => Finding::missing("replication", &error),
        Ok(Identity::Payload) if !settings.payload.names_records() => Finding::missing(
            "replication",
            &"headers are lost on the way, and records of this payload cannot be known without; use payload json",
        ),
        Ok(identity) => {
            let known = match identity {
                Identity::Header => "header",
                Identity::Payload => "payload",
            };
            let seconds = begun.elapsed().as_secs_f64();
            Finding::good(
                "replication",
                format!("one canary for each partition crossed within {seconds:.1} s, known by its {known}"),
            )
        }
    }
}

/// The queries, the level before the load, and whether the plan can be judged by them.
async fn observed(settings: &Settings, observer: &Observer, start: Start, tell: &mut impl FnMut(Finding)) {
    let ahead = observer.clock_ahead();
    let text =
        format!("{} answers; its clock is {ahead:+.1} s from this machine's", settings.prometheus.address());
    tell(Finding::good("prometheus", text));
    for query in observer.checks() {
        tell(match (query.series, query.cautions.as_slice()) {
            (0, []) => Finding::doubtful("query", format!("{query}\n  {NOTHING_YET}")),
            (_, []) => Finding::good("query", query.to_string()),
            (_, _) => Finding::doubtful("query", query.to_string()),
        });
    }
    let signals = observer.signals().cloned().chain([lag()]).collect();
    if let Err(error) = settings.plan.plan(signals) {
        tell(Finding::missing("plan", &error));
    }
    let mut readings = observer.sample(start.elapsed());
    let mut level = None;
    while let Some(Observed { reading: Reading { signal, sample }, .. }) = readings.next().await {
        if let (true, Sample::Present { points, .. }) = (signal == catalog::ACTIVE_RECORDS, sample) {
            level = points.iter().map(|point| point.value).reduce(f64::max);
        }
    }
    let floor = settings.plan.recovery.floor;
    let signal = catalog::ACTIVE_RECORDS;
    tell(match level {
        None => Finding::doubtful(
            "backlog",
            format!("{signal} has no value now, so that only the canaries can tell of a backlog"),
        ),
        Some(level) if level < floor as f64 => {
            Finding::good("backlog", format!("{signal} stands at {level:.0} before the load"))
        }
        Some(level) => Finding::doubtful(
            "backlog",
            format!(
                "{signal} stands at {level:.0} before the load, not below the plan's floor of {floor}: others write, or \
                 a backlog is left"
            ),
        ),
    });
}

impl Mark {
    const fn is_worse_than(self, other: Self) -> bool {
        self as u8 > other as u8
    }
}

impl Finding {
    const fn good(part: &'static str, text: String) -> Self {
        Self { mark: Mark::Good, part, text }
    }

    const fn doubtful(part: &'static str, text: String) -> Self {
        Self { mark: Mark::Doubtful, part, text }
    }

    fn missing(part: &'static str, why: &impl fmt::Display) -> Self {
        Self { mark: Mark::Missing, part, text: why.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => '✓',
            Mark::Doubtful => '!',
            Mark::Missing => '✗',
        };
        let mut lines = self.text.lines();
        write!(f, "{mark} {:11} {}", self.part, lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "\n{:14}{line}", ""))
    }
}

const NOTHING_YET: &str = "nothing to judge now: a rate needs two scrapes and an idle replication shows none; check again while it works";

/// How long the canaries may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_mark_a_part_and_its_text_below_each_other() {
        let query = Finding::doubtful("query", "mm2.latency_avg\n  panel: x".to_owned());
        assert_eq!(query.to_string(), "! query       mm2.latency_avg\n                panel: x");
        assert_eq!(Finding::missing("source", &"gone").to_string(), "✗ source      gone");
        assert!(Mark::Missing.is_worse_than(Mark::Doubtful) && !Mark::Good.is_worse_than(Mark::Good));
    }
}
