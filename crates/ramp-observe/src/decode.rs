//! Answers to readings: each series with the time of its own scrape, and every absence with its reason.

use std::{collections::BTreeMap, time::Duration};

use ramp_core::{
    observation::{Absence, Point, Sample},
    signal::{Fold, Signal},
    units::Elapsed,
};

use crate::{
    client::answer::{Data, Series},
    dashboard::Scale,
    query::Parts,
};

/// What was answered about one signal at one moment.
#[derive(Debug)]
pub(crate) struct Answers {
    /// What is judged.
    pub(crate) judged: Data,
    /// When the samples behind were scraped, selector by selector; nothing where the query has no selector.
    pub(crate) stamps: Vec<Stamps>,
    /// What the panel shows.
    pub(crate) panel: Option<Data>,
}

/// When a selector's samples were scraped, in seconds since the Unix epoch.
#[derive(Debug, Default)]
pub(crate) struct Stamps(Vec<(BTreeMap<String, String>, f64)>);

impl Stamps {
    /// The answer to `timestamp(selector)`.
    pub(crate) fn of(data: Data) -> Self {
        let Data::Vector(series) = data else { return Self::default() };
        Self(
            series
                .into_iter()
                .filter_map(|one| Some((one.value()?, one.labels)))
                .map(|(stamp, labels)| (labels, stamp))
                .collect(),
        )
    }

    /// The newest sample.
    pub(crate) fn newest(&self) -> Option<f64> {
        self.0.iter().map(|(_, stamp)| *stamp).reduce(f64::max)
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = &BTreeMap<String, String>> {
        self.0.iter().map(|(labels, _)| labels)
    }

    fn by_labels(&self) -> BTreeMap<Vec<(&str, &str)>, f64> {
        self.0.iter().map(|(labels, stamp)| (key(labels), *stamp)).collect()
    }

    /// The newest sample behind a series: of those whose labels do not contradict it, or of all.
    fn behind(&self, labels: &BTreeMap<String, String>) -> Option<f64> {
        let agrees = |own: &BTreeMap<String, String>| {
            let mut shared = labels.iter().filter(|(name, _)| *name != NAME);
            shared.all(|(name, value)| own.get(name).is_none_or(|own| own == value))
        };
        let behind = self.0.iter().filter(|(own, _)| agrees(own)).map(|(_, stamp)| *stamp);
        behind.reduce(f64::max).or_else(|| self.newest())
    }
}

/// How the answers about a signal are to be taken.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) signal: &'a Signal,
    pub(crate) parts: &'a Parts,
    pub(crate) scale: &'a Scale,
    /// The time that was asked for, in seconds since the Unix epoch.
    pub(crate) time: f64,
    /// The campaign's start, by the same clock.
    pub(crate) start: f64,
}

struct Value {
    series: String,
    value: f64,
    scraped: f64,
}

