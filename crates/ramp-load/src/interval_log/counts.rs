//! The counts of a histogram as a log has it, and nothing else of it. The library unpacks a histogram into all of its
//! 24 576 buckets, of which those of a second fill a hundred; a day has 86 400 of them.

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Decompress, FlushDecompress, Status};

use crate::latency::{DIGITS_SHOWN, HIGHEST, LIBRARY_BUCKETS, LOWEST, lowest_in};

/// Reads histograms of [`crate::latency`] in HDR's compressed encoding, version 2.
pub(super) struct Counts {
    /// What stands before the counts of each of them.
    bounds: Vec<u8>,
    packed: Vec<u8>,
    /// As long as any of them can be.
    plain: Vec<u8>,
    inflate: Decompress,
}

impl Counts {
    pub(super) fn new() -> Self {
        let (offset, ratio) = (0_u32, 1.0_f64);
        let bounds = [
            &offset.to_be_bytes()[..],
            &u32::from(DIGITS_SHOWN).to_be_bytes(),
            &LOWEST.to_be_bytes(),
            &HIGHEST.to_be_bytes(),
            &ratio.to_be_bytes(),
        ];
        Self {
            bounds: bounds.concat(),
            packed: Vec::new(),
            plain: vec![0; LONGEST],
            inflate: Decompress::new(true),
        }
    }

    /// The highest value of each bucket that has any, with how many; `None` where it is no such histogram.
    pub(super) fn read(&mut self, encoded: &str) -> Option<Vec<(u64, u64)>> {
        self.packed.clear();
        BASE64_STANDARD.decode_vec(encoded, &mut self.packed).ok()?;
        let (length, packed) = lengthy(&self.packed, PACKED)?;
        let packed = packed.get(..length)?;
        self.inflate.reset(true);
        let status = self.inflate.decompress(packed, &mut self.plain, FlushDecompress::Finish).ok()?;
        let inflated =
            usize::try_from(self.inflate.total_out()).ok().filter(|_| status == Status::StreamEnd)?;
        let (length, plain) = lengthy(self.plain.get(..inflated)?, PLAIN)?;
        counts(plain.strip_prefix(self.bounds.as_slice())?.get(..length)?)
    }
}

/// What follows on `cookie` and a length, with that length.
fn lengthy(encoded: &[u8], cookie: [u8; 4]) -> Option<(usize, &[u8])> {
    let (length, rest) = encoded.strip_prefix(&cookie)?.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
}

/// The counts bucket by bucket, so many empty ones in a row as a negative number.
fn counts(mut encoded: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut counts = Vec::new();
    let mut bucket = 0_usize;
    while !encoded.is_empty() {
        match number(&mut encoded)? {
            empty @ ..0 => bucket = bucket.checked_add(usize::try_from(empty.unsigned_abs()).ok()?)?,
            0 => bucket += 1,
            count @ 1.. => {
                bucket += 1;
                counts.push((lowest_in(bucket) - 1, count.unsigned_abs()));
            }
        }
        if bucket > LIBRARY_BUCKETS {
            return None;
        }
    }
    Some(counts)
}

/// A number in bytes of seven bits, the lowest first, of which a ninth has eight; its sign is the lowest bit.
fn number(encoded: &mut &[u8]) -> Option<i64> {
    let mut number = 0;
    for place in 0..9 {
        let (byte, rest) = encoded.split_first()?;
        *encoded = rest;
        let (bits, goes_on) = if place < 8 { (byte & 0x7f, byte & 0x80 != 0) } else { (*byte, false) };
        number |= u64::from(bits) << (7 * place);
        if !goes_on {
            break;
        }
    }
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

const PACKED: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
const PLAIN: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();

/// The longest that a histogram can be: its head, and a number of each bucket.
const LONGEST: usize = 40 + 9 * LIBRARY_BUCKETS;

#[cfg(test)]
mod tests {
    use hdrhistogram::{
        Histogram,
        serialization::{Deserializer, Serializer, V2DeflateSerializer, V2Serializer},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::latency::histogram;

    fn encoded(histogram: &Histogram<u64>) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(histogram, &mut bytes).unwrap();
        BASE64_STANDARD.encode(bytes)
    }

    /// The histogram as the library reads it.
    fn unpacked(encoded: &str) -> Vec<(u64, u64)> {
        let bytes = BASE64_STANDARD.decode(encoded).unwrap();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        let recorded = histogram.iter_recorded();
        recorded.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn counts_are_those_that_the_library_reads(
            recorded in prop::collection::vec(
                (prop_oneof![0..HIGHEST, 0_u64..10_000, 0_u64..100_000_000, HIGHEST..=u64::MAX],
                 prop_oneof![1_u64..200, 1..=u64::MAX >> 8]),
                0..100,
            ),
        ) {
            let mut all = histogram();
            recorded.into_iter().for_each(|(value, count)| all.saturating_record_n(value, count));
            let encoded = encoded(&all);
            prop_assert_eq!(Counts::new().read(&encoded), Some(unpacked(&encoded)));
        }
    }

    #[test]
    fn what_is_no_histogram_of_a_log_is_none() {
        let mut full = histogram();
        (0..100).for_each(|millis| full.saturating_record(millis * 1_000_000));
        let whole = encoded(&full);
        let mut plain = Vec::new();
        V2Serializer::new().serialize(&full, &mut plain).unwrap();
        let coarse = Histogram::<u64>::new_with_bounds(LOWEST, HIGHEST, 2).unwrap();
        let mut reader = Counts::new();
        let no_histograms = ["", "hostile", &BASE64_STANDARD.encode(plain), &encoded(&coarse)];
        let cut = (0..whole.len()).map(|length| &whole[..length]);
        for text in no_histograms.into_iter().chain(cut) {
            assert_eq!(reader.read(text), None, "{text}");
        }
        assert_eq!(reader.read(&whole), Some(unpacked(&whole)), "after all of them");
    }
}
