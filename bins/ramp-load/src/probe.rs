//! `ramp-load probe`: sees the records of loads arrive, and says what became of them.

use std::{fmt::Write, sync::Arc, time::Duration};

use ramp_load::{
    clock::Clock,
    probe::{
        Probe, ProbeError,
        verification::{Verification, VerifiedLoad},
    },
    snapshot::ArrivalSnapshot,
};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::{
    cli::{Output, seen::Probe as Flags},
    console::{say, tell},
    drive::{Signals, runtime},
    exit::Exit,
    latency_log::{LatencyFile, LatencyLog, LogError},
    progress::{Progress, millis},
    seen, summary,
};

/// Why nothing can be verified.
#[derive(Debug, thiserror::Error)]
enum VerifyError {
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("cannot start the runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What was found.
struct Verified {
    loads: Vec<VerifiedLoad>,
    foreign: u64,
    /// Records of more loads than are told apart.
    left_out: u64,
    span: Duration,
    is_interrupted: bool,
}

/// Carries out `ramp-load probe`.
pub(crate) fn run(flags: &Flags) -> Exit {
    match verify(flags) {
        Ok(verified) => {
            match flags.telling.output {
                Output::Text => say(verified.text(flags).trim_end()),
                Output::Json => say(verified.json(flags)),
            }
            verified.exit(flags)
        }
        Err(error) => error,
    }
}

fn verify(flags: &Flags) -> Result<Verified, Exit> {
    let (cluster, notes) = flags.cluster().map_err(|error| {
        tell(error);
        Exit::Usage
    })?;
    notes.iter().for_each(tell);
    let verification = Arc::new(Verification::new(flags.run));
    let attended = || {
        let file = LatencyFile::create(flags.telling.hdr_log.as_deref())?;
        let clock = Clock::start();
        let counted = Arc::clone(&verification);
        let probe = Probe::verify(&cluster, clock, flags.topics(), flags.begin(), counted)?;
        for topic in probe.absent() {
            tell(format_args!("topic {topic} is not there yet; it is read as soon as it is"));
        }
        let log = file.begin(clock.now(), None)?;
        runtime()?.block_on(attend(flags, &probe, &verification, log))
    };
    attended().map_err(|error| {
        tell(&error);
        match error {
            VerifyError::Probe(_) | VerifyError::Runtime(_) => Exit::Cluster,
            VerifyError::Log(_) => Exit::Usage,
        }
    })
}

/// Reads until the records are complete, none comes any more, or the time is over.
async fn attend(
    flags: &Flags,
    probe: &Probe,
    verification: &Verification,
    mut log: LatencyLog,
) -> Result<Verified, VerifyError> {
    let progress = Progress::new(flags.duration);
    let mut signals = Signals::listen()?;
    let begun = Instant::now();
    let mut glances = interval(GLANCE);
    let mut last = (begun, (0, 0));
    let mut logged = (Duration::ZERO, ArrivalSnapshot::default());
    let is_interrupted = loop {
        tokio::select! {
            () = signals.next() => break true,
            _ = glances.tick() => {}
        }
        probe.health()?;
        let (now, counts) = (Instant::now(), verification.counts());
        if counts != last.1 {
            last = (now, counts);
        }
        let span = begun.elapsed();
        if span >= logged.0 + SECOND {
            let whole = verification.arrivals();
            let stretch = whole.since(&logged.1);
            log.add(|log| log.write_arrivals(logged.0, span - logged.0, &stretch));
            progress.tell(line(span, &stretch, &whole, counts.1));
            logged = (span, whole);
        }
        let idle = now - last.0;
        let is_complete = flags.records.is_some_and(|records| counts.0 >= records);
        let is_over = flags.duration.is_some_and(|duration| span >= duration);
        // A duplicate may still follow the last record.
        if is_over || idle >= flags.idle || is_complete && idle >= SECOND {
            break false;
        }
    };
    let span = begun.elapsed();
    let rest = verification.arrivals().since(&logged.1);
    log.add(|log| log.write_arrivals(logged.0, span - logged.0, &rest));
    progress.end();
    log.end()?;
    Ok(Verified {
        loads: verification.loads(flags.records),
        foreign: probe.foreign(),
        left_out: verification.left_out(),
        span,
        is_interrupted,
    })
}

fn line(span: Duration, stretch: &ArrivalSnapshot, whole: &ArrivalSnapshot, records: u64) -> String {
    let p99 = stretch.latency.quantile(0.99);
    let p99 = p99.map_or_else(|| "no latency".to_owned(), |p99| format!("p99 {}", millis(p99)));
    format!(
        "{:.0} s: {} arrived, {p99}, {} in all, {} missing so far, {} duplicated, {} reordered",
        span.as_secs_f64(),
        stretch.arrived,
        whole.arrived,
        records.saturating_sub(whole.arrived),
        whole.duplicates,
        whole.reordered
    )
}

impl Verified {
    fn exit(&self, flags: &Flags) -> Exit {
        let is_good = |load: &VerifiedLoad| {
            let expected = flags.records.unwrap_or(load.records);
            let arrivals = &load.arrivals;
            let is_in_order = arrivals.duplicates + arrivals.reordered + arrivals.reordered_by_key == 0;
            seen::is_tolerated(load.missing, expected, flags.telling.tolerance)
                && (is_in_order || !flags.demands.exactly_once)
                && (flags.demands.p99.is_none() || is_fast(flags, arrivals))
        };
        // Where nothing was seen, nothing was verified.
        let is_good = !self.loads.is_empty() && self.left_out == 0 && self.loads.iter().all(is_good);
        match (is_good, self.is_interrupted) {
            (true, false) => Exit::Done,
            (true, true) => Exit::Interrupted,
            (false, _) => Exit::Incomplete,
        }
    }

    fn text(&self, flags: &Flags) -> String {
        let mut text = String::new();
        if self.is_interrupted {
            text.push_str("interrupted: records that were still on their way count as missing\n");
        }
        if self.loads.is_empty() {
            let _ = writeln!(
                text,
                "no record of {} was seen in {:.1} s; --from-beginning reads what lies there already, --idle waits \
                 for longer",
                flags.run.map_or_else(|| "ramp-load".to_owned(), |run| format!("run {run}")),
                self.span.as_secs_f64()
            );
        }
        for load in &self.loads {
            let VerifiedLoad { run, tier, records, missing, arrivals } = load;
            let _ = writeln!(
                text,
                "run {run}, tier {tier}: {} of {} arrived, {missing} missing, {}",
                arrivals.arrived,
                flags.records.unwrap_or(*records),
                seen::order(arrivals)
            );
            match flags.records {
                None => text.push_str(
                    "missing is counted up to the highest number that was seen; --records tells a missing end\n",
                ),
                Some(expected) if *records > expected => {
                    let _ = writeln!(text, "there are more records than expected: {records} at least");
                }
                Some(_) => {}
            }
            let p99 = arrivals.latency.quantile(0.99);
            let _ = writeln!(text, "{}", seen::against(p99, flags.demands.p99, is_fast(flags, arrivals)));
            text.push_str(&seen::remarks(arrivals));
            text.push_str(&seen::clocks(arrivals));
            text.push('\n');
            if arrivals.latency.count() > 0 {
                text.push_str(&summary::table(&[
                    ("due to seen", &arrivals.latency),
                    ("handed over to seen", &arrivals.from_handover),
                ]));
                text.push_str(&summary::bars("due to seen", &arrivals.latency));
                text.push('\n');
            }
        }
        if self.left_out > 0 {
            let _ = writeln!(
                text,
                "{} records are of more than {} loads and were not accounted for; choose a load by --run",
                self.left_out,
                Verification::MOST_LOADS
            );
        }
        if self.foreign > 0 {
            let _ = writeln!(text, "{} records of others in these topics", self.foreign);
        }
        text
    }

    fn json(&self, flags: &Flags) -> Value {
        let load = |load: &VerifiedLoad| {
            let mut object = seen::json(&load.arrivals);
            object["run"] = json!(load.run.to_string());
            object["tier"] = json!(load.tier);
            object["records"] = json!(flags.records.unwrap_or(load.records));
            object["missing"] = json!(load.missing);
            object["clock_offset_at_most"] = json!(seen::offset_at_most(&load.arrivals));
            object["seen"] = summary::quantiles(&load.arrivals.latency);
            object["handed_over_to_seen"] = summary::quantiles(&load.arrivals.from_handover);
            object
        };
        json!({
            "schema_version": 1,
            "seconds": self.span.as_secs_f64(),
            "interrupted": self.is_interrupted,
            "foreign": self.foreign,
            "left_out": self.left_out,
            "loads": self.loads.iter().map(load).collect::<Vec<_>>(),
        })
    }
}

/// Without a latency nothing is fast.
fn is_fast(flags: &Flags, arrivals: &ArrivalSnapshot) -> bool {
    let p99 = arrivals.latency.quantile(0.99);
    flags.demands.p99.is_none_or(|bound| p99.is_some_and(|p99| p99 < bound))
}

const GLANCE: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
