//! Every error that a newcomer meets says the whole of what failed, with which value, and what to do.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use ramp_lab::{Lab, LabOptions};
use tempfile::TempDir;

use crate::laboratory::{alone, executable};

/// A guarded source, and what `ramp run` says to a change of the configuration that works.
struct Newcomer {
    folder: TempDir,
    lab: Lab,
    config: String,
    /// The address, the user and the password of the guarded source.
    guard: [String; 3],
}

impl Newcomer {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let options = LabOptions { tls: true, ..LabOptions::new(executable(), folder.path().join("lab")) };
        let lab = Lab::start(options).unwrap_or_else(|error| panic!("failed to {error}"));
        let config = std::fs::read_to_string(lab.config_path()).unwrap();
        let guard = lab.guard().unwrap();
        let guard = [guard.bootstrap.clone(), guard.user.clone(), guard.password.expose().to_owned()];
        Self { folder, lab, config, guard }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The exit status and the last thing said, where `from` stands as `to` in the configuration.
    fn says(&self, (from, to): (&str, &str), password: Option<&str>) -> (i32, String) {
        assert!(self.config.contains(from), "{from} in {}", self.config);
        let config = self.lab.dir().join("changed.toml");
        std::fs::write(&config, self.config.replacen(from, to, 1)).unwrap();
        self.answer(Command::new(env!("CARGO_BIN_EXE_ramp")), &config, password)
    }

    /// The same where every file may have a few kilobytes: what a full disk does to whoever writes.
    fn says_where_files_cannot_grow(&self) -> (i32, String) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"trap "" XFSZ; ulimit -f 4; exec "$0" "$@""#, env!("CARGO_BIN_EXE_ramp")]);
        self.answer(command, &self.lab.config_path(), None)
    }

    /// A whole campaign, and no secret in anything that it leaves or shows, whether it came from the environment or from
    /// a file.
    fn leaves_no_secret_anywhere(&self) {
        let [_, user, password] = &self.guard;
        let secrets = [password, PROMETHEUS, CONNECT];
        for (file, secret) in [("source.password", password.as_str()), ("connect.password", CONNECT)] {
            std::fs::write(self.lab.dir().join(file), format!("{secret}\n")).unwrap();
        }
        let mut config: toml::Table = self.config.parse().unwrap();
        config["source"].as_table_mut().unwrap().remove("password_env");
        for (section, key, value) in [
            ("source", "password_file", "source.password"),
            ("prometheus", "username_env", "KAFKA_USER"),
            ("prometheus", "password_env", "PROMETHEUS_PASS"),
            ("connect", "username_env", "KAFKA_USER"),
            ("connect", "password_file", "connect.password"),
        ] {
            config[section].as_table_mut().unwrap().insert(key.to_owned(), value.into());
        }
        let path = self.lab.dir().join("logins.toml");
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let plan = self.folder.path().join("short.toml");
        std::fs::write(&plan, SHORT).unwrap();

        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        command.args(["run", "--yes", "--config"]).arg(&path).arg("--plan").arg(&plan);
        command.current_dir(self.folder.path()).env("KAFKA_USER", user).env("PROMETHEUS_PASS", PROMETHEUS);
        command.env_remove("KAFKA_PASS").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut stderr: Vec<_> = said.by_ref().take_while(|line| !line.contains(" starts: ")).collect();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            assert!(!holds_any(&arguments, &secrets), "{}", String::from_utf8_lossy(&arguments));
        }
        stderr.extend(said);
        let output = child.wait_with_output().unwrap();
        let stderr = stderr.join("\n");
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let shown = [stderr.as_bytes(), &output.stdout].concat();
        assert!(!holds_any(&shown, &secrets), "{}", String::from_utf8_lossy(&shown));
        let listed = |folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = listed(self.folder.path().join("runs")).flat_map(listed).collect();
        assert!(files.len() >= 8, "journal, log and six reports: {files:?}");
        for file in files {
            assert!(!holds_any(&std::fs::read(&file).unwrap(), &secrets), "{}", file.display());
        }
    }

    fn answer(&self, mut command: Command, config: &Path, password: Option<&str>) -> (i32, String) {
        command.args(["run", "--yes", "--config"]).arg(config).current_dir(self.folder.path()).env_clear();
        let [source, user, own_password] = &self.guard;
        let password = password.unwrap_or(own_password);
        command.env("KAFKA_USER", user).env("KAFKA_PASS", password);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains(password), "a secret is shown: {said}");
        let last = said.lines().last().unwrap_or_default();
        let text = last.replace(source, "SOURCE").replace(self.lab.target(), "TARGET");
        let text = text.replace(self.folder.path().to_str().unwrap(), "FOLDER");
        (output.status.code().unwrap(), without_moments(&text))
    }
}

