//! The report as one HTML file: no network, readable without script, light and dark, on a screen and on A4.
//!
//! The first screen is for whoever decides: capacity, recommendation, the verdict of each tier. What carries it follows.
//! Every text from outside is escaped by the template engine; the page's own style and script are named to the browser
//! by their hashes, and nothing else may run or load.

mod detail;
mod heatmap;
mod links;
mod plots;
mod summary;

use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::{Locale, Report, grid::Row, label::visible};

/// The whole page.
#[must_use]
pub fn render(report: &Report, locale: Locale) -> String {
    let page = Page { report, locale, rows: Row::all(report) };
    let title = format!("{} · {}", visible(&report.facts.name), page.title());
    let body = html! {
        a.skip href="#grid" { (locale.of("Aller à la grille", "Skip to the grid")) }
        (page.summary())
        main {
            (page.limits())
            (page.grid())
            (page.plots())
            (page.details())
        }
        footer { p { "ramp " (visible(page.version())) } }
        script { (PreEscaped(SCRIPT)) }
    };
    document(locale, &title, &body)
}

/// A page with the reports' style and what a browser is to know of it.
pub(crate) fn document(locale: Locale, title: &str, body: &Markup) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT),
    );
    let markup = html! {
        (DOCTYPE)
        html lang=(locale.of("fr", "en")) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    let mut text = markup.into_string();
    text.push('\n');
    text
}

struct Page<'a> {
    report: &'a Report,
    locale: Locale,
    rows: Vec<Row<'a>>,
}

impl Page<'_> {
    const fn t<'t>(&self, french: &'t str, english: &'t str) -> &'t str {
        self.locale.of(french, english)
    }

    const fn title(&self) -> &'static str {
        self.locale.form_title()
    }

    fn version(&self) -> &str {
        self.report.facts.versions.get("ramp").map_or("", String::as_str)
    }

    /// A section under a heading.
    fn section(&self, id: &str, heading: &str, body: &Markup) -> Markup {
        html! {
            section id=(id) aria-labelledby={ (id) "-title" } {
                h2 id={ (id) "-title" } { (heading) }
                (body)
            }
        }
    }
}

/// A table that scrolls by itself where the screen is narrower than it.
pub(crate) fn table(caption: &str, head: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead {
                    tr {
                        // What heads nothing is no head to a reader of the screen.
                        @for cell in head { @if cell.is_empty() { td {} } @else { th scope="col" { (cell) } } }
                    }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a policy names an inline element that it allows.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
