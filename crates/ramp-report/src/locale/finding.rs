//! Findings, in words.

use std::time::Duration;

use ramp_core::{
    criterion::{Criterion, Severity},
    evidence::Extreme,
    observation::{Absence, LoadLimit, LoadPart},
    signal::Unit,
    verdict::{CeilingGap, Finding},
};

use crate::Locale;

/// A text in the reader's language, with the values that both name.
macro_rules! say {
    ($locale:expr, $french:literal, $english:literal) => {
        match $locale {
            Locale::French => format!($french),
            Locale::English => format!($english),
        }
    };
}

impl Locale {
    /// A finding as a headline: what was reached, and the bound.
    pub(crate) fn brief(self, finding: &Finding) -> String {
        if let Finding::Crossed { criterion, unit, value, .. } = finding {
            let (value, bound) = (self.value(*value, *unit), self.value(criterion.bound, *unit));
            format!("{} {value} {} {bound}", criterion.signal, criterion.comparison)
        } else if let Finding::LatencyObjective { bound, violations, offered, .. } = finding {
            // Shares of counts that stay far below 2^53.
            let share = self.number(*violations as f64 * 100.0 / (*offered).max(1) as f64, 1);
            let bound = self.millis(*bound);
            say!(
                self,
                "{share} % des enregistrements à {bound} ou plus (1 % toléré)",
                "{share}% of the records at {bound} or more (1% allowed)"
            )
        } else {
            self.finding(finding)
        }
    }

