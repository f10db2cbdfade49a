//! Operating-system processes: started so that they die with their parent, and signalled only while they are who
//! they were.

use std::{
    ffi::OsStr,
    fmt, fs,
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use clap::ValueEnum;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process of the laboratory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// The broker that takes the load.
    #[value(alias = "broker")]
    Source,
    /// The broker that the records are copied to.
    Target,
    /// The Connect worker that runs MirrorMaker 2.
    Connect,
    /// Prometheus.
    Prometheus,
    /// The node exporter.
    NodeExporter,
}

impl Process {
    /// All of them, in the order in which they are stopped: whoever depends on another goes first.
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Target, Self::Source, Self::Prometheus, Self::NodeExporter];

    /// Its name, as the command line and the log files have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Connect => "connect",
            Self::Prometheus => "prometheus",
            Self::NodeExporter => "node-exporter",
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One run of a program: its process id together with its start time, so that an id which the system has given to
/// another program since is never taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id; also the id of its process group.
    pub pid: i32,
    /// When it started, in clock ticks since the machine's boot.
    pub started: u64,
}

impl Identity {
    /// Who has the process id `pid` now; `None` where nobody has, or only the remains of an ended program.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse_stat(&stat).map(|started| Self { pid, started })
    }

    /// Whether this very program is still there (a stopped one is).
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Whether every thread of this program stands still after a SIGSTOP; also where it is no longer there.
    pub(crate) fn stands_still(self) -> io::Result<bool> {
        let threads = match fs::read_dir(format!("/proc/{}/task", self.pid)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            threads => threads?,
        };
        for thread in threads {
            // A thread that ends between being listed and being read runs no more.
            let stat = fs::read_to_string(thread?.path().join("stat")).unwrap_or_default();
            if stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['T', 't'])) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Signals this program's process group; `false` where the program is no longer there.
    pub(crate) fn signal_group(self, signal: Signal) -> io::Result<bool> {
        self.signal(signal, rustix::process::kill_process_group)
    }

    /// Signals this program alone; `false` where it is no longer there.
    pub(crate) fn signal_process(self, signal: Signal) -> io::Result<bool> {
        self.signal(signal, rustix::process::kill_process)
    }

    fn signal(self, signal: Signal, send: fn(Pid, Signal) -> rustix::io::Result<()>) -> io::Result<bool> {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) else {
            return Ok(false);
        };
        match send(pid, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A child in a process group of its own that cannot outlive this process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Tethered {
    child: Child,
    identity: Option<Identity>,
    log: PathBuf,
}

impl Tethered {
    /// Starts `program`, its output going to `log`.
    ///
    /// The kernel ties a child to the *thread* that started it: call this from a thread that lasts as long as the
    /// child shall.
    pub(crate) fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        log: PathBuf,
    ) -> io::Result<Self> {
        let output = File::create(&log)?;
        let child = Command::new("/proc/self/exe")
            .args(["tether", "--parent", &std::process::id().to_string(), "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        let identity = i32::try_from(child.id()).ok().and_then(Identity::of);
        Ok(Self { child, identity, log })
    }

    /// Who the child is; `None` where it had ended before it could be asked.
    pub(crate) const fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Its exit status, once it has ended.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        self.identity.map_or(Ok(false), |identity| identity.signal_group(Signal::TERM)).map(drop)
    }
}

impl Drop for Tethered {
    fn drop(&mut self) {
        // An error here means that it is gone already, which is what is wanted.
        if let Some(identity) = self.identity {
            identity.signal_group(Signal::KILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Turns this process into `program`, to be killed by the kernel when `parent` ends. Returns only on failure.
pub(crate) fn tether(parent: u32, program: &OsStr, arguments: &[std::ffi::OsString]) -> io::Error {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // A parent that ended before the line above sends no signal any more.
    let actual = rustix::process::getppid().map(Pid::as_raw_nonzero).map(|pid| pid.get().cast_unsigned());
    if actual != Some(parent) {
        return io::Error::other("the process to be tied to has ended");
    }
    Command::new(program).args(arguments).exec()
}

/// The last `lines` lines of a log, or why it cannot be read.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    match fs::read(log) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let all: Vec<_> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("(no log: {error})"),
    }
}

/// The start time in a line of `/proc/<pid>/stat`; `None` for a program that has ended and was not waited for.
fn parse_stat(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    let ended = matches!(*fields.first()?, "Z" | "X" | "x");
    // Start time is field 22 of the line; the state, first here, is field 3.
    fields.get(19)?.parse().ok().filter(|_| !ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3";

    #[test]
    fn the_start_time_is_found_behind_a_name_with_parentheses() {
        assert_eq!(parse_stat(STAT), Some(987_654));
    }

    #[test]
    fn the_remains_of_an_ended_program_are_nobody() {
        assert_eq!(parse_stat(&STAT.replace(") S ", ") Z ")), None);
    }

    #[test]
    fn a_recycled_process_id_is_not_signalled() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let true_identity = Identity::of(child.id().cast_signed()).unwrap();
        let earlier = Identity { started: true_identity.started - 1, ..true_identity };
        assert!(!earlier.is_alive());
        assert!(!earlier.signal_group(Signal::KILL).unwrap());
        assert_eq!(child.try_wait().unwrap(), None);

        assert!(true_identity.signal_group(Signal::KILL).unwrap());
        child.wait().unwrap();
        assert!(!true_identity.is_alive());
    }

    #[test]
    fn a_stopped_program_is_alive() {
        let mut child = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let identity = Identity::of(child.id().cast_signed()).unwrap();
        assert!(!identity.stands_still().unwrap());
        identity.signal_group(Signal::STOP).unwrap();
        while !identity.stands_still().unwrap() {
            std::thread::yield_now();
        }
        assert!(identity.is_alive());
        identity.signal_group(Signal::KILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "a\nb\nc\n").unwrap();
        assert_eq!(tail(&log, 2), "b\nc");
        assert!(tail(&folder.path().join("none"), 2).starts_with("(no log: "));
    }
}
