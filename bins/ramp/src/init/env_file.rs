//! What a `.env` file says of where everything is. Its secrets are not kept, and nothing of it is shown.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a `.env` file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A line of it is none of a `.env` file.
    #[error("{}, line {line}: not of the form NAME=value; put quotes around a value with blanks in it", path.display())]
    Line { path: PathBuf, line: usize },
}

/// What a `.env` file says of where everything is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub(super) source: Option<String>,
    pub(super) target: Option<String>,
    pub(super) prometheus: Option<String>,
    pub(super) connect: Option<String>,
    /// Whether it has a user or a password for the clusters.
    pub(super) has_login: bool,
}

impl EnvFile {
    pub(super) fn read(path: &Path) -> Result<Self, EnvFileError> {
        let failed = |source| EnvFileError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let text = text.trim_start_matches('\u{feff}');
        let mut said = Self::default();
        for pair in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = pair.map_err(|error| match error {
                dotenvy::Error::LineParse(wrong, _) => {
                    let before = text.find(wrong.trim()).and_then(|start| text.get(..start));
                    let line = before.map_or(0, |before| before.matches('\n').count()) + 1;
                    EnvFileError::Line { path: path.to_owned(), line }
                }
                other => failed(io::Error::other(other)),
            })?;
            let value = Some(value).filter(|value| !value.is_empty());
            match name.as_str() {
                "KAFKA_SOURCE" => said.source = value,
                "KAFKA_TARGET" => said.target = value,
                "PROMETHEUS_URL" => said.prometheus = value,
                "CONNECT_URL" => said.connect = value,
                "KAFKA_USER" | "KAFKA_PASS" => said.has_login |= value.is_some(),
                _other => {}
            }
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<EnvFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, text).unwrap();
        EnvFile::read(&path).map_err(|error| {
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            error.to_string().replace(path.to_str().unwrap(), ".env")
        })
    }

    #[test]
    fn a_file_says_where_everything_is_as_a_shell_would_take_it() {
        let said = read(
            "\u{feff}# clusters\nexport KAFKA_SOURCE='a:1,b:1'\nHOST=c\nKAFKA_TARGET=\"${HOST}:1\"\r\n\
             PROMETHEUS_URL=http://old:1\nPROMETHEUS_URL=http://new:1 # the last counts\nCONNECT_URL=\nOTHER=hunter2\n",
        );
        let expected = EnvFile {
            source: Some("a:1,b:1".to_owned()),
            target: Some("c:1".to_owned()),
            prometheus: Some("http://new:1".to_owned()),
            connect: None,
            has_login: false,
        };
        assert_eq!(said, Ok(expected));
        assert!(read("KAFKA_USER=u\nKAFKA_PASS='hunter2'").unwrap().has_login);
    }

    #[test]
    fn a_line_that_is_none_is_named_by_its_number_and_not_shown() {
        for text in [
            "A=1\n\nKAFKA_PASS=hunter2 is long\n",
            "A=1\n# b\nhunter2\n",
            "A=1\n\nKAFKA_PASS='hunter2\nB=2\n",
        ] {
            let expected =
                ".env, line 3: not of the form NAME=value; put quotes around a value with blanks in it";
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        assert_eq!(
            EnvFile::read(Path::new("/gone/.env")).unwrap_err().to_string(),
            "cannot read /gone/.env: No such file or directory (os error 2)"
        );
    }
}
