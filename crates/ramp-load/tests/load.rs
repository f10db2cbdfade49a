//! The producer as a library, over librdkafka's mock cluster.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/load.rs"]
#[expect(dead_code, reason = "the test calls what the example's main calls")]
mod example;

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use ramp_core::{observation::Throttle, units::Rate};
use ramp_load::{
    client_config::ClusterConfig,
    clock::Clock,
    interval_log::IntervalLog,
    payload::Payload,
    producer::{Keys, Load, LoadSpec, Pacing, StartError},
    schedule::{Pace, RateChangeError, Until},
    snapshot::LoadSnapshot,
};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use tokio::time::{Instant, sleep};

type Mock = MockCluster<'static, DefaultProducerContext>;

const TOPIC: &str = "load";

fn mock(brokers: i32) -> (Mock, ClusterConfig) {
    let mock = MockCluster::new(brokers).unwrap();
    mock.create_topic(TOPIC, 3, 1).unwrap();
    let config = ClusterConfig { bootstrap: mock.bootstrap_servers(), ..ClusterConfig::default() };
    (mock, config)
}

fn rate(rate: u32) -> Rate {
    Rate::per_second(rate).unwrap()
}

fn paced(per_second: u32, hold: Duration) -> LoadSpec {
    LoadSpec::new(vec![TOPIC.to_owned()], Pace::Rate(rate(per_second)), Until::After(hold))
}

fn counted(per_second: u32, records: u64) -> LoadSpec {
    LoadSpec { until: Until::Records(records), ..paced(per_second, Duration::ZERO) }
}

async fn finish(load: &Load) -> LoadSnapshot {
    load.finished().await;
    load.snapshot()
}

