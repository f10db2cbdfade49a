//! Every journal in every form and both languages.

use std::time::Duration;

use ramp_report::{Locale, QueryFound, csv, html, json, junit, markdown, terminal};
use serde_json::Value;

use crate::{
    journal::{JOURNALS, report, told},
    world::World,
};

const LOCALES: [(&str, Locale); 2] = [("fr", Locale::French), ("en", Locale::English)];

/// Compares a rendering of every journal in both languages with its snapshot.
fn compare(form: &str, render: impl Fn(&ramp_report::Report, Locale) -> String) {
    for name in JOURNALS {
        let report = report(name);
        for (language, locale) in LOCALES {
            insta::assert_snapshot!(format!("{name}.{language}.{form}"), render(&report, locale));
        }
    }
}

#[test]
fn a_warmup_is_told_with_the_run_and_is_no_tier() {
    let warmed = told(&World { warmup: Some(30), ..World::default() });
    let cold = told(&World::default());
    let verdicts = |report: &ramp_report::Report| -> Vec<_> {
        report.tiers.iter().map(|result| (result.tier, result.verdict)).collect()
    };
    assert_eq!(verdicts(&warmed), verdicts(&cold));
    for (locale, name, words) in [
        (Locale::French, "préchauffage", "30 s à 1\u{202f}000 msg/s, non jugé"),
        (Locale::English, "warm-up", "30 s at 1,000 msg/s, not judged"),
    ] {
        for render in [markdown::render, html::render] {
            let (warmed, cold) = (render(&warmed, locale), render(&cold, locale));
            assert!(warmed.contains(words) && warmed.contains(name), "{words}");
            assert!(!cold.contains(name), "{name}");
        }
        let (warmed, cold) = (csv::grid(&warmed), csv::grid(&cold));
        assert_eq!(warmed.lines().count(), cold.lines().count());
    }
}

#[test]
fn markdown_of_every_journal() {
    compare("md", markdown::render);
}

#[test]
fn terminal_of_every_journal() {
    compare("txt", |report, locale| terminal::render(report, locale, 100, false));
}

#[test]
fn junit_of_every_journal() {
    compare("xml", junit::render);
}

#[test]
fn html_of_every_journal_without_its_plots() {
    compare("html", |report, locale| one_element_a_line(&without_plots(&html::render(report, locale))));
}

#[test]
fn grid_of_every_journal_as_csv() {
    for name in JOURNALS {
        insta::assert_snapshot!(format!("{name}.csv"), csv::grid(&report(name)));
    }
}

#[test]
fn json_of_every_journal_without_its_timeline() {
    for name in JOURNALS {
        let mut value: Value = serde_json::from_str(&json::render(&report(name))).unwrap();
        for track in value["timeline"]["tracks"].as_array_mut().unwrap() {
            track["buckets"] = track["buckets"].as_array().unwrap().len().into();
        }
        insta::assert_snapshot!(format!("{name}.json"), serde_json::to_string_pretty(&value).unwrap());
    }
}

#[test]
fn a_narrow_terminal_keeps_the_verdict_whole() {
    let mut report = report("stop-at-p3");
    report.facts.queries.clear();
    for locale in [Locale::French, Locale::English] {
        let text = terminal::render(&report, locale, 60, false);
        assert!(text.contains("STOP") && !text.lines().take(6).any(|line| line.contains('…')), "{text}");
    }
    insta::assert_snapshot!(terminal::render(&report, Locale::French, 60, false));
}

