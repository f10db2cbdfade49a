//! The known signals, the names that people give them, and the panel that shows each.

use std::{borrow::Cow, fmt, time::Duration};

use ramp_core::signal::{Fold, SignalId, Unit};

/// The mean replication latency.
pub const LATENCY_AVG: SignalId = SignalId::literal("mm2.latency_avg");
/// The highest replication latency of the last minute.
pub const LATENCY_MAX: SignalId = SignalId::literal("mm2.latency_max");
/// Records polled by the worker and not yet written: the panel that calls itself lag.
pub const ACTIVE_RECORDS: SignalId = SignalId::literal("mm2.active_records");
/// Records that the replication has written to the target.
pub const RECORDS_REPLICATED: SignalId = SignalId::literal("mm2.records_replicated");
/// How full the worker's producer buffers are.
pub const BUFFER_UTILIZATION: SignalId = SignalId::literal("mm2.buffer_utilization");
/// How often the worker's producers had no buffer left.
pub const BUFFER_EXHAUSTED: SignalId = SignalId::literal("mm2.buffer_exhausted");
/// How busy a host's processors are.
pub const HOST_CPU: SignalId = SignalId::literal("host.cpu");
/// How much of a host's memory is in use.
pub const HOST_MEMORY: SignalId = SignalId::literal("host.memory");
/// How busy a host's disk is.
pub const HOST_DISK_BUSY: SignalId = SignalId::literal("host.disk_busy");

/// A signal and the panel that shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The signal.
    pub id: SignalId,
    /// Names that people call it by, in French and English.
    pub aliases: &'static [&'static str],
    /// The unit of the signal's values.
    pub unit: Unit,
    /// How a tier's readings become one figure.
    pub fold: Fold,
    /// Whether that was said of this panel, and not of another that it was bound to before.
    pub is_fold_known: bool,
    /// For how long an old peak still shows.
    pub memory: Duration,
    /// The dashboard: its file with or without `.json`, its title, or its uid.
    pub dashboard: Cow<'static, str>,
    /// The panel.
    pub panel: PanelName,
    /// Which of the panel's queries; the first that is shown where it is not said.
    pub ref_id: Option<Cow<'static, str>>,
    /// The rate that tells an idle series from one that works.
    pub flowing: Option<Flowing>,
}

/// A panel of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelName {
    /// By its title.
    Title(Cow<'static, str>),
    /// By its id, which stays when it is renamed.
    Id(i64),
}

impl fmt::Display for PanelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title(title) => write!(f, "{title:?}"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

/// A gauge that keeps its last value for ever, and the rate beside it that is zero when nothing flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flowing {
    /// How the gauge's name ends.
    pub gauge: &'static str,
    /// How the rate's name ends in its place.
    pub rate: &'static str,
    /// The labels by which a gauge finds its rate.
    pub labels: &'static str,
}

/// What a user sets of a signal, over the catalogue's entry or as a signal of their own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Binding {
    /// The dashboard.
    pub dashboard: Option<String>,
    /// The panel.
    pub panel: Option<PanelName>,
    /// Which of its queries.
    pub ref_id: Option<String>,
    /// The unit of the signal's values.
    pub unit: Option<Unit>,
    /// How a tier's readings become one figure.
    pub fold: Option<Fold>,
}

/// The signals of a campaign: those that are built in, as the user has bound them, and the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog(Vec<Entry>);

/// Why a name or a binding leads to no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// No signal is called so.
    #[error("no signal is called {name:?}; the nearest are {nearest}; [signals] can bind one to a panel")]
    Unknown {
        /// The name.
        name: String,
        /// Names like it.
        nearest: String,
    },
    /// A signal of the user's own is bound to nothing.
    #[error("signal {name:?} is not in the catalogue: say its {missing} under [signals]")]
    Unbound {
        /// The signal.
        name: String,
        /// What is missing.
        missing: &'static str,
    },
}

impl Default for Catalog {
    fn default() -> Self {
        Self(entries().into())
    }
}

