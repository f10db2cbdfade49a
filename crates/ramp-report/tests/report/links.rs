//! Where a page leads to: nothing is fetched, and nothing that is no address becomes one.

use std::time::Duration;

use ramp_core::{units::Ratio, verdict::Finding};
use ramp_report::{Locale, PanelPlace, html};

use crate::journal::report;

/// The addresses that the page of `stop-at-p3` leads to, its first query's panel being at `place` of `grafana`.
fn addresses(prometheus: &str, grafana: Option<&str>, place: Option<PanelPlace>) -> Vec<String> {
    let mut report = report("stop-at-p3");
    prometheus.clone_into(&mut report.facts.prometheus);
    report.facts.grafana = grafana.map(str::to_owned);
    report.facts.queries.truncate(1);
    report.facts.queries[0].place = place;
    let page = html::render(&report, Locale::English);
    let links = page.split("<a href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let links = links.filter(|(address, _)| !address.starts_with('#'));
    let mut links: Vec<_> = links
        .map(|(address, rest)| {
            assert!(rest.starts_with(" rel=\"noreferrer\">"), "{address}");
            address.to_owned()
        })
        .collect();
    links.dedup();
    links
}

fn place(panel: Option<i64>) -> Option<PanelPlace> {
    Some(PanelPlace { uid: "a1/b2".to_owned(), panel })
}

#[test]
fn a_query_leads_to_its_graph_and_its_panel_over_the_campaign() {
    let links = addresses("http://prometheus:9090/", Some("https://grafana/team/"), place(Some(7)));
    let (graph, panel) = (&links[0], &links[1]);
    assert!(graph.starts_with("http://prometheus:9090/graph?g0.expr=max%28"), "{graph}");
    assert!(graph.contains("&amp;g0.end_input=2026%2D01%2D02%20"), "{graph}");
    let begun = 1_767_323_045_678_u64;
    assert!(
        panel.starts_with(&format!("https://grafana/team/d/a1%2Fb2?from={begun}&amp;to=17673"))
            && panel.ends_with("&amp;viewPanel=7"),
        "{panel}"
    );
    let whole = &addresses("http://prometheus:9090/", Some("https://grafana/team/"), place(None))[1];
    assert!(whole.contains("/d/a1%2Fb2?from=") && !whole.contains("viewPanel"), "{whole}");
}

#[test]
fn a_finding_leads_to_the_time_of_its_tier() {
    let mut report = report("stop-at-p3");
    let signal = report.facts.queries[0].signal.clone();
    report.facts.prometheus = "http://prometheus:9090".to_owned();
    let tier = &mut report.tiers[2];
    let least = Ratio::new(0.8).unwrap();
    let (source, series, absence) = (String::new(), None, None);
    tier.findings = vec![Finding::Coverage { signal, source, series, seen: 1, expected: 2, least, absence }];
    let (started, stopped) = (tier.started.unwrap().since_start(), tier.stopped.unwrap().since_start());
    let waited = Duration::from_secs(300);
    tier.recovery.as_mut().unwrap().waited = waited;
    let shown = stopped + waited + Duration::from_secs(30) - started;
    let page = html::render(&report, Locale::English);
    let (_, findings) = page.split_once("id=\"findings\"").unwrap();
    let (_, seconds) = findings.split_once("g0.range_input=").unwrap();
    let seconds: u64 = seconds.split_once('s').unwrap().0.parse().unwrap();
    assert!(seconds.abs_diff(shown.as_secs()) <= 2, "{seconds} s for {shown:?}");
}

#[test]
fn what_is_no_address_for_a_browser_leads_nowhere() {
    for grafana in [None, Some("javascript:alert(1)"), Some("grafana"), Some("file:///etc/passwd")] {
        assert!(addresses("javascript:alert(1)", grafana, place(Some(7))).is_empty(), "{grafana:?}");
    }
    assert_eq!(addresses("http://prometheus:9090", Some("https://grafana"), None).len(), 1);
}
