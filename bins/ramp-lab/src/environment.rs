//! What others need to use a laboratory: variables for a shell, and the configuration of a campaign.

use crate::{options::LabOptions, state::Endpoints, template::fill};

/// The environment in lines that a shell's `eval` takes.
pub(crate) fn exports(endpoints: &Endpoints) -> String {
    [
        ("KAFKA_SOURCE", endpoints.source.as_str()),
        ("KAFKA_TARGET", &endpoints.target),
        ("PROMETHEUS_URL", &endpoints.prometheus),
        ("CONNECT_URL", &endpoints.connect),
    ]
    .iter()
    .map(|(name, value)| format!("export {name}={value}\n"))
    .collect()
}

/// The content of a `ramp.toml` for a campaign on the laboratory.
pub(crate) fn ramp_toml(endpoints: &Endpoints, options: &LabOptions) -> String {
    fill(
        include_str!("../../../fixtures/lab/ramp.toml"),
        &[
            ("source_for_clients", &endpoints.source),
            ("guard", ""),
            ("target", &endpoints.target),
            ("prefix", &options.topic_prefix),
            ("count", &options.topics.to_string()),
            ("prometheus", &endpoints.prometheus),
        ],
    )
}
