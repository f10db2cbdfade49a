//! Grafana dashboards: their panels, queries and template variables.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::catalog::Entry;

/// Dashboards by their files' names.
#[derive(Debug, Clone)]
pub struct Dashboards(Vec<Dashboard>);

#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    pub(crate) file: String,
    panels: Vec<Panel>,
    pub(crate) variables: Vec<Variable>,
}

#[derive(Debug, Clone, Deserialize)]
struct Panel {
    #[serde(default)]
    title: String,
    #[serde(default)]
    targets: Vec<Target>,
    /// Panels within a row.
    #[serde(default)]
    panels: Vec<Self>,
}

#[derive(Debug, Clone, Deserialize)]
struct Target {
    #[serde(default, rename = "refId")]
    ref_id: String,
    #[serde(default)]
    expr: String,
}

/// A template variable.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    current: Value,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default, rename = "includeAll")]
    include_all: Option<bool>,
    #[serde(default, rename = "allValue")]
    pub(crate) all_value: Option<String>,
    #[serde(default)]
    multi: Option<bool>,
}

/// Why dashboards cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no dashboard.
    #[error("{} is no Grafana dashboard: {source}; export it with Share → Export → Save to file", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A dashboard is missing.
    #[error("there is no dashboard {file}; the folder has {known}")]
    NoDashboard {
        /// The file that is wanted.
        file: String,
        /// The files there are.
        known: String,
    },
    /// A panel is missing or was renamed.
    #[error("{dashboard} has no panel {panel:?} with a query {ref_id}; the nearest are {nearest}")]
    NoPanel {
        /// The dashboard.
        dashboard: String,
        /// The panel's title.
        panel: String,
        /// The query.
        ref_id: String,
        /// Titles like it.
        nearest: String,
    },
}

impl Dashboards {
    /// The dashboards that ramp brings along.
    ///
    /// # Errors
    /// None in a build that passes its tests.
    pub fn embedded() -> Result<Self, DashboardError> {
        let files = EMBEDDED.iter().map(|(file, text)| Dashboard::parse(Path::new(file), text));
        files.collect::<Result<_, _>>().map(Self)
    }

    /// The dashboards in the file or folder `path`.
    ///
    /// # Errors
    /// When it cannot be read, or a `.json` file there is no dashboard.
    pub fn load(path: &Path) -> Result<Self, DashboardError> {
        let failed = |source| DashboardError::Read { path: path.to_owned(), source };
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            files = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
            files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
            files.sort();
        }
        let read = |file: &PathBuf| {
            let text = fs::read_to_string(file);
            let text = text.map_err(|source| DashboardError::Read { path: file.clone(), source })?;
            Dashboard::parse(file, &text)
        };
        files.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The dashboard and the expression of a catalogue entry's panel.
    pub(crate) fn expression(&self, entry: &Entry) -> Result<(&Dashboard, &str), DashboardError> {
        let dashboard =
            self.0.iter().find(|dashboard| dashboard.file == entry.dashboard).ok_or_else(|| {
                let known: Vec<_> = self.0.iter().map(|dashboard| dashboard.file.as_str()).collect();
                DashboardError::NoDashboard { file: entry.dashboard.to_owned(), known: known.join(", ") }
            })?;
        let expression = dashboard.expression(entry.panel, entry.ref_id);
        let expression = expression.ok_or_else(|| DashboardError::NoPanel {
            dashboard: dashboard.file.clone(),
            panel: entry.panel.to_owned(),
            ref_id: entry.ref_id.to_owned(),
            nearest: dashboard.nearest(entry.panel),
        })?;
        Ok((dashboard, expression))
    }
}

