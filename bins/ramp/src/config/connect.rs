//! Kafka Connect's REST interface, if there is one to ask.

use std::path::Path;

use ramp_observe::{Tls, connect::ConnectConfig};

use super::{
    ConfigError,
    login::{self, Places},
    raw::RawConnect,
    resolve::{bytes, secret_variable},
};

/// Where it is and how to log in there; nothing where no address stands anywhere. Files stand relative to `folder`.
pub(super) fn settings(
    raw: RawConnect,
    flag: Option<String>,
    folder: &Path,
) -> Result<Option<ConnectConfig>, ConfigError> {
    let RawConnect { url, username_env, password_env, password_file, password_command, ca_file } = raw;
    let password = Places::new(&password_env, &password_file, &password_command);
    let Some(url) = flag.or(url) else {
        let said = username_env.is_some() || !password.is_nowhere() || ca_file.is_some();
        let missing = ConfigError::Missing { key: "connect.url", flag: "--connect", variable: "CONNECT_URL" };
        return if said { Err(missing) } else { Ok(None) };
    };
    let username = secret_variable("connect.username_env", username_env.as_deref())?;
    let password = login::secret(SECTION, "password", password, folder)?;
    let credentials = login::basic(SECTION, username, password)?;
    let authorities = ca_file.map(|file| bytes(&folder.join(file))).transpose()?;
    Ok(Some(ConnectConfig { url, credentials, tls: Tls { authorities, identity: None } }))
}

/// What the configuration calls this part.
const SECTION: &str = "connect";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn resolved(text: &str, flag: Option<&str>) -> Result<Option<ConnectConfig>, ConfigError> {
        settings(toml::from_str(text).unwrap(), flag.map(str::to_owned), Path::new("."))
    }

    #[test]
    fn nobody_is_asked_where_no_address_stands_and_a_flag_stands_above_the_file() {
        assert!(resolved("", None).unwrap().is_none());
        let url = |text, flag| resolved(text, flag).unwrap().unwrap().url;
        assert_eq!(url("url = 'http://a:1'", None), "http://a:1");
        assert_eq!(url("url = 'http://a:1'", Some("http://b:1")), "http://b:1");
        assert_eq!(url("", Some("http://b:1")), "http://b:1");
    }

    #[test]
    fn a_login_without_its_address_or_half_of_it_is_refused_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "hunter2\n").unwrap();
        let password = format!("password_file = {file:?}");
        for (text, reason) in [
            (
                "username_env = 'U'".to_owned(),
                "connect.url is not set; write it into the configuration, or give --connect",
            ),
            (format!("url = 'http://a:1'\n{password}"), "no username_env"),
            (format!("url = 'http://a:1'\npassword_env = 'X'\n{password}"), "keep one of them"),
            ("url = 'http://a:1'\nusername_env = 'RAMP_TEST_NO_SUCH'".to_owned(), "RAMP_TEST_NO_SUCH"),
            ("url = 'http://a:1'\nca_file = 'gone.pem'".to_owned(), "gone.pem"),
        ] {
            let error = resolved(&text, None).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
    }
}
