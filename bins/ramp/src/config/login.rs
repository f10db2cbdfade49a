//! Logins by basic authentication, of whatever section of the configuration.

use std::path::{Path, PathBuf};

use ramp_observe::Credentials;

use super::{
    ConfigError,
    resolve::{first_line, secret_variable, value},
};

/// The secret `what` of a section, from the environment or from a file relative to `folder`.
pub(super) fn secret(
    section: &str,
    what: &str,
    (variable, file): (&Option<String>, Option<&PathBuf>),
    folder: &Path,
) -> Result<Option<String>, ConfigError> {
    match (variable, file) {
        (Some(_), Some(_)) => {
            let reason = format!("it has a {what}_env and a {what}_file; keep one of them");
            Err(value(section, "(hidden)", &reason))
        }
        (_, Some(file)) => first_line(&folder.join(file)).map(Some),
        (variable, None) => secret_variable(&format!("{section}.{what}_env"), variable),
    }
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
        (Some(_), None) => half("it has a username_env and neither password_env nor password_file"),
    }
}