impl Dashboard {
    fn parse(path: &Path, text: &str) -> Result<Self, DashboardError> {
        #[derive(Deserialize)]
        struct Model {
            #[serde(default)]
            panels: Vec<Panel>,
            /// Before schema 16 the panels stand in rows.
            #[serde(default)]
            rows: Vec<Panel>,
            #[serde(default)]
            templating: Templating,
        }
        #[derive(Default, Deserialize)]
        struct Templating {
            #[serde(default)]
            list: Vec<Variable>,
        }
        let model: Model = serde_json::from_str(text)
            .map_err(|source| DashboardError::Parse { path: path.to_owned(), source })?;
        let mut panels = Vec::new();
        for panel in model.panels.into_iter().chain(model.rows) {
            panel.flatten(&mut panels);
        }
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { file, panels, variables: model.templating.list })
    }

    fn expression(&self, title: &str, ref_id: &str) -> Option<&str> {
        let panels = self.panels.iter().filter(|panel| panel.title == title);
        let mut targets = panels.flat_map(|panel| &panel.targets);
        targets.find(|target| target.ref_id == ref_id).map(|target| target.expr.as_str())
    }

    fn nearest(&self, title: &str) -> String {
        let mut titles: Vec<_> = self.panels.iter().map(|panel| panel.title.as_str()).collect();
        titles.sort_by(|a, b| {
            let like = |other| strsim::jaro_winkler(title, other);
            like(b).total_cmp(&like(a))
        });
        titles.iter().take(3).map(|title| format!("{title:?}")).collect::<Vec<_>>().join(", ")
    }
}

impl Panel {
    fn flatten(mut self, all: &mut Vec<Self>) {
        let within = std::mem::take(&mut self.panels);
        all.push(self);
        for panel in within {
            panel.flatten(all);
        }
    }
}

impl Variable {
    /// The variable's query: a text, or an object with the text within.
    pub(crate) fn query(&self) -> &str {
        self.query.as_str().or_else(|| self.query.get("query")?.as_str()).unwrap_or("")
    }

    /// The value that was chosen when the dashboard was saved, unless that is "All".
    pub(crate) fn current(&self) -> Option<&str> {
        let value = self.current.get("value")?;
        let value = value.as_str().or_else(|| value.get(0)?.as_str())?;
        (value != "$__all").then_some(value)
    }

    /// Whether its values are many, as "All" is.
    pub(crate) fn is_many(&self) -> bool {
        self.include_all == Some(true) || self.multi == Some(true)
    }

    pub(crate) fn regex(&self) -> Option<&str> {
        self.regex.as_deref().filter(|regex| !regex.is_empty())
    }
}

const EMBEDDED: [(&str, &str); 3] = [
    ("mm2-replication.json", include_str!("../../../fixtures/dashboards/mm2-replication.json")),
    ("mm2-detailed-metrics.json", include_str!("../../../fixtures/dashboards/mm2-detailed-metrics.json")),
    ("Node-Eporter.json", include_str!("../../../fixtures/dashboards/Node-Eporter.json")),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog;

    #[test]
    fn the_embedded_dashboards_have_every_panel_of_the_catalogue() {
        let dashboards = Dashboards::embedded().unwrap();
        for entry in catalog::entries() {
            let (_, expression) = dashboards.expression(&entry).unwrap();
            assert!(!expression.is_empty(), "{}", entry.id);
        }
    }

    #[test]
    fn the_users_own_dashboards_have_them_too() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/dashboards");
        if !folder.is_dir() {
            return;
        }
        let dashboards = Dashboards::load(&folder).unwrap();
        for entry in catalog::entries() {
            dashboards.expression(&entry).unwrap();
        }
    }

    #[test]
    fn a_renamed_panel_is_answered_with_the_nearest_titles() {
        let entry = Entry { panel: "Active Record (Lag)", ..catalog::find("mm2.active_records").unwrap() };
        let error = Dashboards::embedded().unwrap().expression(&entry).unwrap_err().to_string();
        assert!(error.contains("the nearest are \"Active Records (Lag)\""), "{error}");
    }

    #[test]
    fn panels_are_found_in_rows_old_and_new() {
        let text = r#"{"rows":[{"panels":[{"title":"old","targets":[{"refId":"B","expr":"x"}]}]}],
            "panels":[{"type":"row","panels":[{"title":"new","targets":[{"refId":"A","expr":"y"}]}]}]}"#;
        let dashboard = Dashboard::parse(Path::new("d.json"), text).unwrap();
        assert_eq!(dashboard.expression("old", "B"), Some("x"));
        assert_eq!(dashboard.expression("new", "A"), Some("y"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_dashboard_or_an_error(text in r#"[{}\[\]":,a-z0-9 ]{0,60}"#) {
            let _ = Dashboard::parse(Path::new("d.json"), &text);
        }
    }
}
