//! A campaign's events and its standing, as lines.

use std::time::Duration;

use ramp_core::{
    campaign::{Campaign, Stage},
    component::ComponentState,
    criterion::Severity,
    event::{Ending, Event},
    plan::Tier,
    units::Elapsed,
    verdict::Finding,
};
use ramp_report::{Locale, terminal};

/// An event as a line, if there is something to say about it.
pub(super) fn event(campaign: &Campaign, event: &Event) -> Option<String> {
    let name = |tier: usize| campaign.tier(tier).map_or("?", |tier| tier.name.as_str());
    let (at, text) = match event {
        Event::Refining { tier, rate, validated, stopped, at } => {
            let name = name(*tier);
            (at, format!("{name}: the limit lies between {validated} and {stopped}: {rate} is tried"))
        }
        Event::WarmingUp { tier, rate, hold, at } => {
            (at, format!("{} starts: {rate} for {} s, not judged", name(*tier), hold.as_secs()))
        }
        Event::TierRepeated { tier, at } => (at, format!("{} begins anew", name(*tier))),
        Event::TierStarted { tier, at } => {
            let known = campaign.tier(*tier)?;
            let (hold, bound) = (known.hold.as_secs(), seconds(known.p99_bound));
            (at, format!("{} starts: {} for {hold} s, p99 < {bound}", known.name, known.rate))
        }
        Event::TierCut { tier, finding, at } => {
            let why = finding.as_ref().map_or_else(String::new, because);
            (at, format!("{}: the load is stopped early{why}", name(*tier)))
        }
        Event::Provisional { tier, verdict, at } => {
            (at, format!("{}: {verdict}, if nothing is lost in the recovery", name(*tier)))
        }
        Event::Final { tier, verdict, at } => {
            let mut finished = campaign.results().iter().chain(campaign.probes());
            let result = finished.rfind(|result| result.tier == *tier);
            let gravest = result.and_then(|result| result.findings.first());
            (at, format!("{}: {verdict}{}", name(*tier), gravest.map_or_else(String::new, because)))
        }
        Event::LevelChanged { tier, signal, to, series, value, at, .. } => {
            let level = level(*to);
            let series = if series.is_empty() { String::new() } else { format!(" ({series})") };
            (at, format!("{}: {signal} is {level}: {value:.1}{series}", name(*tier)))
        }
        Event::Warned { tier, signal, warning, at } => {
            (at, format!("{}: {signal}: Prometheus warns: {warning}", name(*tier)))
        }
        Event::Ended { ending, at } => (at, format!("the campaign is over: {}", ending_text(*ending))),
    };
    Some(stamped(*at, &text))
}

/// How a component stands now, as a line.
pub(super) fn component(ComponentState { component, said, .. }: &ComponentState, at: Elapsed) -> String {
    stamped(at, &format!("{component} {said}"))
}

/// A warning as a line.
pub(super) fn warning(text: &str, at: Elapsed) -> String {
    stamped(at, &format!("warning: {text}"))
}

/// How the load stands, as a line, while there is one.
pub(super) fn standing(campaign: &Campaign, now: Elapsed) -> Option<String> {
    let (load, latency) = campaign.current()?;
    let (index, phase, since) = phase(campaign)?;
    let tier = campaign.tier(index)?;
    let achieved = 100.0 * load.offered as f64 / load.due.max(1) as f64;
    let latency = campaign.lag().map_or_else(String::new, |lag| {
        let p99 = latency.and_then(|latency| latency.p99).map_or_else(|| "—".to_owned(), seconds);
        let bound = p99_bound((index, tier));
        let bound =
            bound.map_or_else(|| "not judged".to_owned(), |bound| format!("bound {}", seconds(bound)));
        format!(", p99 {p99} ({bound}), true lag {lag}")
    });
    let spent = now.since(since).as_secs();
    let text = format!("{} {phase} {spent} s: {achieved:.1} % of {} offered{latency}", tier.name, tier.rate);
    Some(stamped(now, &text))
}

/// What the p99 of a tier is judged by; a warm-up's is not.
pub(super) fn p99_bound((index, tier): (usize, &Tier)) -> Option<Duration> {
    (index != Campaign::WARMUP).then_some(tier.p99_bound)
}

/// The tier that is loaded or recovers, which of the two, and since when.
pub(super) fn phase(campaign: &Campaign) -> Option<(usize, &'static str, Elapsed)> {
    match campaign.stage() {
        Stage::Loading { tier, since } => Some((tier, "load", since)),
        Stage::Recovering { tier, since } => Some((tier, "recovery", since)),
        Stage::Proving { .. } | Stage::Starting { .. } | Stage::Done { .. } => None,
    }
}

/// A level as a word.
pub(super) const fn level(level: Option<Severity>) -> &'static str {
    match level {
        None => "ok",
        Some(Severity::Warning) => "warning",
        Some(Severity::Stop) => "STOP",
    }
}

pub(super) fn seconds(span: Duration) -> String {
    format!("{:.3} s", span.as_secs_f64())
}

/// Minutes and seconds.
pub(super) fn clock(span: Duration) -> String {
    let total = span.as_secs();
    format!("{:02}:{:02}", total / 60, total % 60)
}

fn because(finding: &Finding) -> String {
    format!(": {}", terminal::headline(finding, Locale::English))
}

fn stamped(at: Elapsed, text: &str) -> String {
    format!("[{}] {}", clock(at.since_start()), terminal::harmless(text))
}

const fn ending_text(ending: Ending) -> &'static str {
    match ending {
        Ending::LastTierPassed => "the last tier passed",
        Ending::Stopped => "a tier was STOP",
        Ending::Inconclusive => "a tier was INCONCLUSIVE",
        Ending::Interrupted => "interrupted",
    }
}
