//! Runs side by side: what changed from the first to each of the others, and whether that is more than chance.
//!
//! A difference counts only where the intervals do not touch: for the capacity, from the highest GO to the lowest STOP;
//! for a p99, its 95 % confidence interval. That interval covers chance within a run. How much two runs of the same
//! thing differ shows only when it is run twice: compare these as well.

pub mod html;
pub mod markdown;

use std::{fmt, time::Duration};

use ramp_core::{
    plan::Tier,
    tier_result::{P99, TierResult},
    units::{Rate, Ratio},
    verdict::Verdict,
};

use crate::{Locale, Report};

/// A run of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it is called there, such as its folder.
    pub name: &'a str,
    /// Its report.
    pub report: &'a Report,
}

/// How a run stands against the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is better, by more than chance.
    Better,
    /// It is worse, by more than chance.
    Worse,
    /// It is no different, or by less than the margin or chance.
    Same,
    /// The evidence does not tell.
    Unknown,
}

/// Runs beside the first of them.
#[derive(Debug)]
pub struct Comparison<'a> {
    base: Run<'a>,
    others: Vec<Run<'a>>,
    margin: Ratio,
}

impl<'a> Comparison<'a> {
    /// A comparison of `others` with `base`; a difference of less than `margin` is none.
    #[must_use]
    pub const fn new(base: Run<'a>, others: Vec<Run<'a>>, margin: Ratio) -> Self {
        Self { base, others, margin }
    }

