//! The configuration as a report may show it. What a login is made of has no way into it: it is held by types that show
//! themselves as `***`, or only its presence is asked for.

use std::collections::BTreeMap;

use ramp_load::{client_config::ClusterConfig, probe::topics::ReplicationPolicy};
use ramp_observe::{PrometheusConfig, Tls, VariableValue, shown_url};

use super::{
    raw::{HostCriteria, RawPolicy},
    resolve::{DashboardPlace, Settings},
    span::Span,
};

impl Settings {
    /// The configuration that a run has, whatever each value comes from, by the keys of the file. The plan and the panels
    /// of the signals are told elsewhere.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        let Self {
            name: _,
            plan: _,
            runs,
            source,
            target,
            policy,
            topics,
            payload,
            prometheus,
            catalog: _,
            dashboards,
            sampling,
            connect,
            grafana,
            annotations,
            host,
        } = self;
        let mut shown = Shown::default();
        shown.set("runs", runs.display().to_string());
        shown.cluster("source", source);
        match target {
            Some(target) => shown.cluster("target", target),
            None => shown.set("replication.arrivals", "counted".to_owned()),
        }
        shown.policy(policy);
        shown.set("topics", topics.join(", "));
        shown.set("load.payload", payload.to_string());
        shown.prometheus(prometheus);
        shown.set("prometheus.sampling", Span::new(*sampling).to_string());
        match dashboards {
            DashboardPlace::BuiltIn => {}
            DashboardPlace::Files(path) => shown.set("prometheus.dashboards", path.display().to_string()),
            DashboardPlace::Grafana(_, named) => {
                named
                    .iter()
                    .for_each(|(name, uid)| shown.set(&format!("grafana.dashboards.{name}"), uid.clone()));
            }
        }
        if let Some(connect) = connect {
            shown.set("connect.url", connect.address());
            shown.hidden("connect.login", connect.credentials.is_some());
            shown.tls("connect", &connect.tls);
        }
        if let Some(grafana) = grafana {
            shown.set("grafana.url", grafana.address());
            shown.hidden("grafana.login", grafana.credentials.is_some());
            shown.tls("grafana", &grafana.tls);
            shown.set("grafana.annotations", annotations.to_string());
        }
        let criteria = match host {
            HostCriteria::Stop => "stop",
            HostCriteria::Warning => "warning",
        };
        shown.set("host.criteria", criteria.to_owned());
        shown.0
    }
}

#[derive(Default)]
struct Shown(BTreeMap<String, String>);

impl Shown {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }

    /// A value that must not be seen, only that it is there.
    fn hidden(&mut self, key: &str, is_there: bool) {
        if is_there {
            self.set(key, HIDDEN.to_owned());
        }
    }

    fn cluster(&mut self, section: &str, config: &ClusterConfig) {
        let ClusterConfig { bootstrap, properties, username, password } = config;
        self.set(&format!("{section}.bootstrap"), without_login(bootstrap));
        self.hidden(&format!("{section}.login"), username.is_some() || password.is_some());
        for (name, value) in properties {
            let key = format!("{section}.properties.{name}");
            match name.as_str() {
                COMMAND => self.hidden(&key, true),
                _plain => self.set(&key, without_login(value)),
            }
        }
    }

    fn policy(&mut self, policy: &ReplicationPolicy) {
        let (name, parts) = match policy {
            ReplicationPolicy::Default { alias, separator } => {
                (RawPolicy::Default, vec![("alias", alias), ("separator", separator)])
            }
            ReplicationPolicy::Identity => (RawPolicy::Identity, Vec::new()),
            ReplicationPolicy::Pattern(pattern) => (RawPolicy::Pattern, vec![("pattern", pattern)]),
        };
        let name = match name {
            RawPolicy::Default => "default",
            RawPolicy::Identity => "identity",
            RawPolicy::Pattern => "pattern",
        };
        self.set("replication.policy", name.to_owned());
        for (part, value) in parts {
            self.set(&format!("replication.{part}"), value.clone());
        }
    }

    fn prometheus(&mut self, config: &PrometheusConfig) {
        let PrometheusConfig { url: _, credentials, headers, tls, variables } = config;
        self.set("prometheus.url", config.address());
        self.hidden("prometheus.login", credentials.is_some());
        // Which of them are secrets is known to whoever wrote them.
        for header in headers.keys() {
            self.hidden(&format!("prometheus.headers.{header}"), true);
        }
        self.tls("prometheus", tls);
        for (name, value) in variables {
            let value = match value {
                VariableValue::Text(text) => text.clone(),
                VariableValue::Many(values) => values.join(", "),
            };
            self.set(&format!("prometheus.variables.{name}"), value);
        }
    }

    fn tls(&mut self, section: &str, Tls { authorities, identity }: &Tls) {
        self.hidden(&format!("{section}.ca_file"), authorities.is_some());
        self.hidden(&format!("{section}.cert_file"), identity.is_some());
    }
}

