//! The HTML report in a real browser.

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use ramp_report::{Locale, Report, html};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    chromium::Chromium,
    heat::watched,
    hostile::hostile_report,
    journal::{report, told},
    world::World,
};

const WIDTHS: [u32; 3] = [360, 768, 1_440];
const SCHEMES: [&str; 2] = ["light", "dark"];

fn written(folder: &Path, report: &Report) -> PathBuf {
    let file = folder.join("report.html");
    std::fs::write(&file, html::render(report, Locale::French)).unwrap();
    file
}

#[test]
fn a_page_asks_for_nothing_complains_of_nothing_and_fits_every_screen() {
    let folder = TempDir::new().unwrap();
    let mut chromium = Chromium::start();
    let reports = ["all-go", "stop-at-p3", "stop-at-p1", "refined"].map(report);
    let told = told(&World { capacity: Some(4_000.0), ..World::default() });
    for report in reports.iter().chain([&hostile_report(), &told, &watched()]) {
        let file = written(folder.path(), report);
        for (width, scheme) in WIDTHS.into_iter().flat_map(|width| SCHEMES.map(|scheme| (width, scheme))) {
            chromium.open(&file, width, scheme);
            let place = format!("{} at {width} px, {scheme}", &report.facts.name[..7]);
            assert_eq!(chromium.evaluate(OVERFLOWING), json!([]), "{place}");
            assert_eq!(chromium.evaluate("document.querySelectorAll('.plot svg').length"), 4, "{place}");
            assert_eq!(chromium.evaluate(FAINT), json!([]), "{place}");
            let complaints = chromium.complaints();
            assert!(complaints.is_empty(), "{place}: {complaints:?}");
            assert_eq!(chromium.requests(), [format!("file://{}", file.display())], "{place}");
        }
    }
}

#[test]
fn the_first_screen_of_a_laptop_holds_capacity_recommendation_and_every_verdict() {
    let folder = TempDir::new().unwrap();
    let mut chromium = Chromium::start();
    let file = written(folder.path(), &report("stop-at-p3"));
    chromium.open(&file, 1_440, "light");
    let lowest = "Math.max(...[...document.querySelectorAll('.figure, .tier')].map(e => e.getBoundingClientRect().bottom))";
    assert!(chromium.evaluate(lowest).as_f64().unwrap() < 768.0);
}

#[test]
fn the_pointer_and_the_arrow_keys_show_values() {
    let folder = TempDir::new().unwrap();
    let mut chromium = Chromium::start();
    let file = written(folder.path(), &report("stop-at-p3"));
    chromium.open(&file, 1_440, "light");
    let reading = "document.querySelector('#latency-time .reading').textContent";
    assert_eq!(chromium.evaluate(reading), "");
    let middle = "(() => { const plot = document.querySelector('#latency-time .plot'); plot.scrollIntoView({ block: 'center' }); \
                  const box = plot.getBoundingClientRect(); return [box.x + box.width * 0.2, box.y + box.height / 2]; })()";
    let middle = chromium.evaluate(middle);
    let moved = json!({ "type": "mouseMoved", "x": middle[0], "y": middle[1] });
    chromium.call("Input.dispatchMouseEvent", moved);
    let shown = chromium.evaluate(reading);
    assert!(shown.as_str().unwrap().contains("p99 ") && shown.as_str().unwrap().contains(" ms"), "{shown}");

    chromium.evaluate("document.querySelector('#rate .plot').focus()");
    for _ in 0..3 {
        chromium.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "ArrowRight" }));
    }
    let shown = chromium.evaluate("document.querySelector('#rate .reading').textContent");
    assert!(shown.as_str().unwrap().contains("msg/s"), "{shown}");
}

#[test]
fn a_page_prints_on_a4_within_its_margins() {
    let folder = TempDir::new().unwrap();
    let mut chromium = Chromium::start();
    let file = written(folder.path(), &report("stop-at-p3"));
    chromium.open(&file, 1_440, "dark");
    let pdf = chromium.call("Page.printToPDF", json!({ "preferCSSPageSize": true, "printBackground": true }));
    let pdf = BASE64_STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
    let pdf = String::from_utf8_lossy(&pdf);
    assert!(pdf.contains("/MediaBox [0 0 594.95996 841.91998]"), "A4");
    // What is wider than the paper makes Chromium shrink the page or cut it: neither is wanted.
    let printed = json!({ "width": 695, "height": 1_000, "deviceScaleFactor": 1, "mobile": false });
    chromium.call("Emulation.setDeviceMetricsOverride", printed);
    chromium.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    assert_eq!(chromium.evaluate(OVERFLOWING), json!([]));
    let background = chromium.evaluate("getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, "rgb(255, 255, 255)", "paper is white, whatever the screen is");
}

#[test]
fn a_reader_of_the_screen_finds_names_for_everything() {
    let folder = TempDir::new().unwrap();
    let mut chromium = Chromium::start();
    let file = written(folder.path(), &report("refined"));
    chromium.open(&file, 1_440, "light");
    for (what, expression) in [
        ("one first heading", "document.querySelectorAll('h1').length === 1"),
        ("a language", "document.documentElement.lang === 'fr'"),
        (
            "named plots",
            "[...document.querySelectorAll('[role=img]')].every(e => e.getAttribute('aria-label').length > 20)",
        ),
        (
            "table captions",
            "[...document.querySelectorAll('table')].every(e => e.caption && e.caption.textContent)",
        ),
        (
            "column heads",
            "[...document.querySelectorAll('thead th')].every(e => e.scope === 'col' && e.textContent)",
        ),
        (
            "row heads",
            "[...document.querySelectorAll('tbody tr')].every(e => e.firstElementChild.scope === 'row')",
        ),
        (
            "named sections",
            "[...document.querySelectorAll('section')].every(e => document.getElementById(e.getAttribute('aria-labelledby')))",
        ),
        (
            "landmarks of different names",
            "(names => new Set(names).size === names.length)([...document.querySelectorAll('section, [role=region]')]
                .map(e => e.getAttribute('aria-label') ?? document.getElementById(e.getAttribute('aria-labelledby')).textContent))",
        ),
        (
            "what scrolls has the keyboard",
            "[...document.querySelectorAll('.scroll, .plot, .still')].every(e => e.tabIndex === 0)",
        ),
    ] {
        assert_eq!(chromium.evaluate(expression), true, "{what}");
    }
}

/// What reaches beyond the window, unless it scrolls by itself or is hidden from the eye.
const OVERFLOWING: &str = "[document.documentElement, ...document.querySelectorAll('body *')].filter(e =>
    !e.closest('.hidden, .skip') && !e.parentElement?.closest('.scroll, .plot, .still')
    && (e === document.documentElement ? e.scrollWidth > innerWidth : e.getBoundingClientRect().right > innerWidth + 0.5)
).map(e => e.outerHTML.slice(0, 120))";

/// Texts whose contrast with what lies behind them is below 4.5 to 1.
const FAINT: &str = "(() => {
    const parse = colour => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) > 0) return c; } return [255, 255, 255]; };
    const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    return [...document.querySelectorAll('body *')].filter(e => own(e) && !e.closest('script, .hidden, .skip')).filter(e => {
        const style = getComputedStyle(e);
        const [a, b] = [light(parse(e.closest('svg') ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05) < 4.5;
    }).map(e => e.outerHTML.slice(0, 120));
})()";
