//! Long campaigns stay small.

use std::time::Duration;

use ramp_core::units::Elapsed;
use ramp_report::{Locale, csv, html, json};

use crate::{journal::told, world::World};

const DAY: u64 = 24 * 3_600;

/// A page that a mail program still sends and a browser opens at once.
const MOST_BYTES: usize = 5_000_000;

#[test]
fn a_campaign_of_a_day_is_a_page_of_less_than_five_megabytes() {
    let mut report = told(&World { hold: DAY / 5, recovery: 60, ..World::default() });
    assert!(report.took.unwrap().as_secs() >= DAY, "{:?}", report.took);
    // Latencies from a millisecond to an hour in each second, the worst for a heatmap.
    for second in 0..DAY {
        let latencies = (0..44).map(|step| (Duration::from_micros(1_000 << (step / 2)), 1 + step % 2 * 100));
        report.heat.note(
            Elapsed::new(Duration::from_secs(second)),
            Duration::from_secs(1),
            &latencies.collect::<Vec<_>>(),
        );
    }
    let page = html::render(&report, Locale::French);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert!(json::render(&report).len() < MOST_BYTES);
    assert!(csv::timeline(&report).len() < MOST_BYTES);
    let longest = report.timeline.tracks.iter().map(|track| track.buckets.len()).max();
    assert!(longest.unwrap() <= 1_024, "{longest:?} buckets");
}
