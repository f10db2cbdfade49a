use proptest::{collection, prelude::*};
use ramp_core::signal::{SignalId, Unit};
use serde_json::{Value as Json, json};

use super::*;
use crate::client::answer::{Data, decode};

const NOW: f64 = 1_000.0;

fn signal(fold: Fold) -> Signal {
    Signal { fold, ..Signal::gauge(SignalId::literal("s"), Unit::Records, "", Duration::from_secs(5)) }
}

/// Series with their values, one for each moment up to now.
fn table(series: &[(Json, &[&str])], moments: Moments) -> Table {
    let series = series.iter().map(|(labels, values)| {
        let points: Vec<_> = moments.times().zip(*values).filter(|(_, value)| !value.is_empty()).collect();
        json!({"metric": labels, "values": points})
    });
    let result: Vec<_> = series.collect();
    let data = serde_json::from_value(json!({"resultType": "matrix", "result": result})).unwrap();
    Table::of(data, moments).unwrap()
}

/// Series with the seconds before now in which they were scraped, one for each moment.
fn stamps(series: &[(Json, &[f64])], moments: Moments) -> Table {
    let text = |(labels, ago): &(Json, &[f64])| {
        let stamps = ago.iter().map(|ago| if ago.is_nan() { String::new() } else { (NOW - ago).to_string() });
        (labels.clone(), stamps.collect::<Vec<_>>())
    };
    let series: Vec<_> = series.iter().map(text).collect();
    let texts: Vec<Vec<&str>> =
        series.iter().map(|(_, stamps)| stamps.iter().map(String::as_str).collect()).collect();
    let series: Vec<_> =
        series.iter().zip(&texts).map(|((labels, _), texts)| (labels.clone(), texts.as_slice())).collect();
    table(&series, moments)
}

/// A query whose expression is `expression`, and what was read of it so far.
struct Case {
    query: Query,
    fold: Fold,
    seen: Seen,
}

impl Case {
    fn of(expression: &str) -> Self {
        Self::folded(expression, Fold::Worst)
    }

    fn folded(expression: &str, fold: Fold) -> Self {
        Self { query: Query::new(expression, fold, None).unwrap(), fold, seen: Seen::default() }
    }

    fn read_all(&mut self, answers: &Answers) -> Vec<Sample> {
        let (signal, query) = (signal(self.fold), &self.query);
        let reader = Reader { signal: &signal, query, scale: &Scale::Same, start: NOW - 100.0 };
        reader.read(answers, &mut self.seen)
    }

    fn read(&mut self, judged: Table, stamps: Vec<Table>) -> Sample {
        let moments = Moments::only(NOW);
        let answers = Answers { moments, judged, stamps, panel: None, before: Table::default() };
        self.read_all(&answers).pop().unwrap()
    }
}

fn now(series: &[(Json, &str)]) -> Table {
    let series: Vec<_> = series.iter().map(|(labels, value)| (labels.clone(), [*value])).collect();
    let series: Vec<_> = series.iter().map(|(labels, values)| (labels.clone(), values.as_slice())).collect();
    table(&series, Moments::only(NOW))
}

fn ago(series: &[(Json, f64)]) -> Table {
    let series: Vec<_> = series.iter().map(|(labels, ago)| (labels.clone(), [*ago])).collect();
    let series: Vec<_> = series.iter().map(|(labels, ago)| (labels.clone(), ago.as_slice())).collect();
    stamps(&series, Moments::only(NOW))
}

fn w(number: u8) -> Json {
    json!({"w": number.to_string()})
}

/// Series, value and seconds since the campaign's start.
fn points(sample: &Sample) -> Vec<(&str, f64, u64)> {
    let Sample::Present { points, .. } = sample else { panic!("{sample:?}") };
    points.iter().map(|p| (p.series.as_str(), p.value, p.scraped.since_start().as_secs())).collect()
}

