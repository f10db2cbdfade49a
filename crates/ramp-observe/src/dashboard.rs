//! Grafana dashboards: their panels and queries, and which of them shows a signal.

mod model;
mod unit;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use self::model::{Model, Panel, Source, Target};
pub(crate) use self::{
    model::{Variable, span},
    unit::Scale,
};
use crate::catalog::{Entry, PanelName, nearest, same_name};

/// Dashboards by their files' names.
#[derive(Debug, Clone)]
pub struct Dashboards(Vec<Dashboard>);

#[derive(Debug, Clone)]
pub(crate) struct Dashboard {
    pub(crate) file: String,
    model: Model,
}

/// A query of a panel, as it stands in a dashboard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) dashboard: &'a Dashboard,
    panel: &'a Panel,
    target: &'a Target,
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
    /// A file is no JSON.
    #[error("{} is no Grafana dashboard: {source}; export it with Share → Export → Save to file", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A file is JSON of something else.
    #[error("{} is no Grafana dashboard: it has no panels; export it with Share → Export → Save to file", path.display())]
    NoPanels {
        /// The file.
        path: PathBuf,
    },
    /// A folder has no dashboards.
    #[error("{} has no dashboards: no file in it ends in .json", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A dashboard is missing.
    #[error("there is no dashboard {file}; known are {known}; name the one to use under [signals]")]
    NoDashboard {
        /// The file that is wanted.
        file: String,
        /// The files there are.
        known: String,
    },
    /// A panel is missing or was renamed.
    #[error(
        "{dashboard} has no panel {panel}; the nearest are {nearest}; name the one to use under [signals]"
    )]
    NoPanel {
        /// The dashboard.
        dashboard: String,
        /// The panel.
        panel: String,
        /// Titles like it.
        nearest: String,
    },
    /// A panel has not the query that is wanted.
    #[error("panel {panel} of {dashboard} has no query {wanted}; it has {known}")]
    NoQuery {
        /// The dashboard.
        dashboard: String,
        /// The panel.
        panel: String,
        /// The query's letter, or nothing where any would do.
        wanted: String,
        /// The queries there are.
        known: String,
    },
    /// Several panels of one title ask different things.
    #[error("{dashboard} has several panels {panel} that ask different things; name one by its id: {ids}")]
    Ambiguous {
        /// The dashboard.
        dashboard: String,
        /// The panel.
        panel: String,
        /// Their ids.
        ids: String,
    },
    /// A panel is kept in Grafana's library.
    #[error(
        "panel {panel} of {dashboard} is a library panel, and its queries are not in the file; \
         export it with \"Export for sharing externally\""
    )]
    Elsewhere {
        /// The dashboard.
        dashboard: String,
        /// The panel.
        panel: String,
    },
    /// A panel's query is not for Prometheus.
    #[error(
        "query {ref_id} of panel {panel} of {dashboard} asks {kind}, not Prometheus; choose another under [signals]"
    )]
    Foreign {
        /// The dashboard.
        dashboard: String,
        /// The panel.
        panel: String,
        /// The query's letter.
        ref_id: String,
        /// What it asks.
        kind: String,
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
    /// When it cannot be read, a `.json` file there is no dashboard, or a folder has none.
    pub fn load(path: &Path) -> Result<Self, DashboardError> {
        let failed = |source| DashboardError::Read { path: path.to_owned(), source };
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            files = entries.map_err(failed)?.into_iter().map(|entry| entry.path()).collect();
            files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
            files.sort();
        }
        if files.is_empty() {
            return Err(DashboardError::NoFiles { path: path.to_owned() });
        }
        let read = |file: &PathBuf| {
            let text = fs::read_to_string(file);
            let text = text.map_err(|source| DashboardError::Read { path: file.clone(), source })?;
            Dashboard::parse(file, &text)
        };
        files.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Dashboards that were read one by one.
    pub(crate) const fn of(dashboards: Vec<Dashboard>) -> Self {
        Self(dashboards)
    }

    /// The query that shows a signal.
    pub(crate) fn find(&self, entry: &Entry) -> Result<Found<'_>, DashboardError> {
        let known = |dashboard: &&Dashboard| dashboard.is_called(&entry.dashboard);
        let dashboard = self.0.iter().find(known).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|dashboard| dashboard.file.as_str()).collect();
            DashboardError::NoDashboard { file: entry.dashboard.to_string(), known: known.join(", ") }
        })?;
        dashboard.find(&entry.panel, entry.ref_id.as_deref())
    }

    /// Every template variable that is defined in any dashboard.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().flat_map(Dashboard::variables)
    }

    /// Every query for Prometheus, hidden ones too.
    pub(crate) fn queries(&self) -> impl Iterator<Item = Found<'_>> {
        self.0.iter().flat_map(|dashboard| {
            dashboard.model.panels.iter().flat_map(move |panel| {
                let asked =
                    |target: &&Target| target.source == Source::Prometheus && !target.expression.is_empty();
                panel.targets.iter().filter(asked).map(move |target| Found { dashboard, panel, target })
            })
        })
    }
}

