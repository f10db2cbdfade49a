//! What records carry: templates that are made once and patched in place for each record.

mod json;
mod messages;
mod noise;

use std::{fmt, str::FromStr, sync::Arc};

pub use self::messages::{Messages, MessagesError};
use self::{
    json::{Script, write_digits},
    noise::{Noise, Pool},
};
use crate::{
    clock::Moment,
    stamp::{Kind, RunId, SEALED, Stamp, seal},
};

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

    /// Whether a stamped record is known by its payload, so that it may lose its header: JSON, and bytes that do not
    /// compress of at least [`SMALLEST_NAMED`](Self::SMALLEST_NAMED).
    #[must_use]
    pub fn names_records(&self) -> bool {
        match self {
            Self::Json => true,
            Self::Random(size) => *size >= SEALED,
            Self::Sizes(sizes) => sizes.iter().all(|size| *size >= SEALED),
            Self::Letters(_) | Self::Number | Self::Given(_) => false,
        }
    }

    /// The smallest payload of bytes that do not compress by which a record is known, in bytes.
    pub const SMALLEST_NAMED: usize = SEALED;

    /// How many bytes a payload has on average, taken from a thousand of them.
    #[must_use]
    pub fn mean_size(&self) -> f64 {
        let (kind, run, tier) = (Kind::Load, RunId::random(), 0);
        let mut renderer = Renderer::new(self.clone(), run, tier, true);
        let sizes = (0..SAMPLES).map(|sequence| {
            let at = Moment::from_nanos(sequence);
            let stamp = Stamp { kind, run, tier, sequence, due: at, handed: at };
            renderer.render(sequence, &stamp).len() as u64
        });
        sizes.sum::<u64>() as f64 / SAMPLES as f64
    }
}

const SAMPLES: u64 = 1_000;

/// A text that names no [`Payload`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no payload; write json, number, letters:N or random:N for N bytes from 1 to {}, or random:N,N,… for \
     one of these sizes each time",
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
            None if text == "number" => Some(Self::Number),
            Some(("random", sizes)) if sizes.contains(',') => {
                sizes.split(',').map(size).collect::<Option<Arc<[usize]>>>().map(Self::Sizes)
            }
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
    is_stamped: bool,
}

#[derive(Debug)]
enum Source {
    Json(Script),
    Bytes(Pool),
    Letters(Pool),
    Sizes(Pool, Arc<[usize]>),
    Number([u8; SEQUENCE_DIGITS]),
    Given(Messages),
}

impl Renderer {
    /// For the records of a run's tier, which JSON messages name; bytes that do not compress hold the records' stamps
    /// where these `is_stamped`.
    pub(crate) fn new(payload: Payload, run: RunId, tier: u16, is_stamped: bool) -> Self {
        let mut noise = Noise::new();
        let source = match payload {
            Payload::Json => Source::Json(Script::new(&mut noise, run, tier)),
            Payload::Random(size) => Source::Bytes(Pool::bytes(&mut noise, size)),
            Payload::Letters(size) => Source::Letters(Pool::letters(&mut noise, size)),
            Payload::Sizes(sizes) => {
                let largest = sizes.iter().copied().max().unwrap_or_default();
                Source::Sizes(Pool::bytes(&mut noise, largest), sizes)
            }
            Payload::Number => Source::Number([b'0'; SEQUENCE_DIGITS]),
            Payload::Given(messages) => Source::Given(messages),
        };
        Self { source, noise, is_stamped }
    }

    /// The payload of the record that `stamp` describes; `turn` chooses among the kinds of message.
    pub(crate) fn render(&mut self, turn: u64, stamp: &Stamp) -> &[u8] {
        match &mut self.source {
            Source::Json(script) => script.render(turn, stamp),
            Source::Bytes(pool) => sealed(pool.next(pool.largest()), stamp, self.is_stamped),
            Source::Letters(pool) => pool.next(pool.largest()),
            Source::Sizes(pool, sizes) => {
                let size = sizes.get(self.noise.below(sizes.len())).copied().unwrap_or_default();
                sealed(pool.next(size), stamp, self.is_stamped)
            }
            Source::Number(digits) => {
                write_digits(Some(digits), stamp.sequence);
                let leading = digits.iter().take_while(|digit| **digit == b'0').count();
                digits.get(leading.min(SEQUENCE_DIGITS - 1)..).unwrap_or(&[])
            }
            Source::Given(messages) => messages.get(self.noise.below(messages.count())),
        }
    }
}

