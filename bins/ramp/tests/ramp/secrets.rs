//! Secrets that stand outside the configuration, and that nobody sees.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::cli::{CLUSTERS, ramp};

/// What `ramp run` says where `line` stands in the section of the source cluster.
fn says(line: &str) -> (i32, String) {
    let config = CLUSTERS.replacen("[target]", &format!("{line}\n[target]"), 1);
    let (_folder, output) = ramp(&config, &["run"]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains("hunter2"), "{said}");
    (output.status.code().unwrap(), said)
}

#[test]
fn a_password_may_come_from_a_program_and_what_fails_of_it_is_a_fault_of_the_configuration() {
    let (status, said) = says("password_command = [\"echo\", \"hunter2\"]");
    assert_eq!(status, 3, "the cluster is asked next: {said}");
    let shell = "ramp: source.password_command: \"sh\" failed (exit status: 4); what it says about it stands on standard \
                 error\n";
    for (line, expected) in [
        ("password_command = [\"sh\", \"-c\", \"echo hunter2; exit 4\"]", shell),
        (
            "password_command = []",
            "ramp: source.password_command: the list is empty; write a program and its arguments, such as [\"pass\", \
             \"show\", \"kafka\"]\n",
        ),
        (
            "password_command = \"hunter2\"",
            "ramp: ramp.toml, line 4, column 24: write a program and its arguments as a list, such as [\"pass\", \"show\", \
             \"kafka\"]\n",
        ),
        (
            "password_file = \"a\"\npassword_command = [\"echo\", \"hunter2\"]",
            "ramp: source = \"(hidden)\": it has more than one of password_env, password_file and password_command; keep \
             one of them\n",
        ),
    ] {
        assert_eq!(says(line), (2, expected.to_owned()), "{line}");
    }
}

#[test]
fn what_the_program_says_on_standard_error_is_the_user_s_to_read() {
    let (status, said) =
        says("password_command = [\"sh\", \"-c\", \"echo the store is locked >&2; exit 1\"]");
    assert_eq!((status, said.starts_with("the store is locked\nramp: ")), (2, true), "{said}");
}

#[test]
fn a_configuration_is_begun_from_an_env_file_without_its_secrets() {
    let folder = TempDir::new().unwrap();
    let said = "export KAFKA_SOURCE='kafka-a:9093'\nKAFKA_TARGET=kafka-b:9092\nKAFKA_USER=hunter\n\
                KAFKA_PASS=\"hunter2\"\nPROMETHEUS_URL=http://reader:hunter2@prometheus:9090/base\n\
                CONNECT_URL=http://connect:8083\nAWS_SECRET=hunter2\n";
    std::fs::write(folder.path().join(".env"), said).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    for variable in ["KAFKA_SOURCE", "KAFKA_TARGET", "PROMETHEUS_URL", "CONNECT_URL"] {
        command.env_remove(variable);
    }
    command.args(["init", "--env-file", ".env"]).current_dir(folder.path()).stdin(Stdio::null());
    let shown = |command: &mut Command| {
        let output = command.output().unwrap();
        let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!shown.contains("hunter"), "{shown}");
        (output.status.code().unwrap(), shown)
    };
    assert_eq!(
        shown(&mut command),
        (
            0,
            "ramp: KAFKA_USER and KAFKA_PASS are named and not written; export them before a run, and say under \
             [source.properties] and [target.properties] how they are to be used\n\
             ramp: the login in the address of [prometheus] is not written; name what holds it with username_env and \
             password_env\n\
             ramp: wrote ramp.toml; `ramp check --config ramp.toml` is next\n"
                .to_owned()
        )
    );
    let written = std::fs::read_to_string(folder.path().join("ramp.toml")).unwrap();
    assert!(!written.contains("hunter"), "{written}");
    for (line, times) in [
        (r#"bootstrap = "kafka-a:9093""#, 1),
        (r#"bootstrap = "kafka-b:9092""#, 1),
        (r#"username_env = "KAFKA_USER""#, 2),
        (r#"password_env = "KAFKA_PASS""#, 2),
        (r#"url = "http://prometheus:9090/base""#, 1),
        (r#"url = "http://connect:8083""#, 1),
    ] {
        assert_eq!(written.lines().filter(|written| *written == line).count(), times, "{line}: {written}");
    }
    command.args(["--force", "--source", "kafka-c:9092"]).env("KAFKA_TARGET", "kafka-d:9092");
    assert_eq!(shown(&mut command).0, 0);
    let written = std::fs::read_to_string(folder.path().join("ramp.toml")).unwrap();
    assert!(
        written.contains("kafka-c:9092") && written.contains("kafka-d:9092"),
        "above the file: {written}"
    );
    std::fs::write(folder.path().join(".env"), "KAFKA_SOURCE=a:1\nKAFKA_PASS=hunter2 hunter2\n").unwrap();
    let (status, error) = shown(&mut command);
    assert_eq!(status, 2, "{error}");
    assert!(error.starts_with("ramp: .env, line 2: not of the form NAME=value"), "{error}");
}

#[test]
fn a_login_in_the_address_of_a_variable_is_not_in_the_help() {
    for asked in ["init", "check", "run", "resume"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        let address = "http://reader:hunter2@127.0.0.1:1";
        let output = command
            .args([asked, "--help"])
            .env("PROMETHEUS_URL", address)
            .env("CONNECT_URL", address)
            .output();
        let shown = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(shown.contains("[env: PROMETHEUS_URL]") && !shown.contains("hunter2"), "{shown}");
    }
}