/// The text without what is never the same twice: times, and how often the client tried meanwhile.
fn without_moments(text: &str) -> String {
    let moments = [
        (r"after \d+ms", "after Nms"),
        (r", \d+ identical error\(s\) suppressed", ""),
        (r"\d{8}T\d{6}Z-", "START-"),
    ];
    moments.into_iter().fold(text.to_owned(), |text, (pattern, instead)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned()
    })
}

/// Whether one of `secrets` is in `bytes`.
fn holds_any(bytes: &[u8], secrets: &[&str]) -> bool {
    secrets.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

/// Logins that the laboratory's Prometheus and Connect do not ask for.
const PROMETHEUS: &str = "s3cret-of-prometheus";
const CONNECT: &str = "s3cret-of-connect";

/// A plan of one short tier that nothing fails.
const SHORT: &str = r#"
name = "short"
recommended = 0.70
recovery = { minimum = "1s", floor = 1_000, give_up = "1m" }
load = { topics = 10, payload = "random:100" }
evidence = { lateness = "10s" }
[[tiers]]
name = "P1"
rate = 100
hold = "5s"
p99 = "1m"
"#;

fn certificate_of_another(path: &Path) {
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    std::fs::write(path, other.cert.pem()).unwrap();
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes and their answers")]
fn every_mistake_of_a_newcomer_is_answered_with_what_failed_which_value_and_what_to_do() {
    let _alone = alone();
    let newcomer = Newcomer::start();
    let ca = newcomer.config.lines().find(|line| line.contains("ssl.ca.location")).unwrap().to_owned();
    let authority = |path: &str| format!(r#""ssl.ca.location" = "{path}""#);
    certificate_of_another(&newcomer.folder.path().join("other.pem"));
    let (other, gone) = (authority(&newcomer.path("other.pem")), authority(&newcomer.path("gone.pem")));
    let source = format!(r#"bootstrap = "{}""#, newcomer.guard[0]);
    let at = |address: &str| format!(r#"bootstrap = "{address}""#);
    let prometheus = format!(r#"url = "{}""#, newcomer.lab.prometheus_url());
    let nowhere = r#"url = "http://127.0.0.1:1""#;
    let (name, a_file) = (r#"name = "lab""#, newcomer.path("file"));
    std::fs::write(&a_file, "").unwrap();
    let below_a_file = format!("{name}\nruns = \"{a_file}/runs\"");
    let plain = ("\"security.protocol\" = \"SASL_SSL\"", "\"security.protocol\" = \"PLAINTEXT\"");

    let answers = [
        (
            "no broker",
            newcomer.says((&source, &at("127.0.0.1:1")), None),
            3,
            "ramp: preflight: source cluster: 127.0.0.1:1 does not answer within 8 s: sasl_ssl://127.0.0.1:1/bootstrap: \
             Connect to ipv4#127.0.0.1:1 failed: Connection refused (after Nms in state CONNECT); check the address, security.protocol and that the brokers run",
        ),
        (
            "wrong password",
            newcomer.says((name, name), Some("a wrong one")),
            3,
            "ramp: preflight: source cluster: SOURCE refuses the login: sasl_ssl://SOURCE/bootstrap: SASL authentication \
             error: Authentication failed during authentication due to invalid credentials with SASL mechanism \
             SCRAM-SHA-512 (after Nms in state AUTH_REQ); check user, password and sasl.mechanism",
        ),
        (
            "wrong CA",
            newcomer.says((&ca, &other), None),
            3,
            "ramp: preflight: source cluster: no TLS with SOURCE: sasl_ssl://SOURCE/bootstrap: SSL handshake failed: \
             error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified, verify that \
             ssl.ca.location is correctly configured or root CA certificates are installed (install ca-certificates \
             package) (after Nms in state SSL_HANDSHAKE); check ssl.ca.location and security.protocol",
        ),
        (
            "no such CA file",
            newcomer.says((&ca, &gone), None),
            2,
            "ramp: source.properties: property ssl.ca.location names the file FOLDER/gone.pem, which cannot be read: No \
             such file or directory (os error 2)",
        ),
        (
            "TLS to a plaintext port",
            newcomer.says((&source, &at(newcomer.lab.target())), None),
            3,
            "ramp: preflight: source cluster: no TLS with TARGET: sasl_ssl://TARGET/bootstrap: SSL handshake failed: \
             Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker listener? (after Nms in state \
             SSL_HANDSHAKE); check ssl.ca.location and security.protocol",
        ),
        (
            "plaintext to a TLS port",
            newcomer.says(plain, None),
            3,
            "ramp: preflight: source cluster: SOURCE does not answer within 8 s: it closes every connection, as a \
             listener does that wants TLS or a login; check the address, security.protocol and that the brokers run",
        ),
        (
            "no such topic",
            newcomer.says(("count = 10", "count = 11"), None),
            3,
            "ramp: preflight: source cluster: SOURCE has no topic test-prometheus.generated-data-11.json; create it, or \
             change topics.prefix and topics.count",
        ),
        (
            "Prometheus refuses",
            newcomer.says((&prometheus, nowhere), None),
            3,
            "ramp: preflight: prometheus: http://127.0.0.1:1/: failed to send request to server: error sending request: \
             client error (Connect): tcp connect error: Connection refused (os error 111); check prometheus.url and that \
             it runs",
        ),
        (
            "wrong variable",
            newcomer.says(("interval = \"10s\"", "intervall = \"10s\""), None),
            2,
            "ramp: preflight: prometheus: [prometheus.variables] sets \"intervall\", which no dashboard defines or uses; the \
             nearest are \"interval\", \"env\", \"instance\"",
        ),
        (
            "misspelt key",
            newcomer.says(("sampling = ", "samplng = "), None),
            2,
            "ramp: FOLDER/lab/changed.toml, line 29, column 1: unknown field `samplng`, expected one of `url`, `sampling`, \
             `dashboards`, `variables`, `token_env`, `token_file`, `token_command`, `username_env`, `password_env`, \
             `password_file`, `password_command`, `ca_file`, `cert_file`, `key_file`, `headers`; the nearest is `sampling`",
        ),
        (
            "no folder for runs",
            newcomer.says((name, &below_a_file), None),
            3,
            "ramp: cannot make the folder FOLDER/file/runs: Not a directory (os error 20); choose another place \
             with `runs`",
        ),
        (
            "full disk",
            newcomer.says_where_files_cannot_grow(),
            3,
            "ramp: cannot write runs/START-lab/journal.jsonl: File too large (os error 27); free space or choose another \
             folder with `runs`",
        ),
    ];
    newcomer.leaves_no_secret_anywhere();
    for (mistake, (status, said), expected_status, expected) in answers {
        assert_eq!(said, expected, "{mistake}");
        assert_eq!(status, expected_status, "{mistake}");
    }
}
