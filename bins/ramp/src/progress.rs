//! What a person sees while a campaign runs: plain lines on standard error.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    time::Duration,
};

use ramp_core::{
    campaign::{Campaign, Stage},
    criterion::Severity,
    event::{Ending, Event},
    signal::SignalId,
    units::Elapsed,
};

/// Writes lines about a campaign that runs.
pub struct Progress {
    out: Box<dyn Write + Send>,
    /// When the last line about the load was written.
    shown: Option<Elapsed>,
    /// The warnings of Prometheus that were shown.
    warned: BTreeSet<(SignalId, String)>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress").field("shown", &self.shown).finish_non_exhaustive()
    }
}

impl Progress {
    /// Progress on standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self { out: Box::new(io::stderr()), shown: None, warned: BTreeSet::new() }
    }

    /// Shows an event.
    pub fn event(&mut self, campaign: &Campaign, event: &Event) {
        self.shown = None;
        let name = |tier: usize| campaign.tier(tier).map_or("?", |tier| tier.name.as_str());
        let (at, text) = match event {
            Event::Refining { tier, rate, validated, stopped, at } => {
                let name = name(*tier);
                (at, format!("{name}: the limit lies between {validated} and {stopped}: {rate} is tried"))
            }
            Event::TierRepeated { tier, at } => (at, format!("{} begins anew", name(*tier))),
            Event::TierStarted { tier, at } => {
                let Some(known) = campaign.tier(*tier) else { return };
                let (hold, bound) = (known.hold.as_secs(), seconds(known.p99_bound));
                (at, format!("{} starts: {} for {hold} s, p99 < {bound}", known.name, known.rate))
            }
            Event::TierCut { tier, at } => (at, format!("{}: the load is stopped early", name(*tier))),
            Event::Provisional { tier, verdict, at } => {
                (at, format!("{}: {verdict}, if nothing is lost in the recovery", name(*tier)))
            }
            Event::Final { tier, verdict, at } => (at, format!("{}: {verdict}", name(*tier))),
            Event::LevelChanged { tier, signal, to, series, value, at, .. } => {
                let level = match to {
                    None => "ok",
                    Some(Severity::Warning) => "warning",
                    Some(Severity::Stop) => "STOP",
                };
                let series = if series.is_empty() { String::new() } else { format!(" ({series})") };
                (at, format!("{}: {signal} is {level}: {value:.1}{series}", name(*tier)))
            }
            Event::Ended { ending, at } => (at, format!("the campaign is over: {}", ending_text(*ending))),
        };
        self.line(*at, &text);
    }

    /// Shows how the load stands, now and then.
    pub fn beat(&mut self, campaign: &Campaign, now: Elapsed) {
        if self.shown.is_some_and(|shown| now.since(shown) < BETWEEN_LINES) {
            return;
        }
        let Some((load, latency)) = campaign.current() else { return };
        let (tier, phase, since) = match campaign.stage() {
            Stage::Loading { tier, since } => (tier, "load", since),
            Stage::Recovering { tier, since } => (tier, "recovery", since),
            Stage::Proving { .. } | Stage::Starting { .. } | Stage::Done { .. } => return,
        };
        let Some(tier) = campaign.tier(tier) else { return };
        let achieved = 100.0 * load.offered as f64 / load.due.max(1) as f64;
        let latency = latency.map_or_else(String::new, |latency| {
            let p99 = latency.p99.map_or_else(|| "—".to_owned(), seconds);
            format!(", p99 {p99} (bound {}), true lag {}", seconds(tier.p99_bound), latency.outstanding)
        });
        let spent = now.since(since).as_secs();
        self.line(
            now,
            &format!("{} {phase} {spent} s: {achieved:.1} % of {} offered{latency}", tier.name, tier.rate),
        );
        self.shown = Some(now);
    }

    /// Shows what Prometheus warned of, each warning of a signal once.
    pub fn warnings(&mut self, signal: &SignalId, warnings: &[String], at: Elapsed) {
        for warning in warnings {
            if self.warned.insert((signal.clone(), warning.clone())) {
                self.line(at, &format!("{signal}: Prometheus warns: {warning}"));
            }
        }
    }

    fn line(&mut self, at: Elapsed, text: &str) {
        let total = at.since_start().as_secs();
        // A closed standard error must not end a campaign.
        let _ = writeln!(self.out, "[{:02}:{:02}] {text}", total / 60, total % 60);
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.3} s", span.as_secs_f64())
}

const fn ending_text(ending: Ending) -> &'static str {
    match ending {
        Ending::LastTierPassed => "the last tier passed",
        Ending::Stopped => "a tier was STOP",
        Ending::Inconclusive => "a tier was INCONCLUSIVE",
        Ending::Interrupted => "interrupted",
    }
}

const BETWEEN_LINES: Duration = Duration::from_secs(5);
