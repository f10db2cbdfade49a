//! What is known of a query before it is relied on.

use std::time::Duration;

use ramp_core::{
    signal::{Fold, SignalId, Unit},
    units::Elapsed,
};
use ramp_observe::{
    Caution, Dashboards, Groups, Observer, ObserverSpec, Parts, VariableValue,
    catalog::{self, Binding, Catalog, PanelName},
};

use crate::server::{EXHAUSTED, Server, TOPIC, at, one_dashboard, to_its_panel};

#[tokio::test]
async fn a_query_says_where_it_comes_from_how_often_and_what_is_worth_knowing() {
    let server = Server::over_all_cases().await;
    let observer = server.observer("renamed", &[catalog::ACTIVE_RECORDS]).await.unwrap();
    assert_eq!(observer.checks()[0].cautions, [Caution::NoSeries]);

    // At its first second a case has one scrape, which tells no interval: it is asked later.
    let topics = [TOPIC.to_owned()];
    let (dashboards, mut catalog) = (Dashboards::embedded().unwrap(), Catalog::default());
    let panel = Some(PanelName::Title("Total Record Rate".into()));
    let own = Binding {
        dashboard: Some("mm2-replication".to_owned()),
        panel,
        unit: Some(Unit::Count),
        ..Binding::default()
    };
    catalog.bind("mm2.rate", own).unwrap();
    let signals = [catalog::HOST_CPU, catalog::ACTIVE_RECORDS, SignalId::literal("mm2.rate")];
    let spec = ObserverSpec {
        dashboards: &dashboards,
        catalog: &catalog,
        signals: &signals,
        topics: &topics,
        sampling: Duration::from_secs(2),
        start: at("sane", 62),
        now: Elapsed::START,
    };
    let mut config = server.config();
    config.variables.insert("interval".to_owned(), VariableValue::Text("10s".to_owned()));
    let observer = Observer::connect(&config, spec).await.unwrap();

    let [cpu, active, rate] = observer.checks() else { panic!("{:?}", observer.checks()) };
    let (sampling, scrape, window) =
        (Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10));
    assert_eq!(cpu.cautions, [Caution::Sampling { sampling, scrape }, Caution::Window { window, scrape }]);
    assert_eq!(
        (cpu.scrape, cpu.window, cpu.series, cpu.age),
        (Some(scrape), window, 2, Some(Duration::from_secs(2)))
    );
    assert_eq!((cpu.ref_id.as_str(), cpu.panel.as_str(), &cpu.parts), ("F", "CPU% Basic", &Parts::Shown));
    assert!(cpu.expression.contains(r#"instance=~"(w1:9100|w2:9100)""#), "{}", cpu.expression);
    assert_eq!((&active.parts, active.series), (&Parts::Sum(Groups::All), 2));
    assert!(active.panel_expression.starts_with("sum("), "{}", active.panel_expression);
    assert_eq!((rate.signal.as_str(), rate.series), ("mm2.rate", 2));
    assert_eq!(observer.variables()["node"], "(w1:9100|w2:9100)");
    assert_eq!(observer.variables()["topic"], TOPIC);

    let signal = observer.signals().next().unwrap();
    assert_eq!((signal.window, signal.interval), (window, scrape), "coverage is held against the scrape");

    let coarse = Observer::connect(&config, ObserverSpec { sampling: Duration::from_secs(60), ..spec });
    let cautions = coarse.await.unwrap().checks()[1].cautions.clone();
    assert_eq!(cautions, [Caution::Finer { scrape, seen: Duration::from_secs(12) }]);

    // A campaign that is taken up again asks for what there is now, and not for what there was at its start.
    for (passed, series) in [(0, 1), (61, 2)] {
        let now = Elapsed::new(Duration::from_secs(passed));
        let spec = ObserverSpec { start: at("appearing", 1), now, ..spec };
        let check = Observer::connect(&config, spec).await.unwrap().checks()[1].clone();
        assert_eq!((check.series, check.age), (series, Some(Duration::from_secs((passed + 1) % 5))));
    }

    let unknown =
        server.observer("sane", &[SignalId::literal("mm2.latency_average")]).await.unwrap_err().to_string();
    assert!(unknown.contains("mm2.latency_average") && unknown.contains("\"mm2.latency_avg\""), "{unknown}");

    config.variables.insert("toppic".to_owned(), VariableValue::Text("x".to_owned()));
    let unused = Observer::connect(&config, spec).await.unwrap_err().to_string();
    assert!(unused.contains("sets \"toppic\"") && unused.contains("nearest are \"topic\""), "{unused}");
}

#[tokio::test]
async fn what_may_make_a_query_s_readings_worth_less_is_said_before() {
    let server = Server::over_all_cases().await;
    let cautions = async |expression: &str, fold| {
        server.observer_of_expression("sane", expression, fold).await.checks()[0].cautions.clone()
    };
    let unknown = Caution::ScrapeUnknown;
    for (expression, expected) in [
        ("100 - avg by (job) (node_memory_MemTotal_bytes)", Caution::Whole("avg by (job)".to_owned())),
        ("sum(node_memory_MemTotal_bytes) or vector(0)", Caution::Default("vector(0)".to_owned())),
        (EXHAUSTED, Caution::Counter),
    ] {
        assert_eq!(cautions(expression, Fold::Worst).await, [unknown.clone(), expected], "{expression}");
    }
    assert_eq!(cautions(EXHAUSTED, Fold::Increase).await, [unknown]);
}

#[tokio::test]
async fn a_gauge_whose_rate_is_not_scraped_says_that_it_never_counts() {
    let server = Server::over_all_cases().await;
    // This case has the maxima alone.
    let expression = "avg(no_such_replication_latency_ms)";
    let panel = serde_json::json!({"title": "p", "targets": [{"refId": "A", "expr": expression}]});
    let dashboards = one_dashboard(
        &serde_json::json!({"panels": [panel], "templating": {"list": [{"name": "interval"}, {"name": "topic"}]}}),
    );
    let mut catalog = Catalog::default();
    let binding = to_its_panel();
    catalog.bind("mm2.latency_avg", binding.clone()).unwrap();
    let observer = server.observer_of("sane", &[catalog::LATENCY_AVG], &catalog, &dashboards).await.unwrap();
    let no_rate = Caution::NoRate("no_such_record_rate".to_owned());
    assert!(observer.checks()[0].cautions.contains(&no_rate), "{:?}", observer.checks()[0].cautions);

    // A counter's signal that is bound to another panel has to say whether that shows a counter.
    catalog.bind("mm2.buffer_exhausted", binding.clone()).unwrap();
    let signals = [catalog::BUFFER_EXHAUSTED];
    let error = server.observer_of("sane", &signals, &catalog, &dashboards).await.unwrap_err().to_string();
    assert!(error.contains("mm2.buffer_exhausted") && error.contains("say its fold"), "{error}");
    catalog.bind("mm2.buffer_exhausted", Binding { fold: Some(Fold::Worst), ..binding }).unwrap();
    server.observer_of("sane", &signals, &catalog, &dashboards).await.unwrap();
}
