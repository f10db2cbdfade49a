//! Template variables as a real Prometheus resolves them.

use std::{fs, time::Duration};

use futures_util::StreamExt;
use ramp_core::{
    observation::Sample,
    signal::{SignalId, Unit},
    units::Elapsed,
};
use ramp_observe::{
    Dashboards, Observer, ObserverSpec,
    catalog::{Binding, Catalog, PanelName},
};
use tempfile::TempDir;

use crate::server::{ACTIVE, Server, at, one_dashboard, to_its_panel};

#[tokio::test]
async fn a_variable_that_two_dashboards_resolve_differently_is_shown_for_each() {
    let server = Server::over_all_cases().await;
    let folder = TempDir::new().unwrap();
    let mut catalog = Catalog::default();
    for (file, worker) in [("a", "w1:9100"), ("b", "w2:9100")] {
        let expression = "node_memory_MemTotal_bytes{instance=\"$node\", mountpoint!=\"$same\"}";
        let dashboard = serde_json::json!({
            "panels": [{"title": "p", "targets": [{"refId": "A", "expr": expression}]}],
            "templating": {"list": [
                {"name": "node", "type": "constant", "query": worker},
                {"name": "same", "type": "constant", "query": "x"},
                {"name": "interval"}]}
        });
        fs::write(folder.path().join(format!("{file}.json")), dashboard.to_string()).unwrap();
        let binding = Binding {
            dashboard: Some(file.to_owned()),
            panel: Some(PanelName::Title("p".into())),
            unit: Some(Unit::Count),
            ..Binding::default()
        };
        catalog.bind(file, binding).unwrap();
    }
    let dashboards = Dashboards::load(folder.path()).unwrap();
    let signals = [SignalId::literal("a"), SignalId::literal("b")];
    let observer = server.observer_of("sane", &signals, &catalog, &dashboards).await.unwrap();
    let shown: Vec<_> = observer.variables().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["node (a.json)=w1:9100", "node (b.json)=w2:9100", "same=x"]);
}

/// A dashboard whose one query uses variables of every type.
fn every_type() -> serde_json::Value {
    let expression = r#"count({job=~"$job", instance=~"$host", mode!="$none"})
        + 0 * count(up{a=~"$all", b="${plain}", c=~"$picked", d="$text$constant", e="[[disk]]", f="$ds", g="$total"})
        + 0 * count(up{h="${plain:text} ${all:text} ${picked:text} ${some:text}"})
        + 0 * sum(rate(x[$step])) + 0 * sum(rate(x[$__rate_interval])) + 0 * sum(rate(x[$__range]))
        + 0 * sum(rate(x[$__interval]))"#;
    let node = r#"node_uname_info{job=~"$job"}"#;
    serde_json::json!({
        "time": {"from": "now-30m", "to": "now"},
        "panels": [{"title": "p", "interval": "$step",
                    "targets": [{"refId": "A", "expr": expression, "datasource": "any"}]}],
        "templating": {"list": [
            {"name": "some", "type": "custom", "query": "X : x,y", "multi": true, "current": {"value": ["x", "y"]}},
            {"name": "job", "type": "query", "query": "label_values(job)", "includeAll": true, "current": {}},
            {"name": "host", "type": "query", "query": {"query": format!("label_values({node}, instance)")},
             "multi": true, "sort": 2, "regex": "/(w.):.*/", "current": {"value": ["w1", "gone"]}},
            {"name": "all", "type": "custom", "query": "a,b", "includeAll": true, "allValue": ".+", "current": {"value": "$__all"}},
            {"name": "plain", "type": "custom", "query": "One : 1,Two : 2", "current": {"value": "2"}},
            {"name": "picked", "type": "custom", "query": "a.b,c", "multi": true, "includeAll": true, "current": {"value": ["$__all"]}},
            {"name": "text", "type": "textbox", "query": "default", "current": {"value": "typed"}},
            {"name": "constant", "type": "constant", "query": "!"},
            {"name": "none", "type": "textbox", "query": ""},
            {"name": "ds", "type": "datasource", "query": "prometheus", "current": {"value": "Prom"}},
            {"name": "disk", "type": "query", "query": "query_result(topk(1, node_memory_MemTotal_bytes))",
             "regex": "/instance=\"([^\"]*)\"/"},
            {"name": "total", "type": "query", "query": format!("query_result(count({node}))"), "regex": "/{} (.*) .*/"},
            {"name": "step", "type": "interval", "query": "1m,5m", "auto": true, "auto_count": 20, "auto_min": "10s",
             "current": {"value": "$__auto_interval_step"}},
            {"name": "interval", "type": "interval", "query": "1m"},
            {"name": "filter", "type": "adhoc", "filters": [{"key": "a", "operator": "=", "value": "b"}]}
        ]}
    })
}

