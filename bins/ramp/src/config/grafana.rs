//! The team's Grafana, if its address is known.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use ramp_observe::{Credentials, Tls, grafana::GrafanaConfig};

use super::{
    ConfigError,
    login::{self, Places},
    raw::RawGrafana,
    resolve::{DashboardPlace, bytes, value},
};

/// Where it is and how to log in there; nothing where no address stands. Files stand relative to `folder`.
pub(super) fn settings(raw: RawGrafana, folder: &Path) -> Result<Option<GrafanaConfig>, ConfigError> {
    let RawGrafana { url, token_env, token_file, token_command, ca_file, annotations, dashboards } = raw;
    let token = Places::new(&token_env, &token_file, &token_command);
    let Some(url) = url else {
        let has_login = !token.is_nowhere() || ca_file.is_some();
        let said = has_login || annotations || !dashboards.is_empty();
        let missing = || value(SECTION, "(incomplete)", &"it has no url; write url = \"https://…\" into it");
        return if said { Err(missing()) } else { Ok(None) };
    };
    let token = login::secret(SECTION, "token", token, folder)?;
    if annotations && token.is_none() {
        let reason =
            "Grafana takes none without a token; name it with token_env, token_file or token_command";
        return Err(value("grafana.annotations", "true", &reason));
    }
    let authorities = ca_file.map(|file| bytes(&folder.join(file))).transpose()?;
    let credentials = token.map(Credentials::bearer);
    Ok(Some(GrafanaConfig { url, credentials, tls: Tls { authorities, identity: None } }))
}

/// Where the dashboards are, which stand in one place only.
pub(super) fn dashboards(
    files: Option<PathBuf>,
    named: BTreeMap<String, String>,
    grafana: Option<&GrafanaConfig>,
) -> Result<DashboardPlace, ConfigError> {
    match (files, grafana) {
        (Some(files), _) if !named.is_empty() => {
            let reason = "there is a [grafana.dashboards] as well; keep one of them";
            Err(value("prometheus.dashboards", &files.display().to_string(), &reason))
        }
        (Some(files), _) => Ok(DashboardPlace::Files(files)),
        (None, Some(grafana)) if !named.is_empty() => Ok(DashboardPlace::Grafana(grafana.clone(), named)),
        (None, _) => Ok(DashboardPlace::BuiltIn),
    }
}

/// What the configuration calls this part.
const SECTION: &str = "grafana";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn resolved(text: &str) -> Result<Option<GrafanaConfig>, ConfigError> {
        settings(toml::from_str(text).unwrap(), Path::new("."))
    }

    #[test]
    fn there_is_no_grafana_without_an_address_and_one_without_a_token_is_enough_for_links() {
        assert!(resolved("").unwrap().is_none());
        let grafana = resolved("url = 'https://grafana.example.org/team'").unwrap().unwrap();
        assert_eq!(grafana.address(), "https://grafana.example.org/team");
        assert!(grafana.credentials.is_none());
    }

    #[test]
    fn dashboards_stand_in_one_place() {
        let grafana = resolved("url = 'http://a:1'").unwrap();
        let named = || BTreeMap::from([("mm2".to_owned(), "uid".to_owned())]);
        let place = |files, named| dashboards(files, named, grafana.as_ref());
        let files = || Some(PathBuf::from("dashboards"));
        assert!(matches!(place(None, BTreeMap::new()).unwrap(), DashboardPlace::BuiltIn));
        assert!(matches!(place(files(), BTreeMap::new()).unwrap(), DashboardPlace::Files(_)));
        let DashboardPlace::Grafana(_, found) = place(None, named()).unwrap() else { panic!("elsewhere") };
        assert_eq!(found, named());
        let error = place(files(), named()).unwrap_err().to_string();
        assert_eq!(
            error,
            "prometheus.dashboards = \"dashboards\": there is a [grafana.dashboards] as well; keep one of them"
        );
    }

    #[test]
    fn a_token_without_an_address_or_that_is_not_there_is_refused_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "hunter2\n").unwrap();
        let token = format!("token_file = {file:?}");
        for (text, reason) in [
            (token.clone(), "grafana = \"(incomplete)\": it has no url"),
            ("annotations = true".to_owned(), "it has no url"),
            ("dashboards = { a = 'b' }".to_owned(), "it has no url"),
            ("url = 'http://a:1'\nannotations = true".to_owned(), "Grafana takes none without a token"),
            (format!("url = 'http://a:1'\ntoken_env = 'X'\n{token}"), "keep one of them"),
            ("url = 'http://a:1'\ntoken_env = 'RAMP_TEST_NO_SUCH'".to_owned(), "RAMP_TEST_NO_SUCH"),
            ("url = 'http://a:1'\nca_file = 'gone.pem'".to_owned(), "gone.pem"),
        ] {
            let error = resolved(&text).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
        let found = resolved(&format!("url = 'http://a:1'\n{token}")).unwrap().unwrap();
        assert!(found.credentials.is_some() && !format!("{found:?}").contains("hunter2"), "{found:?}");
    }
}