/// Waits until `reached` is, and fails if that takes longer than any healthy machine needs.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn assert_balanced(whole: &LoadSnapshot, load: &Load) {
    assert_eq!(whole.offered, whole.acknowledged + whole.failed, "{whole:?}");
    assert_eq!(load.account().failures().values().sum::<u64>(), whole.failed);
    assert_eq!((whole.ack.count(), whole.total.count()), (whole.acknowledged, whole.acknowledged));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unthrottled_load_accounts_for_each_record_without_stamps_or_keys() {
    let (_mock, config) = mock(1);
    let spec = LoadSpec {
        payload: Payload::Letters(100),
        keys: Keys::None,
        stamped: false,
        ..LoadSpec::new(vec![TOPIC.to_owned()], Pace::Unthrottled, Until::Records(20_000))
    };
    let load = Load::start(&config, Clock::start(), spec).unwrap();
    assert_eq!(load.set_rate(rate(1)), Err(RateChangeError::Unthrottled));
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert_eq!((whole.planned, whole.due, whole.acknowledged), (Some(20_000), 20_000, 20_000));
    assert_eq!((whole.bytes, whole.rate), (2_000_000, None));
    assert_eq!(whole.total, whole.ack, "without a schedule a latency counts from the hand-over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_no_more_is_measured_and_loses_nothing() {
    let (_mock, mut config) = mock(1);
    config.properties.insert("queue.buffering.max.messages".to_owned(), "10".to_owned());
    let spec = LoadSpec::new(vec![TOPIC.to_owned()], Pace::Unthrottled, Until::Records(200));
    let load = Load::start(&config, Clock::start(), spec).unwrap();
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert_eq!(whole.acknowledged, 200);
    assert!(whole.blockages > 0 && whole.blocked >= Duration::from_millis(whole.blockages), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_cluster_throttles_is_noted_where_the_client_keeps_statistics_and_nowhere_else() {
    let (_mock, mut config) = mock(2);
    let clock = Clock::start();
    let mut with_statistics_every = |millis: &str, spec| {
        config.properties.insert("statistics.interval.ms".to_owned(), millis.to_owned());
        Load::start(&config, clock, spec).unwrap()
    };
    let throttle = |load: &Load| load.account().progress(clock.now()).throttle;
    let noted = with_statistics_every("50", paced(100, Duration::from_secs(60)));
    until("the first statistics", || throttle(&noted).is_some()).await;
    assert_eq!(throttle(&noted), Some(Throttle::default()), "a mock cluster throttles nobody");
    noted.stop();
    let unnoted = with_statistics_every("0", counted(1_000, 500));
    finish(&unnoted).await;
    assert_eq!(throttle(&unnoted), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_changes_under_way_and_every_record_due_is_sent() {
    let (_mock, config) = mock(1);
    let load = Load::start(&config, Clock::start(), paced(200, Duration::from_secs(3))).unwrap();
    assert_eq!(load.snapshot().planned, Some(600));
    until("the first hand-over", || load.snapshot().offered > 0).await;
    load.set_rate(rate(2_000)).unwrap();
    let planned = load.snapshot().planned.unwrap();
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert!(planned > 600 && planned <= 6_000, "{planned}");
    assert_eq!((whole.planned, whole.due), (Some(planned), planned));
    assert_eq!(whole.rate, Some(rate(2_000)));
    assert_eq!(whole.not_offered() + whole.offered, planned);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_balances_when_a_broker_dies() {
    let (mock, config) = mock(2);
    let spec = LoadSpec { delivery_timeout: Duration::from_secs(2), ..paced(1_000, Duration::from_secs(2)) };
    let load = Load::start(&config, Clock::start(), spec).unwrap();
    until("an acknowledgement", || load.snapshot().acknowledged > 0).await;
    for broker in [1, 2] {
        mock.broker_down(broker).unwrap();
    }
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert!(whole.failed > 0 && whole.acknowledged > 0, "{whole:?}");
    assert_eq!((whole.due, whole.in_flight()), (2_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_fails_by_its_name() {
    let (_mock, config) = mock(1);
    let spec = LoadSpec { payload: Payload::Random(2_000_000), ..counted(100, 3) };
    let load = Load::start(&config, Clock::start(), spec).unwrap();
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert_eq!((whole.offered, whole.failed), (3, 3));
    let failures = load.account().failures();
    assert!(failures.keys().all(|error| error.contains("size too large")), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_precisely_paced_load_sends_every_record() {
    let (_mock, config) = mock(1);
    let spec = LoadSpec { pacing: Pacing::Precise, ..counted(400, 200) };
    let load = Load::start(&config, Clock::start(), spec).unwrap();
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert_eq!((whole.acknowledged, whole.lateness.count()), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_load_says_how_many_records_were_purged() {
    let (mock, config) = mock(1);
    let load = Load::start(&config, Clock::start(), paced(1_000, Duration::from_secs(600))).unwrap();
    mock.broker_down(1).unwrap();
    until("records in flight", || load.snapshot().in_flight() > 100).await;
    load.abandon();
    let whole = finish(&load).await;
    assert_balanced(&whole, &load);
    assert!(whole.purged > 0 && whole.purged <= whole.failed, "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_log_reads_back_and_merges_to_the_whole() {
    let (_mock, config) = mock(1);
    let clock = Clock::start();
    let load = Load::start(&config, clock, counted(500, 1_000)).unwrap();
    let mut text = Vec::new();
    let mut log = IntervalLog::begin(&mut text, clock.now(), "a test").unwrap();
    let mut intervals = load.snapshots(Duration::from_millis(300));
    let mut end = Duration::ZERO;
    while let Some(interval) = intervals.next().await {
        assert_eq!(interval.from, end, "intervals leave no gap");
        end = interval.from + interval.span;
        log.write(&interval).unwrap();
    }
    let whole = finish(&load).await;
    assert_eq!(end, whole.span);
    let mut merged = BTreeMap::<String, Histogram<u64>>::new();
    let mut deserializer = Deserializer::new();
    let mut lines = 0;
    for entry in IntervalLogIterator::new(&text) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        lines += 1;
        let histogram =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, interval.encoded_histogram());
        let histogram: Histogram<u64> = deserializer.deserialize(&mut histogram.unwrap().as_slice()).unwrap();
        let part = merged.entry(interval.tag().unwrap().as_str().to_owned());
        *part.or_insert_with(|| Histogram::new_from(&histogram)) += histogram;
    }
    assert!(lines >= 3 * 3, "{lines} histograms");
    let expected = [("lateness", &whole.lateness), ("ack", &whole.ack), ("total", &whole.total)];
    for (name, part) in expected {
        let merged = merged.remove(name).unwrap();
        assert_eq!(&merged, part.histogram(), "{name}");
        assert_eq!(merged.len(), 1_000, "{name}");
    }
    assert!(merged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_loads_in_one_process_keep_their_accounts_apart() {
    let (_mock, config) = mock(1);
    let start = |records| Load::start(&config, Clock::start(), counted(500, records));
    let (short, long) = (start(100).unwrap(), start(700).unwrap());
    let (short, long) = (finish(&short).await, finish(&long).await);
    assert_eq!((short.acknowledged, long.acknowledged), (100, 700));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_loads_at_two_rates_and_stops() {
    let (_mock, config) = mock(1);
    let whole = example::run(config.bootstrap, TOPIC.to_owned()).await.unwrap();
    assert_eq!((whole.in_flight(), whole.failed, whole.rate), (0, 0, Some(rate(1_000))));
    assert!(whole.acknowledged > 0 && whole.acknowledged <= whole.due, "{whole:?}");
}

#[test]
fn a_load_that_a_probe_cannot_judge_is_refused() {
    let (_mock, config) = mock(1);
    let spec = LoadSpec { stamped: false, ..paced(1, Duration::from_secs(1)) };
    let error = Load::start_watched(&config, Clock::start(), spec, drop).unwrap_err();
    assert!(matches!(error, StartError::NotWatchable), "{error}");
}

#[test]
fn a_delivery_timeout_beyond_the_highest_latency_is_refused() {
    let (_mock, config) = mock(1);
    let spec = LoadSpec { delivery_timeout: Duration::from_secs(3_601), ..paced(1, Duration::from_secs(1)) };
    let error = Load::start(&config, Clock::start(), spec).unwrap_err().to_string();
    assert!(error.contains("3601 s") && error.contains("3600 s"), "{error}");
}
