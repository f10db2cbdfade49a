//! A Kafka cluster of one node: its configuration and its commands.

use std::{ffi::OsString, path::Path};

use crate::{artifacts::Artifacts, options::QuotaWindows, template::fill, tls::Guard};

/// One of the two clusters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broker<'a> {
    /// Where clients reach it.
    pub(crate) port: u16,
    /// Where its controller listens.
    pub(crate) controller_port: u16,
    /// Where it keeps its records.
    pub(crate) data: &'a Path,
    /// Over which time it averages client quotas.
    pub(crate) quota_windows: QuotaWindows,
    /// The listener with TLS that it has besides the plain one.
    pub(crate) tls: Option<TlsListener<'a>>,
}

/// A listener with TLS that asks for a user and a password.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsListener<'a> {
    /// Where clients reach it.
    pub(crate) port: u16,
    /// Its key and certificates in PEM.
    pub(crate) keystore: &'a Path,
    /// Whom it lets in.
    pub(crate) guard: &'a Guard,
}

impl Broker<'_> {
    /// The content of its `server.properties`.
    pub(crate) fn properties(&self) -> String {
        let windows = match self.quota_windows {
            QuotaWindows::Short => include_str!("../../../fixtures/lab/broker-quota-short.properties"),
            QuotaWindows::Kafka => "",
        };
        let template = include_str!("../../../fixtures/lab/broker.properties").to_owned() + windows;
        let plain = fill(
            &template,
            &[
                ("port", &self.port.to_string()),
                ("controller_port", &self.controller_port.to_string()),
                ("data", &self.data.to_string_lossy()),
            ],
        );
        plain + &self.tls.map_or_else(String::new, |tls| self.tls_properties(tls))
    }

    /// Lines that come after the others and overrule them.
    fn tls_properties(&self, TlsListener { port, keystore, guard }: TlsListener<'_>) -> String {
        fill(
            include_str!("../../../fixtures/lab/broker-tls.properties"),
            &[
                ("port", &self.port.to_string()),
                ("controller_port", &self.controller_port.to_string()),
                ("tls_port", &port.to_string()),
                ("keystore", &keystore.to_string_lossy()),
                ("user", &guard.user),
                ("password", guard.password.expose()),
            ],
        )
    }
}

/// Java's arguments that format the storage of a broker with this configuration, unless it is formatted.
pub(crate) fn format_arguments(artifacts: &Artifacts, properties: &Path, log4j: &Path) -> Vec<OsString> {
    let mut arguments = java_arguments(artifacts, log4j, "-Xmx128m");
    arguments
        .extend(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "kafka.tools.StorageTool"].map(Into::into));
    arguments
        .extend(["format", "--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config"].map(Into::into));
    arguments.push(properties.into());
    arguments
}

/// Java's arguments that run a broker with this configuration.
pub(crate) fn run_arguments(artifacts: &Artifacts, properties: &Path, log4j: &Path) -> Vec<OsString> {
    let mut arguments = java_arguments(artifacts, log4j, "-Xmx384m");
    arguments.extend(["kafka.Kafka".into(), properties.into()]);
    arguments
}

/// What every Java program of the laboratory is started with.
pub(crate) fn java_arguments(artifacts: &Artifacts, log4j: &Path, heap: &str) -> Vec<OsString> {
    let log4j = format!("-Dlog4j2.configurationFile={}", log4j.display());
    vec![heap.into(), "-cp".into(), artifacts.class_path().into(), log4j.into()]
}

/// Logging of every Java program.
pub(crate) const LOG4J: &str = include_str!("../../../fixtures/lab/log4j2.properties");

/// Any 16 bytes in base64 will do; the clusters never meet.
const CLUSTER_ID: &str = "cmFtcC1sYWItY2x1c3Rlcg";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::blanks;

    fn properties(quota_windows: QuotaWindows) -> String {
        Broker { port: 1, controller_port: 2, data: Path::new("/d"), quota_windows, tls: None }.properties()
    }

    #[test]
    fn the_configuration_has_no_blank_left() {
        let text = properties(QuotaWindows::Short);
        assert_eq!(blanks(&text), [""; 0]);
        assert!(text.contains("\nlisteners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n"), "{text}");
        assert!(text.contains("\nlog.dirs=/d\n"), "{text}");
    }

    #[test]
    fn kafkas_own_quota_windows_are_had_by_saying_nothing() {
        assert!(properties(QuotaWindows::Short).contains("\nquota.window.num=3\n"));
        assert!(!properties(QuotaWindows::Kafka).contains("quota.window"));
    }
}
