//! What can go wrong with a real cluster, one clear error each; and where secrets do not go.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use ramp_lab::{Guard, Lab, LabOptions};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
};
use tempfile::TempDir;

use crate::{
    arrivals::the_probe_sees_what_a_plain_consumer_sees,
    native::{interrupt, ramp_load},
};

/// No broker, no topic, no login, no TLS: whoever asks is told within this time.
const ANSWER: Duration = Duration::from_secs(10);

struct Laboratory {
    lab: Lab,
    folder: TempDir,
}

#[test]
fn a_real_cluster_and_its_replication_hold_no_surprise() {
    let laboratory = Laboratory::start();
    let guard = laboratory.lab.guard().unwrap();
    let source = laboratory.lab.source();
    let right = laboratory.properties("right", guard, guard.password.expose(), &guard.ca);
    let cases = [
        ("no broker", laboratory.plain("127.0.0.1:1"), "t", 3, "does not answer"),
        ("wrong topic", laboratory.plain(source), "no-such-topic", 3, "topic no-such-topic"),
        (
            "wrong password",
            laboratory.properties("password", guard, "hunter2", &guard.ca),
            "t",
            3,
            "refuses the login",
        ),
        (
            "wrong authority",
            laboratory.properties(
                "authority",
                guard,
                guard.password.expose(),
                &laboratory.another_authority(),
            ),
            "t",
            3,
            "no TLS with",
        ),
        (
            "TLS to a plain listener",
            laboratory.replaced(&right, &guard.bootstrap, source),
            "t",
            3,
            "no TLS with",
        ),
        ("no TLS to a guarded one", laboratory.plain(&guard.bootstrap), "t", 3, "security.protocol"),
    ];
    let topic = laboratory.topic();
    thread::scope(|scope| {
        for (case, properties, name, status, error) in &cases {
            let name = if *name == "t" { &topic } else { *name };
            scope.spawn(move || {
                for command in [native(properties, name), perf_test(properties, name)] {
                    let begun = Instant::now();
                    let output = run(command);
                    assert!(begun.elapsed() < ANSWER, "{case} took {:?}", begun.elapsed());
                    assert_eq!(output.status.code(), Some(*status), "{case}: {output:?}");
                    let told = String::from_utf8(output.stderr).unwrap();
                    let lines: Vec<_> = told.lines().collect();
                    let [line, ledger] = lines.as_slice() else { panic!("{case}: {told}") };
                    assert!(line.contains(error), "{case}: {line}");
                    assert_eq!(*ledger, "ramp-load: 0 due, 0 offered, 0 acknowledged, 0 failed, 0 in flight");
                }
            });
        }
        let oversized = laboratory.plain(source);
        let topic = &topic;
        scope.spawn(move || {
            let mut command = ramp_load();
            command.args(["run", "--rate", "100", "--duration", "60", "--payload", "random:2000000"]);
            let begun = Instant::now();
            let output = run_with(command.args(["--topic", topic, "--config"]).arg(oversized));
            assert!(begun.elapsed() < ANSWER, "{:?}", begun.elapsed());
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(told.contains("ended early") && told.contains("Message size too large"), "{told}");
            assert!(told.contains(" 0 acknowledged") && told.contains(" 0 in flight"), "{told}");
        });
    });

    the_right_properties_deliver_every_record(&right, &topic);
    records_in_transactions_are_committed(source, &topic);
    the_probe_sees_what_a_plain_consumer_sees(&laboratory.lab, &topic);
    no_secret_is_seen(&laboratory, guard);
}

/// The mock cluster knows no transactions that are not committed.
fn records_in_transactions_are_committed(source: &str, topic: &str) {
    let mut command = ramp_load();
    command.args([
        "perf-test",
        "--num-records",
        "300",
        "--payload-monotonic",
        "--throughput",
        "300",
        "--topic",
        topic,
    ]);
    command.args(["--transaction-duration-ms", "200", "--bootstrap-server", source]);
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", source)
        .set("group.id", "committed")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut numbers = BTreeSet::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while numbers.len() < 300 {
        assert!(Instant::now() < deadline, "only {} records are committed", numbers.len());
        let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
        let payload = String::from_utf8_lossy(record.unwrap().payload().unwrap()).into_owned();
        numbers.extend(payload.parse::<u64>());
    }
    assert!(numbers.into_iter().eq(0..300));
}

