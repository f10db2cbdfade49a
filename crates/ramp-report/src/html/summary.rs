//! The first screen: capacity, recommendation, how it ended, and the verdict of each tier.

use maud::{Markup, html};
use ramp_core::{
    event::Ending,
    tier_result::P99,
    verdict::{Verdict, Weight},
};

use super::Page;
use crate::{
    Locale,
    grid::Row,
    label::{sentence, short, visible},
};

impl Page<'_> {
    pub(super) fn summary(&self) -> Markup {
        let facts = &self.report.facts;
        html! {
            header.page {
                p.eyebrow { (self.title()) }
                h1 { (visible(&facts.name)) }
                p.about {
                    time datetime=(visible(&facts.started)) { (self.moment()) }
                    @if let Some(took) = self.report.took { " · " (self.locale.span(took)) }
                    " · " (visible(&facts.source)) " → " (visible(&facts.target))
                }
                div.hero {
                    (self.capacity())
                    (self.recommendation())
                    (self.ending())
                }
                h2.hidden { (self.t("Verdict par palier", "Verdict of each tier")) }
                ol.tiers { @for row in &self.rows { (self.tier(row)) } }
            }
        }
    }

    /// When the campaign began, as people write it; the text as it stands where it is no time.
    fn moment(&self) -> String {
        let started = &self.report.facts.started;
        started.parse::<jiff::Timestamp>().map_or_else(
            |_| visible(started),
            |at| at.strftime(self.t("%d/%m/%Y %H:%M UTC", "%Y-%m-%d %H:%M UTC")).to_string(),
        )
    }

    fn capacity(&self) -> Markup {
        let found = self.report.capacity;
        html! {
            div.figure.lead {
                h2 { (self.t("Capacité maximale validée", "Validated maximum capacity")) }
                p.big {
                    @match found {
                        Some(found) => {
                            @if !found.exact { span title=(self.t("au moins", "at least")) { "≥ " } }
                            (self.locale.whole(found.validated.get().into()))
                            span.unit { " msg/s" }
                        }
                        None => (self.t("aucune", "none")),
                    }
                }
                p { (self.capacity_note()) }
                @if let Some(refined) = &self.report.refined { p { (sentence(&self.locale.refined(refined))) } }
            }
        }
    }

    fn capacity_note(&self) -> String {
        let Some(found) = self.report.capacity else {
            return self.t("Aucun palier n'est GO.", "No tier is GO.").to_owned();
        };
        let tier = self.report.plan.tiers().iter().find(|tier| tier.rate == found.validated);
        let name = tier.map_or_else(String::new, |tier| visible(&tier.name));
        let last = self.t("Dernier palier GO :", "Last GO tier:");
        let floor = self.t(" ; la limite n'a pas été atteinte", "; the limit was not reached");
        let floor = if found.exact { "" } else { floor };
        format!("{last} {name}{floor}")
    }

    fn recommendation(&self) -> Markup {
        let share = self.report.plan.recommended();
        let recommended = self.report.capacity.and_then(|found| found.recommended);
        html! {
            div.figure {
                h2 { (self.t("Recommandée pour la production", "Recommended for production")) }
                p.big {
                    @match recommended {
                        Some(rate) => { (self.locale.whole(rate.get().into())) span.unit { " msg/s" } }
                        None => "—",
                    }
                }
                p {
                    (share) " "
                    (self.t("de la capacité : marge pour pics, GC, maintenance",
                            "of the capacity: margin for peaks, garbage collection, maintenance"))
                }
            }
        }
    }

    fn ending(&self) -> Markup {
        let last = self.report.tiers.last();
        let name = last.and_then(|result| self.report.plan.tiers().get(result.tier));
        let name = name.map_or_else(String::new, |tier| visible(&tier.name));
        let (class, text) = match self.report.ending {
            Some(Ending::LastTierPassed) => {
                ("go", self.t("Tous les paliers sont passés", "Every tier passed").to_owned())
            }
            Some(Ending::Stopped) => ("stop", format!("STOP · {name}")),
            Some(Ending::Inconclusive) => {
                ("open", format!("{} · {name}", self.locale.verdict(Verdict::Inconclusive)))
            }
            Some(Ending::Interrupted) => {
                ("open", format!("{} · {name}", self.t("Interrompue", "Interrupted")))
            }
            None => ("open", self.t("Campagne non terminée", "Campaign not over").to_owned()),
        };
        let why = last.filter(|result| result.verdict != Verdict::Go);
        let why = why.and_then(|result| result.findings.first());
        let limits = last.into_iter().flat_map(|result| self.report.limits_of(result.tier));
        let limits: Vec<_> = limits.map(|likely| self.locale.limit_name(likely.limit)).collect();
        html! {
            div.figure.ending.(class) {
                h2 { (self.t("Fin de la campagne", "How it ended")) }
                p.verdict { (text) }
                @if self.report.ending == Some(Ending::LastTierPassed) { p { (self.all_passed()) } }
                @if let Some(finding) = why { p.why { (visible(&short(&self.locale.brief(finding)))) } }
                @if !limits.is_empty() {
                    p { (self.t("Limite probable :", "Likely limit:")) " " a href="#limits" { (limits.join(", ")) } }
                }
            }
        }
    }

    /// What stands beside a campaign that no tier has stopped.
    fn all_passed(&self) -> String {
        let findings = self.report.tiers.iter().flat_map(|result| &result.findings);
        let stop = self.t("Aucun seuil d'arrêt franchi", "No stop threshold was crossed");
        match (findings.count(), self.locale) {
            (0, Locale::French) => format!("{stop}, aucune alerte."),
            (0, Locale::English) => format!("{stop}, no warning."),
            (warnings, Locale::French) => format!("{stop} ; alertes : {warnings}."),
            (warnings, Locale::English) => format!("{stop}; warnings: {warnings}."),
        }
    }

    fn tier(&self, row: &Row<'_>) -> Markup {
        let p99 = match row.p99() {
            P99::Measured { value, .. } => Some(*value),
            P99::Bounded { .. } | P99::Unknown => None,
        };
        let bound = row.tier.p99_bound;
        let share = p99.map(|p99| (p99.as_secs_f64() / bound.as_secs_f64()).clamp(0.0, 1.0) * 100.0);
        let warnings = row.result.map_or(0, |result| {
            result.findings.iter().filter(|finding| finding.weight() == Weight::Warning).count()
        });
        html! {
            li.tier.(class(row.verdict())) {
                p.name {
                    span { (visible(&short(&row.tier.name))) }
                    (self.badge(row.verdict()))
                }
                p.rate { (self.locale.whole(row.tier.rate.get().into())) span.unit { " msg/s" } }
                p.p99 {
                    "p99 " b { (self.locale.p99(row.p99()).unwrap_or_else(|| "—".to_owned())) }
                    " / " (self.locale.seconds(bound))
                }
                svg.meter viewBox="0 0 100 5" preserveAspectRatio="none" aria-hidden="true" {
                    rect.track width="100" height="5" {}
                    @if let Some(share) = share { rect.fill width=(format!("{share:.1}")) height="5" {} }
                }
                p.warnings {
                    @match warnings {
                        0 => {},
                        1 => (self.t("1 alerte", "1 warning")),
                        many => { (many) " " (self.t("alertes", "warnings")) }
                    }
                }
            }
        }
    }

    /// The verdict as a mark and a word: neither stands for itself by its colour.
    pub(super) fn badge(&self, verdict: Option<Verdict>) -> Markup {
        let (mark, word) = match verdict {
            Some(verdict @ Verdict::Go) => ("✓", self.locale.verdict(verdict)),
            Some(verdict @ Verdict::Stop) => ("✕", self.locale.verdict(verdict)),
            Some(verdict @ Verdict::Inconclusive) => ("?", self.locale.verdict(verdict)),
            None => ("–", self.t("non atteint", "not reached")),
        };
        html! { span.badge.(class(verdict)) { span aria-hidden="true" { (mark) " " } (word) } }
    }
}

/// The class of a verdict in the style sheet.
pub(super) const fn class(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Go) => "go",
        Some(Verdict::Stop) => "stop",
        Some(Verdict::Inconclusive) => "open",
        None => "unreached",
    }
}