fn unexpected(sample: Sample) -> String {
    match sample {
        Sample::Absent(Absence::Unexpected(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_series_has_the_time_of_its_own_scrape() {
    let sample =
        Case::of("x").read(now(&[(w(1), "10"), (w(2), "20")]), vec![ago(&[(w(1), 1.0), (w(2), 4.0)])]);
    assert_eq!(points(&sample), [(r#"w="1""#, 10.0, 99), (r#"w="2""#, 20.0, 96)]);
}

#[test]
fn a_value_made_of_several_samples_is_as_old_as_the_oldest_of_them() {
    let cores = [
        (json!({"w": "1", "cpu": "0"}), 1.0),
        (json!({"w": "1", "cpu": "1"}), 2.0),
        (json!({"w": "2"}), 9.0),
    ];
    let mut case = Case::of("max by (w) (cores) + other");
    let sample = case.read(now(&[(w(1), "10")]), vec![ago(&cores), ago(&[(w(1), 1.5)])]);
    assert_eq!(points(&sample), [(r#"w="1""#, 10.0, 98)]);
}

#[test]
fn every_scrape_since_the_last_reading_is_read_once() {
    let mut case = Case::of("x");
    let first = Answers {
        moments: Moments::only(NOW - 5.0),
        judged: table(&[(w(1), &["1"])], Moments::only(NOW - 5.0)),
        stamps: vec![stamps(&[(w(1), &[12.0])], Moments::only(NOW - 5.0))],
        panel: None,
        before: Table::default(),
    };
    assert_eq!(points(&case.read_all(&first)[0]), [(r#"w="1""#, 1.0, 88)]);
    // The scrape 6 s ago was still under way then, and another followed.
    let moments = Moments::between(NOW - 10.0, NOW, 2.5, 9);
    let answers = Answers {
        moments,
        judged: table(&[(w(1), &["1", "1", "2", "2", "3"])], moments),
        stamps: vec![stamps(&[(w(1), &[12.0, 12.0, 6.0, 6.0, 1.0])], moments)],
        panel: Some(table(&[(json!({}), &["10", "10", "20", "21", "30"])], moments)),
        before: Table::default(),
    };
    let samples = case.read_all(&answers);
    let read: Vec<_> = samples.iter().map(|sample| points(sample)[0]).collect();
    assert_eq!(read, [(r#"w="1""#, 2.0, 94), (r#"w="1""#, 3.0, 99)]);
    let shown = |sample: &Sample| matches!(sample, Sample::Present { panel: Some(20.0 | 30.0), .. });
    assert!(samples.iter().all(shown), "the panel is of the same moment: {samples:?}");
    assert_eq!(case.read_all(&answers).len(), 1, "what is known is only told as the present state");
}

#[test]
fn a_stale_series_is_left_out_and_of_a_counter_kept_for_its_baseline() {
    let judged = || now(&[(w(1), "10"), (w(2), "20")]);
    let behind = || vec![ago(&[(w(1), 13.0), (w(2), 1.0)])];
    assert_eq!(points(&Case::of("x").read(judged(), behind())), [(r#"w="2""#, 20.0, 99)]);
    assert_eq!(points(&Case::folded("x", Fold::Increase).read(judged(), behind())).len(), 2);
    let all = vec![ago(&[(w(1), 13.0), (w(2), 15.0)])];
    assert_eq!(Case::of("x").read(judged(), all), Sample::Absent(Absence::Stale(Duration::from_secs(13))));
    let just_fresh = vec![ago(&[(w(1), 12.5), (w(2), 15.0)])];
    assert_eq!(points(&Case::of("x").read(judged(), just_fresh)), [(r#"w="1""#, 10.0, 87)]);
}

#[test]
fn a_counter_that_is_not_scraped_at_first_has_the_baseline_that_it_was_seen_with_before() {
    let mut case = Case::folded("x_total", Fold::Increase);
    let answers = |judged, stamps| Answers {
        moments: Moments::only(NOW),
        judged,
        stamps: vec![stamps],
        panel: None,
        before: now(&[(w(1), "10"), (w(2), "500"), (w(3), "NaN")]),
    };
    let first = case.read_all(&answers(now(&[(w(1), "10")]), ago(&[(w(1), 1.0)])));
    assert_eq!(points(&first[0]), [(r#"w="1""#, 10.0, 99), (r#"w="2""#, 500.0, 0)]);
    let again = case.read_all(&answers(now(&[(w(1), "11")]), ago(&[(w(1), 0.5)])));
    assert_eq!(points(&again[0]).len(), 1, "a baseline is told once");
}

#[test]
fn a_sum_is_of_all_its_parts_and_as_old_as_the_oldest() {
    let parts = now(&[(w(1), "10"), (w(2), "20")]);
    let sample = Case::of("sum(x)").read(parts, vec![ago(&[(w(1), 3.0), (w(2), 1.0)])]);
    assert_eq!(points(&sample), [("(sum)", 30.0, 97)]);
    let parts = [
        (json!({"w": "1", "t": "a"}), "1"),
        (json!({"w": "2", "t": "a"}), "2"),
        (json!({"w": "2", "t": "b"}), "4"),
    ];
    let behind = parts.clone().map(|(labels, _)| (labels, 1.0));
    let grouped = Case::of("sum by (t) (x)").read(now(&parts), vec![ago(&behind)]);
    let by_t = [(r#"t="a""#, 3.0, 99), (r#"t="b""#, 4.0, 99)];
    assert_eq!(points(&grouped), by_t);
    let grouped = Case::of("sum without (w) (x)").read(now(&parts), vec![ago(&behind)]);
    assert_eq!(points(&grouped), by_t);
}

#[test]
fn a_sum_that_lacks_a_part_is_absent_and_says_which() {
    let lacks = |value: &str, scraped: f64| {
        let parts = now(&[(w(1), "10"), (w(2), value)]);
        unexpected(Case::of("sum(x)").read(parts, vec![ago(&[(w(1), 1.0), (w(2), scraped)])]))
    };
    assert_eq!(lacks("NaN", 1.0), r#"the value lacks w="2", which is not a number"#);
    assert_eq!(lacks("20", 60.0), r#"the value lacks w="2", which is stale by 60.0 s"#);
    for expression in ["sum(x)", "100 - avg(x)", "max(sum by (t) (x))"] {
        let mut case = Case::of(expression);
        let both = vec![ago(&[(w(1), 1.0), (w(2), 1.0)])];
        case.read(now(&[(json!({}), "30")]), both);
        let gone = unexpected(case.read(now(&[(json!({}), "10")]), vec![ago(&[(w(1), 0.5)])]));
        assert_eq!(gone, r#"the value lacks w="2", which is gone"#, "{expression}");
        let neither = case.read(now(&[]), vec![ago(&[])]);
        assert_eq!(neither, Sample::Absent(Absence::NoSeries), "{expression}");
    }
}

#[test]
fn a_part_that_comes_later_is_not_missed_in_the_time_before_it() {
    let mut case = Case::of("sum(x)");
    let moments = Moments::between(NOW - 5.0, NOW, 2.5, 9);
    let answers = Answers {
        moments,
        judged: table(&[(w(1), &["1", "1", "2"]), (w(2), &["", "", "5"])], moments),
        stamps: vec![stamps(&[(w(1), &[6.0, 6.0, 1.0]), (w(2), &[f64::NAN, f64::NAN, 1.0])], moments)],
        panel: None,
        before: Table::default(),
    };
    let read = |samples: Vec<Sample>| samples.iter().map(|sample| points(sample)[0].1).collect::<Vec<_>>();
    assert_eq!(read(case.read_all(&answers)), [1.0, 7.0]);
    assert_eq!(read(case.read_all(&answers)), [7.0]);
}

#[test]
fn a_scrape_that_comes_late_is_read_as_it_was_before_another_part_came() {
    let mut case = Case::of("sum(x)");
    let first = Answers {
        moments: Moments::only(NOW - 5.0),
        judged: table(&[(w(1), &["1"]), (w(2), &["5"])], Moments::only(NOW - 5.0)),
        stamps: vec![stamps(&[(w(1), &[12.0]), (w(2), &[6.0])], Moments::only(NOW - 5.0))],
        panel: None,
        before: Table::default(),
    };
    assert_eq!(points(&case.read_all(&first)[0]), [("(sum)", 6.0, 88)]);
    let moments = Moments::between(NOW - 7.5, NOW, 2.5, 9);
    let late = Answers {
        moments,
        judged: table(&[(w(1), &["2", "2", "2", "3"]), (w(2), &["", "5", "5", "5"])], moments),
        stamps: vec![stamps(&[(w(1), &[8.0, 8.0, 8.0, 1.0]), (w(2), &[f64::NAN, 6.0, 6.0, 0.5])], moments)],
        panel: Some(table(&[(w(1), &["", "", "", "7"]), (w(2), &["", "", "", "7"])], moments)),
        before: Table::default(),
    };
    let samples = case.read_all(&late);
    let read: Vec<_> = samples.iter().map(|sample| points(sample)[0]).collect();
    assert_eq!(read, [("(sum)", 2.0, 92), ("(sum)", 8.0, 99)]);
    let several = matches!(samples[1], Sample::Present { panel: None, .. });
    assert!(several, "a panel of several series shows no one number: {samples:?}");
}

#[test]
fn a_series_is_called_by_its_labels_and_found_by_those_that_it_shares() {
    let named = json!({"__name__": "x", "w": "1", "added": "a"});
    let sample = Case::of("x").read(now(&[(named, "1")]), vec![ago(&[(w(1), 1.0), (w(2), 4.0)])]);
    assert_eq!(points(&sample), [(r#"added="a", w="1""#, 1.0, 99)]);
}

#[test]
fn what_is_no_number_is_absent_and_a_value_that_nothing_is_scraped_for_is_too() {
    let behind = || vec![ago(&[(json!({}), 1.0)])];
    let read = |value: &str| Case::of("x").read(now(&[(json!({}), value)]), behind());
    assert_eq!(read("NaN"), Sample::Absent(Absence::NotANumber));
    assert_eq!(read("+Inf"), Sample::Absent(Absence::NotANumber));
    assert_eq!(Case::of("x").read(now(&[]), behind()), Sample::Absent(Absence::NoSeries));
    assert_eq!(Case::of("x").read(now(&[(w(1), "0")]), vec![ago(&[])]), Sample::Absent(Absence::NoSeries));
}

#[test]
fn the_rate_of_a_series_that_is_gone_is_not_another_s() {
    let judged = now(&[(w(1), "10"), (w(2), "97")]);
    let sample = Case::of("rate(x_total[30s])").read(judged, vec![ago(&[(w(1), 1.0)])]);
    assert_eq!(points(&sample), [(r#"w="1""#, 10.0, 99)]);
}

#[test]
fn a_series_with_rewritten_labels_is_as_old_as_any_may_be() {
    let mut case = Case::of(r#"label_replace(x, "w", "w$1", "w", "(.*)")"#);
    let judged = now(&[(json!({"w": "w1"}), "1"), (json!({"w": "w2"}), "2")]);
    let sample = case.read(judged, vec![ago(&[(w(1), 1.0), (w(2), 4.0)])]);
    assert_eq!(points(&sample), [(r#"w="w1""#, 1.0, 96), (r#"w="w2""#, 2.0, 96)]);
}

#[test]
fn what_is_made_of_no_sample_is_as_new_as_the_asking() {
    assert_eq!(
        points(&Case::of("vector(3)").read(now(&[(json!({}), "3")]), vec![])),
        [("(no labels)", 3.0, 100)]
    );
}

#[test]
fn an_answer_of_another_shape_says_which() {
    let moments = Moments::only(NOW);
    let data = |kind: &str, result: &Json| {
        serde_json::from_value(json!({"resultType": kind, "result": result})).unwrap()
    };
    let histogram = data("matrix", &json!([{"metric": {}, "histograms": [[NOW, {}]]}]));
    let histogram = Case::of("x").read(Table::of(histogram, moments).unwrap(), vec![]);
    assert!(unexpected(histogram).contains("native histogram"));
    assert!(matches!(Table::of(data("string", &json!([NOW, "x"])), moments), Err(Absence::Unexpected(_))));
    let many: Vec<_> = (0..=MOST_SERIES).map(|n| (json!({"n": n.to_string()}), "1")).collect();
    assert!(unexpected(Case::of("x").read(now(&many), vec![])).contains("5001 series"));
    let most = Case::of("x").read(now(&many[..MOST_SERIES]), vec![]);
    assert_eq!(points(&most).len(), MOST_SERIES);
}

fn any_answer() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        Just("NaN"),
        Just("+Inf"),
        Just("0"),
        Just("-1.5"),
        Just("1e308"),
        Just("990"),
        Just("x")
    ];
    let point = (900.0..1_100.0, text).prop_map(|(time, value)| json!([time, value]));
    let label = prop_oneof![Just("w"), Just("t"), Just("__name__")];
    let labels = collection::btree_map(label.prop_map(str::to_owned), "[ab]", 0..3);
    let series = (labels, collection::vec(point.clone(), 0..6)).prop_map(|(labels, values)| {
        json!({"metric": labels, "values": values, "value": values.first(), "histogram": null})
    });
    let kind =
        prop_oneof![8 => Just("matrix"), 2 => Just("vector"), 1 => Just("scalar"), 1 => Just("string")];
    let result = prop_oneof![
        6 => collection::vec(series, 0..5).prop_map(Json::from),
        1 => point,
    ];
    (kind, result).prop_map(
        |(kind, result)| json!({"status": "success", "data": {"resultType": kind, "result": result}}),
    )
}

proptest! {
    #[test]
    fn any_answers_are_finite_values_or_named_absences(
        judged in any_answer(), behind in any_answer(), panel in any_answer(), before in any_answer(),
        expression in prop_oneof![Just("x"), Just("sum(x)"), Just("sum by (w) (x)"), Just("100 - avg(x)"), Just("x_total")],
        counts in any::<bool>(), from in 900.0..1_000.0,
    ) {
        let moments = Moments::between(from, NOW, 2.5, 30);
        let table = |json: &Json| {
            decode::<Data>(json.to_string().as_bytes()).ok().and_then(|answer| Table::of(answer.data, moments).ok())
        };
        let (Some(judged), Some(behind)) = (table(&judged), table(&behind)) else { return Ok(()) };
        let answers = Answers {
            moments, judged, stamps: vec![behind], panel: table(&panel), before: table(&before).unwrap_or_default(),
        };
        let fold = if counts { Fold::Increase } else { Fold::Worst };
        let mut case = Case::folded(expression, fold);
        for _twice in 0..2 {
            let samples = case.read_all(&answers);
            prop_assert!(!samples.is_empty(), "the last moment is always told");
            for sample in samples {
                let Sample::Present { points, panel } = sample else { continue };
                prop_assert!(!points.is_empty() && points.iter().all(|point| point.value.is_finite()));
                prop_assert!(panel.is_none_or(f64::is_finite));
            }
        }
    }
}
