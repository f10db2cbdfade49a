//! Findings, in words.

use std::time::Duration;

use ramp_core::{
    criterion::Severity,
    observation::{LoadLimit, LoadPart},
    signal::Unit,
    verdict::{CeilingGap, Finding},
};

use crate::Locale;

impl Locale {
    /// A finding as a headline: what was reached, and the bound.
    pub(crate) fn brief(self, finding: &Finding) -> String {
        match finding {
            Finding::Crossed { criterion, unit, value, .. } => {
                let (value, bound) = (self.value(*value, *unit), self.value(criterion.bound, *unit));
                format!("{} {value} {} {bound}", criterion.signal, criterion.comparison)
            }
            Finding::LatencyObjective { bound, violations, offered, .. } => {
                // Shares of counts that stay far below 2^53.
                let share = self.number(*violations as f64 * 100.0 / (*offered).max(1) as f64, 1);
                let bound = self.millis(*bound);
                match self {
                    Self::French => format!("{share} % des enregistrements à {bound} ou plus (1 % toléré)"),
                    Self::English => format!("{share}% of the records at {bound} or more (1% allowed)"),
                }
            }
            Finding::NotRecovered { .. }
            | Finding::NearlyLate { .. }
            | Finding::LagGrows { .. }
            | Finding::NotBounded { .. }
            | Finding::GeneratorLate { .. }
            | Finding::Lateness { .. }
            | Finding::Shortfall { .. }
            | Finding::RecordsFailed { .. }
            | Finding::OpenLedger { .. }
            | Finding::NoLatency
            | Finding::ObservationLost { .. }
            | Finding::Coverage { .. }
            | Finding::PathNotClear { .. }
            | Finding::LoadFailed { .. }
            | Finding::Interrupted { .. }
            | Finding::Duplicates { .. }
            | Finding::Reordered { .. } => self.finding(finding),
        }
    }

