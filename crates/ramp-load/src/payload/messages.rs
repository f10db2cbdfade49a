//! Messages made beforehand.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Messages of which one is drawn for each record; at least one. Copies share them.
#[derive(Clone, PartialEq, Eq)]
pub struct Messages(Arc<[Vec<u8>]>);

/// Why there are no messages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no message.
    #[error("{} holds no message; write at least one, ended by the delimiter", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

impl Messages {
    /// These messages; `None` where there are none.
    #[must_use]
    pub fn new(messages: Vec<Vec<u8>>) -> Option<Self> {
        (!messages.is_empty()).then(|| Self(messages.into()))
    }

    /// The messages of a file, between which `delimiter` stands; empty ones are left out. An empty delimiter makes the
    /// whole file one message.
    ///
    /// # Errors
    /// When the file cannot be read or holds no message.
    pub fn read(file: &Path, delimiter: &str) -> Result<Self, MessagesError> {
        let bytes = fs::read(file).map_err(|source| MessagesError::Read { file: file.to_owned(), source })?;
        let messages = split(&bytes, delimiter.as_bytes());
        let messages = messages.filter(|message| !message.is_empty()).map(<[u8]>::to_vec).collect();
        Self::new(messages).ok_or_else(|| MessagesError::Empty { file: file.to_owned() })
    }

    /// How many there are; at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> &[u8] {
        self.0.get(index).map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages", self.count())
    }
}

fn split<'a>(bytes: &'a [u8], delimiter: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let text = rest?;
        let found = (!delimiter.is_empty())
            .then(|| text.windows(delimiter.len()).position(|window| window == delimiter))
            .flatten();
        let Some(at) = found else { return rest.take() };
        rest = text.get(at + delimiter.len()..);
        text.get(..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_at_its_delimiter() {
        let cut = |text: &'static str, delimiter: &'static str| {
            let messages = split(text.as_bytes(), delimiter.as_bytes());
            messages.map(|message| str::from_utf8(message).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(cut("a\nb\n", "\n"), ["a", "b", ""]);
        assert_eq!(cut("a||b|c", "||"), ["a", "b|c"]);
        assert_eq!(cut("whole", ""), ["whole"]);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Messages::read(Path::new("absent.txt"), "\n").unwrap_err().to_string();
        assert!(error.contains("absent.txt"), "{error}");
    }
}