    /// Everything in which the others are compared with the first: the capacity, and each tier of a rate that both ran.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        self.others.iter().flat_map(|run| {
            let both = self.tiers().filter(|pair| pair.beside(run.report).is_some());
            let tiers = both.map(|pair| self.tier_change(&pair, run).change);
            std::iter::once(self.capacity_change(run).change).chain(tiers)
        })
    }

    /// The tiers of the first run that have a verdict there, its probes included.
    fn tiers(&self) -> impl Iterator<Item = Pair<'a>> {
        let report = self.base.report;
        report.results().filter_map(|base| Some(Pair { tier: report.tier(base.tier)?, base }))
    }

    fn capacity_change(&self, run: &Run<'_>) -> Judged {
        let (base, other) = (Limit::of(self.base.report), Limit::of(run.report));
        let by = base.least.zip(other.least).map(|(base, other)| {
            let by = f64::from(other.get()) / f64::from(base.get()) - 1.0;
            By { value: by, range: None }
        });
        let is_within = by.is_some_and(|by| by.value.abs() < self.margin.get());
        let change = match (base.is_below(other), other.is_below(base)) {
            (true, _) | (_, true) if is_within => Change::Same,
            (true, _) => Change::Better,
            (_, true) => Change::Worse,
            (false, false) if base == other && base != Limit::UNKNOWN => Change::Same,
            (false, false) => Change::Unknown,
        };
        Judged { change, by }
    }

    fn tier_change(&self, pair: &Pair<'_>, run: &Run<'_>) -> Judged {
        let Some(other) = pair.beside(run.report) else { return Judged::UNKNOWN };
        let by = By::of(&pair.base.p99, &other.p99);
        let change = match (pair.base.verdict, other.verdict) {
            (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Change::Unknown,
            (Verdict::Go, Verdict::Stop) => Change::Worse,
            (Verdict::Stop, Verdict::Go) => Change::Better,
            // How far a tier that failed was beyond its bound depends on when it was stopped.
            (Verdict::Stop, Verdict::Stop) => Change::Same,
            (Verdict::Go, Verdict::Go) => by.map_or(Change::Unknown, |by| by.change(self.margin.get())),
        };
        Judged { change, by }
    }

    /// In what the runs were not asked for the same, so that what they came to cannot be held against them.
    fn differences(&self, locale: Locale) -> Vec<String> {
        let base = self.base.report;
        let mut told = Vec::new();
        for Run { name, report } in &self.others {
            let mut tell = |what: &str, base: &dyn fmt::Display, other: &dyn fmt::Display| {
                told.push(format!(
                    "{name}: {what}: {other}{}{base}",
                    locale.of(" au lieu de ", " instead of ")
                ));
            };
            if report.facts.payload != base.facts.payload {
                tell("payload", &base.facts.payload, &report.facts.payload);
            }
            if report.facts.topics.len() != base.facts.topics.len() {
                tell("topics", &base.facts.topics.len(), &report.facts.topics.len());
            }
            for pair in self.tiers() {
                let Some(other) = pair.beside(report).and_then(|other| report.tier(other.tier)) else {
                    continue;
                };
                let name = &pair.tier.name;
                if other.hold != pair.tier.hold {
                    let what = format!("{name}, {}", locale.of("durée", "hold"));
                    tell(&what, &locale.span(pair.tier.hold), &locale.span(other.hold));
                }
                if other.p99_bound != pair.tier.p99_bound {
                    let what = format!("{name}, {}", locale.of("borne p99", "p99 bound"));
                    tell(&what, &locale.millis(pair.tier.p99_bound), &locale.millis(other.p99_bound));
                }
            }
        }
        told
    }

    /// The table: each row a quantity, each run a column, each but the first with its change.
    fn rows(&self, locale: Locale) -> Vec<Vec<String>> {
        let capacity = self.row(
            locale.of("Capacité", "Capacity").to_owned(),
            |run| Limit::of(run.report).text(locale),
            |run| self.capacity_change(run).text(locale),
        );
        let tiers = self.tiers().flat_map(|pair| self.tier_rows(&pair, locale));
        std::iter::once(capacity).chain(tiers).collect()
    }

    fn tier_rows(&self, pair: &Pair<'_>, locale: Locale) -> [Vec<String>; 6] {
        let Tier { name, rate, .. } = pair.tier;
        let rate = locale.whole(rate.get().into());
        let dash = || "—".to_owned();
        let quantity = |what: &str, of: &dyn Fn(&TierResult) -> Option<Quantity>| {
            let on = |run: &Run<'_>| pair.beside(run.report).and_then(of);
            self.row(
                format!("{name} · {what}"),
                |run| on(run).map_or_else(dash, |quantity| quantity.text(locale)),
                |run| on(&self.base).zip(on(run)).map_or_else(dash, |(base, other)| base.to(other, locale)),
            )
        };
        let verdict = self.row(
            format!("{name} · {rate} msg/s"),
            |run| {
                pair.beside(run.report).map_or_else(dash, |result| locale.verdict(result.verdict).to_owned())
            },
            |run| locale.change(self.tier_change(pair, run).change).to_owned(),
        );
        let p99 = self.row(
            format!("{name} · p99"),
            |run| pair.beside(run.report).and_then(|result| locale.p99(&result.p99)).unwrap_or_else(dash),
            |run| self.tier_change(pair, run).by.map_or_else(dash, |by| by.text(locale)),
        );
        let latency =
            |of: &dyn Fn(&ramp_core::observation::LatencySnapshot) -> Option<Duration>,
             result: &TierResult| of(result.latency.as_ref()?).map(Quantity::Span);
        [
            verdict,
            p99,
            quantity(locale.of("moyenne", "mean"), &|result| latency(&|seen| seen.mean, result)),
            quantity("max", &|result| latency(&|seen| seen.max, result)),
            quantity(locale.of("lag max", "highest lag"), &|result| result.lag_peak.map(Quantity::Records)),
            quantity(locale.of("récupération", "recovery"), &|result| {
                result.recovery?.recovered_after.map(Quantity::Span)
            }),
        ]
    }

    fn row(
        &self,
        label: String,
        value: impl Fn(&Run<'_>) -> String,
        change: impl Fn(&Run<'_>) -> String,
    ) -> Vec<String> {
        let others = self.others.iter().flat_map(|run| [value(run), change(run)]);
        [label, value(&self.base)].into_iter().chain(others).collect()
    }

    fn head(&self, locale: Locale) -> Vec<String> {
        let others = self
            .others
            .iter()
            .flat_map(|run| [run.name.to_owned(), locale.of("Évolution", "Change").to_owned()]);
        [String::new(), self.base.name.to_owned()].into_iter().chain(others).collect()
    }
}

/// A tier with what it came to in the first run.
struct Pair<'a> {
    tier: &'a Tier,
    base: &'a TierResult,
}

impl Pair<'_> {
    /// What another run came to at the same rate; its last word where it ran the rate twice.
    fn beside<'r>(&self, report: &'r Report) -> Option<&'r TierResult> {
        report.results().filter(|result| result.rate == self.tier.rate).last()
    }
}

/// Between which rates the limit lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit {
    /// The highest rate that was GO.
    least: Option<Rate>,
    /// The lowest rate above it that was STOP.
    most: Option<Rate>,
}

impl Limit {
    const UNKNOWN: Self = Self { least: None, most: None };

    fn of(report: &Report) -> Self {
        if let Some(refined) = report.refined {
            return Self { least: refined.validated, most: Some(refined.stopped) };
        }
        let stopped = report.tiers.last().filter(|result| result.verdict == Verdict::Stop);
        Self { least: report.capacity.map(|found| found.validated), most: stopped.map(|result| result.rate) }
    }

    /// Whether the limit is lower than `other`, wherever in its interval either lies.
    fn is_below(self, other: Self) -> bool {
        self.most.is_some_and(|most| other.least.is_some_and(|least| most <= least))
    }

