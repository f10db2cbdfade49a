//! The `ramp-load` command from outside, against librdkafka's mock cluster.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use serde_json::Value;

fn ramp_load(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp-load"));
    command.arg("run").args(arguments).env_remove("KAFKA_SOURCE").output().unwrap()
}

fn mock() -> MockCluster<'static, DefaultProducerContext> {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("t", 3, 1).unwrap();
    mock
}

#[test]
fn every_record_that_was_due_is_accounted_for() {
    let mock = mock();
    let bootstrap = mock.bootstrap_servers();
    let load = [
        "--bootstrap",
        &bootstrap,
        "--topic",
        "t",
        "--rate",
        "1_000",
        "--duration",
        "1.5",
        "--output",
        "json",
    ];
    let output = ramp_load(&load);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| account[key].as_u64().unwrap();
    assert_eq!((of("due"), of("offered"), of("acknowledged")), (1_500, 1_500, 1_500), "{account}");
    assert_eq!((of("failed"), of("in_flight")), (0, 0), "{account}");
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let mock = mock();
    let bootstrap = mock.bootstrap_servers();
    let load = [
        "--bootstrap",
        &bootstrap,
        "--property",
        "allow.auto.create.topics=false",
        "--topic",
        "no such topic",
    ];
    let output = ramp_load(&[&load[..], &["--rate", "1", "--duration", "1"]].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no such topic"), "{error}");
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let load = ["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--duration", "1"];
    let output = ramp_load(&[&load[..], &["--property", "sasl.password=hunter2"]].concat());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--password-env") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_load_of_nothing_is_a_usage_error() {
    for (flag, value) in [("--rate", "0"), ("--duration", "0"), ("--duration", "-1"), ("--payload", "xml")] {
        let mut load = vec!["--bootstrap", "a:1", "--topic", "t", "--rate", "1", "--duration", "1"];
        if let Some(place) = load.iter().position(|known| *known == flag) {
            load.drain(place..place + 2);
        }
        let value = format!("{flag}={value}");
        load.push(&value);
        let output = ramp_load(&load);
        assert_eq!(output.status.code(), Some(2), "{value}: {output:?}");
    }
}
