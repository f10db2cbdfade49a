//! The JSON messages of the users' load script: five kinds, each with its `_metadata`.
//!
//! The script draws every value of every message. Here many messages are drawn beforehand, so that a batch compresses
//! about as well, and of each only its number and its times are written anew. The numbers rise, so that losses can be told.

use jiff::Timestamp;

use super::noise::Noise;
use crate::{
    clock::Moment,
    stamp::{self, Kind, RunId, Stamp},
};

/// Messages drawn beforehand, which are sent in turn.
#[derive(Debug)]
pub(super) struct Script {
    templates: Vec<Template>,
    clock: Text,
}

/// A message in which only the fields at `places` differ from record to record.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    places: Vec<(usize, Field)>,
}

/// What differs from record to record.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// The record's number, 20 digits.
    Sequence,
    /// When it was handed over.
    Time,
    /// By how many microseconds that was late, 10 digits.
    Lateness,
}

impl Script {
    pub(super) fn new(noise: &mut Noise, run: RunId, tier: u16) -> Self {
        let kinds = [user_activity, system_metrics, transaction, log_event, sensor_data];
        let id = stamp::message_id(Kind::Load, run, tier, 0, 0);
        let varying = format!("{:0DIGITS$}-{:0LATENESS_DIGITS$}", 0, 0);
        let id = format!("{}@n-@l", id.strip_suffix(&varying).unwrap_or(&id));
        let drawn = (0..VARIANTS).flat_map(|_| kinds);
        let drawn = drawn.map(|kind| Template::new(&kind(noise).replace("@i", &id)));
        Self { templates: drawn.collect(), clock: Text::default() }
    }

    /// The message of the record that `stamp` describes; `turn` chooses among the messages.
    pub(super) fn render(&mut self, turn: u64, stamp: &Stamp) -> &[u8] {
        let count = self.templates.len().max(1) as u64;
        // The remainder is below the number of templates, which fits any usize.
        let Some(template) = self.templates.get_mut((turn % count) as usize) else { return &[] };
        let time = self.clock.at(stamp.handed);
        for &(place, field) in &template.places {
            match field {
                Field::Sequence => {
                    write_digits(template.bytes.get_mut(place..place + DIGITS), stamp.sequence)
                }
                Field::Lateness => {
                    let room = template.bytes.get_mut(place..place + LATENESS_DIGITS);
                    write_digits(room, stamp::lateness(stamp));
                }
                Field::Time => {
                    if let Some(room) = template.bytes.get_mut(place..place + TIME.len()) {
                        room.copy_from_slice(time);
                    }
                }
            }
        }
        &template.bytes
    }
}

impl Template {
    /// `@n` stands for the record's number, `@t` for the time, `@l` for the lateness; `@i`, the `message_id`, has been put
    /// in.
    fn new(message: &str) -> Self {
        let mut bytes = Vec::with_capacity(message.len() + 128);
        let mut places = Vec::new();
        let mut rest = message;
        while let Some(at) = rest.find('@') {
            let (text, placeholder) = rest.split_at(at);
            bytes.extend_from_slice(text.as_bytes());
            let (field, length) = match placeholder.as_bytes() {
                [b'@', b'n', ..] => (Field::Sequence, DIGITS),
                [b'@', b'l', ..] => (Field::Lateness, LATENESS_DIGITS),
                _time => (Field::Time, TIME.len()),
            };
            places.push((bytes.len(), field));
            bytes.resize(bytes.len() + length, b'0');
            rest = placeholder.get(2..).unwrap_or("");
        }
        bytes.extend_from_slice(rest.as_bytes());
        Self { bytes, places }
    }
}

/// The present as text. What is above the second is written once a second only.
#[derive(Debug, Default)]
struct Text {
    second: Option<u64>,
    text: [u8; TIME.len()],
}

impl Text {
    fn at(&mut self, now: Moment) -> &[u8; TIME.len()] {
        let (second, micros) = (now.as_nanos() / 1_000_000_000, now.as_nanos() / 1_000 % 1_000_000);
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = *TIME;
            // Moments end in the year 2554, timestamps in 9999.
            let timestamp = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
            let date = timestamp.map(|timestamp| timestamp.strftime("%Y-%m-%dT%H:%M:%S").to_string());
            for (place, letter) in self.text.iter_mut().zip(date.unwrap_or_default().bytes()) {
                *place = letter;
            }
        }
        write_digits(self.text.get_mut(MICROS), micros);
        &self.text
    }
}

