//! The stamp in the text of a JSON payload's `_metadata`.

use std::str::FromStr;

use jiff::Timestamp;

use super::{Kind, RunId, Stamp, hex};
use crate::clock::Moment;

/// The `message_id` of a record: kind, run, tier, number, and by how many microseconds it was handed over late.
pub(crate) fn message_id(kind: Kind, run: RunId, tier: u16, sequence: u64, lateness: u64) -> String {
    let word = match kind {
        Kind::Load => LOAD_WORD,
        Kind::Canary => CANARY_WORD,
    };
    format!("{word}_{run}-{tier:05}-{sequence:020}-{lateness:010}")
}

/// By how many microseconds a record was late, as its `message_id` says.
pub(crate) const fn lateness(stamp: &Stamp) -> u64 {
    let late = (stamp.handed.as_nanos() / 1_000).saturating_sub(stamp.due.as_nanos() / 1_000);
    if late > LATEST { LATEST } else { late }
}

/// What stands before and behind a record's own data in every message that a load sends.
pub(crate) const TIME_FIELD: &str = r#""generated_at": ""#;
pub(crate) const ID_FIELD: &str = r#"", "message_id": ""#;
pub(crate) const END: &str = r#"", "version": "1.0", "source": "ramp-load"}}"#;

/// The stamp of a payload that came as it was sent: everything is at its place from the end, which makes this a tenth of
/// the cost of a header.
pub(super) fn as_sent(payload: &[u8], seconds: &mut Seconds) -> Option<Stamp> {
    let rest = payload.strip_suffix(END.as_bytes())?;
    let (rest, lateness) = rest.split_last_chunk::<10>()?;
    let (rest, sequence) = rest.strip_suffix(b"-")?.split_last_chunk::<20>()?;
    let (rest, tier) = rest.strip_suffix(b"-")?.split_last_chunk::<5>()?;
    let (rest, run) = rest.strip_suffix(b"-")?.split_last_chunk::<16>()?;
    let rest = rest.strip_suffix(b"_")?.strip_suffix(LOAD_WORD.as_bytes())?;
    let (rest, time) = rest.strip_suffix(ID_FIELD.as_bytes())?.split_last_chunk::<TIME_LENGTH>()?;
    if !rest.ends_with(TIME_FIELD.as_bytes()) {
        return None;
    }
    let (tier, sequence) = (u16::try_from(digits(tier)?).ok()?, digits(sequence)?);
    let run = RunId(hex(run)?);
    Some(stamp(Kind::Load, run, tier, sequence, seconds.at(time)?, digits(lateness)?))
}

/// The stamp of a payload that was written anew on its way: blanks and the order of fields do not always survive that.
pub(super) fn somewhere(payload: &[u8]) -> Option<Stamp> {
    let (kind, rest) = [(Kind::Load, LOAD_WORD), (Kind::Canary, CANARY_WORD)]
        .into_iter()
        .find_map(|(kind, word)| Some((kind, behind(payload, word)?.strip_prefix(b"_")?)))?;
    let (run, rest) = rest.split_first_chunk::<16>()?;
    let (tier, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<5>()?;
    let (sequence, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<20>()?;
    let (lateness, _end) = rest.strip_prefix(b"-")?.split_first_chunk::<10>()?;
    let time = behind(payload, "generated_at")?;
    let from = time.iter().position(u8::is_ascii_digit)?;
    let time = time.get(from..)?.first_chunk::<TIME_LENGTH>()?;
    let (run, tier) = (RunId(hex(run)?), u16::try_from(digits(tier)?).ok()?);
    Some(stamp(kind, run, tier, digits(sequence)?, Seconds::default().at(time)?, digits(lateness)?))
}

fn stamp(kind: Kind, run: RunId, tier: u16, sequence: u64, handed: Moment, lateness: u64) -> Stamp {
    let due = handed.before(std::time::Duration::from_micros(lateness));
    Stamp { kind, run, tier, sequence, due, handed }
}

/// Reads times. What is above the second is read once a second only.
#[derive(Debug, Default)]
pub(crate) struct Seconds {
    latest: Option<([u8; SECOND_LENGTH], u64)>,
}

impl Seconds {
    /// The moment of a text like `2026-11-25T12:00:00.123456+00:00`.
    fn at(&mut self, text: &[u8; TIME_LENGTH]) -> Option<Moment> {
        let (second, rest) = text.split_first_chunk::<SECOND_LENGTH>()?;
        let (micros, zone) = rest.strip_prefix(b".")?.split_first_chunk::<6>()?;
        if zone != b"+00:00" {
            return None;
        }
        let second = match self.latest {
            Some((latest, nanos)) if latest == *second => nanos,
            Some(_) | None => {
                let time = Timestamp::from_str(str::from_utf8(text).ok()?).ok()?;
                let nanos = u64::try_from(time.as_second()).ok()?.checked_mul(1_000_000_000)?;
                self.latest = Some((*second, nanos));
                nanos
            }
        };
        Some(Moment::from_nanos(second.checked_add(digits(micros)? * 1_000)?))
    }
}

/// What stands behind the last `"word` of a payload.
fn behind<'a>(payload: &'a [u8], word: &str) -> Option<&'a [u8]> {
    let quoted = |window: &[u8]| window.strip_prefix(b"\"") == Some(word.as_bytes());
    let at = payload.windows(word.len() + 1).rposition(quoted)?;
    payload.get(at + word.len() + 1..)
}

