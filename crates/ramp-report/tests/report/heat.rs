//! The heatmap of a page.

use std::time::Duration;

use ramp_core::units::Elapsed;
use ramp_report::{Locale, Report, heat::Heat, html};

use crate::journal::report;

/// The report of `stop-at-p3`, whose first load was watched from its third second on and saw nothing in the fifth.
pub(crate) fn watched() -> Report {
    let mut report = report("stop-at-p3");
    let (started, stopped) = (report.tiers[0].started.unwrap(), report.tiers[0].stopped.unwrap());
    let (first, last) = (started.since_start().as_secs() + 3, stopped.since_start().as_secs());
    let mut heat = Heat::default();
    for second in first..last {
        let latencies = [(12, 970), (40, 25), (900, 5)];
        let latencies = latencies.map(|(millis, count)| (Duration::from_millis(millis), count));
        let seen = if second == first + 2 { &[][..] } else { &latencies };
        heat.note(Elapsed::new(Duration::from_secs(second)), Duration::from_secs(1), seen);
    }
    report.heat = heat;
    report
}

#[test]
fn a_page_draws_how_latencies_were_spread_and_says_it_in_words() {
    let page = html::render(&watched(), Locale::English);
    let (_, figure) = page.split_once("<figure id=\"latency-heat\">").unwrap();
    let (figure, _) = figure.split_once("</figure>").unwrap();
    assert!(
        figure.contains("P1: from 10 ms to 1 s, most often from 10 ms to 18 ms, nothing arrived for 1 s"),
        "{figure}"
    );
    assert!(figure.contains("P2: no measurement"), "{figure}");
    let cells = |opacity: &str, colour: &str| {
        figure.matches(&format!("opacity=\"{opacity}\" fill=\"{colour}\"")).count()
    };
    let seconds = cells("1", "#1F6FC9");
    assert!(seconds > 20, "{seconds}: {figure}");
    assert_eq!((cells("0.42", "#1F6FC9"), cells("0.22", "#1F6FC9")), (seconds, seconds), "{figure}");
    assert_eq!(cells("0.45", "#9A6300"), 1, "{figure}");
}

#[test]
fn a_report_without_the_logs_of_latencies_draws_none() {
    let page = html::render(&report("stop-at-p3"), Locale::English);
    assert!(!page.contains("latency-heat"));
}