#[test]
fn what_a_query_found_before_the_run_stands_beside_it() {
    let mut report = report("stop-at-p3");
    let query = &mut report.facts.queries[0];
    query.panel_expression = Some("sum(active)".to_owned());
    query.found = Some(QueryFound {
        series: 2,
        age: Some(Duration::from_millis(1_300)),
        scrape: Some(Duration::from_secs(15)),
        window: Duration::from_secs(30),
    });
    let english = "2 series, newest sample 1.3 s old, scraped every 15.0 s, rate window 30.0 s";
    let french = "2 séries, dernier échantillon il y a 1,3 s, relevé toutes les 15,0 s, fenêtre de 30,0 s";
    for (locale, found) in [(Locale::English, english), (Locale::French, french)] {
        for text in [markdown::render(&report, locale), html::render(&report, locale)] {
            assert!(text.contains(found) && text.contains("sum(active)"), "{text}");
        }
    }
    let silent = QueryFound { series: 0, age: None, scrape: None, window: Duration::ZERO };
    report.facts.queries[0].found = Some(silent);
    let text = markdown::render(&report, Locale::English);
    assert!(text.contains("0 series, no sample, scrape interval unknown, no rate window"), "{text}");
}

#[test]
fn colours_are_of_verdicts_alone() {
    insta::assert_snapshot!(terminal::render(&report("stop-at-p3"), Locale::French, 100, true));
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let (one, other) = (report("stop-at-p3"), report("stop-at-p3"));
    assert_eq!(html::render(&one, Locale::French), html::render(&other, Locale::French));
    assert_eq!(json::render(&one), json::render(&other));
    assert_eq!(csv::timeline(&one), csv::timeline(&other));
}

#[test]
fn a_campaign_that_was_cut_off_before_its_first_tier_is_rendered_in_every_form() {
    let world = World::default();
    let recorder = ramp_report::Recorder::new(&world.plan());
    let campaign = ramp_core::campaign::Campaign::new(world.plan());
    let report = ramp_report::Report::of(crate::world::facts(), &campaign, &recorder, crate::world::known());
    for (_, locale) in LOCALES {
        assert!(html::render(&report, locale).contains("10"), "the plan's tiers are shown");
        assert!(markdown::render(&report, locale).contains("| P5 | 10000 |"));
        assert!(terminal::render(&report, locale, 80, false).contains("P5"));
        assert!(junit::render(&report, locale).contains("<skipped/>"));
    }
    assert_eq!(csv::grid(&report).lines().count(), 6);
    assert_eq!(csv::timeline(&report).lines().count(), 1);
}

#[test]
fn the_distribution_of_each_tier_is_drawn_and_put_in_words() {
    let told = told(&World { capacity: Some(4_000.0), ..World::default() });
    let page = html::render(&told, Locale::English);
    let (_, figure) = page.split_once("id=\"tier-distribution\"").unwrap();
    let (figure, _) = figure.split_once("</figure>").unwrap();
    for drawn in ["p50", "p99", "p99.99", "P1", "P3"] {
        assert!(figure.contains(&format!("\n{drawn}\n")), "{drawn}: {figure}");
    }
    assert!(figure.contains("P1 : p50 35 ms, p90 69 ms, p99 79 ms, p99.9 79 ms ; P2"), "{figure}");
    let before = html::render(&report("stop-at-p3"), Locale::English);
    assert!(!before.contains("tier-distribution"), "an older journal holds no distribution");
}

/// The page with a mark in place of each plot and of the values for the script.
fn without_plots(page: &str) -> String {
    let page = replaced(page, "<svg width", "</svg>", "[plot]");
    let page = replaced(&page, "type=\"application/json\">", "</script>", "[values]");
    let page = replaced(&page, "<style>", "</style>", "[style]");
    let page = replaced(&page, "style-src '", "'", "style-src [style]");
    let page = replaced(&page, "data-plot=\"", "\"", "[place]");
    replaced(&page, "<script>", "</script>", "[script]")
}

fn replaced(text: &str, from: &str, to: &str, mark: &str) -> String {
    let mut pieces = text.split(from);
    let mut result = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (_, rest) = piece.split_once(to).unwrap();
        result.push_str(mark);
        result.push_str(rest);
    }
    result
}

fn one_element_a_line(page: &str) -> String {
    ["<section", "<tr", "<li", "<div", "<h2", "<h3", "<figure", "<p", "<dt", "<dd", "<main"]
        .iter()
        .fold(page.to_owned(), |page, tag| page.replace(tag, &format!("\n{tag}")))
}
