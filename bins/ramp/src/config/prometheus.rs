//! Prometheus, its logins and certificates, and the panels that show the signals.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use ramp_observe::{
    Credentials, PrometheusConfig, Tls, VariableValue,
    catalog::{Binding, Catalog, PanelName},
};

use super::{
    ConfigError,
    login::{self, Places},
    raw::{RawCommand, RawHeader, RawPanel, RawPrometheus, RawSignal, RawVariable},
    resolve::{bytes, first_line, secret_variable, value},
    span::Span,
};

/// Where Prometheus is, and how to log in there; files stand relative to `folder`.
pub(super) fn settings(
    raw: RawPrometheus,
    flag: Option<String>,
    folder: &Path,
) -> Result<PrometheusConfig, ConfigError> {
    let url = flag.or_else(|| raw.url.clone()).ok_or(ConfigError::Missing {
        key: "prometheus.url",
        flag: "--prometheus",
        variable: "PROMETHEUS_URL",
    })?;
    let credentials = credentials(&raw, folder)?;
    let tls = tls(&raw, folder)?;
    let mut headers = BTreeMap::new();
    for (name, raw) in raw.headers {
        headers.insert(name.clone(), header(&name, raw, folder)?);
    }
    let variables = raw.variables.into_iter().map(|(name, value)| {
        let value = match value {
            RawVariable::Text(text) => VariableValue::Text(text),
            RawVariable::Many(values) => VariableValue::Many(values),
        };
        // In the dashboard's own writing the name has a dollar before it.
        (name.trim_start_matches('$').to_owned(), value)
    });
    let config = PrometheusConfig { url, credentials, headers, tls, variables: variables.collect() };
    config.check().map_err(ConfigError::Prometheus)?;
    Ok(config)
}

/// How often the signals are read.
pub(super) fn sampling(raw: &RawPrometheus) -> Result<Duration, ConfigError> {
    let sampling = raw.sampling.map_or(SAMPLING, Span::get);
    if sampling < LEAST_SAMPLING {
        let least = Span::new(LEAST_SAMPLING);
        let reason = format!("no Prometheus is scraped so often; write {least} or more");
        return Err(value("prometheus.sampling", &Span::new(sampling).to_string(), &reason));
    }
    Ok(sampling)
}

/// The built-in catalogue with the user's bindings.
pub(super) fn catalog(signals: BTreeMap<String, RawSignal>) -> Result<Catalog, ConfigError> {
    let mut catalog = Catalog::default();
    for (name, RawSignal { dashboard, panel, query, unit, fold }) in signals {
        let panel = panel.map(|panel| match panel {
            RawPanel::Title(title) => PanelName::Title(title.into()),
            RawPanel::Id(id) => PanelName::Id(id),
        });
        let binding = Binding { dashboard, panel, ref_id: query, unit, fold };
        let bound = catalog.bind(&name, binding);
        bound.map_err(|error| value(&format!("signals.{name:?}"), "(incomplete)", &error))?;
    }
    Ok(catalog)
}

fn credentials(raw: &RawPrometheus, folder: &Path) -> Result<Option<Credentials>, ConfigError> {
    let token = Places::new(&raw.token_env, &raw.token_file, &raw.token_command);
    let token = login::secret(SECTION, "token", token, folder)?;
    let username = secret_variable("prometheus.username_env", raw.username_env.as_deref())?;
    let password = Places::new(&raw.password_env, &raw.password_file, &raw.password_command);
    let password = login::secret(SECTION, "password", password, folder)?;
    match (token, username, password) {
        (None, username, password) => login::basic(SECTION, username, password),
        (Some(token), None, None) => Ok(Some(Credentials::bearer(token))),
        (Some(_), ..) => Err(value(SECTION, "(hidden)", &"it has a token and a password; keep one of them")),
    }
}

fn tls(raw: &RawPrometheus, folder: &Path) -> Result<Tls, ConfigError> {
    let read = |path: &PathBuf| bytes(&folder.join(path));
    let authorities = raw.ca_file.as_ref().map(read).transpose()?;
    let identity = match (&raw.cert_file, &raw.key_file) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let mut pem = read(certificate)?;
            pem.push(b'\n');
            pem.extend(read(key)?);
            Some(pem)
        }
        (Some(_), None) => {
            return Err(value("prometheus.cert_file", "(alone)", &"name its key_file as well"));
        }
        (None, Some(_)) => {
            return Err(value("prometheus.key_file", "(alone)", &"name its cert_file as well"));
        }
    };
    Ok(Tls { authorities, identity })
}