impl Dashboard {
    /// The dashboard in `json`, which is called `file`; `None` where it is none.
    pub(crate) fn read(file: String, json: &Value) -> Option<Self> {
        Some(Self { file, model: Model::read(json)? })
    }

    fn parse(path: &Path, text: &str) -> Result<Self, DashboardError> {
        let json: Value = serde_json::from_str(text)
            .map_err(|source| DashboardError::Parse { path: path.to_owned(), source })?;
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self::read(file, &json).ok_or_else(|| DashboardError::NoPanels { path: path.to_owned() })
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.model.variables
    }

    /// The time that it shows when it is opened.
    pub(crate) const fn range(&self) -> Duration {
        self.model.range
    }

    /// What Grafana knows it by, where it is named.
    pub(crate) fn uid(&self) -> Option<&str> {
        Some(self.model.uid.as_str()).filter(|uid| !uid.is_empty())
    }

    /// Whether it is the one of this file, title or uid.
    fn is_called(&self, name: &str) -> bool {
        let stem = self.file.strip_suffix(".json").unwrap_or(&self.file);
        [self.file.as_str(), stem, &self.model.title, &self.model.uid].contains(&name)
    }

    fn find(&self, name: &PanelName, ref_id: Option<&str>) -> Result<Found<'_>, DashboardError> {
        let dashboard = || self.file.clone();
        let panels = self.panels(name);
        if panels.is_empty() {
            return Err(DashboardError::NoPanel {
                dashboard: dashboard(),
                panel: name.to_string(),
                nearest: nearest(
                    &name.to_string(),
                    self.model
                        .panels
                        .iter()
                        .map(|panel| panel.title.as_str())
                        .filter(|title| !title.is_empty()),
                ),
            });
        }
        if panels.iter().all(|panel| panel.is_elsewhere) {
            return Err(DashboardError::Elsewhere { dashboard: dashboard(), panel: name.to_string() });
        }
        let mut found: Vec<Found<'_>> = Vec::new();
        for panel in &panels {
            let targets = panel.targets.iter().flat_map(|target| self.resolved(target));
            let wanted = |target: &&Target| match ref_id {
                Some(wanted) => target.ref_id == wanted,
                None => !target.is_hidden && !target.expression.is_empty(),
            };
            found.extend(targets.filter(wanted).take(1).map(|target| Found {
                dashboard: self,
                panel,
                target,
            }));
        }
        let Some(first) = found.first().copied() else {
            let targets = panels.iter().flat_map(|panel| &panel.targets);
            let known: Vec<_> = targets.map(|target| target.ref_id.as_str()).collect();
            return Err(DashboardError::NoQuery {
                dashboard: dashboard(),
                panel: name.to_string(),
                wanted: ref_id.unwrap_or("to show").to_owned(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            });
        };
        if found.iter().any(|other| other.target.expression != first.target.expression) {
            let ids: Vec<_> = found
                .iter()
                .map(|one| one.panel.id.map_or_else(|| "none".to_owned(), |id| id.to_string()))
                .collect();
            let ids = ids.join(", ");
            return Err(DashboardError::Ambiguous { dashboard: dashboard(), panel: name.to_string(), ids });
        }
        match &first.target.source {
            Source::Prometheus => Ok(first),
            Source::Panel(_) | Source::Other(_) => Err(DashboardError::Foreign {
                dashboard: dashboard(),
                panel: name.to_string(),
                ref_id: first.target.ref_id.clone(),
                kind: first.source(),
            }),
        }
    }

    /// The panels of that id or title; of another writing of the title where none has it letter by letter.
    fn panels(&self, name: &PanelName) -> Vec<&Panel> {
        let of = |is_it: &dyn Fn(&Panel) -> bool| -> Vec<&Panel> {
            self.model.panels.iter().filter(|panel| is_it(panel)).collect()
        };
        match name {
            PanelName::Id(id) => of(&|panel| panel.id == Some(*id)),
            PanelName::Title(title) => {
                let exact = of(&|panel| panel.title == *title);
                if exact.is_empty() { of(&|panel| same_name(&panel.title, title)) } else { exact }
            }
        }
    }

    /// The queries that a query stands for: those of another panel where it shows that panel's answers.
    fn resolved<'a>(&'a self, target: &'a Target) -> Vec<&'a Target> {
        let Source::Panel(id) = target.source else { return vec![target] };
        let panels = self.model.panels.iter().filter(|panel| panel.id == Some(id));
        panels.flat_map(|panel| &panel.targets).collect()
    }
}

