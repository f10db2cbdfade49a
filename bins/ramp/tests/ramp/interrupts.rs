//! What an interrupt stops, and what a second one leaves.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use ramp_lab::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::laboratory::{Laboratory, ended};

/// A campaign whose first tier is loaded.
struct Loaded {
    child: Child,
    stderr: BufReader<ChildStderr>,
    run: PathBuf,
}

impl Loaded {
    fn start(command: &mut Command, folder: &Path) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("% of") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "no load was seen");
        }
        let run = std::fs::read_dir(folder.join("runs")).unwrap().next().unwrap().unwrap().path();
        Self { child, stderr, run }
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// The exit status, and what was said last.
    fn end(&mut self) -> (i32, String) {
        let status = ended(&mut self.child);
        let said = std::io::read_to_string(&mut self.stderr).unwrap();
        (status, said.lines().last().unwrap_or_default().to_owned())
    }

    /// What the journal has, every line of it whole.
    fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.run.join("journal.jsonl")).unwrap();
        assert!(text.ends_with('\n'), "the last line is whole");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn wait_for_the_interrupt_in_the_journal(&self) {
        let until = Instant::now() + PATIENCE;
        let journal = self.run.join("journal.jsonl");
        while !std::fs::read_to_string(&journal).unwrap().contains(r#""input":"interrupt""#) {
            assert!(Instant::now() < until, "the interrupt is not journaled");
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_interrupt_stops_the_load_within_its_second_and_another_ends_at_once_with_the_journal_whole() {
    let lab = Laboratory::start_cold();
    the_first_stops_the_load_and_reports(&lab);
    the_second_waits_for_no_broker(&lab);
}

fn the_first_stops_the_load_and_reports(lab: &Laboratory) {
    let campaign = lab.campaign("once", &["P1"]);
    let mut loaded = Loaded::start(&mut campaign.command(), campaign.folder());
    loaded.interrupt();
    let (status, said) = loaded.end();
    assert_eq!(status, 130, "{said}");
    assert!(said.ends_with("report.html"), "there is a report of what was seen: {said}");
    let journal = loaded.journal();
    let interrupt = journal.iter().position(|line| line["input"] == "interrupt").unwrap();
    let (before, after) = journal.split_at(interrupt);
    let last = before.iter().rfind(|line| line["input"]["load"].is_object()).unwrap();
    let end = after.iter().find(|line| line["input"]["load_ended"].is_object()).unwrap();
    let offered = |line: &Value, what: &str| line["input"][what]["progress"]["offered"].as_u64().unwrap();
    let untold = seconds(&after[0]) - seconds(last) + 1.0;
    let more = offered(end, "load_ended") - offered(last, "load");
    assert!(
        (more as f64) <= untold * RATE,
        "{more} records were offered in the {untold} s from the last word of the load to a second after the interrupt"
    );
}

fn the_second_waits_for_no_broker(lab: &Laboratory) {
    let campaign = lab.campaign("twice", &["P1"]);
    let mut loaded = Loaded::start(&mut campaign.command(), campaign.folder());
    lab.freeze(Process::Source);
    loaded.interrupt();
    loaded.wait_for_the_interrupt_in_the_journal();
    loaded.interrupt();
    let (status, said) = loaded.end();
    lab.thaw(Process::Source);
    assert_eq!(status, 130, "{said}");
    assert_eq!(said, "ramp: interrupted twice: ended at once; the journal is whole, `ramp report` reads it");
    assert!(
        !loaded.journal().iter().any(|line| line["input"]["load_ended"].is_object()),
        "nothing has ended"
    );
    let report =
        Command::new(env!("CARGO_BIN_EXE_ramp")).args(["report", "--lang", "en"]).arg(&loaded.run).output();
    let report = report.unwrap();
    assert_eq!(report.status.code(), Some(0));
    assert!(String::from_utf8(report.stdout).unwrap().contains("P1"));
}

fn seconds(line: &Value) -> f64 {
    line["at"]["secs"].as_f64().unwrap() + line["at"]["nanos"].as_f64().unwrap() / 1e9
}

/// What P1 asks for.
const RATE: f64 = 500.0;

/// Far longer than a journal takes to be written.
const PATIENCE: Duration = Duration::from_secs(30);
