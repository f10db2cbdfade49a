//! The report as JSON.

use crate::Report;

/// The whole report on one line; `schema_version` says in which form, `docs/report.schema.json` describes it.
#[must_use]
pub fn render(report: &Report) -> String {
    // A report has only string keys and finite numbers, so it has a JSON form.
    let mut text = serde_json::to_string(report)
        .unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()));
    text.push('\n');
    text
}
