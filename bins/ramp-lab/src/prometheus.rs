//! Prometheus: its configuration, its arguments, and what must be seen in it before the laboratory is ready.

use std::{ffi::OsString, path::Path};

use serde::Deserialize;

use crate::{connect, template::fill};

/// The content of Prometheus's configuration file.
pub(crate) fn configuration(connect_metrics_port: u16, node_port: u16) -> String {
    fill(
        include_str!("../../../fixtures/lab/prometheus.yml"),
        &[
            ("connect_metrics_port", &connect_metrics_port.to_string()),
            ("node_port", &node_port.to_string()),
            ("cluster", connect::CLUSTER),
        ],
    )
}

/// Prometheus's arguments.
pub(crate) fn arguments(configuration: &Path, data: &Path, port: u16) -> Vec<OsString> {
    vec![
        format!("--config.file={}", configuration.display()).into(),
        format!("--storage.tsdb.path={}", data.display()).into(),
        format!("--web.listen-address=127.0.0.1:{port}").into(),
    ]
}

/// The node exporter's arguments.
pub(crate) fn node_exporter_arguments(port: u16) -> Vec<OsString> {
    vec![format!("--web.listen-address=127.0.0.1:{port}").into()]
}

/// Checks that Prometheus has seen what the dashboards show, with `topics` replicated topics.
pub(crate) fn check_metrics(url: &str, topics: u16) -> Result<(), MetricsError> {
    let all_topics =
        format!("count(count by (topic) (kafka_connect_mirror_source_connector_record_count)) >= {topics}");
    for query in [
        "node_cpu_seconds_total",
        "kafka_connect_source_task_metrics_source_record_active_count",
        "kafka_producer_producer_metrics_buffer_available_bytes",
        &all_topics,
    ] {
        if !has_answer(url, query)? {
            return Err(MetricsError::Absent(query.to_owned()));
        }
    }
    Ok(())
}

/// Why the metrics are not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MetricsError {
    /// No usable answer from Prometheus.
    #[error("ask Prometheus: {0}")]
    Http(#[from] ureq::Error),
    /// Its answer is not in the known form.
    #[error("understand Prometheus's answer: {0}")]
    Answer(#[from] serde_json::Error),
    /// A query has no result.
    #[error("see {0} in Prometheus")]
    Absent(String),
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<serde::de::IgnoredAny>,
}

fn has_answer(url: &str, query: &str) -> Result<bool, MetricsError> {
    let mut response = connect::http().get(format!("{url}/api/v1/query")).query("query", query).call()?;
    let answer: Answer = serde_json::from_str(&response.body_mut().read_to_string()?)?;
    Ok(!answer.data.result.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::blanks;

    #[test]
    fn the_configuration_has_no_blank_left() {
        let text = configuration(7, 8);
        assert_eq!(blanks(&text), [""; 0]);
        assert!(text.contains("['127.0.0.1:7']") && text.contains("['127.0.0.1:8']"), "{text}");
    }
}
