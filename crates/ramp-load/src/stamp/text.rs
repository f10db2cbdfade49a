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
pub(super) fn as_sent(payload: &[u8], latest: &mut Latest) -> Option<Stamp> {
    let rest = payload.strip_suffix(END.as_bytes())?;
    let (rest, lateness) = rest.split_last_chunk::<10>()?;
    let (rest, sequence) = rest.strip_suffix(b"-")?.split_last_chunk::<20>()?;
    let (rest, load) = rest.strip_suffix(b"-")?.split_last_chunk::<LOAD_LENGTH>()?;
    let rest = rest.strip_suffix(b"_")?.strip_suffix(LOAD_WORD.as_bytes())?;
    let (rest, time) = rest.strip_suffix(ID_FIELD.as_bytes())?.split_last_chunk::<TIME_LENGTH>()?;
    if !rest.ends_with(TIME_FIELD.as_bytes()) {
        return None;
    }
    let (run, tier) = latest.load(load)?;
    Some(stamp(Kind::Load, run, tier, digits(sequence)?, latest.at(time)?, digits(lateness)?))
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
    Some(stamp(kind, run, tier, digits(sequence)?, Latest::default().at(time)?, digits(lateness)?))
}

fn stamp(kind: Kind, run: RunId, tier: u16, sequence: u64, handed: Moment, lateness: u64) -> Stamp {
    let due = handed.before(std::time::Duration::from_micros(lateness));
    Stamp { kind, run, tier, sequence, due, handed }
}

/// What the latest payload said that the next one is likely to say too, as it was written and as it was read.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    second: Option<([u8; SECOND_LENGTH], u64)>,
    load: Option<([u8; LOAD_LENGTH], RunId, u16)>,
}

impl Latest {
    /// Run and tier of a text like `0123456789abcdef-00003`.
    fn load(&mut self, text: &[u8; LOAD_LENGTH]) -> Option<(RunId, u16)> {
        match self.load {
            Some((latest, run, tier)) if latest == *text => Some((run, tier)),
            Some(_) | None => {
                let (run, rest) = text.split_first_chunk::<16>()?;
                let (run, tier) = (RunId(hex(run)?), u16::try_from(digits(rest.strip_prefix(b"-")?)?).ok()?);
                self.load = Some((*text, run, tier));
                Some((run, tier))
            }
        }
    }

    /// The moment of a text like `2026-11-25T12:00:00.123456+00:00`.
    fn at(&mut self, text: &[u8; TIME_LENGTH]) -> Option<Moment> {
        let (second, rest) = text.split_first_chunk::<SECOND_LENGTH>()?;
        let (micros, zone) = rest.strip_prefix(b".")?.split_first_chunk::<6>()?;
        if zone != b"+00:00" {
            return None;
        }
        let second = match self.second {
            Some((latest, nanos)) if latest == *second => nanos,
            Some(_) | None => {
                let time = Timestamp::from_str(str::from_utf8(text).ok()?).ok()?;
                let nanos = u64::try_from(time.as_second()).ok()?.checked_mul(1_000_000_000)?;
                self.second = Some((*second, nanos));
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

/// The number that `text` writes, every letter of which is a digit; up to 20 letters.
fn digits(text: &[u8]) -> Option<u64> {
    let (high, low) = text.split_at_checked(text.len().saturating_sub(TEN))?;
    few_digits(high)?.checked_mul(10_u64.pow(TEN as u32))?.checked_add(few_digits(low)?)
}

/// The same of up to ten letters, which need no look at an overflow.
fn few_digits(text: &[u8]) -> Option<u64> {
    let (mut number, mut is_strange) = (0_u64, text.len() > TEN);
    for letter in text.iter().take(TEN) {
        let digit = letter.wrapping_sub(b'0');
        is_strange |= digit > 9;
        number = number * 10 + u64::from(digit);
    }
    (!is_strange).then_some(number)
}

const TEN: usize = 10;

const LOAD_WORD: &str = "msg";
const CANARY_WORD: &str = "canary";

/// The longest lateness that ten digits hold: close to three hours.
const LATEST: u64 = 9_999_999_999;

/// `0123456789abcdef-00003`.
const LOAD_LENGTH: usize = 16 + 1 + 5;
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
            prop_assert_eq!(as_sent(text.as_bytes(), &mut Latest::default()), None);
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
            let mut latest = Latest::default();
            prop_assert_eq!(as_sent(text.as_bytes(), &mut latest), Some(stamp));
            // The second time by what the first has left; another load is read anew.
            prop_assert_eq!(as_sent(text.as_bytes(), &mut latest), Some(stamp));
            let other = text.replace(&RunId(run).to_string(), &RunId(!run).to_string());
            let other = as_sent(other.as_bytes(), &mut latest).map(|stamp| stamp.run);
            prop_assert_eq!(other, Some(RunId(!run)));
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = b'~';
            prop_assert_eq!(as_sent(&bytes, &mut latest), None);
        }

        #[test]
        fn a_foreign_payload_is_no_stamp(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(somewhere(&bytes), None);
            prop_assert_eq!(as_sent(&bytes, &mut Latest::default()), None);
        }
    }

    #[test]
    fn a_second_that_follows_another_is_read_anew() {
        let mut latest = Latest::default();
        let read = |text: &[u8; 32], latest: &mut Latest| latest.at(text).map(Moment::as_nanos);
        assert_eq!(read(b"1970-01-01T00:00:01.000002+00:00", &mut latest), Some(1_000_002_000));
        assert_eq!(read(b"1970-01-01T00:01:00.000000+00:00", &mut latest), Some(60_000_000_000));
        assert_eq!(read(b"1970-01-01T00:01:61.000000+00:00", &mut latest), None);
        assert_eq!(read(b"1970-01-01T00:00:01.000002+02:00", &mut latest), None);
    }
}
