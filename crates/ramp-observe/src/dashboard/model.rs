//! The JSON of a dashboard, read leniently: what is not needed may have any form, in any version from schema 16 on.

use std::{collections::BTreeMap, time::Duration};

use promql_parser::util::parse_duration;
use serde_json::Value;

/// A dashboard as it is saved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) title: String,
    pub(crate) uid: String,
    /// The time that it shows when it is opened.
    pub(crate) range: Duration,
    pub(crate) panels: Vec<Panel>,
    pub(crate) variables: Vec<Variable>,
}

/// A panel, wherever it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panel {
    pub(crate) id: Option<i64>,
    pub(crate) title: String,
    pub(crate) targets: Vec<Target>,
    /// Whether it is kept in Grafana's library, and not in this file.
    pub(crate) is_elsewhere: bool,
    /// Whether Grafana changes the values before it shows them.
    pub(crate) is_transformed: bool,
}

/// A query of a panel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) ref_id: String,
    pub(crate) expression: String,
    pub(crate) legend: String,
    pub(crate) is_hidden: bool,
    /// The least step that the query asks for, and then that of its panel, as they are written.
    pub(crate) steps: Vec<String>,
    pub(crate) unit: String,
    pub(crate) source: Source,
}

/// Where a query is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// A Prometheus, or a data source by its name alone.
    #[default]
    Prometheus,
    /// Another panel of the dashboard, by its id.
    Panel(i64),
    /// Something else.
    Other(String),
}

/// A template variable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) query: String,
    pub(crate) regex: String,
    pub(crate) sort: i64,
    pub(crate) is_multi: bool,
    pub(crate) has_all: bool,
    pub(crate) all_value: Option<String>,
    /// The values that were chosen when the dashboard was saved.
    pub(crate) chosen: Vec<String>,
    /// Into how many steps `auto` divides the range of an `interval`, and its least step.
    pub(crate) auto: (u32, Duration),
    /// Whether ad hoc filters are set.
    pub(crate) has_filters: bool,
}

impl Model {
    /// The dashboard in `json`: saved or exported, an answer of Grafana's HTTP API, or a resource; `None` where it is
    /// no dashboard.
    pub(crate) fn read(json: &Value) -> Option<Self> {
        if let Some(inner) = json.get("dashboard").filter(|inner| inner.is_object()) {
            return Self::read(inner);
        }
        if let Some(spec) = json.get("spec").filter(|spec| spec.is_object()) {
            return if spec.get("elements").is_some() {
                Some(Self::of_elements(spec))
            } else {
                Self::read(spec)
            };
        }
        if json.get("panels").is_none() && json.get("rows").is_none() {
            return None;
        }
        let library = library(json);
        let mut panels = Vec::new();
        // Before schema 16 the panels stand in rows, since then beside or within panels that are rows.
        for panel in list(json, "panels").iter().chain(list(json, "rows")) {
            flatten(panel, &library, &mut panels);
        }
        let variables = json.get("templating").map_or(&[] as &[Value], |templating| list(templating, "list"));
        Some(Self {
            title: text(json, "title"),
            uid: text(json, "uid"),
            range: range(json.get("time")),
            panels,
            variables: variables
                .iter()
                .map(|variable| Variable::read(variable, &text(variable, "type")))
                .collect(),
        })
    }

    /// A dashboard whose panels are named elements beside their layout.
    fn of_elements(spec: &Value) -> Self {
        let elements = spec.get("elements").and_then(Value::as_object);
        let panels = elements.into_iter().flat_map(|elements| elements.values()).map(Panel::of_element);
        let variable = |variable: &Value| {
            let kind = text(variable, "kind").trim_end_matches("Variable").to_lowercase();
            Variable::read(variable.get("spec").unwrap_or(&Value::Null), &kind)
        };
        Self {
            title: text(spec, "title"),
            uid: String::new(),
            range: range(spec.get("timeSettings")),
            panels: panels.collect(),
            variables: list(spec, "variables").iter().map(variable).collect(),
        }
    }
}

