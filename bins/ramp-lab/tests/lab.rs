//! Real laboratories: started, loaded, throttled, hurt, and gone without a trace.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use ramp_lab::{Guard, Identity, Lab, LabOptions, LabState, Process, Side, StateFolder, Throttle};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde_json::Value;

/// What the panels of the three dashboards are made of. (The checkpoint panels need a consumer group, see below.)
const DASHBOARD_METRICS: [&str; 48] = [
    "kafka_connect_connect_metrics_request_size_max",
    "kafka_connect_connect_metrics_successful_reauthentication_total",
    "kafka_connect_connect_worker_metrics_connector_startup_attempts_total",
    "kafka_connect_connect_worker_metrics_connector_startup_failure_total",
    "kafka_connect_connect_worker_metrics_connector_startup_success_percentage",
    "kafka_connect_connect_worker_metrics_task_startup_attempts_total",
    "kafka_connect_connect_worker_metrics_task_startup_failure_total",
    "kafka_connect_connect_worker_metrics_task_startup_success_percentage",
    "kafka_connect_connector_task_metrics_offset_commit_failure_percentage",
    "kafka_connect_connector_task_metrics_offset_commit_max_time_ms",
    "kafka_connect_connector_task_metrics_pause_ratio",
    "kafka_connect_mirror_source_connector_byte_count",
    "kafka_connect_mirror_source_connector_byte_rate",
    "kafka_connect_mirror_source_connector_record_age_ms",
    "kafka_connect_mirror_source_connector_record_age_ms_avg",
    "kafka_connect_mirror_source_connector_record_age_ms_max",
    "kafka_connect_mirror_source_connector_record_age_ms_min",
    "kafka_connect_mirror_source_connector_record_count",
    "kafka_connect_mirror_source_connector_record_rate",
    "kafka_connect_mirror_source_connector_replication_latency_ms",
    "kafka_connect_mirror_source_connector_replication_latency_ms_max",
    "kafka_connect_source_task_metrics_source_record_active_count",
    "kafka_connect_source_task_metrics_source_record_poll_rate",
    "kafka_connect_source_task_metrics_source_record_poll_total",
    "kafka_connect_source_task_metrics_source_record_write_total",
    "kafka_connect_task_error_metrics_last_error_timestamp",
    "kafka_producer_producer_metrics_buffer_available_bytes",
    "kafka_producer_producer_metrics_buffer_exhausted_total",
    "kafka_producer_producer_metrics_buffer_total_bytes",
    "kafka_producer_producer_metrics_produce_throttle_time_max",
    "kafka_producer_producer_metrics_record_error_total",
    "kafka_producer_producer_metrics_record_retry_total",
    "kafka_producer_producer_metrics_record_send_rate",
    "kafka_producer_producer_metrics_waiting_threads",
    "kafka_producer_producer_node_metrics_outgoing_byte_rate",
    "kafka_producer_producer_node_metrics_request_latency_avg",
    "kafka_producer_producer_node_metrics_request_rate",
    "node_boot_time_seconds",
    "node_context_switches_total",
    "node_cpu_seconds_total",
    "node_filefd_allocated",
    "node_load1",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
    "node_netstat_Tcp_CurrEstab",
    "node_network_receive_bytes_total",
    "node_sockstat_TCP_alloc",
    "node_uname_info",
];

/// The labels by which the dashboards' variables and queries select.
const DASHBOARD_LABELS: [&str; 3] = [
    r#"kafka_connect_source_task_metrics_source_record_poll_rate{env="lab",kafka_connect_cluster="mm2-lab",connector="mm2",task="0"}"#,
    r#"kafka_connect_mirror_source_connector_record_count{topic="source.test-prometheus.generated-data-10.json",partition="2"}"#,
    r#"node_uname_info{origin_prometheus="lab",job="node-exporter"}"#,
];

const RECORDS: u64 = 3_000;