fn the_right_properties_deliver_every_record(right: &Path, topic: &str) {
    let output = run_with(native(right, topic).args(["--output", "json"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let output = run(perf_test(right, topic));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Every way to hand over a password, in each of which a running load is looked at from outside.
fn no_secret_is_seen(laboratory: &Laboratory, guard: &Guard) {
    let password = guard.password.expose();
    let ca = guard.ca.to_str().unwrap();
    let topic = laboratory.topic();
    let right = laboratory.properties("right", guard, password, &guard.ca);
    let jaas = format!(
        "sasl.jaas.config=PlainLoginModule required username=\"{}\" password=\"{password}\";",
        guard.user
    );
    let file = right.to_str().unwrap();
    let load = [
        "--topic",
        &topic,
        "--num-records",
        "100000",
        "--record-size",
        "100",
        "--throughput",
        "1000",
        "--reporting-interval",
        "200",
    ];
    let bomber = ["--bootstrap-servers", &guard.bootstrap, "--ca-file", ca, "--num-topics", "1", "--verbose"];
    let ssl = format!("ssl.ca.location={ca}");
    let bootstrap = format!("bootstrap.servers={}", guard.bootstrap);
    let spelled =
        ["--producer-props", &bootstrap, "security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", &ssl, &jaas];
    let cases: [(&str, Vec<&str>, Option<&str>); 4] = [
        ("perf-test", [&load[..], &["--command-config", file]].concat(), None),
        ("perf-test", [&load[..], &spelled].concat(), Some("--command-config")),
        ("bomber", bomber.to_vec(), None),
        (
            "bomber",
            [&bomber[..], &["--username", &guard.user, "--password", password]].concat(),
            Some("KAFKA_PASSWORD"),
        ),
    ];
    for (dialect, arguments, warning) in cases {
        let mut command = ramp_load();
        command.arg(dialect).args(&arguments).current_dir(laboratory.folder.path());
        if dialect == "bomber" && warning.is_none() {
            command.env("KAFKA_USER", &guard.user).env("KAFKA_PASS", password);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut err) =
            (BufReader::new(child.stdout.take().unwrap()), BufReader::new(child.stderr.take().unwrap()));
        // A line of progress: by then it has connected, with the secrets where they are to be.
        let (seen, mark): (&mut dyn BufRead, _) =
            if dialect == "bomber" { (&mut err, "in flight") } else { (&mut out, "records sent") };
        let mut told = String::new();
        while !told.contains(mark) {
            assert!(seen.read_line(&mut told).unwrap() > 0, "{dialect} has ended: {told}");
        }
        let command_line = fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
        assert!(command_line.contains(dialect) && !command_line.contains(password), "{dialect}");
        interrupt(child.id());
        out.read_to_string(&mut told).unwrap();
        err.read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{dialect}: {told}");
        assert!(!told.contains(password), "{dialect} tells the password");
        assert!(told.contains(if dialect == "bomber" { " acknowledged" } else { "ms 99.9th." }), "{told}");
        // Not what the two streams have told twice, but whether they have warned at all.
        assert!(warning.is_none_or(|advice| told.contains("warning") && told.contains(advice)), "{told}");
    }
}

impl Laboratory {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let executable = Path::new(env!("CARGO_BIN_EXE_ramp-load")).with_file_name("ramp-lab");
        assert!(executable.exists(), "build it first: cargo build -p ramp-lab");
        let mut options = LabOptions::new(executable, folder.path().join("lab"));
        options.tls = true;
        options.topics = 1.try_into().unwrap();
        let lab = Lab::start(options).unwrap_or_else(|error| panic!("failed to {error}"));
        Self { lab, folder }
    }

    fn topic(&self) -> String {
        LabOptions::new("", "").topic_names().swap_remove(0)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn plain(&self, bootstrap: &str) -> PathBuf {
        self.write(
            &format!("plain-{}.properties", bootstrap.replace(':', "-")),
            &format!("bootstrap.servers={bootstrap}\n"),
        )
    }

    /// What a Java client of the guarded listener has.
    fn properties(&self, name: &str, guard: &Guard, password: &str, ca: &Path) -> PathBuf {
        let Guard { bootstrap, user, .. } = guard;
        let ca = ca.display();
        self.write(
            &format!("{name}.properties"),
            &format!(
                "bootstrap.servers={bootstrap}\n\
                 security.protocol=SASL_SSL\n\
                 sasl.mechanism=SCRAM-SHA-512\n\
                 sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n  \
                 username=\"{user}\" password=\"{password}\";\n\
                 ssl.truststore.type=PEM\n\
                 ssl.truststore.location={ca}\n"
            ),
        )
    }

    fn replaced(&self, file: &Path, text: &str, by: &str) -> PathBuf {
        let replaced = fs::read_to_string(file).unwrap().replace(text, by);
        self.write("replaced.properties", &replaced)
    }

    /// The certificate of an authority that has signed nothing here, made by Java's own tool.
    fn another_authority(&self) -> PathBuf {
        let path = self.folder.path().join("other.pem");
        let store = self.folder.path().join("other.p12");
        for arguments in [
            vec!["-genkeypair", "-keyalg", "EC", "-dname", "CN=other"],
            vec!["-exportcert", "-rfc", "-file", path.to_str().unwrap()],
        ] {
            let mut keytool = Command::new("keytool");
            keytool.args(arguments).args(["-alias", "a", "-storepass", "changeit", "-keystore"]).arg(&store);
            let output = keytool.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        path
    }
}

fn native(properties: &Path, topic: &str) -> Command {
    let mut command = ramp_load();
    command.args(["run", "--rate", "100", "--records", "200", "--topic", topic, "--config"]).arg(properties);
    command
}

fn perf_test(properties: &Path, topic: &str) -> Command {
    let mut command = ramp_load();
    command.args([
        "perf-test",
        "--num-records",
        "200",
        "--throughput",
        "100",
        "--record-size",
        "100",
        "--topic",
    ]);
    command.args([topic, "--command-config"]).arg(properties);
    command
}

fn run(mut command: Command) -> Output {
    run_with(&mut command)
}

fn run_with(command: &mut Command) -> Output {
    command.output().unwrap()
}
