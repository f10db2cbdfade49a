//! What a plan comes to, as Markdown.

use std::{fmt::Write, time::Duration};

use ramp_core::{
    plan::PlanDraft,
    signal::{Fold, SignalId, Unit},
};
use ramp_report::markdown::{literal, table};

use super::{CriterionOutline, Outline, SignalOrigin, SignalOutline, TierOrigin, TierOutline};
use crate::{
    config::{span::Span, threshold::Threshold},
    intent::{grouped, size},
};

pub(super) fn render(outline: &Outline) -> String {
    let mut text = format!("# Plan {}\n\n", literal(&outline.name));
    for sentence in summary(outline) {
        let _ = writeln!(text, "- {sentence}");
    }
    let _ = write!(text, "\n## Tiers\n\n{}", table(&tiers(outline)));
    let _ = write!(text, "\n## Bounds beside p99\n\n{}", table(&criteria(outline)));
    let _ = write!(text, "\n## Where the signals come from\n\n{}", table(&signals(outline)));
    text
}

fn summary(outline: &Outline) -> Vec<String> {
    let Outline { topics, payload, records, bytes, recovery, .. } = outline;
    let mut sentences = vec![
        format!(
            "Writes {} records of {}, about {} before compression, to {topics} {}.",
            spaced(*records),
            literal(payload),
            size(*bytes as f64),
            if *topics == 1 { "topic" } else { "topics" },
        ),
        format!(
            "Takes at least {} and, with every recovery at its longest, {}.",
            span(outline.least_ms),
            span(outline.most_ms)
        ),
        format!(
            "After each tier: waits at least {}, until the lag is below {} records; gives up after {}.",
            span(recovery.minimum_ms),
            spaced(recovery.floor),
            span(recovery.give_up_ms),
        ),
        format!("Recommends {} of the capacity for production.", outline.recommended),
    ];
    if let Some(budget) = outline.budget_ms {
        let least = if outline.least_ms > budget { ", which is less than it takes at least" } else { "" };
        sentences.insert(2, format!("Is meant to take at most {}{least}.", span(budget)));
    }
    if let Some(refine) = outline.refine {
        let more = "the records and the time of that search come on top";
        sentences.push(format!("Searches for the limit after a STOP, to {}; {more}.", refine.resolution));
    }
    sentences
}

fn tiers(outline: &Outline) -> Vec<Vec<String>> {
    let head = ["Tier", "Records/s", "Held for", "p99 below", "Records", "Bytes", "From"];
    let row = |tier: &TierOutline| {
        let origin = match tier.origin {
            TierOrigin::Plan => "plan",
            TierOrigin::Extend => "extend",
        };
        vec![
            literal(&tier.name),
            spaced(tier.rate.get().into()),
            span(tier.hold_ms),
            span(tier.p99_ms),
            spaced(tier.records),
            size(tier.bytes as f64),
            origin.to_owned(),
        ]
    };
    let blank = String::new;
    let warmup = outline.warmup.as_ref().map(|warmup| {
        vec![
            PlanDraft::WARMUP.to_owned(),
            spaced(warmup.rate.get().into()),
            span(warmup.hold_ms),
            "not judged".to_owned(),
            spaced(warmup.records),
            size(warmup.bytes as f64),
            "plan".to_owned(),
        ]
    });
    let all = vec![
        "all".to_owned(),
        blank(),
        blank(),
        blank(),
        spaced(outline.records),
        size(outline.bytes as f64),
        blank(),
    ];
    rows(&head, warmup.into_iter().chain(outline.tiers.iter().map(row)).chain([all]))
}

fn criteria(outline: &Outline) -> Vec<Vec<String>> {
    let bound = |threshold: &Option<Threshold>| {
        threshold.clone().map_or_else(String::new, |threshold| format!("`{}`", String::from(threshold)))
    };
    let row = |criterion: &CriterionOutline| {
        let CriterionOutline { signal, warning, stop, tier, .. } = criterion;
        let (tiers, from) = match tier {
            None => ("every".to_owned(), "plan"),
            Some(tier) => (literal(tier), "tier"),
        };
        vec![tiers, name(signal), bound(warning), bound(stop), from.to_owned()]
    };
    rows(&["Tier", "Signal", "Warning", "Stop", "From"], outline.criteria.iter().map(row))
}

fn signals(outline: &Outline) -> Vec<Vec<String>> {
    let row = |SignalOutline { signal, origin }: &SignalOutline| {
        let (from, unit, fold) = match origin {
            SignalOrigin::Probe => (
                "ramp itself: acknowledged on the source and not seen on the target".to_owned(),
                "records",
                "worst value",
            ),
            SignalOrigin::Catalogue { dashboard, panel, query, unit, fold } => {
                let query =
                    query.as_ref().map_or_else(String::new, |letter| format!(", query {}", literal(letter)));
                let panel = format!("panel \"{}\"{query} of {}", literal(panel), literal(dashboard));
                (panel, unit_name(*unit), fold_name(*fold))
            }
            SignalOrigin::Configuration => (
                "no panel that is built in; bind it under \\[signals\\] in the configuration".to_owned(),
                "",
                "",
            ),
        };
        vec![name(signal), from, unit.to_owned(), fold.to_owned()]
    };
    rows(&["Signal", "Values", "Unit", "Judged by"], outline.signals.iter().map(row))
}

fn rows(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let head = head.iter().map(|&name| name.to_owned()).collect();
    std::iter::once(head).chain(rows).collect()
}

const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Milliseconds => "ms",
        Unit::Percent => "%",
        Unit::Ratio => "0 to 1",
        Unit::Records => "records",
        Unit::Count => "count",
    }
}

const fn fold_name(fold: Fold) -> &'static str {
    match fold {
        Fold::Worst => "worst value",
        Fold::Mean => "mean",
        Fold::Last => "last value",
        Fold::Increase => "increase",
    }
}

/// A signal's name, as code where nothing in it could end the code.
fn name(signal: &SignalId) -> String {
    let name = signal.as_str();
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if is_plain { format!("`{name}`") } else { literal(name) }
}

/// A number as the form writes it: `10 000`. A `_` would be markup.
fn spaced(number: u64) -> String {
    grouped(number).replace('_', " ")
}

fn span(millis: u64) -> String {
    Span::new(Duration::from_millis(millis)).to_string()
}
