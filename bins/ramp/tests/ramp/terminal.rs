//! A campaign on a terminal: what is drawn there, and what is left behind.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcgetattr, tcsetwinsize},
};

use serde_json::Value;

use crate::laboratory::Laboratory;

/// A pseudo-terminal with a screen that shows what is written to it.
pub(crate) struct Terminal {
    master: OwnedFd,
    pub(crate) slave: File,
    written: Receiver<Vec<u8>>,
    pub(crate) parser: vt100::Parser,
}

/// A process that a failing test does not leave behind.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended by then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Terminal {
    pub(crate) fn open(columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let (sender, written) = channel();
        let mut reader = File::from(master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Self { master, slave, written, parser: vt100::Parser::new(rows, columns, 0) };
        terminal.resize(columns, rows);
        terminal
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).unwrap();
        self.parser.screen_mut().set_size(rows, columns);
    }

    /// Types `keys`.
    pub(crate) fn press(&self, keys: &str) {
        let written = rustix::io::write(&self.master, keys.as_bytes()).unwrap();
        assert_eq!(written, keys.len());
    }

    pub(crate) fn run(&self, command: &mut Command) -> Running {
        let end = || Stdio::from(self.slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm-256color");
        Running(command.spawn().unwrap())
    }

    /// The rows of the screen, as they are seen.
    pub(crate) fn rows(&self) -> String {
        let screen = self.parser.screen();
        let rows: Vec<_> = screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// Waits until the screen shows what is wanted, and gives its lines.
    pub(crate) fn wait_for(&mut self, shown: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let screen = self.rows();
            if shown(&screen) {
                return screen;
            }
            let left = until.saturating_duration_since(Instant::now());
            let bytes = self.written.recv_timeout(left);
            self.parser.process(&bytes.unwrap_or_else(|_| panic!("not in time:\n{screen}")));
        }
    }
}

#[test]
fn a_campaign_is_one_block_on_a_terminal_and_a_line_of_json_per_event_for_a_program() {
    let lab = Laboratory::start_cold();
    one_block_that_follows_the_terminal_s_size_and_leaves_nothing_behind(&lab);
    one_line_of_json_per_event(&lab);
}

fn one_line_of_json_per_event(lab: &Laboratory) {
    let mut command = lab.campaign("events", &["P1"]).short().command();
    let output = command.args(["--output", "json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"tier_started"), "{text}");
    assert_eq!(kinds.last(), Some(&"ended"), "{text}");
    let progress = events.iter().find(|event| event["event"] == "progress").unwrap();
    assert_eq!((&progress["name"], &progress["rate"]), (&"P1".into(), &500.into()), "{progress}");
    assert!(progress["offered"].as_u64() <= progress["due"].as_u64(), "{progress}");
}

fn one_block_that_follows_the_terminal_s_size_and_leaves_nothing_behind(lab: &Laboratory) {
    let mut terminal = Terminal::open(100, ROWS);
    let before = tcgetattr(&terminal.slave).unwrap();
    let mut child = terminal.run(lab.campaign("terminal", &["P1"]).command().arg("--plain"));

    let block = terminal.wait_for(|screen| screen.contains("P1 load") && screen.contains("true lag"));
    assert!(block.contains("left") && block.contains("p99"), "{block}");
    terminal.resize(60, ROWS);
    // What a resize has torn is drawn anew with the next update; a second later it is one block again.
    let left = |screen: &str| {
        let line = screen.lines().rfind(|line| line.starts_with("P1 load"))?;
        line.split_whitespace().find(|word| word.contains(':')).map(str::to_owned)
    };
    let at_resize = left(&block);
    let narrow = terminal.wait_for(|screen| left(screen).is_some() && left(screen) != at_resize);
    let block: Vec<_> = narrow.lines().skip_while(|line| !line.starts_with("P1 load")).collect();
    assert_eq!(block.iter().filter(|line| line.contains("true lag")).count(), 1, "one block: {narrow}");
    assert!(block.len() >= 4, "{narrow}");

    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(130));
    let end = terminal.wait_for(|screen| screen.contains("the whole report is"));
    assert!(end.contains("interrupted at") || end.contains("interrompue à"), "{end}");
    assert!(!end.contains("true lag "), "the block is taken off: {end}");
    assert!(!terminal.parser.screen().hide_cursor() && !terminal.parser.screen().alternate_screen());
    let after = tcgetattr(&terminal.slave).unwrap();
    assert_eq!(
        (before.input_modes, before.output_modes, before.local_modes, before.control_modes),
        (after.input_modes, after.output_modes, after.local_modes, after.control_modes),
    );
}

/// Far longer than a campaign takes to begin.
const PATIENCE: Duration = Duration::from_secs(120);

const ROWS: u16 = 40;