impl Panel {
    fn read(json: &Value) -> Self {
        let source = json.get("datasource");
        let units = Units(json);
        let targets = list(json, "targets").iter().map(|target| {
            let (ref_id, legend) = (text(target, "refId"), text(target, "legendFormat"));
            let own = target.get("datasource").filter(|own| !own.is_null());
            let mut source = Source::read(own.or(source));
            if let (Source::Other(kind), Some(id)) = (&source, integer(target, "panelId"))
                && kind == OTHER_PANEL
            {
                source = Source::Panel(id);
            }
            Target {
                unit: units.of(&ref_id, &legend),
                expression: text(target, "expr"),
                is_hidden: flag(target, "hide"),
                steps: vec![text(target, "interval"), text(json, "interval")],
                source,
                ref_id,
                legend,
            }
        });
        Self {
            id: integer(json, "id"),
            title: text(json, "title"),
            targets: targets.collect(),
            is_elsewhere: false,
            is_transformed: !list(json, "transformations").is_empty(),
        }
    }

    fn of_element(element: &Value) -> Self {
        let spec = element.get("spec").unwrap_or(&Value::Null);
        let group = at(spec, &["data", "spec"]);
        let units = Units(at(spec, &["vizConfig", "spec"]));
        let targets = list(group, "queries").iter().map(|query| {
            let query = query.get("spec").unwrap_or(&Value::Null);
            let (asked, ref_id) = (at(query, &["query", "spec"]), text(query, "refId"));
            let legend = text(asked, "legendFormat");
            let named = at(query, &["query"]);
            // The kind was the data source's type first, and that of a query later.
            let kind = [text(named, "group"), text(named, "kind")];
            let kind = kind.iter().find(|kind| !kind.is_empty() && *kind != "DataQuery");
            Target {
                unit: units.of(&ref_id, &legend),
                expression: text(asked, "expr"),
                is_hidden: flag(query, "hidden"),
                steps: vec![text(asked, "interval"), text(at(group, &["queryOptions"]), "interval")],
                source: kind.map_or(Source::Prometheus, |kind| Source::of_kind(kind)),
                ref_id,
                legend,
            }
        });
        Self {
            id: integer(spec, "id"),
            title: text(spec, "title"),
            targets: targets.collect(),
            is_elsewhere: text(element, "kind") == "LibraryPanel",
            is_transformed: !list(group, "transformations").is_empty(),
        }
    }
}

/// Adds `panel` and the panels within it.
fn flatten(panel: &Value, library: &BTreeMap<String, &Value>, all: &mut Vec<Panel>) {
    let shared = panel.get("libraryPanel").filter(|shared| shared.is_object());
    if let Some(shared) = shared {
        let model = shared.get("model").or_else(|| library.get(&text(shared, "uid")).copied());
        let mut read = Panel::read(model.unwrap_or(panel));
        read.id = integer(panel, "id").or(read.id);
        read.is_elsewhere = read.targets.is_empty();
        let own = [text(panel, "title"), read.title, text(shared, "name")];
        read.title = own.into_iter().find(|title| !title.is_empty()).unwrap_or_default();
        all.push(read);
        return;
    }
    let within = list(panel, "panels");
    if text(panel, "type") != "row" || within.is_empty() {
        all.push(Panel::read(panel));
    }
    for inner in within {
        flatten(inner, library, all);
    }
}

/// The library panels that an export brings along, by their uid.
fn library(json: &Value) -> BTreeMap<String, &Value> {
    let elements: Vec<&Value> = match json.get("__elements") {
        Some(Value::Object(elements)) => elements.values().collect(),
        Some(Value::Array(elements)) => elements.iter().collect(),
        _none => Vec::new(),
    };
    elements.into_iter().filter_map(|element| Some((text(element, "uid"), element.get("model")?))).collect()
}

