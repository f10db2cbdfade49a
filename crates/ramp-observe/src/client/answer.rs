//! What Prometheus answers, decoded.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error, de::IgnoredAny};

use super::error::QueryError;

/// An answer, and what Prometheus warned of with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer<T> {
    pub(crate) data: T,
    pub(crate) warnings: Vec<String>,
}

/// The data of a query.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(crate) enum Data {
    Vector(Vec<Series>),
    Scalar(Point),
    Matrix(Vec<Range>),
    String(IgnoredAny),
}

/// A series' labels and its value, which a native histogram has not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Series {
    #[serde(default, rename = "metric")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Point>,
}

impl Series {
    pub(crate) fn value(&self) -> Option<f64> {
        self.value.as_ref().map(Point::value)
    }
}

/// A series' labels and its values over a time, which native histograms are not among.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Range {
    #[serde(default, rename = "metric")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) values: Vec<Point>,
    #[serde(default)]
    pub(crate) histograms: Vec<IgnoredAny>,
}

/// A time in seconds since the Unix epoch, and a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    time: f64,
    value: f64,
}

impl Point {
    pub(crate) const fn time(&self) -> f64 {
        self.time
    }

    pub(crate) const fn value(&self) -> f64 {
        self.value
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

        let (time, Text(text)) = Deserialize::deserialize(deserializer)?;
        let value = text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no number")))?;
        Ok(Self { time, value })
    }
}

/// The targets that a server scrapes.
#[derive(Debug, Deserialize)]
pub(crate) struct Targets {
    #[serde(default, rename = "activeTargets")]
    pub(crate) active: Vec<Target>,
}

/// A target that a server scrapes.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default, rename = "scrapeInterval")]
    pub(crate) scrape_interval: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// What newer servers remark on a query, such as a rate over what is no counter.
    #[serde(default)]
    infos: Option<Vec<String>>,
}

/// The answer in the body of a success.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<Answer<T>, QueryError> {
    let envelope: Result<Envelope<T>, _> = serde_json::from_slice(body);
    let envelope = envelope.map_err(|error| QueryError::Unreadable { reason: error.to_string() })?;
    let Envelope { data, error, warnings, infos } = envelope;
    let warnings = [warnings, infos].into_iter().flatten().flatten().collect();
    match (data, error) {
        (Some(data), None) => Ok(Answer { data, warnings }),
        (_, Some(reason)) => Err(QueryError::Refused { reason }),
        (None, None) => Err(QueryError::Unreadable { reason: "it has no data".to_owned() }),
    }
}

/// What Prometheus says in the body of a failure.
pub(super) fn refusal(body: &[u8]) -> Option<String> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_slice(body).ok()?;
    envelope.error
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use serde_json::{Value, json};

    use super::*;

    fn read(json: &Value) -> Result<Answer<Data>, QueryError> {
        decode(json.to_string().as_bytes())
    }

    fn of(kind: &str, result: &Value) -> Value {
        json!({"status": "success", "data": {"resultType": kind, "result": result}})
    }

    #[test]
    fn every_kind_of_data_and_every_value_that_is_no_number_is_read() {
        let vector = of(
            "vector",
            &json!([
            {"metric": {"a": "b"}, "value": [1.5, "NaN"]},
            {"metric": {}, "value": [1, "+Inf"]},
            {"metric": {}, "value": [1, "-Inf"]},
            {"metric": {}, "histogram": [1.5, {"count": "3", "sum": "4", "buckets": []}]}]),
        );
        let Data::Vector(series) = read(&vector).unwrap().data else { panic!("no vector") };
        assert!(series[0].value().unwrap().is_nan());
        assert_eq!((series[1].value(), series[2].value()), (Some(f64::INFINITY), Some(f64::NEG_INFINITY)));
        assert_eq!(series[3].value(), None, "a native histogram has no value");
        let Data::Scalar(scalar) = read(&of("scalar", &json!([1.5, "2"]))).unwrap().data else {
            panic!("no scalar")
        };
        assert_eq!((scalar.time(), scalar.value()), (1.5, 2.0));
        assert!(matches!(read(&of("string", &json!([1, "x"]))).unwrap().data, Data::String(_)));
        assert!(matches!(read(&of("matrix", &json!([]))).unwrap().data, Data::Matrix(_)));
    }

    #[test]
    fn warnings_and_remarks_are_kept() {
        let mut answer = of("vector", &json!([]));
        answer["warnings"] = json!(["partial"]);
        answer["infos"] = json!(["no counter"]);
        assert_eq!(read(&answer).unwrap().warnings, ["partial", "no counter"]);
    }

    #[test]
    fn a_refusal_is_told_in_prometheus_s_own_words() {
        let refused = json!({"status": "error", "errorType": "bad_data", "error": "unknown function"});
        assert_eq!(read(&refused), Err(QueryError::Refused { reason: "unknown function".to_owned() }));
        assert_eq!(refusal(refused.to_string().as_bytes()).as_deref(), Some("unknown function"));
        assert!(matches!(read(&json!({"status": "success"})), Err(QueryError::Unreadable { .. })));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop_oneof![Just("vector"), Just("matrix"), Just("scalar"), Just("NaN"), Just("1e999"), Just("")]
                .prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            let key = prop_oneof![
                Just("data"),
                Just("resultType"),
                Just("result"),
                Just("metric"),
                Just("value"),
                Just("values"),
                Just("histogram"),
                Just("error"),
                Just("warnings"),
                Just("infos"),
                Just("status")
            ];
            prop_oneof![
                collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                collection::vec((key.prop_map(str::to_owned), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_an_answer_or_an_error(json in any_json(), result in any_json(), kind in "vector|matrix|scalar|string|\\PC{0,4}") {
            let _ = read(&json);
            let _ = read(&of(&kind, &result));
            let _ = decode::<Vec<String>>(json.to_string().as_bytes());
            let _ = decode::<Targets>(json.to_string().as_bytes());
            let _ = refusal(json.to_string().as_bytes());
        }

        #[test]
        fn an_answer_that_was_cut_is_never_read(end in any::<prop::sample::Index>()) {
            let whole = of("vector", &json!([{"metric": {"a": "b"}, "value": [1.5, "3"]}])).to_string();
            let cut = whole.as_bytes().get(..end.index(whole.len())).unwrap();
            prop_assert!(decode::<Data>(cut).is_err());
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in collection::vec(any::<u8>(), 0..64)) {
            let _ = decode::<Data>(&bytes);
        }
    }
}
