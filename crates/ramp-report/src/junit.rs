//! The report as JUnit XML: one test case per tier of the plan. STOP is a failure, INCONCLUSIVE an error, and a tier
//! that was not reached is skipped.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use ramp_core::verdict::{Finding, Verdict, Weight};

use crate::{
    Locale, Report,
    grid::Row,
    label::{short, visible},
};

/// The whole report as one suite.
#[must_use]
pub fn render(report: &Report, locale: Locale) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into memory does not fail.
    let bytes = write(&mut writer, report, locale).map(|()| writer.into_inner());
    let text =
        bytes.map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    text + "\n"
}

fn write(writer: &mut Writer<Vec<u8>>, report: &Report, locale: Locale) -> io::Result<()> {
    let rows = Row::all(report);
    let count = |verdict| rows.iter().filter(|row| row.verdict() == verdict).count().to_string();
    let took =
        report.took.map_or_else(|| f64::from(report.timeline.end_seconds()), |took| took.as_secs_f64());
    let name = text(&report.facts.name);
    let started = report.facts.started.parse::<jiff::Timestamp>();
    let started = started.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut suite = writer
        .create_element("testsuite")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("tests", rows.len().to_string().as_str()))
        .with_attribute(("failures", count(Some(Verdict::Stop)).as_str()))
        .with_attribute(("errors", count(Some(Verdict::Inconclusive)).as_str()))
        .with_attribute(("skipped", count(None).as_str()))
        .with_attribute(("time", format!("{took:.3}").as_str()));
    if let Ok(started) = &started {
        suite = suite.with_attribute(("timestamp", started.as_str()));
    }
    suite.write_inner_content(|writer| {
        for row in &rows {
            case(writer, report, row, &name, locale)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn case(
    writer: &mut Writer<Vec<u8>>,
    report: &Report,
    row: &Row<'_>,
    suite: &str,
    locale: Locale,
) -> io::Result<()> {
    let rate = locale.whole(row.tier.rate.get().into());
    let name = format!("{} ({rate} msg/s)", text(&row.tier.name));
    let held = row.result.and_then(|result| Some(result.stopped?.since(result.started?)));
    let held = held.map(|held| format!("{:.3}", held.as_secs_f64()));
    let mut element = writer
        .create_element("testcase")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("classname", suite));
    if let Some(held) = &held {
        element = element.with_attribute(("time", held.as_str()));
    }
    element.write_inner_content(|writer| {
        match row.verdict() {
            Some(Verdict::Go) => {}
            Some(Verdict::Stop) => outcome(writer, "failure", row, locale)?,
            Some(Verdict::Inconclusive) => outcome(writer, "error", row, locale)?,
            None => {
                writer.create_element("skipped").write_empty()?;
            }
        }
        let said = said(report, row, locale);
        if !said.is_empty() {
            writer.create_element("system-out").write_text_content(BytesText::new(&said))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The element that makes a case fail, with the gravest finding as its message.
fn outcome(writer: &mut Writer<Vec<u8>>, kind: &str, row: &Row<'_>, locale: Locale) -> io::Result<()> {
    let findings = row.result.map_or(&[][..], |result| &result.findings);
    let grave = |finding: &&Finding| finding.weight() > Weight::Warning;
    let texts: Vec<_> = findings.iter().filter(grave).map(|finding| text(&locale.finding(finding))).collect();
    let message = texts.first().map_or("", String::as_str);
    let verdict = row.verdict().map_or_else(String::new, |verdict| verdict.to_string());
    writer
        .create_element(kind)
        .with_attribute(("message", message))
        .with_attribute(("type", verdict.as_str()))
        .write_text_content(BytesText::new(&texts.join("\n")))?;
    Ok(())
}

/// What stands beside the verdict: the latency, warnings and likely limits.
fn said(report: &Report, row: &Row<'_>, locale: Locale) -> String {
    let mut lines = Vec::new();
    if let Some(p99) = locale.p99(row.p99()) {
        let (from, bound) = (locale.provenance(row.p99(), row.latency()), locale.millis(row.tier.p99_bound));
        lines.push(format!("p99 {p99} ({from}), {} {bound}", locale.of("borne", "bound")));
    }
    if let Some(result) = row.result {
        for finding in &result.findings {
            if finding.weight() == Weight::Warning {
                lines.push(text(&locale.finding(finding)));
            }
        }
        for likely in report.limits_of(result.tier) {
            let (name, clues) = (locale.limit_name(likely.limit), text(&locale.clues(likely)));
            lines.push(format!("{} {name} ({clues})", locale.of("limite probable :", "likely limit:")));
        }
    }
    lines.join("\n")
}

fn text(text: &str) -> String {
    visible(&short(text))
}
