//! What is known of a query before it is relied on.

use std::{fmt, time::Duration};

use ramp_core::signal::{SignalId, Unit};

use crate::query::Parts;

/// A query as it is asked, for whoever wants to repeat it, and what was found when it was asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryCheck {
    /// The signal that it shows.
    pub signal: SignalId,
    /// The dashboard's file.
    pub dashboard: String,
    /// The panel's title.
    pub panel: String,
    /// The dashboard's uid, by which a Grafana that has it knows it; nothing where it has none.
    pub uid: Option<String>,
    /// The panel's id in its dashboard, where it has one.
    pub panel_id: Option<i64>,
    /// Which of the panel's queries.
    pub ref_id: String,
    /// How the panel names its series.
    pub legend: String,
    /// What the panel shows, its variables resolved.
    pub panel_expression: String,
    /// What is asked and judged.
    pub expression: String,
    /// How the one becomes the other.
    pub parts: Parts,
    /// How many series it has now; idle ones that a condition keeps out are not among them.
    pub series: usize,
    /// The age of the newest sample behind it; nothing where there is none.
    pub age: Option<Duration>,
    /// How often the samples behind it are scraped; nothing where that cannot be told.
    pub scrape: Option<Duration>,
    /// The longest time that a value looks back over; zero for a plain gauge.
    pub window: Duration,
    /// What may make its readings worth less.
    pub cautions: Vec<Caution>,
}