    /// A finding with all its figures.
    #[expect(clippy::too_many_lines, reason = "a table of texts, one per finding")]
    pub(crate) fn finding(self, finding: &Finding) -> String {
        let n = |number: &u64| self.whole(*number);
        let ms = |duration: &Duration| self.millis(*duration);
        let s = |duration: &Duration| self.seconds(*duration);
        match finding {
            Finding::Crossed { criterion, unit, source, series, value, panel, first, lasted } => {
                let Criterion { signal, comparison, bound, severity, .. } = criterion;
                let gravity = match severity {
                    Severity::Warning => self.of("seuil d'alerte franchi", "warning crossed"),
                    Severity::Stop => self.of("seuil d'arrêt franchi", "stop crossed"),
                };
                let panel = panel.map(|panel| self.value(panel, *unit));
                let panel = self.aside("panneau", "panel", panel.as_deref());
                let series = self.aside("série", "series", Some(series));
                let (value, bound) = (self.value(*value, *unit), self.value(*bound, *unit));
                let (first, lasted) = (s(&first.since_start()), s(lasted));
                say!(
                    self,
                    "{signal} : {gravity} : {value} {comparison} {bound} (dès {first}, pendant {lasted}{series}{panel} ; source : {source})",
                    "{signal}: {gravity}: {value} {comparison} {bound} (from {first}, for {lasted}{series}{panel}; source: {source})"
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
                let measured =
                    |latency: &Option<Duration>| latency.as_ref().map_or_else(|| "—".to_owned(), ms);
                let (p99, max) = (measured(p99), measured(max));
                let certain = certain.map_or_else(String::new, |at| {
                    let at = s(&at.since_start());
                    say!(self, " ; échec certain dès {at}", "; failure certain from {at}")
                });
                let narrowly = if *straddles {
                    self.of(
                        " ; de justesse : la borne est dans l'intervalle de confiance",
                        "; narrowly: the bound lies within the confidence interval",
                    )
                } else {
                    ""
                };
                let (violations, offered, bound, allowed) =
                    (n(violations), n(offered), ms(bound), n(allowed));
                say!(
                    self,
                    "latence p99 : {violations} enregistrements sur {offered} à {bound} ou plus, {allowed} tolérés (p99 {p99}, max {max}{certain}{narrowly})",
                    "p99 latency: {violations} of {offered} records at {bound} or more, {allowed} allowed (p99 {p99}, max {max}{certain}{narrowly})"
                )
            }
            Finding::NearlyLate { bound, violations, allowed, offered, p99, range } => {
                let (violations, offered, bound, allowed) =
                    (n(violations), n(offered), ms(bound), n(allowed));
                let range = self.p99_with_range(*p99, *range);
                say!(
                    self,
                    "latence p99 tenue de justesse : {violations} enregistrements sur {offered} à {bound} ou plus, {allowed} tolérés ; la borne est dans l'intervalle de confiance{range}",
                    "p99 latency held narrowly: {violations} of {offered} records at {bound} or more, {allowed} allowed; the bound lies within the confidence interval{range}"
                )
            }
            Finding::LagGrows { severity: _, per_second, lag, limit, reached_in } => {
                let (rate, lag, limit) = (self.number(*per_second, 1), n(lag), n(limit));
                let reached_in = self.minutes(*reached_in);
                say!(
                    self,
                    "débit non soutenable : le retard croît de {rate} enregistrements par seconde ; {lag} à la fin du palier, {limit} atteints {reached_in} plus tard",
                    "not sustainable: the lag grows by {rate} records per second; {lag} at the tier's end, {limit} would be reached in {reached_in}"
                )
            }
            Finding::NotRecovered { outstanding, waited } => {
                let (outstanding, waited) = (n(outstanding), s(waited));
                say!(
                    self,
                    "{outstanding} enregistrements acquittés ne sont pas arrivés {waited} après l'arrêt de la charge",
                    "{outstanding} acknowledged records had not arrived {waited} after the load was stopped"
                )
            }
            Finding::GeneratorLate { violations, from_handover, allowed } => {
                let (violations, from_handover, allowed) = (n(violations), n(from_handover), n(allowed));
                say!(
                    self,
                    "le générateur était en retard : {violations} enregistrements hors borne depuis l'heure prévue, {from_handover} depuis la remise au client, {allowed} tolérés",
                    "the generator was late: {violations} records beyond the bound from their due time, {from_handover} from the hand-over, {allowed} allowed"
                )
            }
            Finding::Lateness { p99, bound } => {
                let (p99, bound) = (ms(p99), ms(bound));
                say!(
                    self,
                    "retard du générateur : p99 {p99}, au plus {bound} admis",
                    "lateness of the generator: p99 {p99}, at most {bound}"
                )
            }
            Finding::Shortfall { target, due, offered, least, limit } => {
                let (offered, due, limit) = (n(offered), n(due), self.limit(limit.as_ref()));
                say!(
                    self,
                    "charge insuffisante : {offered} enregistrements offerts sur {due} dus à {target}, au moins {least} exigés{limit}",
                    "too little load: {offered} of {due} due records offered at {target}, at least {least} needed{limit}"
                )
            }
            Finding::RecordsFailed { failed, limit } => {
                let (failed, limit) = (n(failed), self.limit(limit.as_ref()));
                say!(self, "{failed} enregistrements en échec{limit}", "{failed} records failed{limit}")
            }
            Finding::OpenLedger { in_flight } => {
                let in_flight = n(in_flight);
                say!(
                    self,
                    "compte non soldé : {in_flight} enregistrements ni acquittés ni en échec",
                    "open ledger: {in_flight} records neither acknowledged nor failed"
                )
            }
            Finding::NoLatency => self.of("aucune latence mesurée", "no latency was measured").to_owned(),
            Finding::NotBounded { gap } => {
                let gap = self.ceiling_gap(gap);
                say!(
                    self,
                    "latence ni mesurée ni bornée : {gap}",
                    "latency neither measured nor bounded: {gap}"
                )
            }
            Finding::ObservationLost { at, reason } => {
                let at = s(&at.since_start());
                say!(self, "observation perdue à {at} : {reason}", "observation lost at {at}: {reason}")
            }
            Finding::Coverage { signal, source, series, seen, expected, least, absence } => {
                let (seen, expected) = (n(seen), n(expected));
                let series = self.aside("série", "series", series.as_deref());
                let absence = absence.as_ref().map(|absence| self.absence(absence));
                let why = self.aside("dernière absence", "last absence", absence.as_deref());
                say!(
                    self,
                    "{signal} : {seen} mesures sur {expected} attendues, au moins {least} exigées{series}{why} ; source : {source}",
                    "{signal}: {seen} of {expected} expected values, at least {least} needed{series}{why}; source: {source}"
                )
            }
            Finding::PathNotClear { reason } => say!(
                self,
                "chemin non libre avant la charge : {reason}",
                "the path was not clear before the load: {reason}"
            ),
            Finding::LoadFailed { reason } => {
                say!(self, "la charge a échoué : {reason}", "the load failed: {reason}")
            }
            Finding::Interrupted { at } => {
                let at = s(&at.since_start());
                say!(self, "interrompu à {at}", "interrupted at {at}")
            }
            Finding::RecoverySkipped { waited, minimum } => {
                let (waited, minimum) = (s(waited), s(minimum));
                say!(
                    self,
                    "récupération écourtée par l'opérateur, une fois le chemin vidé : {waited} au lieu de {minimum} au moins",
                    "the operator cut the recovery short once the path had drained: {waited} instead of at least {minimum}"
                )
            }
            Finding::Duplicates { records } => {
                let records = n(records);
                say!(self, "{records} arrivées en double", "{records} repeated arrivals")
            }
            Finding::Reordered { records } => {
                let records = n(records);
                say!(
                    self,
                    "{records} enregistrements arrivés dans le désordre",
                    "{records} records arrived out of order"
                )
            }
        }
    }

    /// What a sentence says besides, behind its title; nothing where there is nothing to say.
    fn aside(self, french: &str, english: &str, text: Option<&str>) -> String {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return String::new() };
        say!(self, " ; {french} : {text}", "; {english}: {text}")
    }

