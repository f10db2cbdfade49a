//! A comparison as Markdown, its columns aligned so that a terminal shows it as well.

use std::fmt::Write;

use super::Comparison;
use crate::{Locale, label::columns, markdown::literal};

/// The comparison as Markdown.
#[must_use]
pub fn render(comparison: &Comparison<'_>, locale: Locale) -> String {
    let mut text = format!("# {}\n\n", locale.comparison_title());
    let cell = |text: String| literal(&text);
    let rows = std::iter::once(comparison.head(locale)).chain(comparison.rows(locale));
    let rows: Vec<Vec<_>> = rows.map(|row| row.into_iter().map(cell).collect()).collect();
    let widths: Vec<_> = (0..rows.first().map_or(0, Vec::len))
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max().unwrap_or(0)
        })
        .collect();
    for (place, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell}{} ", " ".repeat(width.saturating_sub(columns(cell))));
        }
        text.push_str("|\n");
        if place == 0 {
            widths.iter().for_each(|width| {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            });
            text.push_str("|\n");
        }
    }
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