/// One laboratory at a time: several would share the cores.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn a_guarded_laboratory_carries_records_shows_them_and_ends_with_its_supervisor() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = tempfile::tempdir().unwrap();
    let mut options = LabOptions::new(env!("CARGO_BIN_EXE_ramp-lab"), parent.path().join("lab"));
    options.tls = true;
    let topics = options.topic_names();
    let lab = Lab::start(options).unwrap_or_else(|error| panic!("failed to {error}"));
    let guard = lab.guard().unwrap();

    only_the_right_password_passes(guard);
    produce(guard, &topics, RECORDS);
    commit_as_a_group(lab.source(), &topics[0]);
    eventually(&lab, "sum(kafka_connect_mirror_source_connector_record_count) == 3000");
    for query in DASHBOARD_METRICS.iter().chain(&DASHBOARD_LABELS) {
        eventually(&lab, query);
    }
    eventually(&lab, r#"kafka_connect_mirror_checkpoint_connector_4_0{consumer_group="group"}"#);

    a_throttled_side_says_so(&lab, guard, &topics);
    what_is_frozen_runs_on_when_thawed(&lab);
    secrets_are_in_no_log(&lab, guard);

    let state = lab.state().clone();
    lab.kill(Process::Connect).unwrap();
    assert!(!state.processes[&Process::Connect].is_alive());
    lab.kill(Process::Connect).expect_err("what is dead cannot be killed");
    kill(state.supervisor);
    until("every child has died with the supervisor", || survivors(&state).is_empty());
}

#[test]
fn the_printed_environment_is_evaluated_by_a_shell_and_down_leaves_nothing() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a lab's");
    let script = r#"
        set -eu
        environment=$("$RAMP_LAB" up --dir "$DIR" --topics 2 --topic-prefix other --partitions 1)
        eval "$environment"
        echo "$KAFKA_SOURCE $KAFKA_TARGET $PROMETHEUS_URL"
    "#;
    let output = Command::new("sh")
        .args(["-c", script])
        .env("RAMP_LAB", env!("CARGO_BIN_EXE_ramp-lab"))
        .env("DIR", &folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");

    let lab = Lab::open(&folder).unwrap();
    let expected = format!("{} {} {}\n", lab.source(), lab.target(), lab.prometheus_url());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    let config: toml::Table = fs::read_to_string(lab.config_path()).unwrap().parse().unwrap();
    assert_eq!(config["source"]["bootstrap"].as_str(), Some(lab.source()));
    assert_eq!(
        topics_of(lab.source(), "other."),
        ["other.generated-data-01.json", "other.generated-data-02.json"]
    );
    assert_eq!(topics_of(lab.target(), "source.other.").len(), 2);

    let again = ramp_lab(&folder, &["up"]);
    assert!(!again.status.success() && stderr(&again).contains("ramp-lab down"), "{again:?}");
    assert!(ramp_lab(&folder, &["status"]).status.success());
    assert!(ramp_lab(&folder, &["throttle", "--bytes-per-sec", "1000000"]).status.success());
    assert!(ramp_lab(&folder, &["throttle", "--bytes-per-sec", "off"]).status.success());
    for what in ["pause", "resume", "break", "mend"] {
        assert!(ramp_lab(&folder, &["mirror", what]).status.success(), "{what}");
    }
    assert!(ramp_lab(&folder, &["kill", "broker"]).status.success());
    let status = ramp_lab(&folder, &["status"]);
    assert!(!status.status.success(), "{status:?}");

    let state = lab.state().clone();
    assert!(ramp_lab(&folder, &["down"]).status.success());
    assert_eq!(survivors(&state), BTreeMap::new());
    assert!(stderr(&ramp_lab(&folder, &["status"])).contains("ramp-lab up"));
}

#[test]
fn a_laboratory_ends_with_its_owner_and_keeps_its_records_if_told_to() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = tempfile::tempdir().unwrap();
    let mut options = LabOptions::new(env!("CARGO_BIN_EXE_ramp-lab"), parent.path().join("lab"));
    options.topics = 1.try_into().unwrap();
    options.keep = true;
    for records_before in [0, 1] {
        let lab = Lab::start(options.clone()).unwrap_or_else(|error| panic!("failed to {error}"));
        let topic = format!("source.{}", options.topic_names()[0]);
        assert_eq!(records_of(lab.target(), &topic), records_before);
        let producer = ClientConfig::new().set("bootstrap.servers", lab.source()).create().unwrap();
        send(&producer, &options.topic_names(), 1);
        until("the record has crossed", || records_of(lab.target(), &topic) == records_before + 1);
        let state = lab.state().clone();
        drop(lab);
        assert_eq!(survivors(&state), BTreeMap::new());
        assert!(StateFolder::new(&options.dir).read().is_err());
    }
}

#[test]
fn missing_programs_are_named_at_once_with_their_packages() {
    let parent = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ramp-lab"))
        .args(["up", "--dir"])
        .arg(parent.path().join("lab"))
        .env("PATH", parent.path())
        .env("RAMP_LAB_CACHE", parent.path().join("cache"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "nothing to evaluate: {output:?}");
    let packages = "maven openjdk-17-jre-headless prometheus prometheus-node-exporter";
    assert!(stderr(&output).contains(packages), "{output:?}");
}

fn only_the_right_password_passes(guard: &Guard) {
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let right = guarded(guard, mechanism, guard.password.expose());
        metadata(right, 10).unwrap_or_else(|error| panic!("{mechanism}: {error}"));
        // The client does not tell a refusal from silence; the listener has answered the right one at once.
        metadata(guarded(guard, mechanism, "wrong"), 2).expect_err(mechanism);
    }
}