impl Source {
    fn read(json: Option<&Value>) -> Self {
        match json {
            Some(Value::String(name)) if [OTHER_PANEL, EXPRESSION].contains(&name.as_str()) => {
                Self::Other(name.clone())
            }
            Some(source @ Value::Object(_)) => {
                let (kind, uid) = (text(source, "type"), text(source, "uid"));
                if [OTHER_PANEL, EXPRESSION].contains(&uid.as_str()) {
                    return Self::Other(uid);
                }
                Self::of_kind(&kind)
            }
            // A name alone says nothing about what it names.
            _name_or_nothing => Self::Prometheus,
        }
    }

    fn of_kind(kind: &str) -> Self {
        let asks_promql = ["prometheus", "victoriametrics"].iter().any(|known| kind.contains(known));
        if kind.is_empty() || asks_promql || kind == "datasource" {
            Self::Prometheus
        } else {
            Self::Other(kind.to_owned())
        }
    }
}

impl Variable {
    fn read(json: &Value, kind: &str) -> Self {
        let query = json.get("query").unwrap_or(&Value::Null);
        let asked = [at(query, &["spec"]), query].into_iter().find(|asked| asked.get("query").is_some());
        let asked = asked.map_or_else(|| text(query, "__legacyStringValue"), |asked| text(asked, "query"));
        let query = query.as_str().map_or(asked, str::to_owned);
        let all_value = json.get("allValue").and_then(Value::as_str).filter(|value| !value.is_empty());
        let count = integer(json, "auto_count").and_then(|count| u32::try_from(count).ok());
        Self {
            name: text(json, "name"),
            kind: kind.to_owned(),
            query,
            regex: text(json, "regex"),
            sort: integer(json, "sort").unwrap_or_else(|| sort_by_name(&text(json, "sort"))),
            is_multi: flag(json, "multi"),
            has_all: flag(json, "includeAll"),
            all_value: all_value.map(str::to_owned),
            chosen: texts(at(json, &["current", "value"])),
            auto: (
                count.unwrap_or(30).max(1),
                span(&text(json, "auto_min")).unwrap_or(Duration::from_secs(10)),
            ),
            has_filters: !list(json, "filters").is_empty(),
        }
    }
}

/// Newer dashboards name the order of a variable's values.
fn sort_by_name(name: &str) -> i64 {
    let names = [
        "disabled",
        "alphabeticalAsc",
        "alphabeticalDesc",
        "numericalAsc",
        "numericalDesc",
        "alphabeticalCaseInsensitiveAsc",
        "alphabeticalCaseInsensitiveDesc",
        "naturalAsc",
        "naturalDesc",
    ];
    names.iter().position(|known| *known == name).and_then(|place| i64::try_from(place).ok()).unwrap_or(0)
}

/// The units of a panel's queries, which one may override for its own.
struct Units<'a>(&'a Value);

impl Units<'_> {
    fn of(&self, ref_id: &str, legend: &str) -> String {
        let field = at(self.0, &["fieldConfig"]);
        // Of several that apply the last one counts.
        let overridden = list(field, "overrides").iter().rev().find_map(|one| {
            let matcher = at(one, &["matcher"]);
            let wanted = match text(matcher, "id").as_str() {
                "byName" => legend,
                "byFrameRefID" => ref_id,
                _other => return None,
            };
            let properties = list(one, "properties").iter().rev();
            let mut units = properties.filter(|property| text(property, "id") == "unit");
            if text(matcher, "options") == wanted { Some(text(units.next()?, "value")) } else { None }
        });
        let set = || Some(text(at(field, &["defaults"]), "unit")).filter(|unit| !unit.is_empty());
        overridden.or_else(set).or_else(|| self.of_axis(legend)).unwrap_or_else(|| text(self.0, "format"))
    }

    /// The unit of the axis of an old graph that a series is drawn on.
    fn of_axis(&self, legend: &str) -> Option<String> {
        let right = |one: &Value| text(one, "alias") == legend && integer(one, "yaxis") == Some(2);
        let axis = usize::from(list(self.0, "seriesOverrides").iter().any(right));
        list(self.0, "yaxes").get(axis).map(|axis| text(axis, "format"))
    }
}