impl Catalog {
    /// Binds the signal that is called `name` otherwise, or a new one.
    ///
    /// # Errors
    /// When a new signal has no dashboard, panel or unit.
    pub fn bind(&mut self, name: &str, binding: Binding) -> Result<(), CatalogError> {
        let Binding { dashboard, panel, ref_id, unit, fold } = binding;
        let known = self.0.iter_mut().find(|entry| entry.is_called(name));
        let Some(entry) = known else {
            let missing = |missing| CatalogError::Unbound { name: name.to_owned(), missing };
            self.0.push(Entry {
                id: SignalId::new(name.to_owned()),
                aliases: &[],
                unit: unit.ok_or_else(|| missing("unit"))?,
                fold: fold.unwrap_or(Fold::Worst),
                is_fold_known: fold.is_some(),
                memory: Duration::ZERO,
                dashboard: dashboard.ok_or_else(|| missing("dashboard"))?.into(),
                panel: panel.ok_or_else(|| missing("panel"))?,
                ref_id: ref_id.map(Cow::Owned),
                flowing: None,
            });
            return Ok(());
        };
        if [dashboard.is_some(), panel.is_some(), ref_id.is_some(), fold.is_some()].contains(&true) {
            entry.is_fold_known = fold.is_some();
        }
        if let Some(dashboard) = dashboard {
            entry.dashboard = dashboard.into();
        }
        if let Some(panel) = panel {
            // The letter of the panel before says nothing about this one.
            entry.ref_id = None;
            entry.panel = panel;
        }
        if let Some(ref_id) = ref_id {
            entry.ref_id = Some(ref_id.into());
        }
        entry.unit = unit.unwrap_or(entry.unit);
        entry.fold = fold.unwrap_or(entry.fold);
        Ok(())
    }

    /// The entry of the signal that is called `name`, by its id or by an alias.
    ///
    /// # Errors
    /// When none is, with the names that come nearest.
    pub fn find(&self, name: &str) -> Result<&Entry, CatalogError> {
        self.0.iter().find(|entry| entry.is_called(name)).ok_or_else(|| {
            let names = self
                .0
                .iter()
                .flat_map(|entry| [entry.id.as_str()].into_iter().chain(entry.aliases.iter().copied()));
            CatalogError::Unknown { name: name.to_owned(), nearest: nearest(name, names) }
        })
    }

    /// Every signal.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

impl Entry {
    fn is_called(&self, name: &str) -> bool {
        self.id.as_str() == name || self.aliases.iter().any(|alias| same_name(alias, name))
    }
}

/// The built-in entry of the signal that is called `name`, by its id or by an alias.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    entries().into_iter().find(|entry| entry.is_called(name))
}

/// Every built-in signal.
#[must_use]
pub fn entries() -> [Entry; 9] {
    let entry = |id, aliases, unit, (dashboard, panel, ref_id)| Entry {
        id,
        aliases,
        unit,
        fold: Fold::Worst,
        is_fold_known: true,
        memory: Duration::ZERO,
        dashboard: Cow::Borrowed(dashboard),
        panel: PanelName::Title(Cow::Borrowed(panel)),
        ref_id: Some(Cow::Borrowed(ref_id)),
        flowing: None,
    };
    let average =
        entry(LATENCY_AVG, AVERAGE, Unit::Milliseconds, (REPLICATION, "Avg Replication Latency", "A"));
    let maximum =
        entry(LATENCY_MAX, MAXIMUM, Unit::Milliseconds, (REPLICATION, "Max Replication Latency", "A"));
    let replicated =
        entry(RECORDS_REPLICATED, REPLICATED, Unit::Records, (REPLICATION, "Total Records Replicated", "A"));
    let exhausted =
        entry(BUFFER_EXHAUSTED, EXHAUSTED, Unit::Count, (DETAILED, "Buffer Exhausted Total", "A"));
    [
        Entry { flowing: Some(REPLICATING), ..average },
        Entry { memory: SLIDING_MAXIMUM, ..maximum },
        entry(ACTIVE_RECORDS, ACTIVE, Unit::Records, (DETAILED, "Active Records (Lag)", "A")),
        entry(BUFFER_UTILIZATION, UTILIZATION, Unit::Percent, (DETAILED, "Buffer Utilization %", "A")),
        Entry { fold: Fold::Increase, ..exhausted },
        entry(HOST_CPU, CPU, Unit::Percent, (NODE, "CPU% Basic", "F")),
        entry(HOST_MEMORY, MEMORY, Unit::Percent, (NODE, "Memory Basic", "H")),
        entry(HOST_DISK_BUSY, DISK, Unit::Ratio, (NODE, "Time Spent Doing I/Os", "C")),
        Entry { fold: Fold::Increase, ..replicated },
    ]
}

/// Whether two names are one, whatever their case, accents, blanks and marks.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

/// The three of `known` that are most like `name`, the likest first.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = plain(name);
    let mut known: Vec<_> =
        known.map(|title| (strsim::jaro_winkler(&wanted, &plain(title)), title)).collect();
    known.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    known.dedup_by_key(|(_, title)| *title);
    let shown: Vec<_> = known.iter().take(3).map(|(_, title)| format!("{title:?}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    let letters = lower.chars().filter_map(|letter| match letter {
        'à' | 'â' | 'ä' => Some('a'),
        'ç' => Some('c'),
        'é' | 'è' | 'ê' | 'ë' => Some('e'),
        'î' | 'ï' => Some('i'),
        'ô' | 'ö' => Some('o'),
        'ù' | 'û' | 'ü' => Some('u'),
        letter => letter.is_alphanumeric().then_some(letter),
    });
    letters.collect()
}

