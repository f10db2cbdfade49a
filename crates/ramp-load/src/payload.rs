//! What records carry: templates that are made once and patched in place for each record.

mod messages;
mod noise;

use std::{fmt, str::FromStr, sync::Arc};

pub use self::messages::{Messages, MessagesError};
use self::noise::{Noise, Pool};
use crate::clock::Moment;

/// The kind of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The JSON messages of the users' load script, five kinds in turn.
    Json,
    /// So many bytes that do not compress.
    Random(usize),
    /// So many random letters from A to Z, as kafka-producer-perf-test makes them: they compress to about 60 %.
    Letters(usize),
    /// Bytes that do not compress, of a size drawn for each record, every one of these as often as the others.
    Sizes(Arc<[usize]>),
    /// The record's number, in decimal digits.
    Number,
    /// Messages made beforehand, one drawn for each record.
    Given(Messages),
}

impl Payload {
    /// The largest payload that can be asked for, in bytes.
    pub const LARGEST: usize = 10 * 1024 * 1024;
}

/// A text that names no [`Payload`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no payload; write json, or random:N or letters:N for N bytes from 1 to {}",
    Payload::LARGEST
)]
pub struct PayloadError {
    /// What was written.
    text: String,
}

impl FromStr for Payload {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = |digits: &str| digits.parse().ok().filter(|size| (1..=Self::LARGEST).contains(size));
        match text.split_once(':') {
            None if text == "json" => Some(Self::Json),
            Some(("random", digits)) => size(digits).map(Self::Random),
            Some(("letters", digits)) => size(digits).map(Self::Letters),
            None | Some(_) => None,
        }
        .ok_or_else(|| PayloadError { text: text.to_owned() })
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("json"),
            Self::Random(size) => write!(f, "random:{size}"),
            Self::Letters(size) => write!(f, "letters:{size}"),
            Self::Sizes(sizes) => write!(f, "{} sizes", sizes.len()),
            Self::Number => f.write_str("number"),
            Self::Given(messages) => write!(f, "{} messages", messages.count()),
        }
    }
}

/// Writes payloads without allocating.
#[derive(Debug)]
pub(crate) struct Renderer {
    source: Source,
    noise: Noise,
}

#[derive(Debug)]
enum Source {
    Json(Vec<Template>),
    Pool(Pool),
    Sizes(Pool, Arc<[usize]>),
    Number([u8; SEQUENCE_DIGITS]),
    Given(Messages),
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
    /// Milliseconds since the Unix epoch, 13 digits.
    Millis,
}

impl Renderer {
    pub(crate) fn new(payload: Payload) -> Self {
        let mut noise = Noise::new();
        let source = match payload {
            Payload::Json => Source::Json(KINDS.iter().map(|kind| Template::json(kind)).collect()),
            Payload::Random(size) => Source::Pool(Pool::bytes(&mut noise, size)),
            Payload::Letters(size) => Source::Pool(Pool::letters(&mut noise, size)),
            Payload::Sizes(sizes) => {
                let largest = sizes.iter().copied().max().unwrap_or_default();
                Source::Sizes(Pool::bytes(&mut noise, largest), sizes)
            }
            Payload::Number => Source::Number([b'0'; SEQUENCE_DIGITS]),
            Payload::Given(messages) => Source::Given(messages),
        };
        Self { source, noise }
    }

    /// The payload of record `sequence`, generated at `now`; `turn` chooses among the kinds of message.
    pub(crate) fn render(&mut self, turn: u64, sequence: u64, now: Moment) -> &[u8] {
        match &mut self.source {
            Source::Json(templates) => {
                let kinds = templates.len().max(1) as u64;
                // The remainder is below the number of templates, which fits any usize.
                templates.get_mut((turn % kinds) as usize).map_or(&[], |kind| kind.fill_in(sequence, now))
            }
            Source::Pool(pool) => pool.next(pool.largest()),
            Source::Sizes(pool, sizes) => {
                let size = sizes.get(self.noise.below(sizes.len())).copied().unwrap_or_default();
                pool.next(size)
            }
            Source::Number(digits) => {
                write_digits(digits, sequence);
                let leading = digits.iter().take_while(|digit| **digit == b'0').count();
                digits.get(leading.min(SEQUENCE_DIGITS - 1)..).unwrap_or(&[])
            }
            Source::Given(messages) => messages.get(self.noise.below(messages.count())),
        }
    }
}

impl Template {
    fn json(kind: &str) -> Self {
        let mut bytes = Vec::with_capacity(kind.len() + 256);
        let mut places = Vec::new();
        let mut rest = kind;
        while let Some(at) = rest.find('@') {
            let (text, placeholder) = rest.split_at(at);
            bytes.extend_from_slice(text.as_bytes());
            let (field, digits) = match placeholder.as_bytes() {
                [b'@', b'n', ..] => (Field::Sequence, SEQUENCE_DIGITS),
                _millis => (Field::Millis, MILLIS_DIGITS),
            };
            places.push((bytes.len(), field));
            bytes.resize(bytes.len() + digits, b'0');
            rest = placeholder.get(2..).unwrap_or("");
        }
        bytes.extend_from_slice(rest.as_bytes());
        Self { bytes, places }
    }