/// A text that may be an address, without what is a login in one.
fn without_login(text: &str) -> String {
    if text.starts_with("http://") || text.starts_with("https://") {
        shown_url(text)
    } else if text.contains('@') {
        HIDDEN.to_owned()
    } else {
        text.to_owned()
    }
}

/// How a value shows itself that must not be seen.
const HIDDEN: &str = "***";

/// A command line, which may hold anything.
const COMMAND: &str = "sasl.kerberos.kinit.cmd";

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clap::Parser;
    use ramp_core::SCHEMA_VERSION;
    use ramp_report::{Locale, RunFacts, html, json};
    use tempfile::TempDir;

    use super::*;
    use crate::{
        cli::Inputs,
        config::ConfigError,
        journal::{Header, Journal, Replay},
        report,
    };

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        inputs: Inputs,
    }

    /// Secrets wherever a configuration takes one, and wherever it takes a text that somebody may hide one in.
    const HOSTILE: &str = r#"
        plan = "short.toml"
        [source]
        bootstrap = "a:9092,b:9092"
        username_env = "PATH"
        password_file = "secret-1"
        [source.properties]
        "security.protocol" = "SASL_SSL"
        "sasl.mechanism" = "PLAIN"
        "client.rack" = "https://me:secret-2@idp.example.org/token?key=secret-3"
        "sasl.kerberos.kinit.cmd" = "echo secret-4 | kinit"
        "metadata.broker.list" = "me:secret-5@a:9092"
        [target]
        bootstrap = "c:9092"
        [prometheus]
        url = "http://metrics.example.org/base"
        token_file = "secret-8"
        ca_file = "secret-9"
        cert_file = "secret-10"
        key_file = "secret-11"
        variables = { node = ["w1", "w2"] }
        headers = { X-Scope-OrgID = "secret-12", X-Token = { file = "secret-13" } }
        [connect]
        url = "http://connect.example.org"
        ca_file = "secret-16"
        [host]
        criteria = "warning"
    "#;

    const SHORT: &str = r#"
        name = "short"
        recommended = 0.7
        recovery = { minimum = "1s", floor = 1, give_up = "10s" }
        load = { topics = 1, payload = "json" }
        tiers = [{ name = "P1", rate = 10, hold = "10s", p99 = "1s" }]
    "#;

    fn settings(folder: &Path, text: &str) -> Result<Settings, ConfigError> {
        let config = folder.join("ramp.toml");
        fs::write(&config, text).unwrap();
        let command = ["ramp", "--config", config.to_str().unwrap()];
        Settings::of(&Command::parse_from(command).inputs)
    }

    #[test]
    fn a_hostile_configuration_is_shown_in_every_report_without_a_secret_of_it() {
        let folder = TempDir::new().unwrap();
        let own = rcgen::generate_simple_self_signed(vec!["ramp".to_owned()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        for (file, text) in [
            ("secret-1", "secret-1\n"),
            ("secret-8", "secret-8\n"),
            ("secret-9", certificate.as_str()),
            ("secret-10", certificate.as_str()),
            ("secret-11", key.as_str()),
            ("secret-13", "secret-13\n"),
            ("secret-16", certificate.as_str()),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        fs::write(folder.path().join("short.toml"), SHORT).unwrap();
        let settings = settings(folder.path(), HOSTILE).unwrap();
        let shown = settings.shown();
        for (key, value) in [
            ("source.bootstrap", "a:9092,b:9092"),
            ("source.login", HIDDEN),
            ("source.properties.security.protocol", "SASL_SSL"),
            ("source.properties.client.rack", "https://idp.example.org/token"),
            ("target.bootstrap", "c:9092"),
            ("replication.alias", "source"),
            ("prometheus.url", "http://metrics.example.org/base"),
            ("prometheus.sampling", "5s"),
            ("prometheus.variables.node", "w1, w2"),
            ("prometheus.headers.X-Token", HIDDEN),
            ("connect.url", "http://connect.example.org/"),
            ("host.criteria", "warning"),
        ] {
            assert_eq!(shown.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(!shown.contains_key("target.login"), "{shown:?}");

        let facts = RunFacts {
            name: settings.name.clone(),
            started: "2026-01-02T03:04:05Z".to_owned(),
            versions: BTreeMap::new(),
            source: settings.source.bootstrap.clone(),
            target: settings.target.as_ref().unwrap().bootstrap.clone(),
            prometheus: settings.prometheus.address(),
            grafana: None,
            queries: Vec::new(),
            variables: BTreeMap::new(),
            topics: settings.topics.clone(),
            payload: settings.payload.to_string(),
            configuration: shown,
        };
        let plan = settings.plan.plan(Vec::new(), None).unwrap();
        let header = Header { schema_version: SCHEMA_VERSION, plan, facts, lang: None, simulation: None };
        drop(Journal::create(folder.path(), &header).unwrap());
        let Replay { header, recorded, .. } = Replay::read(folder.path()).unwrap();
        let report = report::of(&header.facts, &recorded, String::new(), folder.path()).unwrap();
        let journal = fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
        let files = report::files(&report, Locale::English).into_iter().chain([("journal", journal)]);
        for (name, text) in files {
            assert!(!text.contains("secret-"), "{name}: {text}");
            assert!(key.lines().all(|line| !text.contains(line)), "{name}: {text}");
        }
        for text in [html::render(&report, Locale::English), json::render(&report)] {
            assert!(text.contains("SASL_SSL") && text.contains("https://idp.example.org/token"), "{text}");
        }
    }

    #[test]
    fn a_target_that_is_not_read_needs_no_address_and_is_shown_as_such() {
        let folder = TempDir::new().unwrap();
        let text =
            "source.bootstrap = 'a:1'\nprometheus.url = 'http://p:9090'\nreplication.arrivals = 'counted'";
        let settings = settings(folder.path(), text).unwrap();
        assert!(settings.target.is_none());
        let ceiling = settings.ceiling().unwrap();
        assert_eq!(
            (ceiling.highest.as_str(), ceiling.arrivals.as_str()),
            ("mm2.latency_max", "mm2.records_replicated")
        );
        assert_eq!(settings.shown().get("replication.arrivals").map(String::as_str), Some("counted"));
        assert!(!settings.shown().contains_key("target.bootstrap"));
        let both = self::settings(folder.path(), &format!("{text}\ntarget.bootstrap = 'b:1'")).unwrap_err();
        assert!(both.to_string().contains("leave [target] out"), "{both}");
    }

    #[test]
    fn a_secret_by_its_property_or_in_a_bootstrap_address_is_refused_unseen() {
        let folder = TempDir::new().unwrap();
        for property in [
            "sasl.password",
            "sasl.username",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
        ] {
            let text = format!("[source]\nbootstrap = 'a:1'\nproperties = {{ \"{property}\" = 'hunter2' }}");
            let error = settings(folder.path(), &text).unwrap_err().to_string();
            assert!(
                error.contains(property) && error.contains("a secret") && !error.contains("hunter2"),
                "{error}"
            );
        }
        let error =
            settings(folder.path(), "[source]\nbootstrap = 'me:hunter2@a:1'").unwrap_err().to_string();
        assert!(error.contains("it holds a login") && !error.contains("hunter2"), "{error}");
    }
}