const AVERAGE: &[&str] = &[
    "Latence avg",
    "Latence moyenne",
    "Latence moyenne de réplication",
    "Average latency",
    "Latency avg",
    "Avg Replication Latency",
];
const MAXIMUM: &[&str] = &[
    "Latence max",
    "Latence maximale",
    "Latence maximale de réplication",
    "Max latency",
    "Latency max",
    "Max Replication Latency",
];
const ACTIVE: &[&str] =
    &["Active Records (Lag)", "Active Records", "Records actifs", "Enregistrements actifs"];
const REPLICATED: &[&str] =
    &["Total Records Replicated", "Records Replicated", "Records répliqués", "Enregistrements répliqués"];
const UTILIZATION: &[&str] =
    &["Buffer Utilization", "Utilisation du buffer", "Utilisation buffer", "Utilisation du tampon"];
const EXHAUSTED: &[&str] = &[
    "Buffer Exhausted",
    "Buffer Exhausted Total",
    "Buffer épuisé",
    "Épuisements du buffer",
    "Tampon épuisé",
];
const CPU: &[&str] = &["CPU workers", "CPU", "CPU des workers", "Worker CPU", "Processeur"];
const MEMORY: &[&str] =
    &["Memory workers", "Memory", "Mémoire", "Mémoire workers", "Mémoire des workers", "Worker memory"];
const DISK: &[&str] = &["Disk I/O", "Disk", "Disque", "E/S disque", "Disque I/O", "Time Spent Doing I/Os"];

const REPLICATION: &str = "mm2-replication.json";
const DETAILED: &str = "mm2-detailed-metrics.json";
const NODE: &str = "Node-Eporter.json";

/// MirrorMaker's maximum covers two windows of 30 s.
const SLIDING_MAXIMUM: Duration = Duration::from_secs(60);

/// A partition's latency gauge keeps its last value for ever: it counts while records flow.
const REPLICATING: Flowing =
    Flowing { gauge: "replication_latency_ms", rate: "record_rate", labels: "topic, partition, instance" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_s_own_names_find_their_signals() {
        let names = [
            "Latence avg",
            "Latence max",
            "Active Records (Lag)",
            "Buffer Utilization",
            "Buffer Exhausted",
            "CPU workers",
            "Memory workers",
            "Disk I/O",
        ];
        for (name, entry) in names.iter().zip(entries()) {
            assert_eq!(find(name).map(|found| found.id), Some(entry.id));
        }
        assert_eq!(find("Latence p99"), None);
    }

    #[test]
    fn a_name_is_found_in_either_language_and_any_writing_and_is_one_signal_s_alone() {
        assert_eq!(find("memoire  WORKERS").unwrap().id, HOST_MEMORY);
        assert_eq!(find("cpu%").unwrap().id, HOST_CPU);
        assert_eq!(find("buffer-épuisé").unwrap().id, BUFFER_EXHAUSTED);
        for entry in entries() {
            for alias in entry.aliases {
                let called: Vec<_> = entries().into_iter().filter(|other| other.is_called(alias)).collect();
                assert_eq!(called.len(), 1, "{alias}");
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = Catalog::default().find("Latence average").unwrap_err().to_string();
        assert!(error.contains("\"Latence avg\""), "{error}");
    }

    #[test]
    fn a_binding_replaces_what_it_names_and_a_signal_of_one_s_own_needs_all_of_it() {
        let mut catalog = Catalog::default();
        let panel = Some(PanelName::Title("CPU Busy".into()));
        catalog.bind("CPU workers", Binding { panel: panel.clone(), ..Binding::default() }).unwrap();
        let cpu = catalog.find("host.cpu").unwrap();
        assert_eq!(
            (&cpu.panel, cpu.ref_id.as_deref(), &*cpu.dashboard),
            (&panel.clone().unwrap(), None, NODE)
        );

        let mut own = Binding { panel, unit: Some(Unit::Count), ..Binding::default() };
        let error = catalog.bind("mm2.waiting", own.clone()).unwrap_err().to_string();
        assert!(error.contains("say its dashboard"), "{error}");
        own.dashboard = Some("d.json".to_owned());
        catalog.bind("mm2.waiting", own).unwrap();
        assert_eq!(catalog.find("mm2.waiting").unwrap().unit, Unit::Count);
    }
}
