//! The known signals, and the panel that shows each.

use std::time::Duration;

use ramp_core::signal::{Fold, SignalId, Unit};

/// The mean replication latency.
pub const LATENCY_AVG: SignalId = SignalId::literal("mm2.latency_avg");
/// The highest replication latency of the last minute.
pub const LATENCY_MAX: SignalId = SignalId::literal("mm2.latency_max");
/// Records polled by the worker and not yet written: the panel that calls itself lag.
pub const ACTIVE_RECORDS: SignalId = SignalId::literal("mm2.active_records");
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
    /// Names that people call it by.
    pub aliases: &'static [&'static str],
    /// The unit of the panel's values.
    pub unit: Unit,
    /// How a tier's readings become one figure.
    pub fold: Fold,
    /// For how long an old peak still shows.
    pub memory: Duration,
    /// The dashboard's file.
    pub dashboard: &'static str,
    /// The panel's title.
    pub panel: &'static str,
    /// Which of the panel's queries.
    pub ref_id: &'static str,
    /// A condition on the series, joined to the panel's own selector.
    pub condition: Option<&'static str>,
}

/// The entry of the signal that is called `name`, by its id or by an alias.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    let known = |entry: &Entry| {
        entry.id.as_str() == name || entry.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    entries().into_iter().find(known)
}

/// Every known signal.
#[must_use]
pub fn entries() -> [Entry; 8] {
    let entry = |id, aliases, unit, (dashboard, panel, ref_id)| Entry {
        id,
        aliases,
        unit,
        fold: Fold::Worst,
        memory: Duration::ZERO,
        dashboard,
        panel,
        ref_id,
        condition: None,
    };
    [
        Entry {
            condition: Some(REPLICATING),
            ..entry(
                LATENCY_AVG,
                &["Latence avg", "Average latency"],
                Unit::Milliseconds,
                (REPLICATION, "Avg Replication Latency", "A"),
            )
        },
        Entry {
            memory: SLIDING_MAXIMUM,
            ..entry(
                LATENCY_MAX,
                &["Latence max", "Max latency"],
                Unit::Milliseconds,
                (REPLICATION, "Max Replication Latency", "A"),
            )
        },
        entry(
            ACTIVE_RECORDS,
            &["Active Records (Lag)", "Active Records"],
            Unit::Records,
            (DETAILED, "Active Records (Lag)", "A"),
        ),
        entry(
            BUFFER_UTILIZATION,
            &["Buffer Utilization"],
            Unit::Percent,
            (DETAILED, "Buffer Utilization %", "A"),
        ),
        Entry {
            fold: Fold::Increase,
            ..entry(
                BUFFER_EXHAUSTED,
                &["Buffer Exhausted"],
                Unit::Count,
                (DETAILED, "Buffer Exhausted Total", "A"),
            )
        },
        entry(HOST_CPU, &["CPU workers", "CPU"], Unit::Percent, (NODE, "CPU% Basic", "F")),
        entry(HOST_MEMORY, &["Memory workers", "Memory"], Unit::Percent, (NODE, "Memory Basic", "H")),
        entry(HOST_DISK_BUSY, &["Disk I/O"], Unit::Ratio, (NODE, "Time Spent Doing I/Os", "C")),
    ]
}

const REPLICATION: &str = "mm2-replication.json";
const DETAILED: &str = "mm2-detailed-metrics.json";
const NODE: &str = "Node-Eporter.json";

/// MirrorMaker's maximum covers two windows of 30 s.
const SLIDING_MAXIMUM: Duration = Duration::from_secs(60);

/// A partition's latency gauge keeps its last value for ever: it counts while records flow.
const REPLICATING: &str = "and on (topic, partition, instance) \
    (kafka_connect_mirror_source_connector_record_rate{topic=~\"$topic\"} > 0)";

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
}
