//! What others need to use a laboratory: variables for a shell, and the configuration of a campaign.

use crate::{options::LabOptions, state::Endpoints, template::fill, tls::Guard};

/// The environment in lines that a shell's `eval` takes. Clients are sent to the guarded listener where there is one.
pub(crate) fn exports(endpoints: &Endpoints, guard: Option<&Guard>) -> String {
    let mut variables = vec![
        ("KAFKA_SOURCE", guard.map_or(&*endpoints.source, |guard| &guard.bootstrap).to_owned()),
        ("KAFKA_TARGET", endpoints.target.clone()),
        ("PROMETHEUS_URL", endpoints.prometheus.clone()),
        ("CONNECT_URL", endpoints.connect.clone()),
    ];
    if let Some(Guard { user, password, ca, .. }) = guard {
        variables.extend([
            ("KAFKA_USER", user.clone()),
            ("KAFKA_PASS", password.expose().to_owned()),
            ("KAFKA_CA", ca.to_string_lossy().into_owned()),
        ]);
    }
    variables
        .iter()
        .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")))
        .collect()
}

/// The content of a `ramp.toml` for a campaign on the laboratory; names the variables that hold secrets, not these.
pub(crate) fn ramp_toml(endpoints: &Endpoints, guard: Option<&Guard>, options: &LabOptions) -> String {
    let tls = guard.map_or_else(String::new, |guard| {
        let ca = guard.ca.to_string_lossy().replace('\\', r"\\").replace('"', "\\\"");
        fill(include_str!("../../../fixtures/lab/ramp-tls.toml"), &[("ca", &ca)])
    });
    fill(
        include_str!("../../../fixtures/lab/ramp.toml"),
        &[
            ("source", guard.map_or(&endpoints.source, |guard| &guard.bootstrap)),
            ("source_tls", &tls),
            ("target", &endpoints.target),
            ("prefix", &options.topic_prefix),
            ("count", &options.topics.to_string()),
            ("prometheus", &endpoints.prometheus),
            ("connect", &endpoints.connect),
        ],
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::json;

    use super::*;
    use crate::template::tests::blanks;

    fn endpoints() -> Endpoints {
        Endpoints {
            source: "127.0.0.1:1".to_owned(),
            target: "127.0.0.1:2".to_owned(),
            connect: "http://127.0.0.1:3".to_owned(),
            prometheus: "http://127.0.0.1:4".to_owned(),
            node_exporter: "http://127.0.0.1:5/metrics".to_owned(),
        }
    }

    fn guard() -> Guard {
        let guard = json!({
            "bootstrap": "127.0.0.1:6", "user": "ramp", "password": "pa55", "ca": "/it's \"here\"/ca.pem"
        });
        serde_json::from_value(guard).unwrap()
    }

    #[test]
    fn a_shell_takes_the_environment_whatever_the_folder_is_called() {
        let script = exports(&endpoints(), Some(&guard())) + r#"echo "$KAFKA_SOURCE|$KAFKA_PASS|$KAFKA_CA""#;
        let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "127.0.0.1:6|pa55|/it's \"here\"/ca.pem\n");
    }

    #[test]
    fn the_campaigns_configuration_is_toml_without_secrets() {
        let options = LabOptions::new("", "");
        let text = ramp_toml(&endpoints(), Some(&guard()), &options);
        assert_eq!(blanks(&text), [""; 0]);
        assert!(!text.contains("pa55"));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["source"]["bootstrap"].as_str(), Some("127.0.0.1:6"));
        assert_eq!(table["source"]["properties"]["ssl.ca.location"].as_str(), Some("/it's \"here\"/ca.pem"));
        assert_eq!(table["topics"]["count"].as_integer(), Some(10));
    }

    #[test]
    fn without_tls_the_plain_listener_is_the_source() {
        let text = ramp_toml(&endpoints(), None, &LabOptions::new("", ""));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["source"].as_table().unwrap().len(), 1);
        assert_eq!(table["source"]["bootstrap"].as_str(), Some("127.0.0.1:1"));
        assert!(!exports(&endpoints(), None).contains("KAFKA_PASS"));
    }
}
