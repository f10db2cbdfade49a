//! Producer and probe over librdkafka's mock cluster, which stands for source and target at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use ramp_core::units::Rate;
use ramp_load::{
    client_config::{ClusterConfig, ConnectError, Secret},
    clock::Clock,
    cluster::{self, ClusterError, Survey},
    probe::{Probe, canary::Canaries},
    producer::{Load, LoadSpec},
    stamp::RunId,
};
use rdkafka::{
    mocking::MockCluster,
    producer::DefaultProducerContext,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::time::{Instant, sleep};

type Mock = MockCluster<'static, DefaultProducerContext>;

const TOPICS: [&str; 2] = ["a.generated-data-01.json", "a.generated-data-02.json"];

fn mock() -> (Mock, ClusterConfig) {
    let mock = MockCluster::new(1).unwrap();
    for topic in TOPICS {
        mock.create_topic(topic, 3, 1).unwrap();
    }
    let config = ClusterConfig { bootstrap: mock.bootstrap_servers(), ..ClusterConfig::default() };
    (mock, config)
}

fn topics() -> Vec<String> {
    TOPICS.map(str::to_owned).into()
}

fn spec(run: RunId, rate: u32, hold: Duration) -> LoadSpec {
    let rate = Rate::per_second(rate).unwrap();
    LoadSpec { topics: topics(), ..LoadSpec::tier(run, 0, rate, hold, Duration::from_secs(5)) }
}

/// Waits until `reached` is, and fails if that takes longer than any healthy machine needs.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_offered_acknowledged_and_seen_once() {
    let (_mock, config) = mock();
    let (run, clock) = (RunId::random(), Clock::start());
    let probe = Probe::connect(&config, clock, run, topics()).unwrap();
    let views = cluster::describe(&config, &topics()).unwrap().topics;
    assert_eq!(views.iter().map(|view| view.partitions).collect::<Vec<_>>(), [3, 3]);
    let canaries = Canaries::new(config.clone(), run, clock, views);
    let crossing = canaries.cross(&probe, Duration::from_secs(60)).await.unwrap();
    let ways: Vec<_> = crossing.canaries.iter().map(|way| (way.topic.as_str(), way.partition)).collect();
    assert_eq!(ways, TOPICS.into_iter().flat_map(|topic| [0, 1, 2].map(|n| (topic, n))).collect::<Vec<_>>());
    let (shortest, longest) = crossing.extremes().unwrap();
    assert!(!shortest.is_zero() && shortest <= longest && longest < Duration::from_secs(60), "{crossing:?}");

    let load = Load::start_watched(&config, clock, spec(run, 2_000, Duration::from_secs(2)), |account| {
        probe.watch(account)
    });
    let load = load.unwrap();
    let account = load.account();
    load.finished().await;
    // A machine that is busy elsewhere may keep the sender from its last records until the hold is over.
    let progress = account.progress(clock.now());
    assert_eq!((progress.due, progress.in_flight(), progress.failed), (4_000, 0, 0));
    assert!(progress.offered > 0 && progress.acknowledged == progress.offered, "{progress:?}");
    until("the last arrival", || account.latency(clock.now()).arrived == progress.offered).await;
    let snapshot = account.latency(clock.now());
    assert_eq!((snapshot.duplicates, snapshot.reordered, snapshot.outstanding), (0, 0, 0));
    assert!(snapshot.p50 <= snapshot.p99 && snapshot.p99 <= snapshot.max, "{snapshot:?}");
    assert_eq!(probe.foreign(), 0);
    probe.health().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_surveyed_although_a_cluster_does_not_tell_their_settings() {
    let (_mock, config) = mock();
    let asked = ["gone".to_owned(), TOPICS[1].to_owned()];
    let Survey { topics, unread } = cluster::survey(&config, &asked).await.unwrap();
    let [topic] = topics.as_slice() else { panic!("one of them is there: {topics:?}") };
    assert_eq!((topic.name.as_str(), topic.partitions, topic.replicas), (TOPICS[1], 3, 1));
    assert_eq!((topic.out_of_sync, topic.settings), (0, None));
    assert!(unread.is_some(), "a mock cluster knows no settings");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_closes_over_records_that_fail() {
    let (mock, config) = mock();
    let clock = Clock::start();
    let load = Load::start(&config, clock, spec(RunId::random(), 500, Duration::from_secs(2))).unwrap();
    // Such an error is final: librdkafka does not try its batch again.
    mock.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 3],
    );
    load.finished().await;
    let account = load.account();
    let progress = account.progress(clock.now());
    assert!(account.is_closed(), "{progress:?}");
    assert!(progress.failed > 0, "{progress:?}");
    assert_eq!(progress.offered, progress.acknowledged + progress.failed);
    assert_eq!(account.failures().values().sum::<u64>(), progress.failed);
    assert!(progress.limit.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_over_a_dead_broker_is_measured_and_ends_with_the_hold() {
    let (mock, mut config) = mock();
    config.properties.insert("queue.buffering.max.messages".to_owned(), "50".to_owned());
    let clock = Clock::start();
    let spec = LoadSpec {
        delivery_timeout: Duration::from_secs(10),
        ..spec(RunId::random(), 1_000, Duration::from_secs(2))
    };
    let load = Load::start(&config, clock, spec).unwrap();
    mock.broker_down(1).unwrap();
    load.finished().await;
    let progress = load.account().progress(clock.now());
    assert_eq!((progress.due, progress.in_flight()), (2_000, 0), "{progress:?}");
    assert!(progress.offered < 2_000, "what the queue would not take is not offered: {progress:?}");
    assert!(progress.failed > 0 && !progress.blocked.is_zero(), "{progress:?}");
    assert!(progress.limit.is_some(), "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_load_hands_over_nothing_more() {
    let (_mock, config) = mock();
    let clock = Clock::start();
    let load = Load::start(&config, clock, spec(RunId::random(), 1_000, Duration::from_secs(600))).unwrap();
    let account = load.account();
    until("the first hand-over", || account.progress(clock.now()).offered > 0).await;
    load.stop();
    load.finished().await;
    let progress = account.progress(clock.now());
    assert!(progress.offered <= progress.due && progress.due < 600_000, "{progress:?}");
    assert_eq!(progress.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_appears_later_is_read_from_its_beginning() {
    let (mock, config) = mock();
    let (run, clock) = (RunId::random(), Clock::start());
    let late = "late.json".to_owned();
    let probe = Probe::connect(&config, clock, run, vec![late.clone()]).unwrap();
    mock.create_topic(&late, 1, 1).unwrap();
    let load = LoadSpec { topics: vec![late], ..spec(run, 100, Duration::from_secs(1)) };
    let load = Load::start_watched(&config, clock, load, |account| probe.watch(account)).unwrap();
    let account = load.account();
    load.finished().await;
    let offered = account.progress(clock.now()).offered;
    assert!(offered > 0);
    until("records of the late topic", || account.latency(clock.now()).arrived == offered).await;
}

#[test]
fn a_cluster_that_is_not_there_is_named_within_seconds() {
    let config = ClusterConfig { bootstrap: "127.0.0.1:1".to_owned(), ..ClusterConfig::default() };
    let error = cluster::describe(&config, &topics()).unwrap_err();
    assert!(matches!(error, ClusterError::Connect(ConnectError::Unreachable { .. })), "{error}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let (_mock, config) = mock();
    let error = cluster::describe(&config, &["absent.json".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("absent.json"), "{error}");
}

#[test]
fn a_property_that_librdkafka_refuses_is_named() {
    let properties = [("acks".to_owned(), "many".to_owned())].into();
    let config = ClusterConfig { properties, ..mock().1 };
    let error = Load::start(&config, Clock::start(), spec(RunId::random(), 1, Duration::from_secs(1)));
    let error = error.err().unwrap().to_string();
    assert!(error.contains("acks"), "{error}");
}

#[test]
fn a_secret_is_never_shown() {
    let config =
        ClusterConfig { password: Some(Secret::new("hunter2".to_owned())), ..ClusterConfig::default() };
    assert!(!format!("{config:?}").contains("hunter2"));
}