fn metadata(config: ClientConfig, seconds: u64) -> Result<(), KafkaError> {
    let consumer: BaseConsumer = config.create()?;
    consumer.fetch_metadata(None, Duration::from_secs(seconds)).map(drop)
}

fn guarded(guard: &Guard, mechanism: &str, password: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &guard.bootstrap)
        .set("security.protocol", "SASL_SSL")
        .set("ssl.ca.location", guard.ca.to_string_lossy())
        .set("sasl.mechanism", mechanism)
        .set("sasl.username", &guard.user)
        .set("sasl.password", password);
    config
}

fn produce(guard: &Guard, topics: &[String], records: u64) {
    let mut config = guarded(guard, "SCRAM-SHA-512", guard.password.expose());
    send(&config.set("linger.ms", "5").create().unwrap(), topics, records);
}

fn send(producer: &BaseProducer, topics: &[String], records: u64) {
    let payload = [b'x'; 1024];
    for (n, topic) in (0..records).zip(topics.iter().cycle()) {
        let key = n.to_string();
        producer.send(BaseRecord::to(topic).key(&key).payload(&payload)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Leaves a committed offset behind the first records, as a consumer of the source would.
fn commit_as_a_group(bootstrap: &str, topic: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "group");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut offsets = TopicPartitionList::new();
    for partition in 0..3 {
        offsets.add_partition_offset(topic, partition, Offset::Offset(1)).unwrap();
    }
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

fn records_of(bootstrap: &str, topic: &str) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    let end = |partition| consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap().1;
    (0..3).map(end).sum()
}

fn topics_of(bootstrap: &str, prefix: &str) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(10)).unwrap();
    let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

fn a_throttled_side_says_so(lab: &Lab, guard: &Guard, topics: &[String]) {
    let sides = [
        (
            Side::Target,
            r#"kafka_producer_producer_metrics_produce_throttle_time_max{client_id="connector-producer-mm2-0"} > 0"#,
        ),
        (
            Side::Source,
            r#"kafka_consumer_consumer_fetch_manager_metrics_fetch_throttle_time_max{client_id=~".*replication-consumer.*"} > 0"#,
        ),
    ];
    for (side, query) in sides {
        lab.throttle(Throttle::to(100_000, side).unwrap()).unwrap();
        produce(guard, topics, RECORDS);
        eventually(lab, query);
        lab.throttle(Throttle::off(side)).unwrap();
    }
    eventually(lab, "sum(kafka_connect_mirror_source_connector_record_count) == 9000");
}

fn what_is_frozen_runs_on_when_thawed(lab: &Lab) {
    lab.freeze(Process::Prometheus).unwrap();
    assert!(ask(lab, "up").is_none());
    lab.thaw(Process::Prometheus).unwrap();
    eventually(lab, "up");
}

fn secrets_are_in_no_log(lab: &Lab, guard: &Guard) {
    let logs = fs::read_dir(lab.dir().join("logs")).unwrap();
    for log in logs.map(|log| log.unwrap().path()) {
        let text = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
        assert!(!text.contains(guard.password.expose()), "{log:?} has the password");
    }
}

/// Waits until Prometheus answers `query` with at least one series.
fn eventually(lab: &Lab, query: &str) {
    until(query, || ask(lab, query).is_some_and(|series| series > 0));
}

/// How many series Prometheus has for `query`; nothing where it does not answer.
fn ask(lab: &Lab, query: &str) -> Option<usize> {
    let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(2)));
    let url = format!("{}/api/v1/query", lab.prometheus_url());
    let mut response = config.build().new_agent().get(url).query("query", query).call().ok()?;
    let answer: Value = serde_json::from_str(&response.body_mut().read_to_string().ok()?).ok()?;
    answer["data"]["result"].as_array().map(Vec::len)
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn survivors(state: &LabState) -> BTreeMap<Process, Identity> {
    state.processes.iter().filter(|(_, identity)| identity.is_alive()).map(|(p, i)| (*p, *i)).collect()
}

fn kill(identity: Identity) {
    let status = Command::new("kill").args(["-KILL", &identity.pid.to_string()]).status().unwrap();
    assert!(status.success());
}

fn ramp_lab(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ramp-lab")).args(arguments).arg("--dir").arg(folder).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