/// The span from `from` to now, as a dashboard saves it; Grafana's own default where it cannot be told.
fn range(time: Option<&Value>) -> Duration {
    let from = time.map(|time| text(time, "from")).unwrap_or_default();
    from.strip_prefix("now-").and_then(span).unwrap_or(Duration::from_secs(6 * 3_600))
}

/// `30s`, `1m`, `>10s`.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let text = text.trim().trim_start_matches('>');
    // The parser breaks off at a bare number that is no duration.
    let span = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => parse_duration(text).ok(),
    };
    span.filter(|span| !span.is_zero() && *span <= LONGEST_SPAN)
}

/// A longer one is a mistake, and its multiples might be beyond what can be held.
const LONGEST_SPAN: Duration = Duration::from_secs(366 * 86_400);

fn at<'v>(json: &'v Value, path: &[&str]) -> &'v Value {
    path.iter().fold(json, |json, key| json.get(key).unwrap_or(&Value::Null))
}

fn list<'v>(json: &'v Value, key: &str) -> &'v [Value] {
    json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(json: &Value, key: &str) -> String {
    json.get(key).and_then(Value::as_str).map_or_else(String::new, str::to_owned)
}

fn integer(json: &Value, key: &str) -> Option<i64> {
    json.get(key).and_then(Value::as_i64)
}

