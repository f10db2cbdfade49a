//! The report's files, and `ramp report`.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, BufReader, IsTerminal, Read},
    path::{Path, PathBuf},
};

use ramp_load::interval_log::{self, Entry};
use ramp_observe::catalog;
use ramp_report::{KnownSignals, Locale, Report, RunFacts, csv, heat::Heat, html, json, junit, markdown};
use sha2::{Digest, Sha256};

use crate::{
    cli::{Format, ReportArgs},
    console,
    driver::latency_log::{EXTENSION, file_name},
    error::CommandError,
    exit::Exit,
    journal::{Replay, hexadecimal},
    lang::Lang,
    recorded::Recorded,
};

/// `ramp report`: the report of the run in a folder, replayed from its journal.
pub(crate) fn print(args: &ReportArgs) -> Result<Exit, CommandError> {
    let replay = Replay::read(&args.run)?;
    let report = of(&replay.header.facts, &replay.recorded, replay.sha256(), &args.run)?;
    let locale = Lang::choose(args.lang, replay.header.lang).locale();
    let text = match args.format {
        Format::Terminal => terminal(&report, locale),
        Format::Markdown => markdown::render(&report, locale),
        Format::Html => html::render(&report, locale),
        Format::Json => json::render(&report),
        Format::Csv => csv::grid(&report),
        Format::CsvTimeline => csv::timeline(&report),
        Format::Junit => junit::render(&report, locale),
    };
    console::say(&text).map(|()| Exit::Done)
}

/// The report of a campaign as it stands, whose journal has that hash and lies in `folder`.
pub(crate) fn of(
    facts: &RunFacts,
    Recorded { campaign, recorder }: &Recorded,
    journal_sha256: String,
    folder: &Path,
) -> Result<Report, CommandError> {
    let known = KnownSignals {
        latency_avg: catalog::LATENCY_AVG,
        latency_max: catalog::LATENCY_MAX,
        active_records: catalog::ACTIVE_RECORDS,
        buffer: catalog::BUFFER_UTILIZATION,
        cpu: catalog::HOST_CPU,
        memory: catalog::HOST_MEMORY,
    };
    let mut report = Report::of(facts.clone(), campaign, recorder, known);
    report.journal_sha256 = Some(journal_sha256);
    (report.latency_logs, report.heat) = latency_logs(&report, folder)?;
    Ok(report)
}

/// The SHA-256 of each log of latencies in the folder of a run, by its name, and what those of the loads hold at the times
/// of the campaign. Each is read once.
fn latency_logs(report: &Report, folder: &Path) -> Result<(BTreeMap<String, String>, Heat), CommandError> {
    let mut heat = Heat::default();
    let mut hashes = BTreeMap::new();
    let mut logs = logs(folder)?;
    for (tier, result) in report.loads() {
        let (name, Some(started)) = (file_name(&tier.name), result.started) else { continue };
        // Two tiers of one log cannot be told apart in it.
        let shares = report.loads().filter(|(other, _)| file_name(&other.name) == name).count();
        let Some(path) = (shares == 1).then(|| logs.remove(&name)).flatten() else { continue };
        let before = heat.clone();
        let note = |entry| match entry {
            // The log of a tier that was begun again has its earlier attempts too.
            Entry::Load => heat = before.clone(),
            Entry::Interval(interval) => {
                heat.note(started.after(interval.from), interval.span, &interval.seen)
            }
        };
        hashes.insert(name, hashed(&path, |log| interval_log::read(BufReader::new(log), note))?);
    }
    for (name, path) in logs {
        hashes.insert(name, hashed(&path, |mut log| io::copy(&mut log, &mut io::sink()).map(drop))?);
    }
    Ok((hashes, heat))
}

/// The logs of latencies in a folder, by their names.
fn logs(folder: &Path) -> Result<BTreeMap<String, PathBuf>, CommandError> {
    let unreadable = |source| CommandError::Read { path: folder.to_owned(), source };
    let mut logs = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            logs.insert(entry.file_name().to_string_lossy().into_owned(), path);
        }
    }
    Ok(logs)
}

/// The SHA-256 of a file that `read` reads to its end.
fn hashed(path: &Path, read: impl FnOnce(Hashed<'_>) -> io::Result<()>) -> Result<String, CommandError> {
    let mut hash = Sha256::new();
    let whole = File::open(path).and_then(|file| read(Hashed { file, hash: &mut hash }));
    whole.map_err(|source| CommandError::Read { path: path.to_owned(), source })?;
    Ok(hexadecimal(&hash.finalize()))
}

/// A file whose bytes are hashed as they are read.
struct Hashed<'a> {
    file: File,
    hash: &'a mut Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The report's files, by their names.
pub(crate) fn files(report: &Report, locale: Locale) -> [(&'static str, String); 6] {
    [
        ("report.md", markdown::render(report, locale)),
        (HTML, html::render(report, locale)),
        (JSON, json::render(report)),
        ("report.csv", csv::grid(report)),
        ("timeline.csv", csv::timeline(report)),
        ("report.xml", junit::render(report, locale)),
    ]
}

/// Writes the report's files into the run's folder.
pub(crate) fn write_files(folder: &Path, report: &Report, locale: Locale) -> Result<(), CommandError> {
    for (name, text) in files(report, locale) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| CommandError::Report { path, source })?;
    }
    Ok(())
}

/// The report for standard output: the form itself where that is a file or a pipe.
pub(crate) fn shown(report: &Report, locale: Locale) -> String {
    if io::stdout().is_terminal() { terminal(report, locale) } else { markdown::render(report, locale) }
}

/// For a terminal of its own width; output to a file gets a usual one.
fn terminal(report: &Report, locale: Locale) -> String {
    let stdout = io::stdout();
    let colour = stdout.is_terminal() && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let size = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal());
    let width = size.map_or(USUAL_WIDTH, |size| usize::from(size.ws_col));
    ramp_report::terminal::render(report, locale, width, colour)
}

/// The report for people, with its plots.
pub(crate) const HTML: &str = "report.html";

/// Every figure of it.
pub(crate) const JSON: &str = "report.json";

const USUAL_WIDTH: usize = 100;