impl Reader<'_> {
    pub(crate) fn read(&self, answers: Answers) -> Sample {
        let Answers { judged, stamps, panel } = answers;
        match self.values(judged, &stamps).and_then(|values| self.usable(values)) {
            Ok(values) => Sample::Present {
                points: values.into_iter().map(|value| self.point(value)).collect(),
                panel: panel.and_then(|panel| self.shown(panel)),
            },
            Err(why) => Sample::Absent(why),
        }
    }

    /// Every series' value and the time of its scrape.
    fn values(&self, judged: Data, stamps: &[Stamps]) -> Result<Vec<Value>, Absence> {
        let unexpected = |what: &str| Err(Absence::Unexpected(what.to_owned()));
        let series = match judged {
            Data::Vector(series) => series,
            Data::Scalar(scalar) => {
                let scraped = self.oldest(stamps, Stamps::newest)?;
                return Ok(vec![Value {
                    series: self.name(&BTreeMap::new()),
                    value: scalar.value(),
                    scraped,
                }]);
            }
            Data::Matrix(_) => {
                return unexpected("a range of values where one is judged; leave out the [range]");
            }
            Data::String(_) => return unexpected("a text where a number is judged"),
        };
        if series.is_empty() {
            return Err(Absence::NoSeries);
        }
        if series.len() > MOST_SERIES {
            let what = format!(
                "{} series where at most {MOST_SERIES} are judged; make the query select less",
                series.len()
            );
            return Err(Absence::Unexpected(what));
        }
        if series.iter().any(|one| one.value().is_none()) {
            return unexpected(
                "a native histogram where a number is judged; ask histogram_quantile() or histogram_avg()",
            );
        }
        let known: Vec<_> = stamps.iter().map(Stamps::by_labels).collect();
        let value = |one: &Series| {
            let key = key(&one.labels);
            let stamps = stamps.iter().zip(&known);
            let scraped = self.oldest_of(
                stamps.map(|(stamps, known)| known.get(&key).copied().or_else(|| stamps.behind(&one.labels))),
            )?;
            Ok(Value { series: self.name(&one.labels), value: one.value().unwrap_or(f64::NAN), scraped })
        };
        series.iter().map(value).collect()
    }

    /// The values that can be judged: numbers that are not stale, or their sum.
    fn usable(&self, values: Vec<Value>) -> Result<Vec<Value>, Absence> {
        let age = |value: &Value| Duration::try_from_secs_f64(self.time - value.scraped).unwrap_or_default();
        let limit = self.signal.interval.mul_f64(STALE_AFTER);
        let youngest = values.iter().map(age).min().unwrap_or_default();
        if youngest > limit {
            return Err(Absence::Stale(youngest));
        }
        // A counter that was not seen when others were would count from zero when it is seen again.
        let keeps_all = self.signal.fold == Fold::Increase;
        let fresh = values.into_iter().filter(|value| keeps_all || age(value) <= limit);
        let numbers: Vec<_> = fresh.filter(|value| value.value.is_finite()).collect();
        if numbers.is_empty() {
            return Err(Absence::NotANumber);
        }
        if *self.parts != Parts::Sum {
            return Ok(numbers);
        }
        // A sum is as old as the oldest of its parts.
        let scraped = numbers.iter().map(|part| part.scraped).reduce(f64::min).unwrap_or(self.time);
        let value = numbers.iter().map(|part| part.value).sum();
        Ok(vec![Value { series: "(sum)".to_owned(), value, scraped }])
    }

    fn point(&self, Value { series, value, scraped }: Value) -> Point {
        // What was scraped before the campaign began is a counter's baseline, and never a tier's own.
        let since = Duration::try_from_secs_f64(scraped - self.start).unwrap_or_default();
        Point { series, value: self.scale.apply(value), scraped: Elapsed::new(since) }
    }

    /// What a person sees on the panel, where that is one number.
    fn shown(&self, panel: Data) -> Option<f64> {
        let value = match panel {
            Data::Vector(series) => match series.as_slice() {
                [one] => one.value(),
                _several => None,
            },
            Data::Scalar(scalar) => Some(scalar.value()),
            Data::Matrix(_) | Data::String(_) => None,
        };
        value.filter(|value| value.is_finite()).map(|value| self.scale.apply(value))
    }

    fn name(&self, own: &BTreeMap<String, String>) -> String {
        let labels = shown_labels(own);
        if !labels.is_empty() {
            return labels;
        }
        match self.parts {
            Parts::Whole(_) => "(panel)".to_owned(),
            Parts::Shown | Parts::Series(_) | Parts::Sum => "(no labels)".to_owned(),
        }
    }

    fn oldest(&self, stamps: &[Stamps], of: impl Fn(&Stamps) -> Option<f64>) -> Result<f64, Absence> {
        self.oldest_of(stamps.iter().map(of))
    }

    /// The oldest of the scrapes that a value is made of. What is made of none is as new as the asking.
    fn oldest_of(&self, scrapes: impl ExactSizeIterator<Item = Option<f64>>) -> Result<f64, Absence> {
        if scrapes.len() == 0 {
            return Ok(self.time);
        }
        // A value although nothing is scraped comes from a default in the query: absent is not zero.
        scrapes.flatten().reduce(f64::min).ok_or(Absence::NoSeries)
    }
}

/// Labels as a person reads them.
fn shown_labels(labels: &BTreeMap<String, String>) -> String {
    let shown = labels.iter().filter(|(name, _)| *name != NAME);
    shown.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(", ")
}

