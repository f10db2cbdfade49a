//! The command line of `ramp-lab`.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    num::NonZeroU16,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    connect::Mirror,
    lab::Lab,
    options::{LabOptions, QuotaWindows},
    processes::{self, Process},
    state::StateFolder,
    supervisor::{self, chain},
    throttle::{Side, Throttle},
};

/// Starts a real laboratory on this machine: Kafka → MirrorMaker 2 → Kafka, watched by Prometheus.
///
/// Needs Java 17, Maven (once), Prometheus and its node exporter. Everything listens on loopback only, on free ports.
/// Kafka's jars are kept in $RAMP_LAB_CACHE, else in ramp-lab under $XDG_CACHE_HOME or ~/.cache.
#[derive(Debug, Parser)]
#[command(name = "ramp-lab", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a laboratory, waits until it is ready and prints its environment: eval "$(ramp-lab up)".
    Up(StartArgs),
    /// Stops the laboratory.
    Down(Folder),
    /// Shows what runs and where; succeeds if everything does.
    Status(Folder),
    /// Limits the bandwidth of MirrorMaker 2 or of the load by a client quota, or lifts the limit.
    Throttle {
        /// Bytes per second, or `off`.
        #[arg(long, value_name = "N|off")]
        bytes_per_sec: ByteRate,
        /// What is limited: MirrorMaker 2's writing to the target, its reading from the source, or the writing of the load.
        #[arg(long, value_enum, default_value_t = Side::Target)]
        side: Side,
        #[command(flatten)]
        folder: Folder,
    },
    /// Pauses or breaks the connector that copies records, or brings it back.
    Mirror {
        /// What to do.
        #[arg(value_enum)]
        what: Mirror,
        #[command(flatten)]
        folder: Folder,
    },
    /// Kills a process (SIGKILL); it is not started again. `broker` is the source.
    Kill {
        /// The process.
        #[arg(value_enum)]
        process: Process,
        #[command(flatten)]
        folder: Folder,
    },
    /// Runs a laboratory in the foreground until standard input ends or SIGTERM comes; what `up` starts.
    Supervise(StartArgs),
    /// Runs a program that the kernel kills when the given parent ends; how `supervise` starts its processes.
    Tether {
        /// The process id of the parent; it must be the one that runs this command.
        #[arg(long)]
        parent: u32,
        /// The program.
        program: OsString,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct Folder {
    /// The state folder: logs, data, configuration and the ready ramp.toml.
    #[arg(long, default_value = ".lab")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct StartArgs {
    #[command(flatten)]
    folder: Folder,
    /// Beginning of the topics' names, before `.generated-data-NN.json`.
    #[arg(long, default_value = LabOptions::TOPIC_PREFIX, value_parser = topic_prefix)]
    topic_prefix: String,
    /// Number of topics on the source.
    #[arg(long, default_value_t = LabOptions::TOPICS)]
    topics: NonZeroU16,
    /// Partitions of each topic.
    #[arg(long, default_value_t = LabOptions::PARTITIONS)]
    partitions: NonZeroU16,
    /// Over which time the brokers average a client quota.
    #[arg(long, value_enum, default_value_t = QuotaWindows::Short)]
    quota_windows: QuotaWindows,
    /// Give the source a SASL_SSL listener too (PLAIN and SCRAM-SHA-512), and use it in the environment printed.
    #[arg(long)]
    tls: bool,
    /// Keep the data, offsets and throttles of an earlier laboratory in this folder.
    #[arg(long)]
    keep: bool,
    /// Seconds that starting may take, the download of the jars not included.
    #[arg(long, default_value_t = LabOptions::TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

impl StartArgs {
    fn into_options(self, executable: PathBuf) -> LabOptions {
        LabOptions {
            executable,
            dir: self.folder.dir,
            topic_prefix: self.topic_prefix,
            topics: self.topics,
            partitions: self.partitions,
            quota_windows: self.quota_windows,
            tls: self.tls,
            keep: self.keep,
            timeout: Duration::from_secs(self.timeout),
        }
    }
}

/// Runs the command that this process was started with.
#[must_use]
pub fn run() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let mut output = io::stderr().lock();
            // Nobody is left to tell where standard error is closed.
            writeln!(output, "ramp-lab: failed to {}", chain(error.as_ref())).ok();
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Up(start) => up(start.into_options(env::current_exe()?))?,
        Command::Down(folder) => Lab::open(folder.dir)?.stop()?,
        Command::Status(folder) => return status(folder),
        Command::Throttle { bytes_per_sec, side, folder } => {
            let throttle = match bytes_per_sec {
                ByteRate::Limit(limit) => Throttle::to(limit, side)?,
                ByteRate::Off => Throttle::off(side),
            };
            Lab::open(folder.dir)?.throttle(throttle)?;
        }
        Command::Mirror { what, folder } => Lab::open(folder.dir)?.mirror(what)?,
        Command::Kill { process, folder } => Lab::open(folder.dir)?.kill(process)?,
        Command::Supervise(start) => {
            let started = supervisor::supervise(&start.into_options(env::current_exe()?));
            return Ok(if started { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Tether { parent, program, arguments } => {
            return Err(processes::tether(parent, &program, &arguments).into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn up(options: LabOptions) -> Result<(), Box<dyn std::error::Error>> {
    let lab = Lab::start_reporting(options, |what| {
        writeln!(io::stderr().lock(), "ramp-lab: {what}").ok();
    })?;
    let (env, config) = (lab.env_path(), lab.config_path());
    let exports = std::fs::read_to_string(env)?;
    lab.detach()?;
    writeln!(io::stderr().lock(), "ramp-lab: ready; a campaign's configuration is {}", config.display()).ok();
    io::stdout().lock().write_all(exports.as_bytes())?;
    Ok(())
}

fn status(folder: Folder) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let state = StateFolder::new(folder.dir).read()?;
    let mut output = io::stdout().lock();
    let mut all_run = true;
    let mut line = |name: &str, identity: Option<processes::Identity>, place: &str| {
        let alive = identity.is_some_and(processes::Identity::is_alive);
        all_run &= alive;
        let pid = identity.map_or_else(|| "-".to_owned(), |identity| identity.pid.to_string());
        writeln!(output, "{name:<14} {:<8} {pid:>8}  {place}", if alive { "running" } else { "ended" })
    };
    line("supervisor", Some(state.supervisor), "")?;
    for process in Process::ALL {
        let place = match process {
            Process::Source => &state.endpoints.source,
            Process::Target => &state.endpoints.target,
            Process::Connect => &state.endpoints.connect,
            Process::Prometheus => &state.endpoints.prometheus,
            Process::NodeExporter => &state.endpoints.node_exporter,
        };
        line(process.name(), state.processes.get(&process).copied(), place)?;
    }
    Ok(if all_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteRate {
    Limit(u64),
    Off,
}

impl FromStr for ByteRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            number => number
                .parse()
                .ok()
                .filter(|limit| *limit > 0)
                .map(Self::Limit)
                .ok_or_else(|| "give a whole number from 1, or `off`".to_owned()),
        }
    }
}

/// What Kafka takes in a topic's name, and neither TOML nor JSON nor a regular expression needs to be told of.
fn topic_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !text.is_empty() && text.len() <= 200 && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("give 1 to 200 of a-z, A-Z, 0-9, `.`, `_` and `-`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
        Cli::try_parse_from([&["ramp-lab"], arguments].concat()).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_supervisor_understands_every_option() {
        let changed = LabOptions {
            topic_prefix: "x.y".to_owned(),
            topics: NonZeroU16::MIN,
            partitions: NonZeroU16::MAX,
            quota_windows: QuotaWindows::Kafka,
            tls: true,
            keep: true,
            timeout: Duration::from_secs(7),
            ..LabOptions::new("/bin/ramp-lab", "/lab")
        };
        for options in [LabOptions::new("/bin/ramp-lab", "/lab"), changed] {
            let arguments = [vec!["ramp-lab".into()], options.to_arguments()].concat();
            let Command::Supervise(start) = Cli::try_parse_from(arguments).unwrap().command else {
                panic!("not the supervisor's command");
            };
            assert_eq!(start.into_options(options.executable.clone()), options);
        }
    }

    #[test]
    fn a_throttle_is_a_positive_number_or_off() {
        assert_eq!("3145728".parse(), Ok(ByteRate::Limit(3_145_728)));
        assert_eq!("off".parse(), Ok(ByteRate::Off));
        for wrong in ["0", "-1", "3MB", ""] {
            assert!(wrong.parse::<ByteRate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_broker_to_kill_is_the_source() {
        let Command::Kill { process, .. } = parse(&["kill", "broker"]).unwrap() else {
            panic!("not the kill command");
        };
        assert_eq!(process, Process::Source);
    }

    #[test]
    fn a_prefix_that_would_break_a_configuration_is_refused() {
        for prefix in ["a\"b", "a b", "a\nb", "", "a@b"] {
            assert!(parse(&["up", "--topic-prefix", prefix]).is_err(), "{prefix}");
        }
    }
}