fn flag(json: &Value, key: &str) -> bool {
    json.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// One text or many.
fn texts(json: &Value) -> Vec<String> {
    match json {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Value::Number(one) => vec![one.to_string()],
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}

const OTHER_PANEL: &str = "-- Dashboard --";

const EXPRESSION: &str = "__expr__";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Model {
        Model::read(json).unwrap()
    }

    #[test]
    fn a_span_is_read_in_units_or_bare_seconds_and_nothing_else_is_one() {
        for (text, seconds) in [("15s", 15), (">2m", 120), ("1h30m", 5_400), ("60", 60), ("366d", 31_622_400)]
        {
            assert_eq!(span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "-1", "inf", "-inf", "nan", "1e19", "1e400", "367d", "9999999y", "soon", "-5m"]
        {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn of_several_units_that_a_panel_overrides_the_last_one_counts() {
        let unit = |unit: &str| {
            json!({"matcher": {"id": "byFrameRefID", "options": "A"},
            "properties": [{"id": "unit", "value": "short"}, {"id": "unit", "value": unit}]})
        };
        let panel = json!({"fieldConfig": {"defaults": {"unit": "ms"}, "overrides": [unit("s"), unit("ns")]},
            "targets": [{"refId": "A"}]});
        assert_eq!(read(&json!({"panels": [panel]})).panels[0].targets[0].unit, "ns");
    }

    #[test]
    fn a_query_has_the_unit_of_its_field_or_of_its_axis() {
        let panel = json!({"panels": [
            {"fieldConfig": {"defaults": {"unit": "ms"}, "overrides": [
                {"matcher": {"id": "byName", "options": "p"}, "properties": [{"id": "unit", "value": "s"}]},
                {"matcher": {"id": "byFrameRefID", "options": "C"}, "properties": [{"id": "unit", "value": "ns"}]}]},
             "targets": [{"refId": "A"}, {"refId": "B", "legendFormat": "p"}, {"refId": "C"}]},
            {"yaxes": [{"format": "bytes"}, {"format": "percent"}], "seriesOverrides": [{"alias": "u", "yaxis": 2}],
             "targets": [{"refId": "A"}, {"refId": "B", "legendFormat": "u"}]},
            {"format": "percentunit", "targets": [{"refId": "A"}]}
        ]});
        let units: Vec<_> = read(&panel)
            .panels
            .into_iter()
            .flat_map(|panel| panel.targets)
            .map(|target| target.unit)
            .collect();
        assert_eq!(units, ["ms", "s", "ns", "bytes", "percent", "percentunit"]);
    }

    #[test]
    fn a_library_panel_is_read_where_the_export_has_it() {
        let model = json!({"title": "Lag", "targets": [{"refId": "A", "expr": "lag"}]});
        let dashboard = json!({
            "__elements": {"u1": {"uid": "u1", "model": model}},
            "panels": [
                {"id": 1, "libraryPanel": {"uid": "u1", "name": "n"}},
                {"id": 2, "title": "Own", "libraryPanel": {"uid": "gone", "name": "Gone"}},
                {"id": 3, "libraryPanel": {"uid": "old", "model": model}}]
        });
        let panels = read(&dashboard).panels;
        assert_eq!((panels[0].title.as_str(), panels[0].is_elsewhere), ("Lag", false));
        assert_eq!((panels[1].title.as_str(), panels[1].is_elsewhere), ("Own", true));
        assert_eq!((panels[2].targets[0].expression.as_str(), panels[2].id), ("lag", Some(3)));
    }

    #[test]
    fn a_data_source_is_told_by_its_type_and_a_name_alone_is_believed() {
        let source = |json: Value| Source::read(Some(&json));
        assert_eq!(source(json!("Prometheus prod")), Source::Prometheus);
        assert_eq!(source(json!({"type": "prometheus", "uid": "x"})), Source::Prometheus);
        assert_eq!(source(json!({"type": "datasource", "uid": "-- Mixed --"})), Source::Prometheus);
        assert_eq!(source(json!({"type": "loki"})), Source::Other("loki".to_owned()));
        assert_eq!(
            source(json!({"type": "__expr__", "uid": "__expr__"})),
            Source::Other("__expr__".to_owned())
        );
        let reused = json!({"panels": [{"datasource": "-- Dashboard --", "targets": [{"panelId": 7}]}]});
        assert_eq!(read(&reused).panels[0].targets[0].source, Source::Panel(7));
    }

    #[test]
    fn elements_of_the_newest_form_are_panels_too() {
        let resource = json!({"apiVersion": "dashboard.grafana.app/v2", "kind": "Dashboard", "spec": {
            "title": "new",
            "timeSettings": {"from": "now-30m"},
            "elements": {"panel-1": {"kind": "Panel", "spec": {"id": 1, "title": "Lag",
                "vizConfig": {"spec": {"fieldConfig": {"defaults": {"unit": "s"}}}},
                "data": {"kind": "QueryGroup", "spec": {"queries": [{"kind": "PanelQuery", "spec": {
                    "refId": "B", "hidden": true,
                    "query": {"kind": "DataQuery", "group": "prometheus", "spec": {"expr": "lag"}}}}]}}}}},
            "variables": [{"kind": "QueryVariable", "spec": {"name": "topic", "multi": true, "sort": "numericalDesc",
                "query": {"kind": "prometheus", "spec": {"query": "label_values(topic)"}},
                "current": {"value": ["a"]}}}]
        }});
        let model = read(&resource);
        let target = &model.panels[0].targets[0];
        assert_eq!(
            (target.ref_id.as_str(), target.expression.as_str(), target.is_hidden),
            ("B", "lag", true)
        );
        assert_eq!((target.unit.as_str(), &target.source), ("s", &Source::Prometheus));
        assert_eq!(model.range, Duration::from_secs(1_800));
        let variable = &model.variables[0];
        assert_eq!((variable.kind.as_str(), variable.query.as_str()), ("query", "label_values(topic)"));
        assert_eq!((variable.sort, variable.chosen.as_slice()), (4, &["a".to_owned()] as &[_]));
    }

    #[test]
    fn an_answer_of_the_api_and_a_resource_hold_the_dashboard_within() {
        let saved = json!({"panels": [{"title": "t"}]});
        assert_eq!(read(&json!({"meta": {}, "dashboard": saved})).panels.len(), 1);
        assert_eq!(read(&json!({"kind": "Dashboard", "spec": saved})).panels.len(), 1);
        assert!(Model::read(&json!({"name": "no dashboard"})).is_none());
    }
}
