//! The report's files, and `ramp report`.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use ramp_core::campaign::Campaign;
use ramp_observe::catalog;
use ramp_report::{GridSignals, Locale, Report, RunFacts, json, markdown};

use crate::{
    cli::{Format, Lang, ReportArgs},
    error::CommandError,
    exit::Exit,
    journal::Replay,
};

/// `ramp report`: the report of the run in a folder, replayed from its journal.
pub(crate) fn print(args: &ReportArgs) -> Result<Exit, CommandError> {
    let Replay { header, campaign, .. } = Replay::read(&args.run)?;
    let report = of(&header.facts, &campaign);
    let text = match args.format {
        Format::Terminal => terminal(&report, args.lang),
        Format::Markdown => markdown::render(&report, locale(args.lang)),
        Format::Json => json::render(&report),
    };
    print!("{text}");
    Ok(Exit::Capacity)
}

/// The report of `campaign` as it stands.
pub(crate) fn of(facts: &RunFacts, campaign: &Campaign) -> Report {
    let columns = GridSignals {
        latency_avg: catalog::LATENCY_AVG,
        latency_max: catalog::LATENCY_MAX,
        active_records: catalog::ACTIVE_RECORDS,
        cpu: catalog::HOST_CPU,
    };
    Report::of(facts.clone(), campaign, columns)
}

/// Writes the report's files into the run's folder.
pub(crate) fn write_files(folder: &Path, report: &Report, lang: Lang) -> Result<(), CommandError> {
    let files =
        [("report.md", markdown::render(report, locale(lang))), ("report.json", json::render(report))];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|source| CommandError::Report { path, source })?;
    }
    Ok(())
}

/// The report for standard output: the form itself where that is a file or a pipe.
pub(crate) fn shown(report: &Report, lang: Lang) -> String {
    if io::stdout().is_terminal() { terminal(report, lang) } else { markdown::render(report, locale(lang)) }
}

fn terminal(report: &Report, lang: Lang) -> String {
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    ramp_report::terminal::render(report, locale(lang), WIDTH, colour)
}

const fn locale(lang: Lang) -> Locale {
    match lang {
        Lang::Fr => Locale::French,
        Lang::En => Locale::English,
    }
}

/// A terminal's usual width, kept where the output goes to a file as well.
const WIDTH: usize = 100;
