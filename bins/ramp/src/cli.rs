//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ramp_core::units::{Rate, Ratio};

use crate::{demo::Fault, lang::Lang, metrics::MetricsAddress};

/// Finds how many messages per second a Kafka replication carries within its latency objective.
#[derive(Debug, Parser)]
#[command(name = "ramp", version, about, after_help = EXIT_STATUSES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a whole campaign on a simulated replication: needs neither Kafka nor a configuration.
    Demo(DemoArgs),
    /// Write a commented configuration to begin with; asks for what is missing where there is a terminal.
    Init(InitArgs),
    /// Look at everything that a campaign needs, and say what to do about what is missing.
    Check(CheckArgs),
    /// Run a campaign: tiers of rising load until one breaks its objective.
    Run(Run),
    /// Go on with a campaign that was interrupted or killed; the tier that was under way is run again.
    Resume(Resume),
    /// Print a plan: as it is written, or what it writes, how long it takes and where each bound comes from.
    Plan(PlanArgs),
    /// Write the report of a run anew, of a crashed or running one too.
    Report(ReportArgs),
    /// Recompute a run's figures from its journal and compare them with its report.
    Verify(VerifyArgs),
    /// Set runs side by side: what is better, worse or the same, by more than chance.
    Compare(CompareArgs),
    /// List the runs with what each came to.
    Runs(RunsArgs),
    /// Print the JSON Schema by which an editor completes a configuration or a plan.
    Schema {
        /// What it describes.
        #[arg(value_enum, default_value_t = Described::Config)]
        of: Described,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// `ramp demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many records per second the simulated replication carries; 3 500 unless said otherwise.
    #[arg(long, value_name = "RATE")]
    pub capacity: Option<Rate>,
    /// What goes wrong with it, from the second tier on.
    #[arg(long, value_enum)]
    pub fault: Option<Fault>,
    /// Tiers of 5 s instead of 20 s, which tell only capacities apart that lie far between the tiers' rates (1 600
    /// records per second unless said otherwise).
    #[arg(long)]
    pub fast: bool,
    /// Where runs are kept.
    #[arg(long, value_name = "FOLDER", default_value = "runs")]
    pub runs: PathBuf,
    /// The language of the report; the locale's otherwise.
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// What to write while it runs: text for people, or events as JSON, one per line on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Serve the campaign's metrics for a Prometheus at `/metrics` of this port, or of another address than loopback.
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub metrics: Option<MetricsAddress>,
    /// Show progress as lines and a plain block, also where a terminal could show a live display.
    #[arg(long)]
    pub plain: bool,
}

/// `ramp init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "ramp.toml")]
    pub output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
    /// The run's name, a part of its folder's name.
    #[arg(long, default_value = "phase4")]
    pub name: String,
    /// Where everything is.
    #[command(flatten)]
    pub addresses: Addresses,
    /// A Java client's properties for the source cluster. Its secrets are not written.
    #[arg(long, value_name = "FILE")]
    pub client_properties: Option<PathBuf>,
    /// A .env file with KAFKA_SOURCE, KAFKA_TARGET, PROMETHEUS_URL, CONNECT_URL, KAFKA_USER and KAFKA_PASS, as far as
    /// flags and the environment do not say them. The login is named and not written.
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

/// `ramp check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What the campaign is about.
    #[command(flatten)]
    pub inputs: Inputs,
    /// What to write on standard output: a line for each part as soon as it is found, or all of it as one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `ramp run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What the campaign is about.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How it is told of.
    #[command(flatten)]
    pub tell: Tell,
    /// Do not ask before the first record.
    #[arg(long)]
    pub yes: bool,
    /// Check everything, say what would be written where, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `ramp resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run's folder.
    pub run: PathBuf,
    /// What the campaign is about: the same as when it was begun. A demo needs none of it.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How it is told of.
    #[command(flatten)]
    pub tell: Tell,
}

/// What a campaign is about.
#[derive(Debug, Args)]
pub struct Inputs {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "ramp.toml")]
    pub config: PathBuf,
    /// The plan: a built-in one (phase4) or a file.
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<String>,
    /// What of the plan, and what beyond it.
    #[command(flatten)]
    pub choice: Choice,
    /// Load topics of this prefix although it does not begin with `test`.
    #[arg(long, value_name = "PREFIX")]
    pub allow_topic: Option<String>,
    /// Where everything is.
    #[command(flatten)]
    pub addresses: Addresses,
}

