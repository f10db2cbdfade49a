//! Runs side by side.

use ramp_core::units::Ratio;
use ramp_report::{
    Locale, Report,
    compare::{Change, Comparison, Run, html, markdown},
};

use crate::{
    journal::{report, told},
    world::World,
};

fn world() -> World {
    World { capacity: Some(6_000.0), ..World::default() }
}

/// What changed from one report to another: the capacity, then each tier that both ran.
fn changes(base: &Report, other: &Report, margin: f64) -> Vec<Change> {
    let run = |report| Run { name: "run", report };
    Comparison::new(run(base), vec![run(other)], Ratio::new(margin).unwrap()).changes().collect()
}

#[test]
fn a_run_is_the_same_as_itself_and_as_one_within_the_margin() {
    let base = told(&world());
    assert_eq!(changes(&base, &base, 0.0), [Change::Same; 5], "the capacity and P1 to P4");
    let slower = told(&World { slower: 2.0, ..world() });
    assert_eq!(changes(&base, &slower, 0.10), [Change::Same; 5]);
    let every_go = report("all-go");
    assert_eq!(changes(&every_go, &every_go, 0.10), [Change::Same; 6], "as far as either went");
}

#[test]
fn latencies_beyond_the_margin_are_worse_one_way_and_better_the_other() {
    let (base, slower) = (told(&world()), told(&World { slower: 40.0, ..world() }));
    let of_the_tiers = |change| [Change::Same, change, change, change, Change::Same];
    assert_eq!(changes(&base, &slower, 0.10), of_the_tiers(Change::Worse), "P4 is STOP in both");
    assert_eq!(changes(&slower, &base, 0.10), of_the_tiers(Change::Better));
    assert_eq!(changes(&base, &slower, 0.90), [Change::Same; 5]);
}

#[test]
fn a_lower_capacity_is_worse_where_the_intervals_do_not_touch() {
    let (base, lower) = (told(&world()), told(&World { capacity: Some(3_500.0), ..world() }));
    assert_eq!(changes(&base, &lower, 0.10), [Change::Worse, Change::Same, Change::Same, Change::Worse]);
    let back = changes(&lower, &base, 0.10);
    assert_eq!(back, [Change::Better, Change::Same, Change::Same, Change::Better]);
    let finer = told(&World { refine: Some(0.05), ..world() });
    assert_eq!(changes(&base, &finer, 0.10).first(), Some(&Change::Unknown), "one interval holds the other");
}

#[test]
fn what_was_inconclusive_is_no_evidence_of_a_change() {
    let (base, blind) = (report("all-go"), told(&World { blind_from: Some(1), ..World::default() }));
    assert_eq!(changes(&base, &blind, 0.10), [Change::Unknown, Change::Same, Change::Unknown]);
}

#[test]
fn a_comparison_reads_well_in_both_languages() {
    let (base, slower) = (told(&world()), told(&World { slower: 40.0, hold: 60, ..world() }));
    let lower = told(&World { capacity: Some(3_500.0), ..world() });
    let run = |name, report| Run { name, report };
    let others = vec![run("slower", &slower), run("lower", &lower)];
    let comparison = Comparison::new(run("base", &base), others, Ratio::new(0.10).unwrap());
    for (language, locale) in [("fr", Locale::French), ("en", Locale::English)] {
        insta::assert_snapshot!(format!("compare.{language}.md"), markdown::render(&comparison, locale));
    }
    let page = html::render(&comparison, Locale::English);
    assert!(page.contains("<th scope=\"col\">slower</th>") && page.contains("worse"), "{page}");
}

#[test]
fn hostile_names_stay_names() {
    let base = report("all-go");
    let run = |name| Run { name, report: &base };
    let name = "<script>|\u{1b}[31m\n";
    let comparison = Comparison::new(run(name), vec![run(name)], Ratio::new(0.10).unwrap());
    let text = markdown::render(&comparison, Locale::English);
    assert!(text.contains("\\<script\\>\\|") && !text.contains('\u{1b}'), "{text}");
    let page = html::render(&comparison, Locale::English);
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script>|") && !page.contains('\u{1b}'),
        "{page}"
    );
}