    fn text(self, locale: Locale) -> String {
        let rate = |rate: Rate| locale.whole(rate.get().into());
        match (self.least, self.most) {
            (None, None) => "—".to_owned(),
            (None, Some(most)) => format!("< {} msg/s", rate(most)),
            (Some(least), None) => format!("≥ {} msg/s", rate(least)),
            (Some(least), Some(most)) => {
                let stop = locale.of("STOP à", "STOP at");
                format!("{} msg/s ({stop} {})", rate(least), rate(most))
            }
        }
    }
}

/// A change, and by how much.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Judged {
    change: Change,
    by: Option<By>,
}

impl Judged {
    const UNKNOWN: Self = Self { change: Change::Unknown, by: None };

    fn text(self, locale: Locale) -> String {
        let change = locale.change(self.change);
        self.by.map_or_else(|| change.to_owned(), |by| format!("{} · {change}", by.text(locale)))
    }
}

/// By which share of the first a value differs: 0.1 is 10 % more.
#[derive(Debug, Clone, Copy, PartialEq)]
struct By {
    value: f64,
    /// Between which shares that is by the 95 % confidence intervals of both.
    range: Option<(f64, f64)>,
}

impl By {
    fn of(base: &P99, other: &P99) -> Option<Self> {
        let (
            P99::Measured { value: base, range: base_range, .. },
            P99::Measured { value: other, range: other_range, .. },
        ) = (base, other)
        else {
            return None;
        };
        let by = |base: &Duration, other: &Duration| {
            (!base.is_zero()).then(|| other.as_secs_f64() / base.as_secs_f64() - 1.0)
        };
        let range = base_range.zip(*other_range).and_then(|((base_low, base_high), (low, high))| {
            Some((by(&base_high, &low)?, by(&base_low, &high)?))
        });
        Some(Self { value: by(base, other)?, range })
    }

    /// What that means for a latency.
    fn change(self, margin: f64) -> Change {
        let Some((least, most)) = self.range else { return Change::Unknown };
        if least > margin {
            Change::Worse
        } else if most < -margin {
            Change::Better
        } else {
            Change::Same
        }
    }

    fn text(self, locale: Locale) -> String {
        let share = |share: f64| {
            let sign = if share > 0.0 { "+" } else { "" };
            format!("{sign}{}{}", locale.number(share * 100.0, 1), locale.of("\u{202f}%", "%"))
        };
        let range = self
            .range
            .map_or_else(String::new, |(least, most)| format!(" ({} … {})", share(least), share(most)));
        format!("{}{range}", share(self.value))
    }
}

/// A value that is shown beside, without a judgement: one value has no interval.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quantity {
    Span(Duration),
    Records(u64),
}

impl Quantity {
    fn text(self, locale: Locale) -> String {
        match self {
            Self::Span(span) if span < Duration::from_secs(10) => locale.millis(span),
            Self::Span(span) => locale.span(span),
            Self::Records(records) => locale.whole(records),
        }
    }

    /// By how much `other` differs.
    fn to(self, other: Self, locale: Locale) -> String {
        let number = |quantity| match quantity {
            Self::Span(span) => span.as_secs_f64(),
            // Counts stay far below 2^53.
            Self::Records(records) => records as f64,
        };
        let (base, other) = (number(self), number(other));
        if base > 0.0 { By { value: other / base - 1.0, range: None }.text(locale) } else { "—".to_owned() }
    }
}

impl Locale {
    const fn change(self, change: Change) -> &'static str {
        match change {
            Change::Better => self.of_static("mieux", "better"),
            Change::Worse => self.of_static("moins bien", "worse"),
            Change::Same => self.of_static("pareil", "same"),
            Change::Unknown => self.of_static("indéterminé", "unknown"),
        }
    }

    const fn comparison_title(self) -> &'static str {
        self.of_static("Comparaison de campagnes", "Comparison of campaigns")
    }

    /// What the words of the table mean.
    fn comparison_rule(self, margin: Ratio) -> String {
        match self {
            Self::French => format!(
                "Un écart compte au-delà de {margin}, et seulement si les intervalles ne se touchent pas : pour la capacité, du \
                 dernier GO au premier STOP ; pour p99, l'intervalle de confiance à 95 %, qui couvre le hasard dans une campagne et \
                 non d'une campagne à l'autre. Les autres valeurs sont montrées sans jugement."
            ),
            Self::English => format!(
                "A difference counts beyond {margin}, and only where the intervals do not touch: for the capacity, from the \
                 highest GO to the lowest STOP; for p99, the 95 % confidence interval, which covers chance within a campaign and \
                 not from one to the next. The other values are shown without a judgement."
            ),
        }
    }
}
