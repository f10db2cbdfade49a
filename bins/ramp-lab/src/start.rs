//! Starting the parts of a laboratory and waiting for each to do its work.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Display,
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use crate::{
    admin,
    artifacts::{ArtifactError, Artifacts},
    broker::{self, Broker, TlsListener},
    connect, environment,
    options::LabOptions,
    ports::Ports,
    processes::{Identity, Process, Tethered, tail},
    prometheus,
    state::{Claim, ClaimError, Endpoints, LabState, write_private},
    supervisor::{Control, Report, chain, report},
    tls::{self, Guard, TlsError},
};

/// Starts everything and returns when the laboratory is ready and its folder describes it.
pub(crate) fn start(
    options: &LabOptions,
    claim: &Claim,
    control: &mut Control,
) -> Result<BTreeMap<Process, Tethered>, StartError> {
    progress("finding programs and jars");
    let log = claim.folder().log("maven");
    let artifacts = Artifacts::prepare(|maven, arguments| {
        progress("downloading Kafka's jars");
        let mut maven = Tethered::start(maven, arguments, log)?;
        match wait_for_end(&mut maven, control) {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(ArtifactError::Maven(tail(maven.log(), TAIL))),
            Err(error) => Err(ArtifactError::Maven(chain(&error))),
        }
    })?;
    // What connectors and clients remember of an earlier laboratory stays true if the ports stay.
    let mut kept = claim.kept(PORTS)?.and_then(|text| serde_json::from_str(&text).ok());
    let mut attempt = 1;
    loop {
        let mut starting = Starting::new(options, claim, &artifacts, control, kept.take())?;
        match starting.start() {
            // Between choosing a port and binding it, anybody may take it.
            Err(StartError::PortTaken(process)) if attempt < ATTEMPTS => {
                progress(format_args!("{process} found its port taken: starting again on others"));
                attempt += 1;
            }
            Err(error) => return Err(error),
            Ok(()) => return Ok(starting.children),
        }
    }
}

