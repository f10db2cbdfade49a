//! The report as JSON.

use crate::Report;

/// The whole report; `schema_version` says in which form.
#[must_use]
pub fn render(report: &Report) -> String {
    // A report has only string keys and finite numbers, so it has a JSON form.
    let mut text = serde_json::to_string_pretty(report)
        .unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()));
    text.push('\n');
    text
}