    /// Why a value is not there.
    fn absence(self, absence: &Absence) -> String {
        match (self, absence) {
            (Self::English, absence) => absence.to_string(),
            (Self::French, Absence::NoSeries) => "aucune série".to_owned(),
            (Self::French, Absence::NotANumber) => "pas un nombre".to_owned(),
            (Self::French, Absence::Stale(age)) => format!("périmée depuis {}", self.seconds(*age)),
            (Self::French, Absence::Unreachable(why)) => format!("injoignable : {why}"),
            (Self::French, Absence::Unexpected(what)) => format!("réponse inattendue : {what}"),
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
            CeilingGap::NoValue => self
                .of("la jauge du maximum n'a aucune valeur", "the gauge of the maximum has no value")
                .to_owned(),
            CeilingGap::Reached { highest: Extreme { value, series, .. }, bound } => {
                let (value, bound) = (self.value(*value, Unit::Milliseconds), self.millis(*bound));
                say!(
                    self,
                    "le maximum a atteint la borne : {value} ≥ {bound} ({series})",
                    "the maximum reached the bound: {value} ≥ {bound} ({series})"
                )
            }
            CeilingGap::Late { highest: Extreme { value, .. }, lateness, bound } => {
                let (value, bound) = (self.value(*value, Unit::Milliseconds), self.millis(*bound));
                let lateness = self.millis(*lateness);
                say!(
                    self,
                    "le maximum et le retard propre du générateur atteignent ensemble la borne : {value} + {lateness} ≥ {bound}",
                    "the maximum and the generator's own lateness together reach the bound: {value} + {lateness} ≥ {bound}"
                )
            }
            CeilingGap::ClockBehind { lowest: Extreme { value, series, .. } } => {
                let value = self.value(*value, Unit::Milliseconds);
                say!(
                    self,
                    "une latence négative : l'horloge du worker retarde sur celle de la charge : {value} ({series})",
                    "a latency below zero: the worker's clock is behind the load's: {value} ({series})"
                )
            }
            CeilingGap::Unread { series, longest, allowed } => {
                let (longest, allowed) = (self.seconds(*longest), self.seconds(*allowed));
                say!(
                    self,
                    "série non lue trop longtemps : {series} : {longest} > {allowed}",
                    "series not read for too long: {series}: {longest} > {allowed}"
                )
            }
            CeilingGap::Uncovered { read, loaded } => {
                let (read, loaded) = (self.whole(*read as u64), self.whole(*loaded as u64));
                say!(
                    self,
                    "séries de la jauge lues, sur celles qui ont compté : {read} / {loaded}",
                    "series of the gauge read, of those that have counted: {read} / {loaded}"
                )
            }
            CeilingGap::NotDrained { outstanding } => {
                let outstanding = self.whole(*outstanding);
                say!(
                    self,
                    "{outstanding} enregistrements acquittés ne sont pas comptés comme arrivés",
                    "{outstanding} acknowledged records are not counted as arrived"
                )
            }
            CeilingGap::Excess { records } => {
                let records = self.whole(*records);
                say!(
                    self,
                    "{records} arrivées de plus que d'enregistrements acquittés : d'autres écrivent sur ces topics, ou des enregistrements sont répétés",
                    "{records} more arrivals than acknowledged records: others write to these topics, or records are repeated"
                )
            }
            CeilingGap::NotCounted => {
                self.of("les arrivées n'ont pas été comptées", "the arrivals were not counted").to_owned()
            }
        }
    }

    fn limit(self, limit: Option<&LoadLimit>) -> String {
        limit.map_or_else(String::new, |LoadLimit { part, detail }| {
            let part = match part {
                LoadPart::Client => self.of("client", "client"),
                LoadPart::Source => self.of("cluster source", "source cluster"),
                LoadPart::Network => self.of("réseau", "network"),
            };
            say!(self, " ; limite : {part} ({detail})", "; limit: {part} ({detail})")
        })
    }
}
