//! Bytes that look like no others, made once and handed out a slice at a time.

/// xorshift64*: not for secrets.
#[derive(Debug)]
pub(super) struct Noise(u64);

impl Noise {
    pub(super) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    const fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 where that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let scaled = (u128::from(self.word()) * end as u128) >> 64;
        // It is below `end`, which is a usize.
        scaled as usize
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, noise) in chunk.iter_mut().zip(self.word().to_le_bytes()) {
                *byte = noise;
            }
        }
    }
}

/// Noise from which payloads are cut one behind the other, at a tenth of the cost of making it for each record. It is
/// longer than what gzip, snappy and lz4 look back on and than a batch of usual size, so that a batch compresses as if
/// each of its payloads had been made anew.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: Vec<u8>,
    largest: usize,
    next: usize,
}

impl Pool {
    /// Of bytes that do not compress, for payloads of at most `largest`.
    pub(super) fn bytes(noise: &mut Noise, largest: usize) -> Self {
        let mut bytes = vec![0; LENGTH.max(largest.saturating_mul(2))];
        noise.fill(&mut bytes);
        Self { bytes, largest, next: 0 }
    }

    /// Of letters from A to Z, for payloads of at most `largest`.
    pub(super) fn letters(noise: &mut Noise, largest: usize) -> Self {
        let mut pool = Self::bytes(noise, largest);
        for byte in &mut pool.bytes {
            *byte = b'A' + (u16::from(*byte) * 26 / 256) as u8;
        }
        pool
    }

    pub(super) const fn largest(&self) -> usize {
        self.largest
    }

    /// The next payload, of `size` bytes. What is written over them stays until they come again.
    pub(super) fn next(&mut self, size: usize) -> &mut [u8] {
        if self.next + size > self.bytes.len() {
            self.next = 0;
        }
        let begin = self.next;
        self.next += size;
        self.bytes.get_mut(begin..self.next).unwrap_or_default()
    }
}

/// Half of what a core's second cache holds. A prime number of payloads of 1 KiB, so that no number of partitions makes
/// a batch of the same few.
const LENGTH: usize = 521 * 1024 + 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_payload_comes_twice_within_a_batch_of_half_a_megabyte() {
        let mut pool = Pool::bytes(&mut Noise::new(), 1_024);
        let payloads: Vec<_> = (0..521).map(|_| pool.next(1_024).to_vec()).collect();
        let distinct: std::collections::BTreeSet<_> = payloads.iter().collect();
        assert_eq!(distinct.len(), payloads.len());
        assert!(payloads.iter().all(|payload| payload.len() == 1_024));
    }

    #[test]
    fn a_number_below_an_end_stays_below_it() {
        let mut noise = Noise::new();
        assert!((0..1_000).all(|_| noise.below(3) < 3));
        assert_eq!(noise.below(0), 0);
    }
}
