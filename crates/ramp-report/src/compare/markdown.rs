//! A comparison as Markdown, its columns aligned so that a terminal shows it as well.

use std::fmt::Write;

use super::Comparison;
use crate::{
    Locale,
    markdown::{literal, table},
};

/// The comparison as Markdown.
#[must_use]
pub fn render(comparison: &Comparison<'_>, locale: Locale) -> String {
    let mut text = format!("# {}\n\n", locale.comparison_title());
    let cell = |text: String| literal(&text);
    let rows = std::iter::once(comparison.head(locale)).chain(comparison.rows(locale));
    let rows: Vec<Vec<_>> = rows.map(|row| row.into_iter().map(cell).collect()).collect();
    text.push_str(&table(&rows));
    let _ = writeln!(text, "\n{}", locale.comparison_rule(comparison.margin));
    let differences = comparison.differences(locale);
    if !differences.is_empty() {
        let _ = writeln!(text, "\n{}\n", locale.of("**Pas la même charge :**", "**Not the same load:**"));
        differences.iter().for_each(|difference| {
            let _ = writeln!(text, "- {}", literal(difference));
        });
    }
    text
}
