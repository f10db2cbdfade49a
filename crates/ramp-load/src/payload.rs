//! What records carry: templates that are made once and patched in place for each record.

use std::{fmt, str::FromStr};

use crate::clock::Moment;

/// The kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// The JSON messages of the users' load script, five kinds in turn.
    Json,
    /// So many bytes that do not compress.
    Random(usize),
}

/// A text that names no [`Payload`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no payload; write json, or random:N for N bytes from 1 to {LARGEST}")]
pub struct PayloadError(String);

impl FromStr for Payload {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = |digits: &str| digits.parse().ok().filter(|size| (1..=LARGEST).contains(size));
        match text.split_once(':') {
            None if text == "json" => Some(Self::Json),
            Some(("random", digits)) => size(digits).map(Self::Random),
            None | Some(_) => None,
        }
        .ok_or_else(|| PayloadError(text.to_owned()))
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("json"),
            Self::Random(size) => write!(f, "random:{size}"),
        }
    }
}

/// Writes payloads without allocating.
#[derive(Debug)]
pub(crate) struct Renderer {
    templates: Vec<Template>,
    noise: Noise,
}

#[derive(Debug)]
enum Template {
    Json { bytes: Vec<u8>, places: Vec<(usize, Field)> },
    Random(Vec<u8>),
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
        let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
        let templates = match payload {
            Payload::Json => KINDS.iter().map(|kind| Template::json(kind)).collect(),
            Payload::Random(size) => {
                let mut bytes = vec![0; size];
                noise.fill(&mut bytes);
                vec![Template::Random(bytes)]
            }
        };
        Self { templates, noise }
    }

    /// The payload of record `sequence`, generated at `now`; `turn` chooses among the kinds of message.
    pub(crate) fn render(&mut self, turn: u64, sequence: u64, now: Moment) -> &[u8] {
        let kinds = self.templates.len().max(1) as u64;
        // The remainder is below the number of templates, which fits any usize.
        match self.templates.get_mut((turn % kinds) as usize) {
            None => &[],
            Some(Template::Json { bytes, places }) => {
                for &(place, field) in &*places {
                    let (number, digits) = match field {
                        Field::Sequence => (sequence, SEQUENCE_DIGITS),
                        Field::Millis => (now.as_millis(), MILLIS_DIGITS),
                    };
                    if let Some(digits) = bytes.get_mut(place..place + digits) {
                        write_digits(digits, number);
                    }
                }
                bytes
            }
            Some(Template::Random(bytes)) => {
                // Fresh bytes in each record keep a batch from compressing across its records.
                self.noise.fill(bytes);
                bytes
            }
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
        Self::Json { bytes, places }
    }
}

/// xorshift64*: noise that does not compress, far cheaper than the send that follows.
#[derive(Debug)]
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            for (byte, noise) in chunk.iter_mut().zip(word) {
                *byte = noise;
            }
        }
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

const LARGEST: usize = 10 * 1024 * 1024;
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
        for text in ["", "xml", "random", "random:0", "random:x"] {
            let error = text.parse::<Payload>().unwrap_err().to_string();
            assert!(error.contains("random:N"), "{error}");
        }
        assert_eq!("random:64".parse(), Ok(Payload::Random(64)));
    }
}
