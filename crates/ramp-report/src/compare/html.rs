//! A comparison as one HTML file, like the report's.

use maud::html;

use super::Comparison;
use crate::{
    Locale,
    html::{document, table},
    label::visible,
};

/// The comparison as a page.
#[must_use]
pub fn render(comparison: &Comparison<'_>, locale: Locale) -> String {
    let title = locale.comparison_title();
    let head: Vec<_> = comparison.head(locale).iter().map(|cell| visible(cell)).collect();
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    let rows: Vec<Vec<_>> = comparison
        .rows(locale)
        .iter()
        .map(|row| row.iter().map(|cell| html! { (visible(cell)) }).collect())
        .collect();
    let differences = comparison.differences(locale);
    let body = html! {
        main {
            section #compare {
                h1 { (title) }
                (table(title, &head, &rows))
                p { (locale.comparison_rule(comparison.margin)) }
                @if !differences.is_empty() {
                    h2 { (locale.of("Pas la même charge", "Not the same load")) }
                    ul { @for difference in &differences { li { (visible(difference)) } } }
                }
            }
        }
    };
    document(locale, title, &body)
}