impl<'a> Found<'a> {
    pub(crate) fn expression(&self) -> &'a str {
        &self.target.expression
    }

    pub(crate) fn ref_id(&self) -> &str {
        &self.target.ref_id
    }

    pub(crate) fn legend(&self) -> &str {
        &self.target.legend
    }

    pub(crate) fn panel(&self) -> &str {
        &self.panel.title
    }

    pub(crate) const fn panel_id(&self) -> Option<i64> {
        self.panel.id
    }

    /// The least steps that the query asks for and that the panel does, as they are written.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.target.steps.iter().map(String::as_str)
    }

    /// Whether Grafana changes the values before it shows them.
    pub(crate) const fn is_transformed(&self) -> bool {
        self.panel.is_transformed
    }

    /// How the panel's values become values in `unit`.
    pub(crate) fn scale(&self, unit: ramp_core::signal::Unit) -> Scale {
        Scale::between(&self.target.unit, unit)
    }

    fn source(&self) -> String {
        match &self.target.source {
            Source::Prometheus => "Prometheus".to_owned(),
            Source::Panel(id) => format!("panel {id}"),
            Source::Other(kind) => kind.clone(),
        }
    }
}

const EMBEDDED: [(&str, &str); 3] = [
    ("mm2-replication.json", include_str!("../../../fixtures/dashboards/mm2-replication.json")),
    ("mm2-detailed-metrics.json", include_str!("../../../fixtures/dashboards/mm2-detailed-metrics.json")),
    ("Node-Eporter.json", include_str!("../../../fixtures/dashboards/Node-Eporter.json")),
];

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};
    use serde_json::json;

    use super::*;
    use crate::catalog;

    fn dashboard(json: &Value) -> Dashboard {
        Dashboard::parse(Path::new("d.json"), &json.to_string()).unwrap()
    }

    fn title(title: &str) -> PanelName {
        PanelName::Title(title.to_owned().into())
    }

    fn refused(dashboard: &Dashboard, panel: &PanelName, ref_id: Option<&str>) -> String {
        dashboard.find(panel, ref_id).unwrap_err().to_string()
    }

    #[test]
    fn the_embedded_dashboards_have_every_panel_of_the_catalogue_in_its_unit() {
        let dashboards = Dashboards::embedded().unwrap();
        for entry in catalog::entries() {
            let found = dashboards.find(&entry).unwrap();
            assert!(!found.expression().is_empty(), "{}", entry.id);
            assert_eq!(found.scale(entry.unit), Scale::Same, "{}", entry.id);
        }
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "a test says what it cannot see here")]
    fn the_users_own_dashboards_have_them_too() {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/dashboards");
        let folder = std::env::var_os("RAMP_DASHBOARDS").map_or(beside, PathBuf::from);
        if !folder.is_dir() {
            println!("{} is not there (RAMP_DASHBOARDS names another): not tested", folder.display());
            return;
        }
        let dashboards = Dashboards::load(&folder).unwrap();
        for entry in catalog::entries() {
            assert_eq!(dashboards.find(&entry).unwrap().scale(entry.unit), Scale::Same, "{}", entry.id);
        }
        assert!(dashboards.queries().count() > 100, "{}", dashboards.queries().count());
    }

    #[test]
    fn a_renamed_panel_is_answered_with_the_nearest_titles() {
        let panel = title("Active Record (Lag)");
        let entry = Entry { panel, ..catalog::find("mm2.active_records").unwrap() };
        let error = Dashboards::embedded().unwrap().find(&entry).unwrap_err().to_string();
        assert!(error.contains("the nearest are \"Active Records (Lag)\""), "{error}");
    }

    #[test]
    fn panels_are_found_in_rows_old_and_new_by_title_or_id() {
        let dashboard = dashboard(&json!({
            "rows": [{"panels": [{"title": "old", "targets": [{"refId": "B", "expr": "x"}]}]}],
            "panels": [{"type": "row", "title": "row", "panels":
                [{"id": 7, "title": "new", "targets": [{"refId": "A", "expr": "y"}]}]}]
        }));
        assert_eq!(dashboard.find(&title("old"), Some("B")).unwrap().expression(), "x");
        assert_eq!(dashboard.find(&title(" NEW "), Some("A")).unwrap().expression(), "y");
        assert_eq!(dashboard.find(&PanelName::Id(7), None).unwrap().expression(), "y");
    }

    #[test]
    fn without_a_letter_the_first_query_that_is_shown_is_taken() {
        let dashboard = dashboard(&json!({"panels": [{"title": "p", "targets": [
            {"refId": "A", "expr": "hidden", "hide": true}, {"refId": "B", "expr": "shown"}]}]}));
        assert_eq!(dashboard.find(&title("p"), None).unwrap().expression(), "shown");
        assert_eq!(dashboard.find(&title("p"), Some("A")).unwrap().expression(), "hidden");
        let error = refused(&dashboard, &title("p"), Some("C"));
        assert!(error.contains("has no query C; it has A, B"), "{error}");
    }

    #[test]
    fn a_title_that_stands_for_two_things_asks_for_an_id() {
        let two = |one: &str, other: &str| {
            dashboard(&json!({"panels": [
                {"id": 1, "title": "p", "targets": [{"refId": "A", "expr": one}]},
                {"id": 2, "title": "p", "targets": [{"refId": "A", "expr": other}]}]}))
        };
        assert!(refused(&two("x", "y"), &title("p"), None).ends_with("by its id: 1, 2"));
        assert_eq!(two("x", "x").find(&title("p"), None).unwrap().expression(), "x");
        assert_eq!(two("x", "y").find(&PanelName::Id(2), None).unwrap().expression(), "y");
    }

    #[test]
    fn a_query_for_something_else_and_a_panel_that_is_elsewhere_are_named() {
        let dashboard = dashboard(&json!({"panels": [
            {"title": "logs", "datasource": {"type": "loki"}, "targets": [{"refId": "A", "expr": "x"}]},
            {"title": "shared", "libraryPanel": {"uid": "u", "name": "n"}},
            {"id": 3, "title": "asked", "targets": [{"refId": "A", "expr": "up"}]},
            {"title": "again", "datasource": "-- Dashboard --", "targets": [{"refId": "A", "panelId": 3}]}]}));
        assert!(refused(&dashboard, &title("logs"), None).contains("asks loki, not Prometheus"));
        assert!(refused(&dashboard, &title("shared"), None).contains("library panel"));
        assert_eq!(dashboard.find(&title("again"), Some("A")).unwrap().expression(), "up");
    }

    #[test]
    fn what_is_no_dashboard_says_so() {
        let parse = |text: &str| Dashboard::parse(Path::new("d.json"), text).unwrap_err().to_string();
        assert!(parse("[]").contains("d.json is no Grafana dashboard: it has no panels"));
        assert!(parse("<html>").contains("d.json is no Grafana dashboard: expected value"));
    }

    /// JSON of any form, with keys that a dashboard has.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            prop_oneof![
                Just("now-6h"),
                Just("row"),
                Just("prometheus"),
                Just("-- Dashboard --"),
                Just("sum(x)"),
                Just("$interval"),
                Just(">9999999y"),
                Just("1e400"),
                Just("unit")
            ]
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 96, 8, |inner| {
            let key = proptest::sample::select(KEYS.to_vec()).prop_map(str::to_owned);
            prop_oneof![
                collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                collection::vec((key, inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    const KEYS: [&str; 36] = [
        "panels",
        "rows",
        "targets",
        "title",
        "id",
        "type",
        "refId",
        "expr",
        "hide",
        "datasource",
        "uid",
        "panelId",
        "templating",
        "list",
        "query",
        "current",
        "value",
        "libraryPanel",
        "model",
        "__elements",
        "dashboard",
        "spec",
        "elements",
        "fieldConfig",
        "overrides",
        "yaxes",
        "matcher",
        "properties",
        "interval",
        "time",
        "timeSettings",
        "from",
        "auto_count",
        "auto_min",
        "queryOptions",
        "variables",
    ];

    proptest! {
        #[test]
        fn any_json_is_a_dashboard_or_an_error(panels in any_json(), rest in any_json()) {
            let json = json!({"panels": panels, "rows": rest, "templating": {"list": rest}, "time": rest,
                "__elements": panels, "spec": rest});
            for json in [json, panels, rest] {
                let Ok(dashboard) = Dashboard::parse(Path::new("d.json"), &json.to_string()) else { continue };
                let _ = dashboard.find(&title("p"), Some("A"));
                prop_assert!(!dashboard.range().is_zero());
                prop_assert!(dashboard.variables().iter().all(|variable| variable.auto.0 > 0));
                let dashboards = Dashboards(vec![dashboard]);
                prop_assert!(dashboards.queries().all(|found| !found.expression().is_empty()));
            }
        }

        #[test]
        fn any_text_is_a_dashboard_or_an_error(text in r#"[{}\[\]":,a-z0-9 ]{0,60}"#) {
            let _ = Dashboard::parse(Path::new("d.json"), &text);
        }

        #[test]
        fn a_dashboard_that_was_cut_or_changed_anywhere_is_read_or_refused(at in any::<prop::sample::Index>(), with in "\\PC{0,3}") {
            for (file, text) in EMBEDDED {
                let mut place = at.index(text.len());
                while !text.is_char_boundary(place) { place -= 1; }
                let (before, after) = text.split_at(place);
                let _ = Dashboard::parse(Path::new(file), before);
                let _ = Dashboard::parse(Path::new(file), &format!("{before}{with}{after}"));
            }
        }
    }
}
