//! A list that grows without moving what it holds, so that threads read it while it grows and take no lock.

use std::sync::OnceLock;

/// Up to `CHUNKS · CHUNK` places, made a chunk at a time when first asked for.
#[derive(Debug)]
pub(crate) struct Growing<T, const CHUNK: usize> {
    chunks: Box<[OnceLock<Box<[T]>>]>,
}

impl<T: Default, const CHUNK: usize> Growing<T, CHUNK> {
    pub(crate) fn new() -> Self {
        Self { chunks: std::iter::repeat_with(OnceLock::new).take(CHUNKS).collect() }
    }

    /// The place `index`; `None` where its chunk was never asked for by [`make`](Self::make).
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    /// The place `index`, made with its chunk where it is not there yet; `None` beyond the last.
    pub(crate) fn make(&self, index: usize) -> Option<&T> {
        let chunk = self.chunks.get(index / CHUNK)?;
        chunk.get_or_init(|| std::iter::repeat_with(T::default).take(CHUNK).collect()).get(index % CHUNK)
    }
}

const CHUNKS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_there_once_it_was_made_and_keeps_its_value() {
        let places = Growing::<OnceLock<u8>, 4>::new();
        assert!(places.get(5).is_none());
        places.make(5).unwrap().set(7).unwrap();
        assert_eq!(places.get(5).and_then(OnceLock::get), Some(&7));
        assert_eq!(places.get(6).and_then(OnceLock::get), None);
        assert!(places.get(9).is_none());
        assert!(places.make(4 * CHUNKS - 1).is_some() && places.make(4 * CHUNKS).is_none());
    }
}
