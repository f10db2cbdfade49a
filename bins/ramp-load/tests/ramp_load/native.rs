//! The native dialect, against librdkafka's mock cluster.

use std::process::{Command, Output};

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use serde_json::Value;
use tempfile::TempDir;

/// The program in an environment that says nothing of Kafka.
pub(crate) fn ramp_load() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp-load"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAFKA_")) {
        command.env_remove(name);
    }
    command
}

pub(crate) fn mock_of(topics: &[&str]) -> MockCluster<'static, DefaultProducerContext> {
    let mock = MockCluster::new(1).unwrap();
    for topic in topics {
        mock.create_topic(topic, 3, 1).unwrap();
    }
    mock
}

pub(crate) fn interrupt(process: u32) {
    let status = Command::new("kill").args(["-INT", &process.to_string()]).status().unwrap();
    assert!(status.success());
}

fn run(arguments: &[&str]) -> Output {
    ramp_load().arg("run").args(arguments).output().unwrap()
}

/// A load of topic `t` of a mock cluster, and its account.
fn load(arguments: &[&str]) -> (Output, Value) {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = ["--bootstrap", &bootstrap, "--topic", "t", "--output", "json"];
    let output = run(&[&load[..], arguments].concat());
    let account = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output, account)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_record_that_was_due_is_accounted_for() {
    let (output, account) = load(&["--rate", "1_000", "--records", "1500"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let of = |key: &str| account[key].as_u64().unwrap();
    assert_eq!((of("due"), of("offered"), of("acknowledged")), (1_500, 1_500, 1_500), "{account}");
    assert_eq!((of("failed"), of("in_flight")), (0, 0), "{account}");
    for part in ["lateness", "ack", "total"] {
        assert_eq!(account[part]["count"].as_u64(), Some(1_500), "{account}");
        let of = |quantile: &str| account[part][quantile].as_f64().unwrap();
        assert!(of("p50") <= of("p99") && of("p99") <= of("max"), "{account}");
    }
    assert!(told(&output).contains(" of 1000/s, p99 "), "{output:?}");
}

#[test]
fn records_carry_what_is_asked_for_as_fast_as_the_cluster_takes_them() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("records");
    std::fs::write(&file, "12345;12345;").unwrap();
    let file = file.to_str().unwrap();
    for (payload, bytes) in [
        (&["--payload", "random:100"][..], 100_000),
        (&["--payload", "letters:7", "--keys", "none", "--no-stamp"], 7_000),
        (&["--payload", "random:20,20"], 20_000),
        (&["--payload-file", file, "--payload-delimiter", ";"], 5_000),
    ] {
        let (output, account) = load(&[&["--unthrottled", "--records", "1000"][..], payload].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(account["acknowledged"].as_u64(), Some(1_000), "{account}");
        assert_eq!(account["bytes"].as_u64(), Some(bytes), "{account}");
    }
}

#[test]
fn the_account_of_people_has_a_ledger_a_table_and_bars() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = [
        "--bootstrap",
        &bootstrap,
        "--topic",
        "t",
        "--rate",
        "500",
        "--records",
        "250",
        "--pacing",
        "precise",
    ];
    let output = run(&load);
    let told = String::from_utf8(output.stdout).unwrap();
    for line in [
        "250 due, 250 offered, 250 acknowledged, 0 failed, 0 in flight\n500/s asked, 100.00 % of what was due offered",
        "p50       p90       p95       p99     p99.9    p99.99       max\ndue to handed over ",
        "\nhanded over to acknowledged ",
        "\ndue to acknowledged, records\n  up to ",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn the_log_of_latencies_has_every_second_and_part() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("load.hlog");
    // Twice as long as it takes to have two, so that a machine that is busy for a second has them too.
    let (output, _) = load(&["--rate", "100", "--duration", "4", "--hdr-log", log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let log = std::fs::read_to_string(log).unwrap();
    let intervals = log.matches("Tag=total,").count();
    assert!(intervals >= 2, "{log}");
    for part in ["Tag=lateness,", "Tag=ack,"] {
        assert_eq!(log.matches(part).count(), intervals, "{log}");
    }
    let output = run(&[
        "--bootstrap",
        "a:1",
        "--topic",
        "t",
        "--rate",
        "1",
        "--records",
        "1",
        "--hdr-log",
        "/no/such/x",
    ]);
    assert!(
        output.status.code() == Some(2) && told(&output).contains("cannot write /no/such/x"),
        "{output:?}"
    );
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let mock = mock_of(&["t"]);
    let bootstrap = mock.bootstrap_servers();
    let load = ["--bootstrap", &bootstrap, "--topic", "no such topic", "--rate", "1", "--duration", "1"];
    let output = run(&load);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(told(&output).contains("no such topic"), "{output:?}");
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let load = ["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--duration", "1"];
    for secret in ["sasl.password=hunter2", "sasl.jaas.config=hunter2", "ssl.truststore.password=hunter2"] {
        let output = run(&[&load[..], &["--property", secret]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(told(&output).contains("--password-env") && !told(&output).contains("hunter2"), "{output:?}");
    }
}

#[test]
fn an_unknown_property_is_refused_and_one_without_effect_is_noted() {
    let load = ["--bootstrap", "127.0.0.1:1", "--topic", "t", "--rate", "1", "--duration", "1"];
    let output = run(&[&load[..], &["--property", "acs=1"]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(told(&output).contains("property acs is unknown; did you mean acks?"), "{output:?}");
    let mock = mock_of(&["t"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("client.properties");
    let properties = format!("bootstrap.servers={}\nmax.block.ms=5\n", mock.bootstrap_servers());
    std::fs::write(&file, properties).unwrap();
    let output = run(&["--config", file.to_str().unwrap(), "--topic", "t", "--rate", "10", "--records", "3"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(told(&output).starts_with("ramp-load: max.block.ms has no effect here: "), "{output:?}");
}

#[test]
fn a_load_of_nothing_is_a_usage_error() {
    for (flag, value) in [
        ("--rate", "0"),
        ("--duration", "0"),
        ("--duration", "-1"),
        ("--payload", "xml"),
        ("--records", "0"),
        ("--tolerance", "101"),
        ("--pacing", "fast"),
        ("--delivery-timeout", "never"),
    ] {
        let mut load = vec!["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--duration", "1"];
        if let Some(place) = load.iter().position(|known| *known == flag) {
            load.drain(place..place + 2);
        }
        let value = format!("{flag}={value}");
        load.push(&value);
        let output = run(&load);
        assert_eq!(output.status.code(), Some(2), "{value}: {output:?}");
    }
    for incomplete in [
        &["--bootstrap", "a:1", "--topic", "t", "--rate", "1"][..],
        &["--bootstrap", "a:1", "--topic", "t", "--duration", "1"],
        &["--bootstrap", "a:1", "--rate", "1", "--duration", "1"],
        &["--topic", "t", "--rate", "1", "--duration", "1"],
        &["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--unthrottled", "--duration", "1"],
        &["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--records", "5", "--duration", "1"],
    ] {
        assert_eq!(run(incomplete).status.code(), Some(2), "{incomplete:?}");
    }
}

#[test]
fn completions_and_the_manual_page_know_the_flags_of_every_dialect() {
    let printed = |arguments: &[&str]| {
        let output = ramp_load().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for flag in ["hdr-log", "warmup-records", "messages-per-second"] {
            assert!(script.contains(flag), "{shell}: {flag}");
        }
    }
    let page = printed(&["man"]).replace('\\', "");
    for flag in ["--hdr-log", "--producer.config", "--messages-per-second", "Exit status"] {
        assert!(page.contains(flag), "{flag}: {page}");
    }
}