fn header(name: &str, raw: RawHeader, folder: &Path) -> Result<String, ConfigError> {
    match raw {
        RawHeader::Text(_) if SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => {
            let reason = "a secret; use token_env, username_env with password_env, or { env = … }, { file = … } or { command = … }";
            Err(value(&format!("prometheus.headers.{name}"), "(hidden)", &reason))
        }
        RawHeader::Text(text) => Ok(text),
        RawHeader::Variable { env } => {
            let found = secret_variable(&format!("prometheus.headers.{name}.env"), Some(&env))?;
            Ok(found.unwrap_or_default())
        }
        RawHeader::File { file } => first_line(&folder.join(file)),
        RawHeader::Program { command: RawCommand::Words(words) } => {
            login::told(format!("prometheus.headers.{name}.command"), &words, folder)
        }
    }
}

/// How often the signals are read where nothing else is said.
const SAMPLING: Duration = Duration::from_secs(5);

/// What the configuration calls this part.
const SECTION: &str = "prometheus";

const LEAST_SAMPLING: Duration = Duration::from_millis(500);

/// Headers whose values are a login.
const SECRET_HEADERS: [&str; 4] = ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key"];

#[cfg(test)]
mod tests {
    use std::fs;

    use ramp_core::signal::{Fold, Unit};

    use super::*;

    fn raw(text: &str) -> RawPrometheus {
        toml::from_str(&format!("url = \"http://p:9090\"\n{text}")).unwrap()
    }

    fn refused(text: &str) -> String {
        settings(raw(text), None, Path::new(".")).unwrap_err().to_string()
    }

    #[test]
    fn variables_are_texts_or_lists_and_headers_plain_or_from_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tenant"), "hunter2\n").unwrap();
        let raw = raw("variables = { \"$node\" = [\"w1\", \"w2\"], interval = \"30s\" }\n\
             headers = { X-Scope-OrgID = \"team\", X-Token = { file = \"tenant\" }, X-Own = { command = [\"cat\", \"tenant\"] } }\n\
             token_file = \"tenant\"");
        let settings = settings(raw, None, folder.path()).unwrap();
        assert_eq!(settings.variables["node"], VariableValue::Many(vec!["w1".to_owned(), "w2".to_owned()]));
        assert_eq!(settings.variables["interval"], VariableValue::Text("30s".to_owned()));
        assert_eq!((&*settings.headers["X-Scope-OrgID"], &*settings.headers["X-Token"]), ("team", "hunter2"));
        assert_eq!(settings.headers["X-Own"], "hunter2");
        assert!(settings.credentials.is_some());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn half_a_login_and_two_logins_are_refused_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "hunter2").unwrap();
        let (password, token) = (format!("password_file = {file:?}"), format!("token_file = {file:?}"));
        for (text, reason) in [
            (password.clone(), "no username_env"),
            (format!("{password}\n{token}"), "keep one of them"),
            (format!("{password}\npassword_env = \"X\""), "keep one of them"),
            (
                "headers = { authorization = \"Bearer hunter2\" }".to_owned(),
                "prometheus.headers.authorization",
            ),
            ("cert_file = \"c.pem\"".to_owned(), "key_file"),
            ("key_file = \"k.pem\"".to_owned(), "cert_file"),
            ("ca_file = \"gone.pem\"".to_owned(), "gone.pem"),
        ] {
            let error = refused(&text);
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_period_that_no_scrape_can_follow_is_refused() {
        assert!(sampling(&raw("sampling = \"0s\"")).unwrap_err().to_string().contains("500ms or more"));
        assert_eq!(sampling(&raw("")).unwrap(), SAMPLING);
    }

    #[test]
    fn a_signal_is_bound_by_any_of_its_names_and_one_s_own_says_what_it_needs() {
        let signals = |text: &str| catalog(toml::from_str(text).unwrap());
        let bound = signals(
            "[\"CPU workers\"]\npanel = 7\n\
             [\"mm2.waiting\"]\ndashboard = \"d\"\npanel = \"Waiting Threads\"\nquery = \"B\"\nunit = \"count\"\nfold = \"increase\"",
        );
        let bound = bound.unwrap();
        assert_eq!(bound.find("host.cpu").unwrap().panel, PanelName::Id(7));
        let own = bound.find("mm2.waiting").unwrap();
        assert_eq!((own.unit, own.fold, own.ref_id.as_deref()), (Unit::Count, Fold::Increase, Some("B")));
        let error = signals("[\"mm2.waiting\"]\npanel = 7").unwrap_err().to_string();
        assert!(error.contains("mm2.waiting") && error.contains("say its unit"), "{error}");
    }
}
