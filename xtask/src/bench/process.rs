//! Runs a program and says what it cost.

use std::{
    fs,
    io::{self, Read},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use crate::command::Failure;

/// What a program did and cost, from its start to its end.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) wall: Duration,
    /// Of all its threads, in the program and in the kernel for it.
    pub(super) cpu: Duration,
    /// Its largest resident set, in bytes.
    pub(super) peak: u64,
    /// What it printed, both streams.
    pub(super) printed: String,
    pub(super) succeeded: bool,
}

/// A program under way.
pub(super) struct Running {
    child: Child,
    readers: Vec<JoinHandle<io::Result<String>>>,
    begun: Instant,
    typed: String,
    peak: u64,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        let typed = typed(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let started = command.spawn();
        let mut child = started.map_err(|source| Failure::NotStarted { program: typed.clone(), source })?;
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(reader));
        readers.extend(child.stderr.take().map(reader));
        Ok(Self { child, readers, begun, typed, peak: 0 })
    }

    /// Its resident set, in bytes; `None` once it has ended.
    pub(super) fn resident(&self) -> Option<u64> {
        figure(self.child.id(), "VmRSS:")
    }

    /// Waits until the program has ended.
    pub(super) fn finish(mut self) -> Result<Run, Failure> {
        // Of a program that has ended and was not waited for the kernel still tells the time, but not the memory.
        let cpu = loop {
            self.peak = figure(self.child.id(), "VmHWM:").unwrap_or(0).max(self.peak);
            match stat(self.child.id()) {
                Some(stat) if stat.ended => break stat.cpu,
                Some(_) => sleep(GLANCE),
                None => return Err(Failure::Failed { command: self.typed }),
            }
        };
        let wall = self.begun.elapsed();
        let status = self.child.wait();
        let status = status.map_err(|source| Failure::NotStarted { program: self.typed.clone(), source })?;
        let mut printed = String::new();
        for reader in self.readers {
            if let Ok(Ok(text)) = reader.join() {
                printed.push_str(&text);
            }
        }
        Ok(Run { wall, cpu, peak: self.peak, printed, succeeded: status.success() })
    }
}

/// Runs `command` to its end; a program that fails ends the benchmark.
pub(super) fn run(command: &mut Command) -> Result<Run, Failure> {
    let run = Running::start(command)?.finish()?;
    if run.succeeded {
        return Ok(run);
    }
    eprintln!("{}", run.printed);
    Err(Failure::Failed { command: typed(command) })
}

fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn reader(mut stream: impl Read + Send + 'static) -> JoinHandle<io::Result<String>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
}

struct Stat {
    ended: bool,
    cpu: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything but a closing bracket at its end.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    let cpu = Duration::from_millis((ticks(11)? + ticks(12)?) * 1_000 / TICKS_PER_SECOND);
    Some(Stat { ended: fields.first() == Some(&"Z"), cpu })
}

/// A figure of memory, in bytes.
fn figure(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

const GLANCE: Duration = Duration::from_millis(5);

/// What Linux shows to every program, whatever its own clock.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_output_end_and_cost_are_seen() {
        let done = run(Command::new("sh").args(["-c", "echo out; echo err >&2"])).unwrap();
        assert!(done.printed.contains("out") && done.printed.contains("err"), "{}", done.printed);
        assert!(done.wall > Duration::ZERO && done.cpu <= done.wall * 64);
        assert!(run(&mut Command::new("false")).is_err());
    }
}