/// The number that `text` writes, every letter of which is a digit.
fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |number, letter| {
        let digit = letter.wrapping_sub(b'0');
        number.checked_mul(10)?.checked_add(u64::from(digit)).filter(|_| digit < 10)
    })
}

const LOAD_WORD: &str = "msg";
const CANARY_WORD: &str = "canary";

/// The longest lateness that ten digits hold: close to three hours.
const LATEST: u64 = 9_999_999_999;

/// `2026-11-25T12:00:00`.
const SECOND_LENGTH: usize = 19;
/// `2026-11-25T12:00:00.123456+00:00`.
const TIME_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: &str = "2023-11-14T22:13:20.123456+00:00";

    fn expected(kind: Kind, run: u64, tier: u16, sequence: u64, lateness: u64) -> Stamp {
        let handed = 1_700_000_000_123_456_000;
        let due = Moment::from_nanos(handed - lateness * 1_000);
        Stamp { kind, run: RunId(run), tier, sequence, due, handed: Moment::from_nanos(handed) }
    }

    proptest! {
        #[test]
        fn a_message_id_reads_back_wherever_it_stands(
            run: u64, tier: u16, sequence: u64, lateness in 0..=LATEST, canary: bool,
        ) {
            let kind = if canary { Kind::Canary } else { Kind::Load };
            let id = message_id(kind, RunId(run), tier, sequence, lateness);
            let text = format!(r#"{{"a": "msg", "_metadata": {{"message_id":"{id}", "generated_at": "{TIME}"}}}}"#);
            let stamp = expected(kind, run, tier, sequence, lateness);
            prop_assert_eq!(somewhere(text.as_bytes()), Some(stamp));
            prop_assert_eq!(as_sent(text.as_bytes(), &mut Seconds::default()), None);
            let cut = text.find(&id).unwrap() + id.len() - 1;
            prop_assert_eq!(somewhere(&text.as_bytes()[..cut]), None);
        }

        #[test]
        fn a_message_as_it_was_sent_is_read_from_its_end_and_with_any_other_letter_is_not(
            run: u64, tier: u16, sequence: u64, lateness in 0..=LATEST, at: prop::sample::Index,
        ) {
            let id = message_id(Kind::Load, RunId(run), tier, sequence, lateness);
            let text = format!("{TIME_FIELD}{TIME}{ID_FIELD}{id}{END}");
            let stamp = expected(Kind::Load, run, tier, sequence, lateness);
            let mut seconds = Seconds::default();
            prop_assert_eq!(as_sent(text.as_bytes(), &mut seconds), Some(stamp));
            prop_assert_eq!(as_sent(text.as_bytes(), &mut seconds), Some(stamp));
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = b'~';
            prop_assert_eq!(as_sent(&bytes, &mut seconds), None);
        }

        #[test]
        fn a_foreign_payload_is_no_stamp(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(somewhere(&bytes), None);
            prop_assert_eq!(as_sent(&bytes, &mut Seconds::default()), None);
        }
    }

    #[test]
    fn a_second_that_follows_another_is_read_anew() {
        let mut seconds = Seconds::default();
        let read = |text: &[u8; 32], seconds: &mut Seconds| seconds.at(text).map(Moment::as_nanos);
        assert_eq!(read(b"1970-01-01T00:00:01.000002+00:00", &mut seconds), Some(1_000_002_000));
        assert_eq!(read(b"1970-01-01T00:01:00.000000+00:00", &mut seconds), Some(60_000_000_000));
        assert_eq!(read(b"1970-01-01T00:01:61.000000+00:00", &mut seconds), None);
        assert_eq!(read(b"1970-01-01T00:00:01.000002+02:00", &mut seconds), None);
    }
}