fn sealed<'a>(payload: &'a mut [u8], stamp: &Stamp, is_stamped: bool) -> &'a [u8] {
    if is_stamped {
        seal(stamp, payload);
    }
    payload
}

/// Digits of the highest number.
const SEQUENCE_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn render_of(payload: Payload) -> Renderer {
        Renderer::new(payload, RunId::random(), 0, true)
    }

    fn stamp(sequence: u64) -> Stamp {
        let at = Moment::from_nanos(sequence);
        Stamp {
            kind: Kind::Load,
            run: "0123456789abcdef".parse().unwrap(),
            tier: 0,
            sequence,
            due: at,
            handed: at,
        }
    }

    #[test]
    fn random_payloads_have_their_size_and_differ() {
        let mut renderer = render_of(Payload::Random(1024));
        let first = renderer.render(0, &stamp(0)).to_vec();
        let second = renderer.render(1, &stamp(1));
        assert_eq!((first.len(), second.len()), (1024, 1024));
        assert_ne!(first, second);
    }

    #[test]
    fn bytes_hold_their_record_s_stamp_where_there_is_room_and_stamps_are_asked_for() {
        let read = |payload: &[u8]| Stamp::in_payload(payload, &mut crate::stamp::Latest::default());
        for payload in [Payload::Random(1_024), Payload::Random(SEALED), Payload::Sizes([60, 700].into())] {
            assert!(payload.names_records(), "{payload}");
            let mut renderer = render_of(payload.clone());
            // A payload comes again after 521 of them, with another stamp over the last.
            for sequence in 0..600 {
                assert_eq!(
                    read(renderer.render(sequence, &stamp(sequence))),
                    Some(stamp(sequence)),
                    "{payload}"
                );
            }
            let mut silent = Renderer::new(payload, RunId::random(), 0, false);
            assert_eq!(read(silent.render(0, &stamp(0))), None);
        }
        for payload in [Payload::Random(SEALED - 1), Payload::Sizes([20, 700].into()), Payload::Letters(100)]
        {
            assert!(!payload.names_records(), "{payload}");
        }
    }

    #[test]
    fn a_payload_that_is_none_says_what_to_write() {
        for text in
            ["", "xml", "random", "random:0", "random:x", "letters:99999999999", "random:1,", "random:1,0"]
        {
            let error = text.parse::<Payload>().unwrap_err().to_string();
            assert!(error.contains("random:N"), "{error}");
        }
        assert_eq!("random:64".parse(), Ok(Payload::Random(64)));
        assert_eq!("random:1,20,20".parse(), Ok(Payload::Sizes([1, 20, 20].into())));
        assert_eq!("number".parse(), Ok(Payload::Number));
    }

    #[test]
    fn a_payload_knows_its_mean_size() {
        assert_eq!(Payload::Random(1_024).mean_size(), 1_024.0);
        let sizes = Payload::Sizes([100, 300].into()).mean_size();
        assert!((180.0..=220.0).contains(&sizes), "{sizes}");
        let json = Payload::Json.mean_size();
        assert!((200.0..=800.0).contains(&json), "{json}");
    }

    #[test]
    fn letters_are_capitals_and_numbers_are_plain_digits() {
        let mut renderer = render_of(Payload::Letters(100));
        assert!(renderer.render(0, &stamp(0)).iter().all(u8::is_ascii_uppercase));
        let mut renderer = render_of(Payload::Number);
        assert_eq!(renderer.render(0, &stamp(0)), b"0");
        assert_eq!(renderer.render(0, &stamp(12_030)), b"12030");
    }

    #[test]
    fn every_size_asked_for_comes_and_no_other() {
        let sizes: Arc<[usize]> = [10, 200, 3_000].into();
        let mut renderer = render_of(Payload::Sizes(Arc::clone(&sizes)));
        let drawn: std::collections::BTreeSet<_> =
            (0..1_000).map(|n| renderer.render(n, &stamp(n)).len()).collect();
        assert!(drawn.into_iter().eq(sizes.iter().copied()));
    }

    #[test]
    fn every_given_message_comes_and_no_other() {
        let messages = Messages::new(vec![b"a".to_vec(), b"bc".to_vec()]).unwrap();
        let mut renderer = render_of(Payload::Given(messages));
        let drawn: std::collections::BTreeSet<_> =
            (0..100).map(|n| renderer.render(n, &stamp(n)).to_vec()).collect();
        assert_eq!(drawn, [b"a".to_vec(), b"bc".to_vec()].into());
    }
}