/// Why a laboratory did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    /// Something the laboratory needs is missing.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// The state folder cannot be used.
    #[error(transparent)]
    Folder(#[from] ClaimError),
    /// The listener with TLS cannot be prepared.
    #[error("prepare the listener with TLS")]
    Tls(#[from] TlsError),
    /// Signals cannot be received.
    #[error("listen for signals")]
    Control(#[source] io::Error),
    /// The system refused.
    #[error("start the laboratory")]
    Io(#[from] io::Error),
    /// A part ended by itself.
    #[error("keep {process} running: it ended with {status}; the end of its log:\n{log}")]
    Ended {
        /// The part.
        process: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// A part found its port in use.
    #[error("find a free port for {0}: others take them faster; try again")]
    PortTaken(String),
    /// A condition did not come true in time.
    #[error(
        "{goal} within {} s (give more with --timeout): {last}; the end of {process}'s log:\n{log}",
        limit.as_secs()
    )]
    TimedOut {
        /// What was waited for.
        goal: String,
        /// How long it may take.
        limit: Duration,
        /// What the last look at it showed.
        last: String,
        /// The part concerned.
        process: Process,
        /// The last lines of its log.
        log: String,
    },
    /// It was told to stop before it was ready.
    #[error("finish starting: told to stop")]
    Stopped,
}

struct Starting<'a> {
    options: &'a LabOptions,
    claim: &'a Claim,
    artifacts: &'a Artifacts,
    control: &'a mut Control,
    ports: Ports,
    /// The guard of the source's listener with TLS, and its key store.
    tls: Option<(Guard, PathBuf)>,
    endpoints: Endpoints,
    deadline: Instant,
    children: BTreeMap<Process, Tethered>,
}

impl<'a> Starting<'a> {
    fn new(
        options: &'a LabOptions,
        claim: &'a Claim,
        artifacts: &'a Artifacts,
        control: &'a mut Control,
        kept: Option<Ports>,
    ) -> Result<Self, StartError> {
        let ports = Ports::choose(kept)?;
        claim.keep(PORTS, &serde_json::to_string(&ports).map_err(io::Error::from)?)?;
        let deadline = Instant::now() + options.timeout;
        let endpoints = endpoints(ports);
        let tls = if options.tls { Some(tls::guard(ports.source_tls, claim)?) } else { None };
        let children = BTreeMap::new();
        Ok(Self { options, claim, artifacts, control, ports, tls, endpoints, deadline, children })
    }

    fn start(&mut self) -> Result<(), StartError> {
        let log4j = self.claim.configure("log4j2.properties", broker::LOG4J)?;
        self.start_prometheus()?;
        self.start_brokers(&log4j)?;
        self.start_connect(&log4j)?;
        self.wait_for_brokers()?;
        self.wait_for_connect()?;
        self.wait_for_metrics()?;
        self.describe()
    }

    fn start_prometheus(&mut self) -> Result<(), StartError> {
        let Ports { connect_metrics, prometheus, node, .. } = self.ports;
        let text = prometheus::configuration(connect_metrics, node);
        let configuration = self.claim.configure("prometheus.yml", &text)?;
        let data = self.claim.data(Process::Prometheus.name());
        let artifacts = self.artifacts;
        let arguments = prometheus::arguments(&configuration, &data, prometheus);
        self.spawn(Process::Prometheus, &artifacts.prometheus, arguments)?;
        self.spawn(Process::NodeExporter, &artifacts.node_exporter, prometheus::node_exporter_arguments(node))
    }

    fn start_brokers(&mut self, log4j: &Path) -> Result<(), StartError> {
        progress("formatting the brokers' storage");
        let Ports { source, source_controller, source_tls, target, target_controller, .. } = self.ports;
        let mut formatting = Vec::new();
        for (process, port, controller_port) in
            [(Process::Source, source, source_controller), (Process::Target, target, target_controller)]
        {
            let data = self.claim.data(process.name());
            let quota_windows = self.options.quota_windows;
            let tls = self.tls.as_ref().filter(|_| process == Process::Source);
            let tls = tls.map(|(guard, keystore)| TlsListener { port: source_tls, keystore, guard });
            let broker = Broker { port, controller_port, data: &data, quota_windows, tls };
            let properties = self.claim.configure(&format!("{process}.properties"), &broker.properties())?;
            let arguments = broker::format_arguments(self.artifacts, &properties, log4j);
            let name = format!("{process}-format");
            let log = self.claim.folder().log(&name);
            formatting.push((
                process,
                name,
                properties,
                Tethered::start(&self.artifacts.java, arguments, log)?,
            ));
        }
        for (process, name, properties, mut format) in formatting {
            let status = wait_for_end(&mut format, self.control)?;
            if !status.success() {
                return Err(StartError::Ended { process: name, status, log: tail(format.log(), TAIL) });
            }
            let arguments = broker::run_arguments(self.artifacts, &properties, log4j);
            self.spawn_java(process, arguments)?;
        }
        Ok(())
    }

    fn start_connect(&mut self, log4j: &Path) -> Result<(), StartError> {
        let Ports { connect, connect_metrics, .. } = self.ports;
        let properties = connect::properties(&self.endpoints.target, connect);
        let properties = self.claim.configure("connect.properties", &properties)?;
        let rules = self.claim.configure("jmx-connect.yml", connect::JMX_RULES)?;
        let arguments = connect::run_arguments(self.artifacts, &properties, log4j, &rules, connect_metrics);
        self.spawn_java(Process::Connect, arguments)
    }

    fn wait_for_brokers(&mut self) -> Result<(), StartError> {
        progress("waiting for the brokers");
        let (topics, partitions) = (self.options.topic_names(), self.options.partitions.get());
        let source = self.endpoints.source.clone();
        self.until("create the topics", Process::Source, || {
            admin::create_topics(&source, &topics, partitions)
        })?;
        let Some((Guard { user, password, .. }, _)) = self.tls.clone() else {
            return Ok(());
        };
        let salt = tls::random()?;
        self.until("create the user", Process::Source, || {
            admin::set_scram_user(&source, &user, &password, salt)
        })
    }

    fn wait_for_connect(&mut self) -> Result<(), StartError> {
        progress("waiting for Connect");
        let Endpoints { source, target, connect: url, .. } = self.endpoints.clone();
        let connectors = connect::connectors(&source, &target, &self.options.topic_prefix);
        for (name, configuration) in &connectors {
            let goal = format!("create the connector {name}");
            self.until(&goal, Process::Connect, || connect::configure(&url, name, configuration))?;
        }
        progress("waiting for MirrorMaker 2");
        for (name, _) in &connectors {
            let goal = format!("see the connector {name} running");
            self.until(&goal, Process::Connect, || connect::check_running(&url, name))?;
        }
        Ok(())
    }

    fn wait_for_metrics(&mut self) -> Result<(), StartError> {
        progress("waiting for the metrics");
        let (url, topics) = (self.endpoints.prometheus.clone(), self.options.topics.get());
        self.until("see every metric", Process::Prometheus, || prometheus::check_metrics(&url, topics))
    }

    /// Leaves in the folder what others need to use the laboratory.
    fn describe(&self) -> Result<(), StartError> {
        let folder = self.claim.folder();
        let guard = self.tls.as_ref().map(|(guard, _)| guard);
        write_private(&folder.env(), &environment::exports(&self.endpoints, guard))?;
        let campaign = environment::ramp_toml(&self.endpoints, guard, self.options);
        write_private(&folder.ramp_toml(), &campaign)?;
        write_private(&folder.plan_toml(), include_str!("../../../fixtures/lab/plan.toml"))?;
        let own = i32::try_from(std::process::id()).ok().and_then(Identity::of);
        let supervisor = own.ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        let processes = self
            .children
            .iter()
            .filter_map(|(process, child)| child.identity().map(|identity| (*process, identity)))
            .collect();
        let schema_version = LabState::SCHEMA_VERSION;
        folder.write(&LabState {
            schema_version,
            supervisor,
            processes,
            endpoints: self.endpoints.clone(),
            guard: guard.cloned(),
        })?;
        Ok(())
    }

    fn spawn_java(&mut self, process: Process, arguments: Vec<OsString>) -> Result<(), StartError> {
        self.spawn(process, &self.artifacts.java.clone(), arguments)
    }

    fn spawn(
        &mut self,
        process: Process,
        program: &Path,
        arguments: Vec<OsString>,
    ) -> Result<(), StartError> {
        let log = self.claim.folder().log(process.name());
        self.children.insert(process, Tethered::start(program, arguments, log)?);
        Ok(())
    }

    /// Tries until it succeeds, every part still runs and there is time left.
    fn until<E: std::error::Error>(
        &mut self,
        goal: &str,
        concerned: Process,
        mut attempt: impl FnMut() -> Result<(), E>,
    ) -> Result<(), StartError> {
        loop {
            let Err(error) = attempt() else {
                return Ok(());
            };
            self.check_children()?;
            if Instant::now() >= self.deadline {
                let log = tail(&self.claim.folder().log(concerned.name()), TAIL);
                return Err(StartError::TimedOut {
                    goal: goal.to_owned(),
                    limit: self.options.timeout,
                    last: chain(&error),
                    process: concerned,
                    log,
                });
            }
            if self.control.stop_requested(POLL) {
                return Err(StartError::Stopped);
            }
        }
    }

    fn check_children(&mut self) -> Result<(), StartError> {
        for (process, child) in &mut self.children {
            if let Some(status) = child.ended()? {
                let log = tail(child.log(), TAIL);
                let process = process.to_string();
                return Err(if log.to_lowercase().contains("address already in use") {
                    StartError::PortTaken(process)
                } else {
                    StartError::Ended { process, status, log }
                });
            }
        }
        Ok(())
    }
}

fn endpoints(ports: Ports) -> Endpoints {
    Endpoints {
        source: format!("127.0.0.1:{}", ports.source),
        target: format!("127.0.0.1:{}", ports.target),
        connect: format!("http://127.0.0.1:{}", ports.connect),
        prometheus: format!("http://127.0.0.1:{}", ports.prometheus),
        node_exporter: format!("http://127.0.0.1:{}/metrics", ports.node),
    }
}

fn wait_for_end(child: &mut Tethered, control: &mut Control) -> Result<ExitStatus, StartError> {
    loop {
        if let Some(status) = child.ended()? {
            return Ok(status);
        }
        if control.stop_requested(POLL) {
            return Err(StartError::Stopped);
        }
    }
}

fn progress(what: impl Display) {
    report(&Report::Progress(what.to_string()));
}

const PORTS: &str = "ports.json";
const ATTEMPTS: u32 = 3;
const POLL: Duration = Duration::from_millis(100);
const TAIL: usize = 25;
