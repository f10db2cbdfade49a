//! What each record says of itself: in its payload, where that has room for it, and in one Kafka header.

mod seal;
mod text;

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

pub(crate) use self::{
    seal::{SEALED, mix, seal},
    text::{END, ID_FIELD, Latest, TIME_FIELD, lateness, message_id},
};
use crate::clock::Moment;

/// A run's mark, which tells its records from everybody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u64);

/// A text that is no [`RunId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no run; give the 16 digits from 0 to f that the load's account shows")]
pub struct RunIdError {
    /// What was written.
    text: String,
}

impl RunId {
    /// A mark that no other run has, but for one chance in 2⁶⁴.
    #[must_use]
    pub fn random() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let run = hex(text.as_bytes()).map(Self);
        run.ok_or_else(|| RunIdError { text: text.to_owned() })
    }
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is a part of a tier's load.
    Load,
    /// It shows that the path before it is clear.
    Canary,
}

/// Where a record's own data was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// In its header.
    Header,
    /// In its payload, which replication tools leave alone, while some drop headers.
    Payload,
}

/// A record's own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// What it is for.
    pub kind: Kind,
    /// The run.
    pub run: RunId,
    /// The tier within the run.
    pub tier: u16,
    /// The record within the tier, from 0.
    pub sequence: u64,
    /// When it was to be sent.
    pub due: Moment,
    /// When it was handed to the client.
    pub handed: Moment,
}

impl Stamp {
    /// The key of the Kafka header.
    pub const HEADER: &str = "ramp";

    /// The header's value.
    #[must_use]
    pub fn encode(&self) -> [u8; LENGTH] {
        let kind = match self.kind {
            Kind::Load => LOAD,
            Kind::Canary => CANARY,
        };
        let mut bytes = [0; LENGTH];
        let fields: [&[u8]; 6] = [
            &[kind],
            &self.run.0.to_be_bytes(),
            &self.tier.to_be_bytes(),
            &self.sequence.to_be_bytes(),
            &self.due.as_nanos().to_be_bytes(),
            &self.handed.as_nanos().to_be_bytes(),
        ];
        let mut rest = bytes.as_mut_slice();
        for field in fields {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        bytes
    }

    /// The stamp that a header's value holds; `None` where it is none of this version.
    ///
    /// Kafka Connect's default header converter rewrites bytes as Base64, so both forms are read.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut plain = [0; LENGTH];
        match bytes.len() {
            LENGTH => plain.copy_from_slice(bytes),
            BASE64_LENGTH => {
                let mut decoded = [0; BASE64_LENGTH / 4 * 3];
                let length = BASE64.decode_slice(bytes, &mut decoded).ok()?;
                plain.copy_from_slice(decoded.get(..length).filter(|decoded| decoded.len() == LENGTH)?);
            }
            _other => return None,
        }
        Self::decode_plain(&plain)
    }

    /// The stamp that a payload holds, to the microsecond where it is text; `None` where it holds none. `latest` keeps
    /// what the next payload is likely to say too.
    pub(crate) fn in_payload(payload: &[u8], latest: &mut Latest) -> Option<Self> {
        text::as_sent(payload, latest).or_else(|| seal::unseal(payload))
    }

    /// The stamp that a JSON payload holds which was written anew on its way. Dear: it looks through all of it.
    pub(crate) fn in_rewritten(payload: &[u8]) -> Option<Self> {
        text::somewhere(payload)
    }

    fn decode_plain(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (&kind, rest) = bytes.split_first()?;
        let kind = match kind {
            LOAD => Kind::Load,
            CANARY => Kind::Canary,
            _unknown => return None,
        };
        let (run, rest) = rest.split_first_chunk()?;
        let (tier, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (due, rest) = rest.split_first_chunk()?;
        let (handed, _end) = rest.split_first_chunk()?;
        Some(Self {
            kind,
            run: RunId(u64::from_be_bytes(*run)),
            tier: u16::from_be_bytes(*tier),
            sequence: u64::from_be_bytes(*sequence),
            due: Moment::from_nanos(u64::from_be_bytes(*due)),
            handed: Moment::from_nanos(u64::from_be_bytes(*handed)),
        })
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    let digits: &[u8; 16] = digits.try_into().ok()?;
    let digit = |digit: u8| char::from(digit).to_digit(16).map(u64::from);
    digits.iter().try_fold(0, |number, &letter| Some(number << 4 | digit(letter)?))
}

const LENGTH: usize = 1 + 8 + 2 + 8 + 8 + 8;
const BASE64_LENGTH: usize = LENGTH.div_ceil(3) * 4;

/// The first byte tells the version too: another layout takes other numbers.
const LOAD: u8 = 0x10;
const CANARY: u8 = 0x11;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stamp_reads_back_as_it_was_written(
            run: u64, tier: u16, sequence: u64, due: u64, handed: u64, canary: bool,
        ) {
            let stamp = Stamp {
                kind: if canary { Kind::Canary } else { Kind::Load },
                run: RunId(run),
                tier,
                sequence,
                due: Moment::from_nanos(due),
                handed: Moment::from_nanos(handed),
            };
            prop_assert_eq!(Stamp::decode(&stamp.encode()), Some(stamp));
            prop_assert_eq!(Stamp::decode(BASE64.encode(stamp.encode()).as_bytes()), Some(stamp));
        }

        #[test]
        fn a_run_reads_back_as_it_is_shown(run: u64) {
            prop_assert_eq!(RunId(run).to_string().parse(), Ok(RunId(run)));
        }

        #[test]
        fn a_foreign_header_is_no_stamp(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = bytes.first_mut() {
                *first &= 0x0f;
            }
            prop_assert_eq!(Stamp::decode(&bytes), None);
        }
    }
}
