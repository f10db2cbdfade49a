//! The journal: every input of a campaign, one line each, written before it is handled. Replaying it gives the same
//! campaign; a run that was killed is readable to its last full line.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use ramp_core::{SCHEMA_VERSION, campaign::Input, plan::Plan, units::Elapsed};
use ramp_report::RunFacts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{demo::Simulation, lang::Lang, recorded::Recorded};

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the journal's form.
    pub schema_version: u32,
    /// The plan that is run.
    pub plan: Plan,
    /// What the run is about, without secrets.
    pub facts: RunFacts,
    /// The language that the plan asks for.
    #[serde(default)]
    pub lang: Option<Lang>,
    /// What is simulated, where it is a demo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    line: Vec<u8>,
    hash: Sha256,
}

/// A campaign read back from its journal.
#[derive(Debug)]
pub struct Replay {
    /// The first line.
    pub header: Header,
    /// The campaign as it stood after the last full line.
    pub recorded: Recorded,
    /// How many inputs were replayed.
    pub inputs: usize,
    /// When the last of them was heard of.
    pub last: Elapsed,
    /// How many bytes the full lines take, and their hash.
    full: u64,
    hash: Sha256,
}

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be written.
    #[error("cannot write {}: {source}; free space or choose another folder with `runs`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes it.
    #[error("{} is being written: the run still goes on in another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A full line is not what it should be.
    #[error("{}, line {line}: {source}; the journal was changed or is of another program", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// There is no header.
    #[error("{} has no header: the run ended before it began", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The form is of a later program.
    #[error("{} is of form {found}; this program reads up to {SCHEMA_VERSION}: use a newer ramp", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Line<I> {
    at: Elapsed,
    input: I,
}

impl Journal {
    /// Begins the journal of a run in `folder`.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, JournalError> {
        let mut journal = Self::open(folder, OpenOptions::new().append(true).create_new(true))?;
        journal.append(header)?;
        Ok(journal)
    }

    /// Goes on with the journal of a run whose process has ended: reads it, and takes an unfinished last line away.
    ///
    /// # Errors
    /// When it cannot be read or written, or another process still writes it.
    pub fn take_up(folder: &Path) -> Result<(Self, Replay), JournalError> {
        let mut journal = Self::open(folder, OpenOptions::new().append(true))?;
        let replay = Replay::read(folder)?;
        journal.hash = replay.hash.clone();
        let cut = journal.file.set_len(replay.full);
        cut.map_err(|source| JournalError::Write { path: journal.path.clone(), source })?;
        Ok((journal, replay))
    }

    /// Opens the file for this process alone; the lock goes with the process.
    fn open(folder: &Path, options: &OpenOptions) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let write = |source| JournalError::Write { path: path.clone(), source };
        let file = options.open(&path).map_err(write)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path, line: Vec::new(), hash: Sha256::new() }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(write(source)),
        }
    }

    /// Writes down `input`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, at: Elapsed, input: &Input) -> Result<(), JournalError> {
        self.append(&Line { at, input })
    }

    /// The SHA-256 of what has been written, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hexadecimal(&self.hash.clone().finalize())
    }

    /// A line reaches the operating system whole and at once, so that a kill of this process loses none.
    fn append(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, line).map_err(io::Error::from);
        self.line.push(b'\n');
        let written = written.and_then(|()| self.file.write_all(&self.line));
        self.hash.update(&self.line);
        written.map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }
}

impl Replay {
    /// Reads the journal in `folder` and replays it.
    ///
    /// # Errors
    /// When it cannot be read. An unfinished last line is what a kill leaves behind, and no error.
    pub fn read(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let read = |source| JournalError::Read { path: path.clone(), source };
        let mut lines = Lines::new(BufReader::new(File::open(&path).map_err(read)?));
        let empty = || JournalError::Empty { path: path.clone() };
        let first = lines.next_full().map_err(read)?.ok_or_else(empty)?;
        let fault = |line, source| JournalError::Line { path: path.clone(), line, source };
        let Version { schema_version } = serde_json::from_slice(&first).map_err(|source| fault(1, source))?;
        if schema_version > SCHEMA_VERSION {
            return Err(JournalError::Version { path, found: schema_version });
        }
        let header: Header = serde_json::from_slice(&first).map_err(|source| fault(1, source))?;
        let mut recorded = Recorded::new(header.plan.clone());
        let (mut inputs, mut last) = (0, Elapsed::START);
        while let Some(line) = lines.next_full().map_err(read)? {
            let line: Line<Input> =
                serde_json::from_slice(&line).map_err(|source| fault(lines.number, source))?;
            recorded.handle(line.at, line.input);
            inputs += 1;
            last = last.max(line.at);
        }
        Ok(Self { header, recorded, inputs, last, full: lines.full, hash: lines.hash })
    }

    /// The SHA-256 of the full lines, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hexadecimal(&self.hash.clone().finalize())
    }
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

struct Lines<R> {
    reader: R,
    number: usize,
    /// Bytes of full lines, and their hash.
    full: u64,
    hash: Sha256,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader, number: 0, full: 0, hash: Sha256::new() }
    }

    /// The next line that ends in a line feed.
    fn next_full(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let bytes = self.reader.read_until(b'\n', &mut line)?;
        self.number += 1;
        if line.last() != Some(&b'\n') {
            return Ok(None);
        }
        self.full += bytes as u64;
        self.hash.update(&line);
        line.pop();
        Ok(Some(line))
    }
}

