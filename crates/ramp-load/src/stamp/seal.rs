//! The stamp within a payload of noise: what looks like noise itself, so that it compresses no better.

use super::{LENGTH, Stamp};

/// How many bytes at a payload's beginning hold it; a shorter payload holds none.
pub(crate) const SEALED: usize = WORD * WORDS;

/// Writes `stamp` over the beginning of `payload`, but for its first word, which hides the rest.
pub(crate) fn seal(stamp: &Stamp, payload: &mut [u8]) {
    let Some(room) = payload.first_chunk_mut::<SEALED>() else { return };
    let mut plain = [0; WORD * FIELDS];
    for (place, byte) in plain.iter_mut().zip(stamp.encode()) {
        *place = byte;
    }
    let (words, _none) = room.as_chunks_mut::<WORD>();
    let [nonce, sealed @ ..] = words else { return };
    let nonce = u64::from_be_bytes(*nonce);
    let (fields, _none) = plain.as_chunks::<WORD>();
    let tag = tag(nonce, fields.iter().map(|field| u64::from_be_bytes(*field)));
    let fields = fields.iter().map(|field| u64::from_be_bytes(*field));
    for ((place, word), mask) in sealed.iter_mut().zip(std::iter::once(tag).chain(fields)).zip(masks(nonce)) {
        *place = (word ^ mask).to_be_bytes();
    }
}

/// The stamp that a payload begins with. Of others' payloads one in 2⁶⁴ has the tag of what it seems to say.
pub(super) fn unseal(payload: &[u8]) -> Option<Stamp> {
    let (words, _none) = payload.first_chunk::<SEALED>()?.as_chunks::<WORD>();
    let (nonce, sealed) = words.split_first()?;
    let nonce = u64::from_be_bytes(*nonce);
    let mut fields = [0; FIELDS];
    let mut opened = sealed.iter().zip(masks(nonce)).map(|(word, mask)| u64::from_be_bytes(*word) ^ mask);
    let found = opened.next()?;
    for (place, field) in fields.iter_mut().zip(opened) {
        *place = field;
    }
    if tag(nonce, fields.into_iter()) != found {
        return None;
    }
    let mut plain = [0; WORD * FIELDS];
    for (place, field) in plain.as_chunks_mut::<WORD>().0.iter_mut().zip(fields) {
        *place = field.to_be_bytes();
    }
    Stamp::decode_plain(plain.first_chunk()?)
}

/// What covers each word behind the first.
fn masks(nonce: u64) -> impl Iterator<Item = u64> {
    (1..).map(move |number: u64| mix(nonce.wrapping_add(number.wrapping_mul(GOLDEN))))
}

/// What only our payloads have: it depends on every bit of the stamp and on the word that hides it.
fn tag(nonce: u64, fields: impl Iterator<Item = u64>) -> u64 {
    fields.fold(mix(nonce ^ MAGIC), |tag, field| mix(tag ^ field))
}

/// The last step of SplitMix64.
pub(crate) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// `ramp` and the version of this layout.
const MAGIC: u64 = u64::from_be_bytes(*b"ramp-001");
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const WORD: usize = 8;
/// Words that hold a stamp.
const FIELDS: usize = LENGTH.div_ceil(WORD);
/// These, the tag before them, and the word that hides both.
const WORDS: usize = FIELDS + 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::Moment,
        stamp::{Kind, RunId},
    };

    fn stamp(run: u64, tier: u16, sequence: u64, due: u64, handed: u64) -> Stamp {
        let (due, handed) = (Moment::from_nanos(due), Moment::from_nanos(handed));
        Stamp { kind: Kind::Load, run: RunId(run), tier, sequence, due, handed }
    }

    proptest! {
        #[test]
        fn a_sealed_stamp_reads_back_and_with_any_bit_changed_does_not(
            run: u64, tier: u16, sequence: u64, due: u64, handed: u64,
            mut payload in prop::collection::vec(any::<u8>(), SEALED..200), at in 0..SEALED * 8,
        ) {
            let stamp = stamp(run, tier, sequence, due, handed);
            let rest = payload[SEALED..].to_vec();
            seal(&stamp, &mut payload);
            prop_assert_eq!(unseal(&payload), Some(stamp));
            prop_assert_eq!(&payload[SEALED..], rest);
            payload[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(unseal(&payload), None);
        }

        #[test]
        fn a_foreign_payload_is_no_stamp(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(unseal(&bytes), None);
        }
    }

    #[test]
    fn a_payload_that_is_too_short_stays_as_it_is() {
        let mut payload = [7; SEALED - 1];
        seal(&stamp(1, 2, 3, 4, 5), &mut payload);
        assert_eq!((payload, unseal(&payload)), ([7; SEALED - 1], None));
        assert_eq!(unseal(&[0; SEALED]), None);
    }

    #[test]
    fn sealed_stamps_that_follow_each_other_share_no_word() {
        let mut words = std::collections::BTreeSet::new();
        for sequence in 0..1_000 {
            let mut payload = mix(sequence).to_be_bytes().repeat(WORDS);
            seal(&stamp(1, 2, sequence, 4, 5), &mut payload);
            words.extend(payload.as_chunks::<WORD>().0.to_vec());
        }
        assert_eq!(words.len(), 1_000 * WORDS);
    }
}
