//! A laboratory for the tests, and campaigns of the `ramp` command on it.

use std::{
    fmt,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ramp_lab::{Lab, LabOptions, Mirror, Process, Throttle};
use serde_json::Value;
use tempfile::TempDir;

use crate::dashboards::Watch;

static ONE: Mutex<()> = Mutex::new(());

/// What would speak over a configuration.
const VARIABLES: [&str; 4] = ["KAFKA_SOURCE", "KAFKA_TARGET", "PROMETHEUS_URL", "CONNECT_URL"];

/// A worker that is not warm after so many rounds of ten seconds never will be.
const ROUNDS: u32 = 6;

/// Holds off every other campaign: two would share two cores.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Laboratory {
    lab: Lab,
    folder: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Laboratory {
    pub(crate) fn start() -> Self {
        let laboratory = Self::start_cold();
        laboratory.warmup();
        laboratory
    }

    /// A laboratory whose first records are slow, for what does not ask how slow they are.
    pub(crate) fn start_cold() -> Self {
        let one = alone();
        let folder = TempDir::new().unwrap();
        let options = LabOptions::new(executable(), folder.path().join("lab"));
        let lab = Lab::start(options).unwrap_or_else(|error| panic!("failed to {error}"));
        Self { lab, folder, _one: one }
    }

    /// Loads the replication until its JVM has compiled what it needs: a cold one is seconds late at any rate.
    fn warmup(&self) {
        for round in 1..=ROUNDS {
            let campaign = self.campaign(&format!("warm-up-{round}"), &["P1"]).short().run();
            if campaign.p99_seconds(0).is_some_and(|p99| p99 < 2.0) {
                return;
            }
            assert!(round < ROUNDS, "the replication does not become warm: {campaign}");
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::new(&self.lab, 10)
    }

    /// What `ramp check` finds of it: the exit status and the lines.
    pub(crate) fn check(&self) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        command.args(["check", "--config"]).arg(self.lab.config_path()).current_dir(self.folder.path());
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
    }

    pub(crate) fn freeze(&self, process: Process) {
        self.lab.freeze(process).unwrap();
    }

    pub(crate) fn thaw(&self, process: Process) {
        self.lab.thaw(process).unwrap();
    }

    pub(crate) fn throttle(&self, throttle: Throttle) {
        self.lab.throttle(throttle).unwrap();
    }

    /// All that the campaign called `name` has left in its run's folder.
    pub(crate) fn left(&self, name: &str) -> String {
        let runs = std::fs::read_dir(self.folder.path().join(name).join("runs")).unwrap();
        let files = runs.flat_map(|run| std::fs::read_dir(run.unwrap().path()).unwrap());
        let text = |path: PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        files.map(|file| text(file.unwrap().path())).collect()
    }

    /// A campaign of the laboratory's own plan, with only `tiers` of it.
    pub(crate) fn campaign(&self, name: &str, tiers: &[&str]) -> CampaignBuilder {
        let mut plan: toml::Table = include_str!("../../../../fixtures/lab/plan.toml").parse().unwrap();
        let all = plan["tiers"].as_array_mut().unwrap();
        all.retain(|tier| tiers.contains(&tier["name"].as_str().unwrap()));
        assert_eq!(all.len(), tiers.len());
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        CampaignBuilder { config: self.lab.config_path(), folder, plan }
    }
}

pub(crate) struct CampaignBuilder {
    config: PathBuf,
    folder: PathBuf,
    plan: toml::Table,
}

impl CampaignBuilder {
    /// Ten seconds a tier, with nothing to judge but a bound that nothing reaches.
    pub(crate) fn short(mut self) -> Self {
        self.plan.remove("criteria");
        self.plan["recovery"]["minimum"] = "1s".into();
        for tier in self.plan["tiers"].as_array_mut().unwrap() {
            tier["hold"] = "10s".into();
        }
        self.bound("2m")
    }

    /// Replaces the bound on p99 of every tier.
    pub(crate) fn bound(mut self, bound: &str) -> Self {
        for tier in self.plan["tiers"].as_array_mut().unwrap() {
            tier["p99"] = bound.into();
        }
        self
    }

    /// Replaces the time after which records that do not arrive are given up on.
    pub(crate) fn give_up(mut self, give_up: &str) -> Self {
        self.plan["recovery"]["give_up"] = give_up.into();
        self
    }

    /// Begins with so long a warm-up.
    pub(crate) fn warmup(mut self, warmup: &str) -> Self {
        self.plan.insert("warmup".to_owned(), warmup.into());
        self
    }

    /// Gives the source's clients a property.
    pub(crate) fn source_property(self, key: &str, value: &str) -> Self {
        self.configured(|config| {
            let source = config["source"].as_table_mut().unwrap();
            let properties = source.entry("properties").or_insert_with(|| toml::Table::new().into());
            properties.as_table_mut().unwrap().insert(key.to_owned(), value.into());
        })
    }

    /// Gives the configuration a section.
    pub(crate) fn section(self, name: &str, section: toml::Table) -> Self {
        self.configured(|config| {
            config.insert(name.to_owned(), section.into());
        })
    }

    /// Leaves the target unread.
    pub(crate) fn counted(self) -> Self {
        self.configured(|config| {
            config.remove("target");
            let replication = config["replication"].as_table_mut().unwrap();
            replication.insert("arrivals".to_owned(), "counted".into());
        })
    }

    fn configured(mut self, change: impl FnOnce(&mut toml::Table)) -> Self {
        let mut config: toml::Table = std::fs::read_to_string(&self.config).unwrap().parse().unwrap();
        change(&mut config);
        self.config = self.folder.join("ramp.toml");
        std::fs::write(&self.config, toml::to_string(&config).unwrap()).unwrap();
        self
    }

    pub(crate) fn run(self) -> Campaign {
        self.drive(|_| {})
    }

    /// Runs it, and stops a part of the laboratory for `span` while the first tier is loaded.
    pub(crate) fn freeze(self, laboratory: &Laboratory, process: Process, span: Duration) -> Campaign {
        let mut frozen = false;
        let campaign = self.drive(|line| {
            if !frozen && line.contains("% of") {
                laboratory.freeze(process);
                std::thread::sleep(span);
                laboratory.thaw(process);
                frozen = true;
            }
        });
        assert!(frozen, "the load was never seen: {campaign}");
        campaign
    }

    /// Runs it, does `hurt` to the replication while the first tier is loaded, and `mend` once `state` was told of and
    /// the load has gone on for a while with it.
    pub(crate) fn disturb(
        self,
        laboratory: &Laboratory,
        hurt: Mirror,
        state: &str,
        mend: Mirror,
    ) -> Campaign {
        let (mut hurts, mut lines, mut mended) = (false, None, false);
        let campaign = self.drive(|line| {
            if line.contains("% of") {
                if !hurts {
                    laboratory.lab.mirror(hurt).unwrap();
                    hurts = true;
                }
                lines = lines.map(|lines: u32| lines + 1);
            }
            if hurts && lines.is_none() && line.contains(state) {
                lines = Some(0);
            }
            // Such lines are five seconds apart.
            if lines == Some(2) && !mended {
                laboratory.lab.mirror(mend).unwrap();
                mended = true;
            }
        });
        assert!(mended, "{state} was never told of: {campaign}");
        campaign
    }

    /// Runs it, and looks at dashboards whenever the load is told.
    pub(crate) fn watched(self, watch: &mut Watch) -> Campaign {
        self.drive(|line| {
            if line.contains("% of") {
                watch.look();
            }
        })
    }

    /// Runs it and kills a part of the laboratory while the first tier is loaded.
    pub(crate) fn kill(self, laboratory: &Laboratory, process: Process) -> Campaign {
        let mut killed = false;
        let campaign = self.drive(|line| {
            if !killed && line.contains("% of") {
                laboratory.lab.kill(process).unwrap();
                killed = true;
            }
        });
        assert!(killed, "the load was never seen: {campaign}");
        campaign
    }

    /// Where it is run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The command that runs it.
    pub(crate) fn command(&self) -> Command {
        let plan = self.folder.join("plan.toml");
        std::fs::write(&plan, toml::to_string(&self.plan).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        command
            .args(["run", "--yes", "--config"])
            .arg(&self.config)
            .arg("--plan")
            .arg(&plan)
            .current_dir(&self.folder);
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        command
    }

    fn drive(self, mut told: impl FnMut(&str)) -> Campaign {
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            told(&line);
            stderr.push_str(&line);
            stderr.push('\n');
        }
        let status = ended(&mut child);
        let stdout = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
        Campaign { status, stdout, stderr, report: report(&self.folder) }
    }
}

impl Campaign {
    /// The campaign of a command that was run in `folder`.
    pub(crate) fn of(command: &mut Command, folder: &Path) -> Self {
        let output = command.current_dir(folder).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            report: report(folder),
        }
    }
}