fn key(labels: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let own = labels.iter().filter(|(name, _)| *name != NAME);
    own.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

const NAME: &str = "__name__";

/// More series than a team's workers, partitions or disks can be: a selector that selects everything.
const MOST_SERIES: usize = 5_000;

/// A sample older than so many intervals was missed at least once.
pub(crate) const STALE_AFTER: f64 = 2.5;

#[cfg(test)]
mod tests {
    use ramp_core::signal::{SignalId, Unit};
    use serde_json::{Value as Json, json};

    use super::*;

    const NOW: f64 = 1_000.0;

    fn signal(fold: Fold) -> Signal {
        Signal {
            id: SignalId::literal("s"),
            unit: Unit::Records,
            fold,
            source: String::new(),
            interval: Duration::from_secs(5),
            window: Duration::ZERO,
            memory: Duration::ZERO,
            optional: false,
        }
    }

    fn vector(series: &[(Json, &str)]) -> Data {
        let series: Vec<_> =
            series.iter().map(|(labels, value)| json!({"metric": labels, "value": [NOW, value]})).collect();
        data("vector", &json!(series))
    }

    fn data(kind: &str, result: &Json) -> Data {
        serde_json::from_value(json!({"resultType": kind, "result": result})).unwrap()
    }

    /// The reading of `judged`, the samples behind it scraped as `stamps` says, in seconds before now.
    fn read(fold: Fold, parts: Parts, judged: Data, stamps: &[&[(Json, f64)]]) -> Sample {
        let stamps = stamps.iter().map(|one| {
            let series: Vec<_> =
                one.iter().map(|(labels, ago)| (labels.clone(), (NOW - ago).to_string())).collect();
            Stamps::of(vector(&series.iter().map(|(l, t)| (l.clone(), t.as_str())).collect::<Vec<_>>()))
        });
        let signal = signal(fold);
        let reader =
            Reader { signal: &signal, parts: &parts, scale: &Scale::Same, time: NOW, start: NOW - 100.0 };
        reader.read(Answers { judged, stamps: stamps.collect(), panel: None })
    }

    fn worst(judged: Data, stamps: &[&[(Json, f64)]]) -> Sample {
        read(Fold::Worst, Parts::Shown, judged, stamps)
    }

    /// Series, value and seconds since the campaign's start.
    fn points(sample: &Sample) -> Vec<(&str, f64, u64)> {
        let Sample::Present { points, .. } = sample else { panic!("{sample:?}") };
        points.iter().map(|p| (p.series.as_str(), p.value, p.scraped.since_start().as_secs())).collect()
    }

    #[test]
    fn each_series_has_the_time_of_its_own_scrape() {
        let judged = vector(&[(json!({"w": "1"}), "10"), (json!({"w": "2"}), "20")]);
        let stamps: &[_] = &[(json!({"w": "1"}), 1.0), (json!({"w": "2"}), 4.0)];
        assert_eq!(points(&worst(judged, &[stamps])), [(r#"w="1""#, 10.0, 99), (r#"w="2""#, 20.0, 96)]);
    }

    #[test]
    fn a_value_made_of_several_samples_is_as_old_as_the_oldest_of_its_selectors() {
        let judged = vector(&[(json!({"w": "1"}), "10")]);
        let cores: &[_] = &[
            (json!({"w": "1", "cpu": "0"}), 1.0),
            (json!({"w": "1", "cpu": "1"}), 2.0),
            (json!({"w": "2"}), 0.0),
        ];
        let other: &[_] = &[(json!({"w": "1"}), 3.0)];
        assert_eq!(points(&worst(judged, &[cores, other])), [(r#"w="1""#, 10.0, 97)]);
    }

    #[test]
    fn a_stale_series_is_left_out_and_of_a_counter_kept_for_its_baseline() {
        let judged = || vector(&[(json!({"w": "1"}), "10"), (json!({"w": "2"}), "20")]);
        let stamps: &[_] = &[(json!({"w": "1"}), 13.0), (json!({"w": "2"}), 1.0)];
        assert_eq!(points(&worst(judged(), &[stamps])), [(r#"w="2""#, 20.0, 99)]);
        assert_eq!(points(&read(Fold::Increase, Parts::Shown, judged(), &[stamps])).len(), 2);
        let all: &[_] = &[(json!({"w": "1"}), 13.0), (json!({"w": "2"}), 15.0)];
        assert_eq!(worst(judged(), &[all]), Sample::Absent(Absence::Stale(Duration::from_secs(13))));
    }

    #[test]
    fn a_sum_has_only_what_is_fresh_and_a_number_and_the_age_of_its_oldest_part() {
        let judged = vector(&[
            (json!({"w": "1"}), "10"),
            (json!({"w": "2"}), "20"),
            (json!({"w": "3"}), "NaN"),
            (json!({"w": "4"}), "5"),
        ]);
        let stamps: &[_] = &[
            (json!({"w": "1"}), 60.0),
            (json!({"w": "2"}), 1.0),
            (json!({"w": "3"}), 1.0),
            (json!({"w": "4"}), 3.0),
        ];
        assert_eq!(points(&read(Fold::Worst, Parts::Sum, judged, &[stamps])), [("(sum)", 25.0, 97)]);
    }

    #[test]
    fn what_is_no_number_is_absent_and_a_default_for_what_is_not_scraped_is_too() {
        let stamps: &[_] = &[(json!({}), 1.0)];
        assert_eq!(worst(vector(&[(json!({}), "NaN")]), &[stamps]), Sample::Absent(Absence::NotANumber));
        assert_eq!(worst(vector(&[(json!({}), "+Inf")]), &[stamps]), Sample::Absent(Absence::NotANumber));
        assert_eq!(worst(vector(&[]), &[stamps]), Sample::Absent(Absence::NoSeries));
        assert_eq!(worst(vector(&[(json!({}), "0")]), &[&[]]), Sample::Absent(Absence::NoSeries));
    }

    #[test]
    fn an_answer_of_another_shape_says_which() {
        let unexpected = |sample: Sample| match sample {
            Sample::Absent(Absence::Unexpected(what)) => what,
            other => panic!("{other:?}"),
        };
        let histogram = data("vector", &json!([{"metric": {}, "histogram": [NOW, {}]}]));
        assert!(unexpected(worst(histogram, &[])).contains("native histogram"));
        assert!(unexpected(worst(data("matrix", &json!([])), &[])).contains("range"));
        assert!(unexpected(worst(data("string", &json!([NOW, "x"])), &[])).contains("text"));
        let many: Vec<_> = (0..=MOST_SERIES).map(|n| (json!({"n": n.to_string()}), "1")).collect();
        assert!(unexpected(worst(vector(&many), &[])).contains("5001 series"));
        assert_eq!(points(&worst(data("scalar", &json!([NOW, "3"])), &[])), [("(no labels)", 3.0, 100)]);
    }
}
