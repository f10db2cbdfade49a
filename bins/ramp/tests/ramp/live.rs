//! The live display, on a terminal that belongs to the process as a person's does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    demo::only_run,
    laboratory::alone,
    terminal::{Running, Terminal},
};

/// A shell on a terminal, which runs one `ramp demo` and then says how that ended.
struct Session {
    folder: TempDir,
    terminal: Terminal,
    _shell: Running,
}

impl Session {
    fn start(arguments: &str) -> Self {
        let (folder, terminal) = (TempDir::new().unwrap(), Terminal::open(100, 34));
        let script = format!(
            "trap : INT QUIT HUP; stty -g > before
            sh -c 'echo $$ > pid; exec {} demo {arguments}'; echo status=$?
            stty -g > after; echo THE END; read line",
            env!("CARGO_BIN_EXE_ramp")
        );
        let mut command = Command::new("setsid");
        command.args(["--ctty", "sh", "-c", &script]).env("LC_ALL", "C.UTF-8").current_dir(folder.path());
        let shell = terminal.run(&mut command);
        Self { folder, terminal, _shell: shell }
    }

    fn wait_for(&mut self, text: &str) -> String {
        self.terminal.wait_for(|screen| screen.contains(text))
    }

    fn raise(&self, signal: Signal) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    fn is_live(&self) -> bool {
        self.terminal.parser.screen().alternate_screen()
    }

    /// Waits for the end, which leaves the terminal as it was; the exit status and what the screen shows.
    fn end(&mut self) -> (i32, String) {
        self.terminal.resize(140, 60);
        let screen = self.wait_for("THE END");
        let read = |name| fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert_eq!(read("before"), read("after"), "the terminal's modes");
        assert!(!self.is_live() && !self.terminal.parser.screen().hide_cursor(), "{screen}");
        let (_, status) = screen.split_once("status=").unwrap();
        (status.lines().next().unwrap().parse().unwrap(), screen)
    }

    /// Waits until the reports are there, which are made after the campaign.
    fn wait_for_report(&self) {
        until(|| fs::read_dir(self.folder.path().join("runs")).is_ok_and(|mut runs| runs.next().is_some()));
        let report = self.run().join("report.html");
        until(|| report.exists());
    }

    fn run(&self) -> PathBuf {
        only_run(self.folder.path())
    }
}

fn until(holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not in time");
        sleep(Duration::from_millis(50));
    }
}

/// What a run's journal was told of the person at the terminal.
fn told(run: &Path) -> Vec<String> {
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let inputs = journal.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wishes = inputs.map(|line| line["input"].to_string());
    wishes.filter(|input| input.contains("skip_recovery") || input.contains("interrupt")).collect()
}

#[test]
fn a_person_skips_a_wait_resizes_the_terminal_and_stops_the_campaign() {
    let _alone = alone();
    let mut session = Session::start("");
    let picture = session.wait_for("mm2.buffer_exhausted");
    for part in
        ["P1 load", "left of 00:20", "offered", "p99", "of 1.000 s", "true lag", "P5 10000/s ·", "? help"]
    {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    assert!(session.is_live());

    session.terminal.press("?");
    session.wait_for("Any key goes back.");
    session.terminal.press(" ");
    session.wait_for("P1 load");
    session.terminal.press("s");
    session.wait_for("no recovery is waited for");
    for (columns, rows) in [(60, 14), (30, 3), (1, 1), (9, 1)] {
        session.terminal.resize(columns, rows);
        let wanted: String = "P1 load  00:".chars().take(columns.into()).collect();
        let wanted = wanted.trim_end();
        session.terminal.wait_for(|screen| screen.lines().any(|line| line.starts_with(wanted)));
    }
    session.terminal.press("q");
    session.wait_for("Stop? y/n");
    session.terminal.press("n");
    session.terminal.resize(100, 34);
    session.wait_for("it goes on");

    session.wait_for("P1 recovery");
    session.terminal.press("ss");
    session.wait_for("the wait ends once");
    let picture = session.wait_for("P2 load");
    assert!(picture.contains("P1 1000/s GO"), "{picture}");

    session.terminal.press("qy");
    let (status, screen) = session.end();
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("P1 starts: 1000/s") && screen.contains("the whole report is"), "{screen}");
    assert_eq!(told(&session.run()), [r#"{"skip_recovery":{"tier":0}}"#, r#""interrupt""#]);
    let report = fs::read_to_string(session.run().join("report.md")).unwrap();
    assert!(report.contains("cut the recovery short"), "{report}");
    let verified =
        Command::new(env!("CARGO_BIN_EXE_ramp")).arg("verify").arg(session.run()).output().unwrap();
    assert!(verified.status.success(), "a skip is replayed: {verified:?}");
}

#[test]
fn every_way_to_end_a_campaign_leaves_the_terminal_as_it_was() {
    let _alone = alone();
    let signals = [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT];
    let raise =
        signals.map(|signal| Box::new(move |session: &Session| session.raise(signal)) as Box<dyn Fn(&_)>);
    let keys = ["\u{3}", "qy"];
    let press =
        keys.map(|key| Box::new(move |session: &Session| session.terminal.press(key)) as Box<dyn Fn(&_)>);
    for end in raise.into_iter().chain(press) {
        let mut session = Session::start("--fast");
        session.wait_for("P1 load");
        assert!(session.is_live());
        end(&session);
        let (status, screen) = session.end();
        assert_eq!(status, 130, "{screen}");
        assert!(screen.contains("the whole report is"), "{screen}");
        assert_eq!(told(&session.run()), [r#""interrupt""#]);
    }
}

#[test]
fn a_second_interrupt_ends_at_once_and_leaves_the_terminal_as_it_was() {
    let _alone = alone();
    let mut session = Session::start("--fast");
    session.wait_for("P1 load");
    // The load is stopped by the first, and its records are waited for; the second does not wait.
    session.terminal.press("\u{3}");
    session.wait_for("the load is stopped early");
    session.terminal.press("\u{3}");
    let (status, _) = session.end();
    assert_eq!(status, 130);
}

#[test]
fn a_terminal_that_is_paused_holds_up_no_campaign_and_gets_all_of_it_later() {
    let _alone = alone();
    let mut session = Session::start("--fast");
    session.wait_for("P1 load");
    session.terminal.press(PAUSE);
    session.wait_for_report();
    session.terminal.press(GO_ON);
    let (status, screen) = session.end();
    assert_eq!(status, 0, "{screen}");
    assert!(
        screen.contains("the campaign is over: a tier was STOP") && screen.contains("1,000 msg/s"),
        "{screen}"
    );
}

#[test]
fn a_signal_ends_a_campaign_whose_terminal_stays_paused() {
    let _alone = alone();
    let mut session = Session::start("--fast");
    session.wait_for("P1 load");
    session.terminal.press(PAUSE);
    session.wait_for_report();
    session.raise(Signal::TERM);
    assert_eq!(session.end().0, 130);
}

#[test]
fn a_plain_display_leaves_the_terminal_s_screen_and_keys_alone() {
    let _alone = alone();
    let mut session = Session::start("--fast --plain");
    let block = session.wait_for("true lag");
    assert!(block.contains("P1 starts") && !session.is_live(), "{block}");
    session.terminal.press("qy");
    session.wait_for("P1: GO");
    session.terminal.press("\u{3}");
    assert_eq!(session.end().0, 130);
}

/// Far longer than a campaign takes.
const PATIENCE: Duration = Duration::from_secs(120);

const PAUSE: &str = "\u{13}";
const GO_ON: &str = "\u{11}";