#[tokio::test]
async fn variables_of_every_type_resolve_as_grafana_shows_them() {
    let server = Server::over_all_cases().await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("d.json"), every_type().to_string()).unwrap();
    let dashboards = Dashboards::load(folder.path()).unwrap();
    let mut catalog = Catalog::default();
    let binding = Binding {
        dashboard: Some("d.json".to_owned()),
        panel: Some(PanelName::Title("p".into())),
        unit: Some(Unit::Count),
        ..Binding::default()
    };
    catalog.bind("own", binding).unwrap();
    let signals = [SignalId::literal("own")];
    let topics = [];
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &topics,
        sampling: Duration::from_secs(5),
        start: at("sane", 62),
        now: Elapsed::START,
    };
    let observer = Observer::connect(&server.config(), spec).await.unwrap();
    let resolved: Vec<_> =
        observer.variables().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        resolved,
        [
            ("all", ".+"),
            ("constant", "!"),
            ("disk", "w1:9100"),
            ("ds", "Prom"),
            ("host", "w1"),
            ("job", "node"),
            ("none", ""),
            ("picked", "(a.b|c)"),
            ("plain", "2"),
            ("some", "(x|y)"),
            ("step", "120s"),
            ("text", "typed"),
            ("total", "2"),
        ]
    );
    let check = &observer.checks()[0];
    for part in [
        r#"a=~".+""#,
        r#"c=~"(a\\.b|c)""#,
        r#"d="typed!""#,
        r#"h="Two All All X + y""#,
        "x[120s]",
        "x[125s]",
        "x[1800s]",
    ] {
        assert!(check.expression.contains(part), "{part} is not in {}", check.expression);
    }
    let remarks: Vec<_> = check.cautions.iter().map(ToString::to_string).collect();
    for remark in ["ad hoc filters of $filter", "$host is 1 of 2 values", "count() cannot be taken apart"] {
        assert!(remarks.iter().any(|one| one.contains(remark)), "{remark} is not in {remarks:?}");
    }
}

#[tokio::test]
async fn what_stands_for_all_there_is_has_what_comes_later_too() {
    let server = Server::over_all_cases().await;
    let dashboard = serde_json::json!({
        "panels": [{"title": "p", "targets": [{"refId": "A", "expr": format!("{ACTIVE}{{task=~\"$task\"}}")}]}],
        "templating": {"list": [
            {"name": "task", "type": "query", "query": format!("label_values({ACTIVE}, task)"), "includeAll": true},
            {"name": "interval"}]}
    });
    let dashboards = one_dashboard(&dashboard);
    let mut catalog = Catalog::default();
    catalog.bind("own", Binding { unit: Some(Unit::Count), ..to_its_panel() }).unwrap();
    let signals = [SignalId::literal("own")];
    let observer = server.observer_of("appearing", &signals, &catalog, &dashboards).await.unwrap();
    // The second task comes at 60; once half a minute has passed, the variable is resolved anew.
    for second in [57, 62, 67, 92, 97] {
        let since = Elapsed::new(Duration::from_secs(second - 1));
        let observed: Vec<_> = observer.sample(since).collect().await;
        let last = observed.last().unwrap();
        let Sample::Present { points, .. } = &last.reading.sample else { panic!("{last:?}") };
        let warnings: Vec<_> = observed.iter().flat_map(|one| &one.warnings).collect();
        if second < 97 {
            assert_eq!((points.len(), warnings.len()), (1, 0), "{second}: {observed:?}");
        } else {
            assert_eq!((points.len(), warnings.len()), (2, 1), "{second}: {observed:?}");
            assert!(warnings[0].contains("new values") && warnings[0].contains("(0|1)"), "{warnings:?}");
        }
    }
}