/// What a campaign came to.
pub(crate) struct Campaign {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Value,
}

impl Campaign {
    pub(crate) fn verdicts(&self) -> Vec<&str> {
        self.tiers().iter().map(|tier| tier["verdict"].as_str().unwrap()).collect()
    }

    /// Validated, exact, recommended.
    pub(crate) fn capacity(&self) -> (u64, bool, u64) {
        let capacity = &self.report["capacity"];
        let rate = |key: &str| capacity[key].as_u64().unwrap();
        (rate("validated"), capacity["exact"].as_bool().unwrap(), rate("recommended"))
    }

    pub(crate) fn findings(&self, tier: usize) -> &[Value] {
        self.tiers()[tier]["findings"].as_array().unwrap()
    }

    pub(crate) fn finding_of_kind(&self, tier: usize, kind: &str) -> &Value {
        let mut findings = self.findings(tier).iter();
        findings.find(|finding| finding["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {self}"))
    }

    /// The finding that a `stop` on `signal` was crossed.
    pub(crate) fn finding(&self, tier: usize, kind: &str, signal: &str) -> &Value {
        let stop = |finding: &&Value| {
            let criterion = &finding["criterion"];
            finding["kind"] == kind && criterion["signal"] == signal && criterion["severity"] == "stop"
        };
        self.findings(tier).iter().find(stop).unwrap_or_else(|| panic!("no {kind} of {signal}: {self}"))
    }

