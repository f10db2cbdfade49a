//! Words and numbers in each language: every text that depends on one stands here.

mod finding;
mod limit;

use std::time::Duration;

use ramp_core::{
    campaign::Warmup,
    capacity::{RefineState, Refined},
    observation::LatencySnapshot,
    signal::Unit,
    tier_result::P99,
    units::Rate,
    verdict::Verdict,
};

use crate::{Locale, QueryFound};

impl Locale {
    /// The one of two texts that is in this language.
    pub(crate) const fn of<'t>(self, french: &'t str, english: &'t str) -> &'t str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }

    /// A whole number, thousands apart.
    pub(crate) fn whole(self, number: u64) -> String {
        let digits = number.to_string();
        let separator = self.of("\u{202f}", ",");
        let mut text = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push_str(separator);
            }
            text.push(digit);
        }
        text
    }

    /// A number with so many decimals.
    pub(crate) fn number(self, number: f64, decimals: usize) -> String {
        let text = format!("{:.decimals$}", number.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let whole = whole.parse().map_or_else(|_| whole.to_owned(), |whole| self.whole(whole));
        let sign = if number < 0.0 { "−" } else { "" };
        let point = if fraction.is_empty() { "" } else { self.of(",", ".") };
        format!("{sign}{whole}{point}{fraction}")
    }

    /// A value in its unit, as precise as it is worth.
    pub(crate) fn value(self, value: f64, unit: Unit) -> String {
        let decimals = match unit {
            Unit::Ratio => 2,
            Unit::Percent => 1,
            Unit::Milliseconds | Unit::Records | Unit::Count => 0,
        };
        format!("{}{}", self.number(value, decimals), unit.suffix())
    }

    pub(crate) fn millis(self, span: Duration) -> String {
        format!("{} ms", self.number(span.as_secs_f64() * 1e3, 0))
    }

    pub(crate) fn seconds(self, span: Duration) -> String {
        format!("{} s", self.number(span.as_secs_f64(), 1))
    }

    /// Minutes, as the form asks for recoveries; a span too short for its one decimal says so.
    pub(crate) fn minutes(self, span: Duration) -> String {
        if span < Duration::from_secs(3) {
            return format!("< {} min", self.number(0.1, 1));
        }
        format!("{} min", self.number(span.as_secs_f64() / 60.0, 1))
    }

    /// A span as people say it: seconds, minutes or hours.
    pub(crate) fn span(self, span: Duration) -> String {
        match span.as_secs() {
            ..10 => self.seconds(span),
            10..120 => format!("{} s", self.number(span.as_secs_f64(), 0)),
            120..7_200 => format!("{} min", self.number(span.as_secs_f64() / 60.0, 0)),
            7_200.. => format!("{} h", self.number(span.as_secs_f64() / 3_600.0, 1)),
        }
    }

    /// What a query found before the run.
    pub(crate) fn found(self, found: &QueryFound) -> String {
        let QueryFound { series, age, scrape, window } = found;
        let plural = self.of(if *series < 2 { "série" } else { "séries" }, "series");
        let series = format!("{} {plural}", self.whole(*series));
        let age = match age {
            Some(age) => {
                format!("{} {}", self.of("dernier échantillon il y a", "newest sample"), self.aged(*age))
            }
            None => self.of("aucun échantillon", "no sample").to_owned(),
        };
        let scrape = match scrape {
            Some(scrape) => {
                format!("{} {}", self.of("relevé toutes les", "scraped every"), self.seconds(*scrape))
            }
            None => self.of("intervalle de relevé inconnu", "scrape interval unknown").to_owned(),
        };
        let window = if window.is_zero() {
            self.of("sans fenêtre", "no rate window").to_owned()
        } else {
            format!("{} {}", self.of("fenêtre de", "rate window"), self.seconds(*window))
        };
        [series, age, scrape, window].join(", ")
    }

    fn aged(self, age: Duration) -> String {
        match self {
            Self::French => self.seconds(age),
            Self::English => format!("{} old", self.seconds(age)),
        }
    }

    /// The form's title.
    pub(crate) const fn form_title(self) -> &'static str {
        self.of_static("Phase 4 : Montée en Charge Progressive", "Phase 4: Progressive Load Ramp")
    }

    /// A tier's 99th percentile with its mark: `<` where it is only bounded.
    pub(crate) fn p99(self, p99: &P99) -> Option<String> {
        match p99 {
            P99::Measured { value, .. } => Some(self.millis(*value)),
            P99::Bounded { bound, .. } => Some(format!("< {}", self.millis(*bound))),
            P99::Unknown => None,
        }
    }

    /// Where a tier's 99th percentile is known from, and by what its records were known.
    pub(crate) fn provenance(self, p99: &P99, latency: Option<&LatencySnapshot>) -> String {
        match p99 {
            P99::Measured { .. } => {
                let measured = self.of_static("mesuré", "measured");
                let known_by = latency.and_then(|latency| self.known_by(latency));
                known_by.map_or_else(|| measured.to_owned(), |known_by| format!("{measured}, {known_by}"))
            }
            P99::Bounded { .. } => {
                self.of_static("borné par le panneau max", "bounded by the max panel").to_owned()
            }
            P99::Unknown => "—".to_owned(),
        }
    }

    /// By what the records that arrived were known; nothing where that is not recorded.
    const fn known_by(self, latency: &LatencySnapshot) -> Option<&'static str> {
        match latency.known_by_content {
            None => None,
            Some(_) if latency.arrived == 0 => None,
            Some(0) => Some(self.of_static("par en-tête", "by header")),
            Some(known) if known >= latency.arrived => Some(self.of_static("par contenu", "by payload")),
            Some(_) => Some(self.of_static("par contenu ou en-tête", "by payload or header")),
        }
    }

    /// A 95 % confidence interval.
    pub(crate) fn interval(self, (low, high): (Duration, Duration)) -> String {
        format!("{} – {}", self.millis(low), self.millis(high))
    }

    /// What was loaded before the first tier: what that is called, and what it was.
    pub(crate) fn warmup(self, Warmup { rate, held }: Warmup) -> (&'static str, String) {
        let (held, rate) = (self.span(held), self.whole(rate.get().into()));
        match self {
            Self::French => ("préchauffage", format!("{held} à {rate} msg/s, non jugé")),
            Self::English => ("warm-up", format!("{held} at {rate} msg/s, not judged")),
        }
    }

    /// What the search for the limit has found, as one sentence.
    pub(crate) fn refined(self, refined: &Refined) -> String {
        let rate = |rate: Rate| format!("{} msg/s", self.whole(rate.get().into()));
        let stopped = rate(refined.stopped);
        let between = match (self, refined.validated.map(rate)) {
            (Self::French, Some(validated)) => {
                format!("la limite est entre {validated} (GO) et {stopped} (STOP)")
            }
            (Self::French, None) => format!("la limite est sous {stopped} (STOP)"),
            (Self::English, Some(validated)) => {
                format!("the limit lies between {validated} (GO) and {stopped} (STOP)")
            }
            (Self::English, None) => format!("the limit lies below {stopped} (STOP)"),
        };
        let state = match refined.state {
            RefineState::Searching => self.of("recherche non terminée", "the search is not over"),
            RefineState::Confirmed => self.of("confirmé par un second GO", "confirmed by a second GO"),
            RefineState::Swings => self.of("la limite elle-même varie", "the limit itself swings"),
            RefineState::Inconclusive => self.of("un essai n'est pas concluant", "a probe was inconclusive"),
            RefineState::Interrupted => self.of("recherche interrompue", "the search was interrupted"),
        };
        format!("{between}{}{state}", self.of(" ; ", "; "))
    }

    /// A verdict as a word of the form.
    pub(crate) const fn verdict(self, verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Go => "GO",
            Verdict::Stop => "STOP",
            Verdict::Inconclusive => self.of_static("NON CONCLUANT", "INCONCLUSIVE"),
        }
    }

    /// As [`of`](Self::of), for texts that are known when the program is built.
    pub(crate) const fn of_static(self, french: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_p99_says_by_what_its_records_were_known() {
        let second = Duration::from_secs(1);
        let p99 = P99::Measured { value: second, range: None, samples: 10 };
        let known = |known_by_content| LatencySnapshot {
            arrived: 10,
            known_by_content,
            ..LatencySnapshot::default()
        };
        for (known_by_content, told) in [
            (None, "measured"),
            (Some(0), "measured, by header"),
            (Some(9), "measured, by payload or header"),
            (Some(10), "measured, by payload"),
        ] {
            assert_eq!(Locale::English.provenance(&p99, Some(&known(known_by_content))), told);
        }
        let nothing = LatencySnapshot { known_by_content: Some(0), ..LatencySnapshot::default() };
        assert_eq!(Locale::English.provenance(&p99, Some(&nothing)), "measured");
        assert_eq!(Locale::French.provenance(&p99, Some(&known(Some(10)))), "mesuré, par contenu");
        assert_eq!(Locale::English.provenance(&P99::Unknown, Some(&known(Some(10)))), "—");
    }

    #[test]
    fn numbers_are_written_as_each_language_does() {
        assert_eq!(Locale::French.whole(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(Locale::English.number(-1_234.56, 1), "−1,234.6");
        assert_eq!(Locale::French.number(0.25, 2), "0,25");
    }
}
