//! Logins of whatever section of the configuration: from the environment, a file or a program, never from the
//! configuration itself.

mod program;

use std::path::{Path, PathBuf};

use ramp_observe::Credentials;

pub use self::program::ProgramError;
use super::{
    ConfigError,
    raw::RawCommand,
    resolve::{first_line, secret_variable, value},
};

/// Where a secret stands: in one place at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// An environment variable.
    pub(super) variable: Option<&'a str>,
    /// The first line of a file.
    pub(super) file: Option<&'a Path>,
    /// The first line that a program prints.
    pub(super) command: Option<&'a [String]>,
}

impl<'a> Places<'a> {
    pub(super) fn new(
        variable: &'a Option<String>,
        file: &'a Option<PathBuf>,
        command: &'a Option<RawCommand>,
    ) -> Self {
        Self {
            variable: variable.as_deref(),
            file: file.as_deref(),
            command: command.as_ref().map(|RawCommand::Words(words)| words.as_slice()),
        }
    }

    pub(super) const fn is_nowhere(self) -> bool {
        self.variable.is_none() && self.file.is_none() && self.command.is_none()
    }
}

/// The secret `what` of a section; files stand and programs run relative to `folder`.
pub(super) fn secret(
    section: &str,
    what: &str,
    places: Places<'_>,
    folder: &Path,
) -> Result<Option<String>, ConfigError> {
    match places {
        Places { variable: None, file: None, command: None } => Ok(None),
        Places { variable: Some(variable), file: None, command: None } => {
            secret_variable(&format!("{section}.{what}_env"), Some(variable))
        }
        Places { variable: None, file: Some(file), command: None } => {
            first_line(&folder.join(file)).map(Some)
        }
        Places { variable: None, file: None, command: Some(command) } => {
            told(format!("{section}.{what}_command"), command, folder).map(Some)
        }
        Places { .. } => {
            let reason = format!(
                "it has more than one of {what}_env, {what}_file and {what}_command; keep one of them"
            );
            Err(value(section, "(hidden)", &reason))
        }
    }
}

/// The secret that the program under `key` tells, run in `folder`.
pub(super) fn told(key: String, command: &[String], folder: &Path) -> Result<String, ConfigError> {
    let told = program::first_line(command, folder, program::PATIENCE);
    told.map_err(|source| ConfigError::Program { key, source })
}

/// The login of a section; both its parts or none.
pub(super) fn basic(
    section: &str,
    username: Option<String>,
    password: Option<String>,
) -> Result<Option<Credentials>, ConfigError> {
    let half = |reason: &str| Err(value(section, "(hidden)", &reason));
    match (username, password) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Credentials::basic(username, password))),
        (None, Some(_)) => half("it has a password and no username_env"),
        (Some(_), None) => {
            half("it has a username_env and none of password_env, password_file and password_command")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_in_one_place_and_two_are_refused_whichever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "from a file\n").unwrap();
        let variable = Some("RAMP_TEST_NO_SUCH".to_owned());
        let file = Some(PathBuf::from("file"));
        let command = Some(RawCommand::Words(["echo", "from a program"].map(str::to_owned).into()));
        let told = |variable, file, command| {
            secret("source", "password", Places::new(variable, file, command), folder.path())
        };
        assert_eq!(told(&None, &None, &None).unwrap(), None);
        assert_eq!(told(&None, &file, &None).unwrap().as_deref(), Some("from a file"));
        assert_eq!(told(&None, &None, &command).unwrap().as_deref(), Some("from a program"));
        let missing = told(&variable, &None, &None).unwrap_err().to_string();
        assert!(missing.starts_with("source.password_env names the environment variable"), "{missing}");
        for (variable, file, command) in [
            (&variable, &file, &None),
            (&variable, &None, &command),
            (&None, &file, &command),
            (&variable, &file, &command),
        ] {
            assert_eq!(
                told(variable, file, command).unwrap_err().to_string(),
                "source = \"(hidden)\": it has more than one of password_env, password_file and password_command; keep \
                 one of them"
            );
        }
    }
}