/// A hash, or its beginning, in hexadecimal.
pub(crate) fn hexadecimal<'a>(hash: impl IntoIterator<Item = &'a u8>) -> String {
    hash.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

const FILE: &str = "journal.jsonl";

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use tempfile::TempDir;

    use super::*;
    use crate::config::plan_text::PlanText;

    fn facts() -> RunFacts {
        RunFacts {
            name: "test".to_owned(),
            started: "2026-01-02T03:04:05Z".to_owned(),
            versions: BTreeMap::new(),
            source: "a:1".to_owned(),
            target: "b:1".to_owned(),
            prometheus: "http://c:1".to_owned(),
            grafana: None,
            queries: Vec::new(),
            variables: BTreeMap::new(),
            topics: Vec::new(),
            payload: "json".to_owned(),
            configuration: BTreeMap::new(),
        }
    }

    fn plan() -> Plan {
        let text: PlanText = toml::from_str(
            r#"
            name = "short"
            recommended = 0.7
            recovery = { minimum = "1s", floor = 1, give_up = "10s" }
            load = { topics = 1, payload = "json" }
            tiers = [{ name = "P1", rate = 10, hold = "10s", p99 = "1s" }]
            "#,
        )
        .unwrap();
        text.plan(Vec::new(), None).unwrap()
    }

    fn header() -> Header {
        Header { schema_version: SCHEMA_VERSION, plan: plan(), facts: facts(), lang: None, simulation: None }
    }

    fn inputs() -> [(Elapsed, Input); 4] {
        let at = |seconds| Elapsed::new(Duration::from_secs(seconds));
        [
            (at(0), Input::PathClear { tier: 0 }),
            (at(1), Input::LoadStarted { tier: 0 }),
            (at(2), Input::Tick),
            (at(3), Input::Interrupt),
        ]
    }

    #[test]
    fn a_replayed_journal_is_the_campaign_that_was_journaled() {
        let folder = TempDir::new().unwrap();
        let mut journal = Journal::create(folder.path(), &header()).unwrap();
        let mut told = Recorded::new(plan());
        for (at, input) in inputs() {
            journal.record(at, &input).unwrap();
            told.handle(at, input);
        }
        let replay = Replay::read(folder.path()).unwrap();
        assert_eq!(replay.inputs, 4);
        assert_eq!(replay.header.facts, facts());
        assert_eq!(replay.recorded.campaign.stage(), told.campaign.stage());
        assert_eq!(replay.recorded.campaign.results(), told.campaign.results());
        assert_eq!(replay.recorded.recorder, told.recorder);
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_reads_to_its_last_full_line() {
        let folder = TempDir::new().unwrap();
        let mut journal = Journal::create(folder.path(), &header()).unwrap();
        for (at, input) in inputs() {
            journal.record(at, &input).unwrap();
        }
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for end in header + 1..whole.len() {
            let kept = whole.get(..end).unwrap();
            std::fs::write(&path, kept).unwrap();
            let full = kept.iter().filter(|byte| **byte == b'\n').count() - 1;
            assert_eq!(Replay::read(folder.path()).unwrap().inputs, full);
        }
        std::fs::write(&path, whole.get(..header).unwrap()).unwrap();
        assert!(matches!(Replay::read(folder.path()), Err(JournalError::Empty { .. })));
    }

    #[test]
    fn a_changed_line_and_a_later_form_are_named() {
        let folder = TempDir::new().unwrap();
        drop(Journal::create(folder.path(), &header()).unwrap());
        let path = folder.path().join(FILE);
        let header = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{header}{{}}\n")).unwrap();
        let error = Replay::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::write(&path, header.replace("\"schema_version\":1", "\"schema_version\":99")).unwrap();
        assert!(matches!(Replay::read(folder.path()), Err(JournalError::Version { found: 99, .. })));
    }

    #[test]
    fn a_journal_that_is_taken_up_again_goes_on_after_its_last_full_line() {
        let folder = TempDir::new().unwrap();
        let mut journal = Journal::create(folder.path(), &header()).unwrap();
        let [first, second, ..] = inputs();
        journal.record(first.0, &first.1).unwrap();
        let taken = || Journal::take_up(folder.path());
        assert!(matches!(taken(), Err(JournalError::Locked { .. })), "it is being written");
        drop(journal);
        let path = folder.path().join(FILE);
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend_from_slice(br#"{"at":{"secs":9,"#);
        std::fs::write(&path, torn).unwrap();
        let (mut journal, replay) = taken().unwrap();
        assert_eq!((replay.inputs, replay.last), (1, first.0));
        journal.record(second.0, &second.1).unwrap();
        let replay = Replay::read(folder.path()).unwrap();
        assert_eq!((replay.inputs, replay.last, replay.sha256()), (2, second.0, journal.sha256()));
    }

    #[test]
    fn a_run_is_never_written_over() {
        let folder = TempDir::new().unwrap();
        drop(Journal::create(folder.path(), &header()).unwrap());
        assert!(matches!(Journal::create(folder.path(), &header()), Err(JournalError::Write { .. })));
    }
}