    /// A finding with all its figures.
    pub(crate) fn finding(self, finding: &Finding) -> String {
        match self {
            Self::French => self.finding_in_french(finding),
            Self::English => self.finding_in_english(finding),
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table of texts, one per finding")]
    fn finding_in_french(self, finding: &Finding) -> String {
        let n = |number| self.whole(number);
        match finding {
            Finding::Crossed { criterion, unit, source, series, value, panel, first, lasted } => {
                let gravity = match criterion.severity {
                    Severity::Warning => "seuil d'alerte franchi",
                    Severity::Stop => "seuil d'arrêt franchi",
                };
                let panel = panel
                    .map_or_else(String::new, |panel| format!(" ; panneau : {}", self.value(panel, *unit)));
                let series = if series.is_empty() { String::new() } else { format!(" ; série : {series}") };
                format!(
                    "{} : {gravity} : {} {} {} (dès {}, pendant {}{series}{panel} ; source : {source})",
                    criterion.signal,
                    self.value(*value, *unit),
                    criterion.comparison,
                    self.value(criterion.bound, *unit),
                    self.seconds(first.since_start()),
                    self.seconds(*lasted),
                )
            }
            Finding::LatencyObjective {
                bound,
                violations,
                allowed,
                offered,
                p99,
                max,
                certain,
                straddles,
            } => {
                let p99 = p99.map_or_else(|| "—".to_owned(), |p99| self.millis(p99));
                let max = max.map_or_else(|| "—".to_owned(), |max| self.millis(max));
                let certain = certain.map_or_else(String::new, |at| {
                    format!(" ; échec certain dès {}", self.seconds(at.since_start()))
                });
                format!(
                    "latence p99 : {} enregistrements sur {} à {} ou plus, {} tolérés (p99 {p99}, max {max}{certain}{})",
                    n(*violations),
                    n(*offered),
                    self.millis(*bound),
                    n(*allowed),
                    if *straddles {
                        " ; de justesse : la borne est dans l'intervalle de confiance"
                    } else {
                        ""
                    },
                )
            }
            Finding::NearlyLate { bound, violations, allowed, offered, p99, range } => format!(
                "latence p99 tenue de justesse : {} enregistrements sur {} à {} ou plus, {} tolérés ; la borne est dans l'intervalle de confiance{}",
                n(*violations),
                n(*offered),
                self.millis(*bound),
                n(*allowed),
                self.p99_with_range(*p99, *range),
            ),
            Finding::LagGrows { severity: _, per_second, lag, limit, reached_in } => format!(
                "débit non soutenable : le retard croît de {} enregistrements par seconde ; {} à la fin du palier, {} atteints {} plus tard",
                self.number(*per_second, 1),
                n(*lag),
                n(*limit),
                self.minutes(*reached_in),
            ),
            Finding::NotRecovered { outstanding, waited } => format!(
                "{} enregistrements acquittés ne sont pas arrivés {} après l'arrêt de la charge",
                n(*outstanding),
                self.seconds(*waited)
            ),
            Finding::GeneratorLate { violations, from_handover, allowed } => format!(
                "le générateur était en retard : {} enregistrements hors borne depuis l'heure prévue, {} depuis la remise au client, {} tolérés",
                n(*violations),
                n(*from_handover),
                n(*allowed)
            ),
            Finding::Lateness { p99, bound } => format!(
                "retard du générateur : p99 {}, au plus {} admis",
                self.millis(*p99),
                self.millis(*bound)
            ),
            Finding::Shortfall { target, due, offered, least, limit } => format!(
                "charge insuffisante : {} enregistrements offerts sur {} dus à {target}, au moins {least} exigés{}",
                n(*offered),
                n(*due),
                self.limit(limit.as_ref())
            ),
            Finding::RecordsFailed { failed, limit } => {
                format!("{} enregistrements en échec{}", n(*failed), self.limit(limit.as_ref()))
            }
            Finding::OpenLedger { in_flight } => {
                format!("compte non soldé : {} enregistrements ni acquittés ni en échec", n(*in_flight))
            }
            Finding::NoLatency => "aucune latence mesurée".to_owned(),
            Finding::NotBounded { gap } => {
                format!("latence ni mesurée ni bornée : {}", self.ceiling_gap(gap))
            }
            Finding::ObservationLost { at, reason } => {
                format!("observation perdue à {} : {reason}", self.seconds(at.since_start()))
            }
            Finding::Coverage { signal, source, seen, expected, least, absence } => {
                let why =
                    absence.as_ref().map_or_else(String::new, |why| format!(" ; dernière absence : {why}"));
                format!(
                    "{signal} : {} mesures sur {} attendues, au moins {least} exigées{why} ; source : {source}",
                    n(*seen),
                    n(*expected)
                )
            }
            Finding::PathNotClear { reason } => format!("chemin non libre avant la charge : {reason}"),
            Finding::LoadFailed { reason } => format!("la charge a échoué : {reason}"),
            Finding::Interrupted { at } => format!("interrompu à {}", self.seconds(at.since_start())),
            Finding::Duplicates { records } => format!("{} arrivées en double", n(*records)),
            Finding::Reordered { records } => {
                format!("{} enregistrements arrivés dans le désordre", n(*records))
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "a table of texts, one per finding")]
    fn finding_in_english(self, finding: &Finding) -> String {
        let n = |number| self.whole(number);
        match finding {
            Finding::Crossed { criterion, unit, source, series, value, panel, first, lasted } => {
                let gravity = match criterion.severity {
                    Severity::Warning => "warning crossed",
                    Severity::Stop => "stop crossed",
                };
                let panel =
                    panel.map_or_else(String::new, |panel| format!("; panel: {}", self.value(panel, *unit)));
                let series = if series.is_empty() { String::new() } else { format!("; series: {series}") };
                format!(
                    "{}: {gravity}: {} {} {} (from {}, for {}{series}{panel}; source: {source})",
                    criterion.signal,
                    self.value(*value, *unit),
                    criterion.comparison,
                    self.value(criterion.bound, *unit),
                    self.seconds(first.since_start()),
                    self.seconds(*lasted),
                )
            }
            Finding::LatencyObjective {
                bound,
                violations,
                allowed,
                offered,
                p99,
                max,
                certain,
                straddles,
            } => {
                let p99 = p99.map_or_else(|| "—".to_owned(), |p99| self.millis(p99));
                let max = max.map_or_else(|| "—".to_owned(), |max| self.millis(max));
                let certain = certain.map_or_else(String::new, |at| {
                    format!("; failure certain from {}", self.seconds(at.since_start()))
                });
                format!(
                    "p99 latency: {} of {} records at {} or more, {} allowed (p99 {p99}, max {max}{certain}{})",
                    n(*violations),
                    n(*offered),
                    self.millis(*bound),
                    n(*allowed),
                    if *straddles { "; narrowly: the bound lies within the confidence interval" } else { "" },
                )
            }
            Finding::NearlyLate { bound, violations, allowed, offered, p99, range } => format!(
                "p99 latency held narrowly: {} of {} records at {} or more, {} allowed; the bound lies within the confidence interval{}",
                n(*violations),
                n(*offered),
                self.millis(*bound),
                n(*allowed),
                self.p99_with_range(*p99, *range),
            ),
            Finding::LagGrows { severity: _, per_second, lag, limit, reached_in } => format!(
                "not sustainable: the lag grows by {} records per second; {} at the tier's end, {} would be reached in {}",
                self.number(*per_second, 1),
                n(*lag),
                n(*limit),
                self.minutes(*reached_in),
            ),
            Finding::NotRecovered { outstanding, waited } => format!(
                "{} acknowledged records had not arrived {} after the load was stopped",
                n(*outstanding),
                self.seconds(*waited)
            ),
            Finding::GeneratorLate { violations, from_handover, allowed } => format!(
                "the generator was late: {} records beyond the bound from their due time, {} from the hand-over, {} allowed",
                n(*violations),
                n(*from_handover),
                n(*allowed)
            ),
            Finding::Lateness { p99, bound } => {
                format!(
                    "lateness of the generator: p99 {}, at most {}",
                    self.millis(*p99),
                    self.millis(*bound)
                )
            }
            Finding::Shortfall { target, due, offered, least, limit } => format!(
                "too little load: {} of {} due records offered at {target}, at least {least} needed{}",
                n(*offered),
                n(*due),
                self.limit(limit.as_ref())
            ),
            Finding::RecordsFailed { failed, limit } => {
                format!("{} records failed{}", n(*failed), self.limit(limit.as_ref()))
            }
            Finding::OpenLedger { in_flight } => {
                format!("open ledger: {} records neither acknowledged nor failed", n(*in_flight))
            }
            Finding::NoLatency => "no latency was measured".to_owned(),
            Finding::NotBounded { gap } => {
                format!("latency neither measured nor bounded: {}", self.ceiling_gap(gap))
            }
            Finding::ObservationLost { at, reason } => {
                format!("observation lost at {}: {reason}", self.seconds(at.since_start()))
            }
            Finding::Coverage { signal, source, seen, expected, least, absence } => {
                let why = absence.as_ref().map_or_else(String::new, |why| format!("; last absence: {why}"));
                format!(
                    "{signal}: {} of {} expected values, at least {least} needed{why}; source: {source}",
                    n(*seen),
                    n(*expected)
                )
            }
            Finding::PathNotClear { reason } => format!("the path was not clear before the load: {reason}"),
            Finding::LoadFailed { reason } => format!("the load failed: {reason}"),
            Finding::Interrupted { at } => format!("interrupted at {}", self.seconds(at.since_start())),
            Finding::Duplicates { records } => format!("{} repeated arrivals", n(*records)),
            Finding::Reordered { records } => format!("{} records arrived out of order", n(*records)),
        }
    }

    /// A percentile with its confidence interval, in brackets; empty where there is none.
    fn p99_with_range(self, p99: Option<Duration>, range: Option<(Duration, Duration)>) -> String {
        let Some(p99) = p99 else { return String::new() };
        let range = range.map_or_else(String::new, |(low, high)| {
            format!(" [{} ; {}]", self.millis(low), self.millis(high))
        });
        format!(" (p99 {}{range})", self.millis(p99))
    }

    fn ceiling_gap(self, gap: &CeilingGap) -> String {
        match gap {
            CeilingGap::NoValue => {
                self.of("la jauge du maximum n'a aucune valeur", "the gauge of the maximum has no value").to_owned()
            }
            CeilingGap::Reached { highest, bound } => format!(
                "{} {} ≥ {} ({})",
                self.of("le maximum a atteint la borne :", "the maximum reached the bound:"),
                self.value(highest.value, Unit::Milliseconds),
                self.millis(*bound),
                highest.series,
            ),
            CeilingGap::Unread { series, longest, allowed } => format!(
                "{} {series}: {} > {}",
                self.of("série non lue trop longtemps :", "series not read for too long:"),
                self.seconds(*longest),
                self.seconds(*allowed),
            ),
            CeilingGap::Uncovered { read, loaded } => format!(
                "{} {} / {}",
                self.of("séries de la jauge lues, sur celles qui ont compté :", "series of the gauge read, of those that have counted:"),
                self.whole(*read as u64),
                self.whole(*loaded as u64),
            ),
            CeilingGap::NotDrained { outstanding } => format!(
                "{} {}",
                self.whole(*outstanding),
                self.of(
                    "enregistrements acquittés ne sont pas comptés comme arrivés",
                    "acknowledged records are not counted as arrived"
                ),
            ),
            CeilingGap::Excess { records } => format!(
                "{} {}",
                self.whole(*records),
                self.of(
                    "arrivées de plus que d'enregistrements acquittés : d'autres écrivent sur ces topics, ou des enregistrements sont répétés",
                    "more arrivals than acknowledged records: others write to these topics, or records are repeated"
                ),
            ),
            CeilingGap::NotCounted => self
                .of("les arrivées n'ont pas été comptées", "the arrivals were not counted")
                .to_owned(),
        }
    }

    fn limit(self, limit: Option<&LoadLimit>) -> String {
        limit.map_or_else(String::new, |LoadLimit { part, detail }| {
            let part = match part {
                LoadPart::Client => self.of("client", "client"),
                LoadPart::Source => self.of("cluster source", "source cluster"),
                LoadPart::Network => self.of("réseau", "network"),
            };
            format!("{} {part} ({detail})", self.of(" ; limite :", "; limit:"))
        })
    }
}