    fn fill_in(&mut self, sequence: u64, now: Moment) -> &[u8] {
        for &(place, field) in &self.places {
            let (number, digits) = match field {
                Field::Sequence => (sequence, SEQUENCE_DIGITS),
                Field::Millis => (now.as_millis(), MILLIS_DIGITS),
            };
            if let Some(digits) = self.bytes.get_mut(place..place + digits) {
                write_digits(digits, number);
            }
        }
        &self.bytes
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

const SEQUENCE_DIGITS: usize = 20;
const MILLIS_DIGITS: usize = 13;

/// The users' five kinds of message. `@n` is the record's number, `@t` the time in milliseconds.
const KINDS: [&str; 5] = [
    r#"{"type":"user_activity","user_id":"user_@n","action":"page_view","timestamp":@t,"session_id":"session_@n","ip_address":"192.0.2.17","user_agent":"Mozilla/5.0 (X11; Linux x86_64)","metadata":{"page":"/products","duration":42,"device_type":"desktop"},"_metadata":{"generated_at":@t,"message_id":"@n","version":"1.0","source":"ramp-load"}}"#,
    r#"{"type":"system_metrics","server_id":"server_@n","metric_name":"cpu_usage","value":63.25,"timestamp":@t,"tags":{"environment":"test","region":"eu-west","service":"checkout"},"_metadata":{"generated_at":@t,"message_id":"@n","version":"1.0","source":"ramp-load"}}"#,
    r#"{"type":"transaction","transaction_id":"txn_@n","amount":129.9,"currency":"EUR","timestamp":@t,"user_id":"user_@n","merchant":"Merchant 12","status":"completed","payment_method":"card","_metadata":{"generated_at":@t,"message_id":"@n","version":"1.0","source":"ramp-load"}}"#,
    r#"{"type":"log_event","level":"INFO","message":"Request completed","timestamp":@t,"service":"gateway","trace_id":"@n","span_id":"@n","metadata":{"file":"handler.py","line":118,"function":"handle"},"_metadata":{"generated_at":@t,"message_id":"@n","version":"1.0","source":"ramp-load"}}"#,
    r#"{"type":"sensor_data","sensor_id":"sensor_@n","sensor_type":"temperature","value":21.75,"unit":"celsius","timestamp":@t,"location":{"latitude":48.85,"longitude":2.35,"altitude":35},"quality":"good","_metadata":{"generated_at":@t,"message_id":"@n","version":"1.0","source":"ramp-load"}}"#,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_message_is_json_with_the_record_s_own_number() {
        let mut renderer = Renderer::new(Payload::Json);
        for sequence in 7..12 {
            let bytes = renderer.render(sequence, sequence, Moment::from_nanos(1_700_000_000_123_456_789));
            let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            assert_eq!(json["_metadata"]["message_id"], format!("{sequence:020}"));
            assert_eq!(json["timestamp"], 1_700_000_000_123_u64);
        }
    }

    #[test]
    fn random_payloads_have_their_size_and_differ() {
        let mut renderer = Renderer::new(Payload::Random(1024));
        let first = renderer.render(0, 0, Moment::from_nanos(0)).to_vec();
        let second = renderer.render(1, 1, Moment::from_nanos(0));
        assert_eq!((first.len(), second.len()), (1024, 1024));
        assert_ne!(first, second);
    }

    #[test]
    fn a_payload_that_is_none_says_what_to_write() {
        for text in ["", "xml", "random", "random:0", "random:x", "letters:99999999999"] {
            let error = text.parse::<Payload>().unwrap_err().to_string();
            assert!(error.contains("random:N"), "{error}");
        }
        assert_eq!("random:64".parse(), Ok(Payload::Random(64)));
    }

    #[test]
    fn letters_are_capitals_and_numbers_are_plain_digits() {
        let now = Moment::from_nanos(0);
        let mut renderer = Renderer::new(Payload::Letters(100));
        assert!(renderer.render(0, 0, now).iter().all(u8::is_ascii_uppercase));
        let mut renderer = Renderer::new(Payload::Number);
        assert_eq!(renderer.render(0, 0, now), b"0");
        assert_eq!(renderer.render(0, 12_030, now), b"12030");
    }

    #[test]
    fn every_size_asked_for_comes_and_no_other() {
        let sizes: Arc<[usize]> = [10, 200, 3_000].into();
        let mut renderer = Renderer::new(Payload::Sizes(Arc::clone(&sizes)));
        let drawn: std::collections::BTreeSet<_> =
            (0..1_000).map(|n| renderer.render(n, n, Moment::from_nanos(0)).len()).collect();
        assert!(drawn.into_iter().eq(sizes.iter().copied()));
    }

    #[test]
    fn every_given_message_comes_and_no_other() {
        let messages = Messages::new(vec![b"a".to_vec(), b"bc".to_vec()]).unwrap();
        let mut renderer = Renderer::new(Payload::Given(messages));
        let drawn: std::collections::BTreeSet<_> =
            (0..100).map(|n| renderer.render(n, n, Moment::from_nanos(0)).to_vec()).collect();
        assert_eq!(drawn, [b"a".to_vec(), b"bc".to_vec()].into());
    }
}
