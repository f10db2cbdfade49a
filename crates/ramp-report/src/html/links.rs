//! Where a query's values can be looked at: addresses for people to open, from which the page itself fetches nothing.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ramp_core::tier_result::TierResult;

use super::Page;
use crate::{PanelPlace, QueryFact};

impl Page<'_> {
    /// Where a query's values can be looked at: over a tier, or over the whole campaign.
    pub(super) fn links(&self, query: &QueryFact, tier: Option<&TierResult>) -> Markup {
        let span = tier.map_or_else(|| self.campaign(), |tier| self.tier_span(tier));
        let place = |address: fn(&Self, &QueryFact, Span) -> Option<String>| address(self, query, span?);
        let places = [("Prometheus", place(Self::graph)), ("Grafana", place(Self::panel))];
        html! {
            @for (name, address) in places.into_iter().filter_map(|(name, address)| Some((name, address?))) {
                " " a href=(address) rel="noreferrer" { (self.t("voir dans", "see in")) " " (name) }
            }
        }
    }

    /// The address of a query's graph, where Prometheus has one that a browser opens.
    fn graph(&self, query: &QueryFact, Span { from, to }: Span) -> Option<String> {
        let address = opened(&self.report.facts.prometheus)?;
        let seconds = to.duration_since(from).as_secs();
        let end = to.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (query, end) = (percent(&query.expression), percent(&end));
        Some(format!("{address}/graph?g0.expr={query}&g0.tab=0&g0.range_input={seconds}s&g0.end_input={end}"))
    }

    /// The address of a query's panel, where Grafana's and the panel's place there are known.
    fn panel(&self, query: &QueryFact, Span { from, to }: Span) -> Option<String> {
        let address = opened(self.report.facts.grafana.as_deref()?)?;
        let PanelPlace { uid, panel } = query.place.as_ref()?;
        let (from, to) = (from.as_millisecond(), to.as_millisecond());
        let view = panel.map_or_else(String::new, |id| format!("&viewPanel={id}"));
        Some(format!("{address}/d/{}?from={from}&to={to}{view}", percent(uid)))
    }

    /// When the campaign began and ended.
    fn campaign(&self) -> Option<Span> {
        self.span(0.0, f64::from(self.report.timeline.end_seconds()))
    }

    /// From shortly before a tier's load to the end of its recovery; the campaign's for one without a load.
    fn tier_span(&self, tier: &TierResult) -> Option<Span> {
        let Some(started) = tier.started else { return self.campaign() };
        let started = started.since_start().as_secs_f64();
        let stopped = tier.stopped.map_or(started, |stopped| stopped.since_start().as_secs_f64());
        let waited = tier.recovery.map_or(0.0, |recovery| recovery.waited.as_secs_f64());
        self.span((started - BEFORE).max(0.0), stopped + waited)
    }

    /// Both in seconds since the campaign's start.
    fn span(&self, from: f64, to: f64) -> Option<Span> {
        let began: Timestamp = self.report.facts.started.parse().ok()?;
        let after = |seconds| began.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok();
        Some(Span { from: after(from.floor())?, to: after(to.max(from + LEAST).ceil())? })
    }
}

#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// An address without its last slash, where it is one that a browser opens.
fn opened(address: &str) -> Option<&str> {
    let opens = address.starts_with("http://") || address.starts_with("https://");
    opens.then(|| address.trim_end_matches('/'))
}

/// A text as a part of an address.
fn percent(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// How much is shown of the time before a tier, so that its rise is seen, in seconds.
const BEFORE: f64 = 30.0;

/// The shortest time that is worth a graph, in seconds.
const LEAST: f64 = 60.0;
