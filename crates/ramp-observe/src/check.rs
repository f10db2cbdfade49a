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
        let seconds = Duration::as_secs_f64;
        match self {
            Self::NoSeries => f.write_str("no series now; check that Prometheus scrapes what it asks for"),
            Self::Stale(age) => {
                write!(f, "the newest sample is {:.1} s old; check its scrape target", seconds(age))
            }
            Self::Sampling { sampling, scrape } => write!(
                f,
                "sampled every {:.1} s and scraped every {:.1} s: no value is counted twice, nor seen sooner",
                seconds(sampling),
                seconds(scrape)
            ),
            Self::Window { window, scrape } => write!(
                f,
                "its rate window of {:.1} s has fewer than four scrapes of {:.1} s; widen it under [prometheus.variables]",
                seconds(window),
                seconds(scrape)
            ),
            Self::ScrapeUnknown => {
                f.write_str("how often it is scraped cannot be told; the sampling period is believed")
            }
            Self::Whole(aggregate) => {
                write!(
                    f,
                    "{aggregate}() cannot be taken apart: the panel's own value is judged, and hides the worst series"
                )
            }
            Self::Unconditional => {
                f.write_str("no record rate is known beside it: the last value of an idle series counts")
            }
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