    /// The parts that are named as the likely limit of a tier.
    pub(crate) fn limits(&self, tier: usize) -> Vec<&str> {
        let all = self.report["limits"].as_array().unwrap().iter();
        let own = all.filter(|likely| likely["tier"] == tier);
        own.map(|likely| likely["limit"].as_str().unwrap()).collect()
    }

    /// What speaks for a limit of a tier.
    pub(crate) fn clues(&self, tier: usize, limit: &str) -> &[Value] {
        let mut all = self.report["limits"].as_array().unwrap().iter();
        let found = all.find(|likely| likely["tier"] == tier && likely["limit"] == limit);
        found.unwrap_or_else(|| panic!("{limit} is not named: {self}"))["clues"].as_array().unwrap()
    }

    /// Where a tier's p99 is known from.
    pub(crate) fn provenance(&self, tier: usize) -> &str {
        self.tiers()[tier]["p99"]["provenance"].as_str().unwrap()
    }

    /// A tier's records that were offered, acknowledged and seen on the target.
    pub(crate) fn records(&self, tier: usize) -> (u64, u64, u64) {
        let tier = &self.tiers()[tier];
        let count = |of: &str, what: &str| tier[of][what].as_u64().unwrap();
        (count("load", "offered"), count("load", "acknowledged"), count("latency", "arrived"))
    }

    pub(crate) fn recovery_seconds(&self, tier: usize) -> f64 {
        seconds(&self.tiers()[tier]["recovery"]["recovered_after"]).unwrap()
    }

    fn p99_seconds(&self, tier: usize) -> Option<f64> {
        seconds(&self.tiers().get(tier)?["latency"]["p99"])
    }

    fn tiers(&self) -> &[Value] {
        self.report["tiers"].as_array().unwrap_or_else(|| panic!("no report: {self}"))
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}\n{}\n{}\n{:#}", self.status, self.stdout, self.stderr, self.report)
    }
}

fn seconds(span: &Value) -> Option<f64> {
    Some(span["secs"].as_f64()? + span["nanos"].as_f64()? / 1e9)
}

fn report(folder: &Path) -> Value {
    let run = std::fs::read_dir(folder.join("runs")).into_iter().flatten().next();
    let Some(run) = run else { return Value::Null };
    let text = std::fs::read_to_string(run.unwrap().path().join("report.json"));
    let mut report = text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    // Hundreds of kilobytes that no failure is read for.
    report["timeline"].take();
    report
}

/// The exit status of a process that has closed its standard error; a hang is a failure.
pub(crate) fn ended(child: &mut Child) -> i32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        assert!(Instant::now() < deadline, "ramp does not end");
        std::thread::yield_now();
    }
}

/// The `ramp-lab` executable beside this test's own.
pub(crate) fn executable() -> PathBuf {
    let name = Path::new(env!("CARGO_BIN_EXE_ramp")).with_file_name("ramp-lab");
    assert!(name.exists(), "build it first: cargo build -p ramp-lab");
    name
}