impl fmt::Display for QueryCheck {
    /// On several lines, as a person reads it before a run: what is asked, what was found, and every caution.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signal, dashboard, panel, ref_id, .. } = self;
        writeln!(f, "{signal}: {dashboard}, {panel:?}, query {ref_id}")?;
        if self.panel_expression == self.expression {
            writeln!(f, "  panel, judged as it is: {}", self.expression)?;
        } else {
            writeln!(f, "  panel:  {}\n  judged: {}", self.panel_expression, self.expression)?;
        }
        let age = self
            .age
            .map_or_else(|| "no sample".to_owned(), |age| format!("newest sample {} old", seconds(age)));
        let scrape = match self.scrape {
            Some(scrape) => format!("scraped every {}", seconds(scrape)),
            None => "scrape interval unknown".to_owned(),
        };
        let window = match (self.window.is_zero(), self.scrape) {
            (true, _) => "no rate window".to_owned(),
            (false, None) => format!("rate window {}", seconds(self.window)),
            (false, Some(scrape)) => {
                let scrapes = self.window.as_secs_f64() / scrape.as_secs_f64();
                format!("rate window {} ({scrapes:.1} scrapes)", seconds(self.window))
            }
        };
        write!(f, "  {} series, {age}, {scrape}, {window}; {}", self.series, self.parts)?;
        self.cautions.iter().try_for_each(|caution| write!(f, "\n  warning: {caution}"))
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// What may make a query's readings worth less than they seem.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caution {
    /// Nothing is scraped that it asks for.
    NoSeries,
    /// The newest sample is older than the scrape interval explains.
    Stale(Duration),
    /// It is asked more often than its samples change.
    Sampling {
        /// How often it is asked.
        sampling: Duration,
        /// How often its samples change.
        scrape: Duration,
    },
    /// It is scraped more often than a sampling sees.
    Finer {
        /// How often its samples change.
        scrape: Duration,
        /// How often they are seen.
        seen: Duration,
    },
    /// Its rate window has fewer than four scrapes.
    Window {
        /// The window.
        window: Duration,
        /// How often its samples change.
        scrape: Duration,
    },
    /// How often its samples are scraped cannot be told.
    ScrapeUnknown,
    /// An aggregate hides its series.
    Whole(String),
    /// No record rate is known beside a gauge that keeps its last value, so that idle series count too.
    Unconditional,
    /// The record rate that tells idle series from others has no series, so that no value counts.
    NoRate(String),
    /// The panel shows something where nothing is scraped; that is absent here.
    Default(String),
    /// A counter is judged by its value.
    Counter,
    /// The panel's values are in another unit and are converted.
    Converted {
        /// The signal's unit.
        to: Unit,
    },
    /// The panel's values are in a unit of another kind than the signal's.
    Unit {
        /// The signal's unit.
        wanted: Unit,
    },
    /// Grafana changes the values before it shows them; ramp does not.
    Transformed,
    /// What a template variable leaves out.
    Variable(String),
    /// What Prometheus warned of.
    Prometheus(String),
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSeries => f.write_str("no series now; check that Prometheus scrapes what it asks for"),
            Self::Stale(age) => {
                write!(f, "the newest sample is {} old; check its scrape target", seconds(*age))
            }
            Self::Sampling { sampling, scrape } => write!(
                f,
                "sampled every {} and scraped every {}: no value is counted twice, nor seen sooner",
                seconds(*sampling),
                seconds(*scrape)
            ),
            Self::Finer { scrape, seen } => write!(
                f,
                "scraped every {} and seen every {}: what is between is not; sample more often",
                seconds(*scrape),
                seconds(*seen)
            ),
            Self::Window { window, scrape } => write!(
                f,
                "its rate window of {} has fewer than four scrapes of {}; widen it under [prometheus.variables]",
                seconds(*window),
                seconds(*scrape)
            ),
            Self::ScrapeUnknown => {
                f.write_str("how often it is scraped cannot be told; the sampling period is believed")
            }
            Self::Whole(aggregate) => {
                write!(
                    f,
                    "{aggregate} cannot be taken apart: what it shows is judged, and hides the worst series"
                )
            }
            Self::Unconditional => {
                f.write_str("no record rate is known beside it: the last value of an idle series counts")
            }
            Self::NoRate(rate) => write!(
                f,
                "it counts only while {rate} is above zero, and that has no series; check that it is scraped"
            ),
            Self::Default(default) => write!(
                f,
                "the panel shows {default} where nothing is scraped; that is an absence here, and not a value"
            ),
            Self::Counter => f.write_str(
                "a counter by its name, and judged by its value; say fold = \"increase\" under [signals], or ask a rate",
            ),
            Self::Converted { to } => {
                write!(f, "the panel is in another unit; its values are converted to {to:?}")
            }
            Self::Unit { wanted } => {
                write!(
                    f,
                    "the panel is in a unit of another kind than the signal's ({wanted:?}); check the panel"
                )
            }
            Self::Transformed => {
                f.write_str("the panel transforms its values; what is judged is not transformed")
            }
            Self::Variable(remark) => f.write_str(remark),
            Self::Prometheus(warning) => write!(f, "Prometheus warns: {warning}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_what_is_asked_and_what_was_found() {
        let check = QueryCheck {
            signal: SignalId::literal("host.cpu"),
            dashboard: "d.json".to_owned(),
            panel: "CPU".to_owned(),
            uid: None,
            panel_id: None,
            ref_id: "A".to_owned(),
            legend: String::new(),
            panel_expression: "avg(rate(cpu[30s]))".to_owned(),
            expression: "rate(cpu[30s])".to_owned(),
            parts: Parts::Series("avg()".to_owned()),
            series: 2,
            age: Some(Duration::from_millis(1_250)),
            scrape: Some(Duration::from_secs(15)),
            window: Duration::from_secs(30),
            cautions: vec![Caution::ScrapeUnknown],
        };
        let expected = "host.cpu: d.json, \"CPU\", query A\n  \
                        panel:  avg(rate(cpu[30s]))\n  \
                        judged: rate(cpu[30s])\n  \
                        2 series, newest sample 1.2 s old, scraped every 15.0 s, rate window 30.0 s (2.0 scrapes); \
                        each series under avg() is judged\n  \
                        warning: how often it is scraped cannot be told; the sampling period is believed";
        assert_eq!(check.to_string(), expected);
        let silent =
            QueryCheck { age: None, scrape: None, window: Duration::ZERO, cautions: Vec::new(), ..check };
        let silent = QueryCheck { panel_expression: silent.expression.clone(), ..silent };
        let figures = "query A\n  panel, judged as it is: rate(cpu[30s])\n  \
                       2 series, no sample, scrape interval unknown, no rate window";
        assert!(silent.to_string().contains(figures), "{silent}");
    }
}