/// Writes the last digits of `number`, as many as there is room for.
pub(super) fn write_digits(room: Option<&mut [u8]>, mut number: u64) {
    for digit in room.unwrap_or_default().iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// What a time looks like; its microseconds stand at [`MICROS`].
const TIME: &[u8; 32] = b"0000-00-00T00:00:00.000000+00:00";
const MICROS: std::ops::Range<usize> = 20..26;
const DIGITS: usize = 20;
const LATENESS_DIGITS: usize = 10;

/// How many messages of each kind are drawn: more than a batch of the script's 16 KiB holds of all kinds.
const VARIANTS: usize = 64;

fn metadata(message: &str) -> String {
    format!(r#"{{{message}, "_metadata": {{{}@t{}@i{}"#, stamp::TIME_FIELD, stamp::ID_FIELD, stamp::END)
}

fn user_activity(noise: &mut Noise) -> String {
    let user = number(noise, 1, 100_000);
    let action = one_of(noise, &["login", "logout", "view", "click", "purchase", "search", "navigate"]);
    let session = number(noise, 100_000, 999_999);
    let [a, b, c, d] = [(); 4].map(|()| number(noise, 1, 255));
    let system = one_of(
        noise,
        &["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"],
    );
    let (page, duration) = (number(noise, 1, 100), number(noise, 1, 3_600));
    let device = one_of(noise, &["desktop", "mobile", "tablet"]);
    metadata(&format!(
        r#""user_id": "user_{user}", "action": "{action}", "timestamp": "@t", "session_id": "session_{session}", "ip_address": "{a}.{b}.{c}.{d}", "user_agent": "Mozilla/5.0 ({system}) AppleWebKit/537.36", "metadata": {{"page": "/page_{page}", "duration": {duration}, "device_type": "{device}"}}"#
    ))
}

fn system_metrics(noise: &mut Noise) -> String {
    let server = number(noise, 1, 100);
    let metric = one_of(noise, &["cpu_usage", "memory_usage", "disk_usage", "network_io", "response_time"]);
    let value = hundredths(noise, 0, 100);
    let environment = one_of(noise, &["production", "staging", "development"]);
    let region = one_of(noise, &["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"]);
    let service = one_of(noise, SERVICES);
    metadata(&format!(
        r#""server_id": "server_{server}", "metric_name": "{metric}", "value": {value}, "timestamp": "@t", "tags": {{"environment": "{environment}", "region": "{region}", "service": "{service}"}}"#
    ))
}

fn transaction(noise: &mut Noise) -> String {
    let id = number(noise, 1_000_000, 9_999_999);
    let amount = hundredths(noise, 1, 10_000);
    let currency = one_of(noise, &["USD", "EUR", "GBP", "JPY"]);
    let (user, merchant) = (number(noise, 1, 100_000), number(noise, 1, 1_000));
    let status = one_of(noise, &["success", "pending", "failed", "cancelled"]);
    let method = one_of(noise, &["credit_card", "debit_card", "paypal", "bank_transfer"]);
    metadata(&format!(
        r#""transaction_id": "txn_{id}", "amount": {amount}, "currency": "{currency}", "timestamp": "@t", "user_id": "user_{user}", "merchant": "merchant_{merchant}", "status": "{status}", "payment_method": "{method}""#
    ))
}

fn log_event(noise: &mut Noise) -> String {
    let level = one_of(noise, &["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]);
    let message = one_of(
        noise,
        &[
            "Login accepted",
            "Connection to database opened",
            "Not found in cache",
            "Request answered",
            "Job has ended",
        ],
    );
    let service = one_of(noise, SERVICES);
    let (trace, span) = (number(noise, 100_000, 999_999), number(noise, 10_000, 99_999));
    let (file, line) = (number(noise, 1, 10), number(noise, 1, 1_000));
    let function = one_of(noise, &["process_request", "validate_input", "save_data", "send_notification"]);
    metadata(&format!(
        r#""level": "{level}", "message": "{message}", "timestamp": "@t", "service": "{service}", "trace_id": "trace_{trace}", "span_id": "span_{span}", "metadata": {{"file": "app_{file}.py", "line": {line}, "function": "{function}"}}"#
    ))
}

fn sensor_data(noise: &mut Noise) -> String {
    let sensor = number(noise, 1, 1_000);
    let kind = one_of(noise, &["temperature", "humidity", "pressure", "motion", "light"]);
    let value = hundredths(noise, 0, 100);
    let unit = one_of(noise, &["celsius", "fahrenheit", "percent", "pascal", "lux"]);
    let [latitude, longitude] = [90, 180].map(|most| {
        let millionths = number(noise, 0, 999_999);
        format!("{}.{millionths:06}", number(noise, 0, 2 * most - 1) as i64 - most as i64)
    });
    let altitude = hundredths(noise, 0, 5_000);
    let quality = one_of(noise, &["excellent", "good", "fair", "poor"]);
    metadata(&format!(
        r#""sensor_id": "sensor_{sensor}", "sensor_type": "{kind}", "value": {value}, "unit": "{unit}", "timestamp": "@t", "location": {{"latitude": {latitude}, "longitude": {longitude}, "altitude": {altitude}}}, "quality": "{quality}""#
    ))
}

/// A number from `least` to `most`, both included.
fn number(noise: &mut Noise, least: usize, most: usize) -> usize {
    least + noise.below(most - least + 1)
}

/// A number from `least` to `most` with two decimals.
fn hundredths(noise: &mut Noise, least: usize, most: usize) -> String {
    format!("{}.{:02}", number(noise, least, most - 1), noise.below(100))
}

fn one_of(noise: &mut Noise, all: &[&'static str]) -> &'static str {
    all.get(noise.below(all.len())).copied().unwrap_or_default()
}

const SERVICES: &[&str] = &["api", "web", "database", "cache", "queue"];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const NOW: Moment = Moment::from_nanos(1_700_000_000_123_456_789);

    fn script(run: RunId) -> Script {
        Script::new(&mut Noise::new(), run, 3)
    }

    fn stamp(run: RunId, sequence: u64) -> Stamp {
        let due = NOW.before(std::time::Duration::from_micros(1_500));
        Stamp { kind: Kind::Load, run, tier: 3, sequence, due, handed: NOW }
    }

    fn messages(count: u64) -> Vec<Value> {
        let mut script = script(RunId::random());
        let run = RunId::random();
        (0..count).map(|n| serde_json::from_slice(script.render(n, &stamp(run, n))).unwrap()).collect()
    }

    fn names(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn every_kind_has_the_fields_of_the_script_in_equal_shares() {
        let messages = messages(1_000);
        let mut kinds = BTreeMap::new();
        for message in &messages {
            *kinds.entry(names(message)).or_insert(0) += 1;
            assert_eq!(names(&message["_metadata"]), ["generated_at", "message_id", "source", "version"]);
            assert_eq!(message["timestamp"], "2023-11-14T22:13:20.123456+00:00");
            assert_eq!(message["_metadata"]["generated_at"], message["timestamp"]);
        }
        let expected: [&[&str]; 5] = [
            &[
                "_metadata",
                "action",
                "ip_address",
                "metadata",
                "session_id",
                "timestamp",
                "user_agent",
                "user_id",
            ],
            &[
                "_metadata",
                "amount",
                "currency",
                "merchant",
                "payment_method",
                "status",
                "timestamp",
                "transaction_id",
                "user_id",
            ],
            &["_metadata", "level", "message", "metadata", "service", "span_id", "timestamp", "trace_id"],
            &["_metadata", "location", "quality", "sensor_id", "sensor_type", "timestamp", "unit", "value"],
            &["_metadata", "metric_name", "server_id", "tags", "timestamp", "value"],
        ];
        assert_eq!(kinds.keys().map(Vec::as_slice).collect::<BTreeSet<_>>(), expected.into());
        assert!(kinds.values().all(|count| *count == 200), "{kinds:?}");
        let inner: BTreeSet<_> = ["metadata", "tags", "location"]
            .iter()
            .flat_map(|name| messages.iter().filter_map(|message| message.get(*name)).map(names))
            .collect();
        let expected: [&[&str]; 4] = [
            &["altitude", "latitude", "longitude"],
            &["device_type", "duration", "page"],
            &["environment", "region", "service"],
            &["file", "function", "line"],
        ];
        assert_eq!(inner.iter().map(Vec::as_slice).collect::<BTreeSet<_>>(), expected.into());
    }

    #[test]
    fn a_record_s_number_is_in_its_message_and_rises() {
        let run = RunId::random();
        let mut script = script(run);
        for sequence in [0, 7, u64::MAX] {
            let payload = script.render(3, &stamp(run, sequence)).to_vec();
            let message: Value = serde_json::from_slice(&payload).unwrap();
            let id = format!("msg_{run}-00003-{sequence:020}-0000001500");
            assert_eq!(message["_metadata"]["message_id"], id);
            let rewritten = serde_json::to_vec(&message).unwrap();
            for read in [
                Stamp::in_payload(&payload, &mut stamp::Latest::default()).unwrap(),
                Stamp::in_rewritten(&rewritten).unwrap(),
            ] {
                assert_eq!((read.kind, read.run, read.tier, read.sequence), (Kind::Load, run, 3, sequence));
                assert_eq!(read.handed.as_nanos() / 1_000, NOW.as_nanos() / 1_000);
                assert_eq!(read.handed.since(read.due).as_micros(), 1_500);
            }
        }
    }

    #[test]
    fn the_time_goes_on_within_a_second_and_past_it() {
        let mut text = Text::default();
        for (nanos, expected) in [
            (0, b"1970-01-01T00:00:00.000000+00:00"),
            (999_999_999, b"1970-01-01T00:00:00.999999+00:00"),
            (1_709_164_800_000_001_000, b"2024-02-29T00:00:00.000001+00:00"),
        ] {
            assert_eq!(text.at(Moment::from_nanos(nanos)), expected);
        }
    }
}