/// What of a plan is run, and what beyond it.
#[derive(Debug, Clone, Args)]
pub struct Choice {
    /// Only these tiers of the plan: `P2`, `P1,P3` or `P1..P3`.
    #[arg(long, value_name = "TIERS")]
    pub tiers: Option<String>,
    /// Search for the limit between the last tier that was GO and the one that was STOP, as the plan says or to 5 %.
    #[arg(long)]
    pub refine: bool,
    /// Go on where the last tier is GO: with tiers like it of half as much load again, up to this rate.
    #[arg(long, value_name = "RATE")]
    pub extend: Option<Rate>,
}

/// Where the clusters, Prometheus and Kafka Connect are.
#[derive(Debug, Clone, Args)]
pub struct Addresses {
    /// Bootstrap servers of the cluster that takes the load.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_SOURCE")]
    pub source: Option<String>,
    /// Bootstrap servers of the cluster that the replication writes to.
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_TARGET")]
    pub target: Option<String>,
    /// The address of Prometheus.
    #[arg(long, value_name = "URL", env = "PROMETHEUS_URL", hide_env_values = true)]
    pub prometheus: Option<String>,
    /// The address of Kafka Connect's REST interface, which tells how the replication's tasks stand; needed by nothing.
    #[arg(long, value_name = "URL", env = "CONNECT_URL", hide_env_values = true)]
    pub connect: Option<String>,
}

/// How a campaign is told of, and what it must come to.
#[derive(Debug, Clone, Copy, Args)]
pub struct Tell {
    /// Exit with 1 unless the validated capacity is at least this many records per second.
    #[arg(long, value_name = "RATE")]
    pub require: Option<Rate>,
    /// The language of the report; the plan's, or the locale's, otherwise.
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// What to write while it runs: text for people, or events as JSON, one per line on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Serve the campaign's metrics for a Prometheus at `/metrics` of this port, or of another address than loopback.
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    pub metrics: Option<MetricsAddress>,
    /// Show progress as lines and a plain block, also where a terminal could show a live display.
    #[arg(long)]
    pub plain: bool,
}

/// `ramp plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan: a built-in one (phase4) or a file.
    #[arg(default_value = "phase4")]
    pub plan: String,
    /// What of the plan, and what beyond it.
    #[command(flatten)]
    pub choice: Choice,
    /// The form to print it in: as a plan is written, or all that it comes to for people or for programs.
    #[arg(long, value_enum, default_value_t = PlanFormat::Toml)]
    pub format: PlanFormat,
}

/// A form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// As it is written.
    Toml,
    /// What it comes to, for programs.
    Json,
    /// What it comes to, for people.
    #[value(alias = "markdown")]
    Md,
}

/// `ramp report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder.
    pub run: PathBuf,
    /// The form to print it in.
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    pub format: Format,
    /// Its language; the plan's, or the locale's, otherwise.
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
}

/// `ramp verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run's folder.
    pub run: PathBuf,
}

/// `ramp compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folder of the run that the others are compared with.
    pub base: PathBuf,
    /// The folders of the others.
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Exit with 1 where one of them is worse by more than this share, such as `5%`; a difference of less than it, or
    /// of less than 10 % where it is not given, is none.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub fail_if_worse: Option<Ratio>,
    /// The form to print it in.
    #[arg(long, value_enum, default_value_t = CompareFormat::Markdown)]
    pub format: CompareFormat,
    /// Its language; the locale's otherwise.
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
}

/// A form of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// Markdown, its columns aligned.
    Markdown,
    /// One HTML file.
    Html,
}

/// A share as people write it: `10%`, `10 %` or `0.1`.
fn share(text: &str) -> Result<Ratio, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().ok().and_then(|number| Ratio::new(number / unit));
    share.ok_or_else(|| "give a share from 0 to 100 %, such as 10%".to_owned())
}

/// `ramp runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Where runs are kept.
    #[arg(default_value = "runs", value_name = "FOLDER")]
    pub runs: PathBuf,
}

/// Whom it is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text, for people.
    Text,
    /// JSON on standard output, for programs, and nothing else there.
    Json,
}

/// A file that a JSON Schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Described {
    /// `ramp.toml`.
    Config,
    /// A plan.
    Plan,
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For the terminal.
    Terminal,
    /// The form, as Markdown.
    Markdown,
    /// One HTML file with plots.
    Html,
    /// JSON.
    Json,
    /// The grid as CSV.
    Csv,
    /// Everything over time as CSV.
    CsvTimeline,
    /// JUnit XML: one test case per tier.
    Junit,
}

const EXIT_STATUSES: &str = "\
Exit status:
    0  the campaign is complete and a capacity was found (at least --require if given)
    1  the campaign is complete without a capacity, or with one below --require; verify: the report differs; compare:
       worse than --fail-if-worse allows
    2  the command line or the configuration cannot be used
    3  the campaign is inconclusive, or something that it needs failed
  130  the campaign was interrupted";
