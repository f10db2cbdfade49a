//! Tables of cases: what is read, exactly.

use std::time::Duration;

use ramp_core::{
    observation::{Absence, Sample},
    signal::{Fold, SignalId},
};
use ramp_observe::catalog;

use crate::server::{ACTIVE, EXHAUSTED, Server, sample};

/// What is expected of a reading.
enum Expected {
    /// Series (some of its labels), value and the second of its scrape, and what the panel shows.
    Present(&'static [(&'static str, f64, u64)], Option<f64>),
    Absent(Absence),
}
use Expected::{Absent, Present};

/// Case, signal and second, and what is read then.
type Row = (&'static str, SignalId, u64, Expected);

fn sane() -> Vec<Row> {
    vec![
        ("sane", catalog::ACTIVE_RECORDS, 62, Present(&[("(sum)", 90.0, 60)], Some(90.0))),
        (
            "sane",
            catalog::LATENCY_AVG,
            62,
            Present(&[("partition=\"0\"", 100.0, 60), ("partition=\"1\"", 300.0, 60)], Some(200.0)),
        ),
        (
            "sane",
            catalog::LATENCY_MAX,
            62,
            Present(&[("partition=\"0\"", 400.0, 60), ("partition=\"1\"", 900.0, 60)], Some(900.0)),
        ),
        (
            "sane",
            catalog::BUFFER_UTILIZATION,
            62,
            Present(
                &[
                    ("client_id=\"connector-producer-mm2-0\"", 75.0, 60),
                    ("client_id=\"producer-1\"", 0.0, 60),
                ],
                None,
            ),
        ),
        ("sane", catalog::BUFFER_EXHAUSTED, 62, Present(&[("client_id=", 7.0, 60)], Some(7.0))),
        ("sane", catalog::HOST_CPU, 62, Present(&[("w1:9100", 40.0, 60), ("w2:9100", 50.0, 60)], None)),
        ("sane", catalog::HOST_MEMORY, 62, Present(&[("w1:9100", 75.0, 60), ("w2:9100", 50.0, 60)], None)),
        ("sane", catalog::HOST_DISK_BUSY, 62, Present(&[("sda", 0.25, 60), ("sdb", 0.0, 60)], None)),
    ]
}

fn out_of_the_ordinary() -> Vec<Row> {
    vec![
        // The last scrape was at 60: it is still good once one was missed, and stale after two.
        ("gap", catalog::ACTIVE_RECORDS, 72, Present(&[("(sum)", 10.0, 60)], Some(10.0))),
        ("gap", catalog::ACTIVE_RECORDS, 82, Absent(Absence::Stale(Duration::from_secs(22)))),
        ("nan", catalog::LATENCY_MAX, 62, Absent(Absence::NotANumber)),
        // One value that is no number makes the panel's sum none, and the others are no sum either.
        (
            "nan",
            catalog::ACTIVE_RECORDS,
            62,
            Absent(Absence::Unexpected(
                "the value lacks connector=\"mm2\", env=\"lab\", instance=\"w1:7073\", \
                 kafka_connect_cluster=\"c\", task=\"0\", which is not a number"
                    .to_owned(),
            )),
        ),
        // A counter that was reset reads as it stands: the increase is the campaign's to tell.
        (
            "reset",
            catalog::BUFFER_EXHAUSTED,
            57,
            Present(&[("connector-producer-mm2-0", 7.0, 55), ("producer-1", 1.0, 55)], Some(8.0)),
        ),
        (
            "reset",
            catalog::BUFFER_EXHAUSTED,
            62,
            Present(&[("connector-producer-mm2-0", 2.0, 60), ("producer-1", 1.0, 60)], Some(3.0)),
        ),
        (
            "stale-gauge",
            catalog::LATENCY_AVG,
            57,
            Present(
                &[("partition=\"0\"", 100.0, 55), ("partition=\"1\"", 6_500.0, 55)],
                Some(4_352.333_333_333_333),
            ),
        ),
        ("stale-gauge", catalog::LATENCY_AVG, 62, Absent(Absence::NoSeries)),
        ("hot-worker", catalog::HOST_CPU, 62, Present(&[("w1:9100", 5.0, 60), ("w2:9100", 97.0, 60)], None)),
        ("renamed", catalog::ACTIVE_RECORDS, 62, Absent(Absence::NoSeries)),
        ("appearing", catalog::ACTIVE_RECORDS, 57, Present(&[("(sum)", 10.0, 55)], Some(10.0))),
        ("appearing", catalog::ACTIVE_RECORDS, 62, Present(&[("(sum)", 30.0, 60)], Some(30.0))),
        (
            "appearing",
            catalog::BUFFER_EXHAUSTED,
            57,
            Present(&[("connector-producer-mm2-0", 0.0, 55)], Some(0.0)),
        ),
        (
            "appearing",
            catalog::BUFFER_EXHAUSTED,
            62,
            Present(
                &[("connector-producer-mm2-0", 0.0, 60), ("connector-producer-mm2-1", 3.0, 60)],
                Some(3.0),
            ),
        ),
    ]
}

#[tokio::test]
async fn each_case_is_read_as_what_it_is() {
    let server = Server::over_all_cases().await;
    for (case, signal, second, expected) in sane().into_iter().chain(out_of_the_ordinary()) {
        let observer = server.observer(case, std::slice::from_ref(&signal)).await.unwrap();
        let mut readings = sample(&observer, second as f64).await;
        let (read, sample) = readings.pop().unwrap();
        assert_eq!((read, readings.len()), (signal.clone(), 0));
        same(&format!("{signal} of {case} at {second}"), &sample, &expected);
    }
}

/// What is read at the last of several samplings.
struct Asked {
    case: &'static str,
    expression: String,
    fold: Fold,
    seconds: &'static [f64],
    expected: Vec<Expected>,
}

impl Asked {
    fn new(
        case: &'static str,
        expression: impl Into<String>,
        seconds: &'static [f64],
        expected: Vec<Expected>,
    ) -> Self {
        Self { case, expression: expression.into(), fold: Fold::Worst, seconds, expected }
    }

    fn counted(self) -> Self {
        Self { fold: Fold::Increase, ..self }
    }
}

fn what_happened_between() -> Vec<Asked> {
    vec![
        // Neither sampling has the scrape at 65 as its newest.
        Asked::new(
            "peak",
            ACTIVE,
            &[64.9, 70.1],
            vec![Present(&[("w1", 99.0, 65)], None), Present(&[("w1", 10.0, 70)], None)],
        ),
        // Several samplings that were not answered are made up for, with what the panel showed at each time.
        Asked::new(
            "peak",
            format!("sum({ACTIVE})"),
            &[54.0, 77.0],
            vec![
                Present(&[("(sum)", 10.0, 55)], Some(10.0)),
                Present(&[("(sum)", 10.0, 60)], Some(10.0)),
                Present(&[("(sum)", 99.0, 65)], Some(99.0)),
                Present(&[("(sum)", 10.0, 70)], Some(10.0)),
                Present(&[("(sum)", 10.0, 75)], Some(10.0)),
            ],
        ),
        // Its target was down at the first reading: since its value before, it has counted two.
        Asked::new(
            "returning",
            format!("sum({EXHAUSTED})"),
            &[401.0],
            vec![Present(&[("w1", 7.0, 400), ("w2", 500.0, 1)], Some(7.0))],
        )
        .counted(),
        Asked::new(
            "returning",
            format!("sum({EXHAUSTED})"),
            &[461.0, 462.0],
            vec![Present(&[("w1", 7.0, 460), ("w2", 502.0, 460)], Some(509.0))],
        )
        .counted(),
    ]
}

fn what_hides_a_worker() -> Vec<Asked> {
    let lacks_w2 = |why: &str| {
        vec![Absent(Absence::Unexpected(format!(
            "the value lacks connector=\"mm2\", env=\"lab\", instance=\"w2:7073\", \
             kafka_connect_cluster=\"c\", task=\"1\", which is {why}"
        )))]
    };
    let sum = format!("sum({ACTIVE})");
    let idle = "rate(node_cpu_seconds_total{mode=\"idle\"}[30s])";
    vec![
        Asked::new("vanishing", &*sum, &[62.0], vec![Present(&[("(sum)", 30.0, 60)], Some(30.0))]),
        Asked::new("vanishing", &*sum, &[62.0, 82.0], lacks_w2("stale by 22.0 s")),
        Asked::new("vanishing", &*sum, &[62.0, 382.0], lacks_w2("gone")),
        Asked::new("vanishing", format!("100 - avg({ACTIVE})"), &[62.0, 382.0], lacks_w2("gone")),
        Asked::new(
            "vanishing",
            format!("sum by (task) ({ACTIVE})"),
            &[62.0],
            vec![Present(&[("task=\"0\"", 10.0, 60), ("task=\"1\"", 20.0, 60)], None)],
        ),
        Asked::new(
            "hot-worker",
            format!("100 * (1 - avg by (job, instance) ({idle}))"),
            &[62.0],
            vec![Present(&[("w1:9100", 5.0, 60), ("w2:9100", 97.0, 60)], None)],
        ),
        // Grouped by what does not tell workers apart, the panel shows their mean.
        Asked::new(
            "hot-worker",
            format!("avg by (job) ({idle})"),
            &[62.0],
            vec![Present(&[("w1:9100", 0.95, 60), ("w2:9100", 0.03, 60)], Some(0.49))],
        ),
    ]
}

/// What a query has in the place of a missing value is not read, whatever else is scraped.
fn what_stands_for_a_missing_value() -> Vec<Asked> {
    let absent =
        |expression: String| Asked::new("sane", expression, &[62.0], vec![Absent(Absence::NoSeries)]);
    vec![
        absent("sum(gone) or vector(0)".to_owned()),
        absent(format!("(sum(gone) or vector(0)) + sum({ACTIVE}) * 0")),
        absent(format!("(gone or on() absent(gone) - 1) + on() sum({ACTIVE})")),
        absent("gone or sum(up) * 0".to_owned()),
        Asked::new(
            "sane",
            format!("sum(gone or {ACTIVE})"),
            &[62.0],
            vec![Present(&[("(sum)", 90.0, 60)], Some(90.0))],
        ),
    ]
}

#[tokio::test]
async fn what_happened_since_the_last_sampling_is_read_as_it_was() {
    let server = Server::over_all_cases().await;
    let all = [what_happened_between(), what_hides_a_worker(), what_stands_for_a_missing_value()];
    for Asked { case, expression, fold, seconds, expected } in all.into_iter().flatten() {
        let what = format!("{expression} of {case} at {seconds:?}");
        let observer = server.observer_of_expression(case, &expression, fold).await;
        let mut readings = Vec::new();
        for second in seconds {
            readings = sample(&observer, *second).await;
        }
        let read: Vec<_> = readings.iter().map(|(_, sample)| sample).collect();
        // Before what is missing at last there may be what was there until then.
        let new = if matches!(*expected, [Absent(_)]) { read.get(read.len() - 1..) } else { Some(&*read) };
        assert_eq!(new.map(<[_]>::len), Some(expected.len()), "{what}: {read:?}");
        for (sample, expected) in new.into_iter().flatten().zip(&expected) {
            same(&what, sample, expected);
        }
    }
}

fn same(what: &str, sample: &Sample, expected: &Expected) {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9 * b.abs().max(1.0);
    match (sample, expected) {
        (Sample::Present { points, panel }, Present(expected, shown)) => {
            assert_eq!(points.len(), expected.len(), "{what}: {points:?}");
            for (point, (series, value, scraped)) in points.iter().zip(*expected) {
                assert!(point.series.contains(series), "{what}: {point:?}");
                assert!(near(point.value, *value), "{what}: {point:?}");
                // The campaign begins at the first second.
                assert_eq!(point.scraped.since_start(), Duration::from_secs(scraped - 1), "{what}");
            }
            match (panel, shown) {
                (Some(panel), Some(shown)) => {
                    assert!(near(*panel, *shown), "{what}: the panel shows {panel}")
                }
                (panel, shown) => assert_eq!(panel, shown, "{what}: what the panel shows"),
            }
        }
        (Sample::Absent(why), Absent(expected)) => assert_eq!(why, expected, "{what}"),
        (sample, _) => panic!("{what}: {sample:?}"),
    }
}
