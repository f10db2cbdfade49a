//! What a newcomer meets first: mistakes, each answered by one clear error.

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs `ramp` in a folder that has `config` as its ramp.toml, with no variable that would speak over it.
pub(crate) fn ramp(config: &str, arguments: &[&str]) -> (TempDir, Output) {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ramp.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
    for variable in
        ["KAFKA_SOURCE", "KAFKA_TARGET", "KAFKA_USER", "KAFKA_PASS", "PROMETHEUS_URL", "CONNECT_URL"]
    {
        command.env_remove(variable);
    }
    let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
    (folder, output)
}

/// The exit status and what was said on standard error.
fn refused(config: &str, arguments: &[&str]) -> (i32, String) {
    let (_folder, output) = ramp(config, arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Clusters and a Prometheus that are not there.
pub(crate) const CLUSTERS: &str = r#"
    [source]
    bootstrap = "127.0.0.1:1"
    [target]
    bootstrap = "127.0.0.1:1"
    [prometheus]
    url = "http://127.0.0.1:1"
"#;

#[test]
fn a_cluster_that_is_not_there_is_named_with_what_to_check() {
    let (status, error) = refused(CLUSTERS, &["run"]);
    assert_eq!(status, 3, "{error}");
    assert!(
        error.starts_with("ramp: preflight: source cluster: 127.0.0.1:1 does not answer within 8 s"),
        "{error}"
    );
    assert!(error.contains("check the address, security.protocol and that the brokers run"), "{error}");
}

#[test]
fn a_value_that_stands_nowhere_says_where_it_may_stand() {
    let (status, error) = refused("", &["run"]);
    assert_eq!(status, 2, "{error}");
    assert_eq!(
        error,
        "ramp: source.bootstrap is not set; write it into the configuration, or give --source or KAFKA_SOURCE\n"
    );
}

#[test]
fn a_misspelt_key_is_named_with_its_line() {
    let (status, error) = refused("[source]\nbootstap = \"a:1\"\n", &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("ramp.toml") && error.contains("line 2") && error.contains("bootstap"), "{error}");
}

#[test]
fn a_secret_under_a_key_that_is_none_is_not_shown() {
    let (status, error) = refused("[source]\nbootstrap = \"a:1\"\npassword = \"hunter2\"\n", &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("line 3, column 1") && error.contains("password_env"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_secret_among_the_properties_is_refused_and_not_shown() {
    let config = format!("{CLUSTERS}\n[source.properties]\n\"sasl.password\" = \"hunter2\"\n");
    let (status, error) = refused(&config, &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("source.properties.sasl.password") && error.contains("password_env"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let config = CLUSTERS.replace("[target]", "password_env = \"RAMP_TEST_NO_SUCH\"\n[target]");
    let (status, error) = refused(&config, &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("source.password_env") && error.contains("RAMP_TEST_NO_SUCH"), "{error}");
}

#[test]
fn a_faulty_plan_is_told_before_anything_is_connected() {
    let (status, error) = refused(CLUSTERS, &["run", "--plan", "gone.toml"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("cannot read") && error.contains("gone.toml"), "{error}");
}

#[test]
fn a_signal_that_nobody_knows_is_answered_with_the_nearest_before_anything_is_connected() {
    let (folder, plan) = ramp("", &["plan"]);
    let plan = String::from_utf8(plan.stdout).unwrap().replace("mm2.buffer_exhausted", "Bufer exhausted");
    let path = folder.path().join("own.toml");
    std::fs::write(&path, plan).unwrap();
    let (status, error) = refused(CLUSTERS, &["run", "--plan", path.to_str().unwrap()]);
    assert_eq!(status, 2, "{error}");
    assert!(
        error.contains("no signal is called \"Bufer exhausted\"; the nearest are \"Buffer Exhausted\""),
        "{error}"
    );
}

#[test]
fn a_rate_that_is_none_is_a_usage_error() {
    for arguments in
        [["run", "--require", "0"], ["run", "--extend", "fast"], ["demo", "--capacity", "2_500/min"]]
    {
        let (status, error) = refused(CLUSTERS, &arguments);
        assert_eq!(status, 2, "{error}");
        assert!(
            error.contains("give a whole number of records per second above 0, such as 2_500 or 2_500/s"),
            "{error}"
        );
    }
    let (status, error) = refused(CLUSTERS, &["run", "--require", "2_500/s", "--extend", "20_000/s"]);
    assert_eq!(status, 3, "the cluster is asked next: {error}");
}

#[test]
fn the_built_in_plan_is_printed_as_it_is_and_is_a_plan() {
    let (folder, output) = ramp("", &["plan"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, include_str!("../../plans/phase4.toml"));
    std::fs::write(folder.path().join("own.toml"), &text).unwrap();
    let own = Command::new(env!("CARGO_BIN_EXE_ramp"))
        .args(["plan", "own.toml"])
        .current_dir(folder.path())
        .output();
    assert!(own.unwrap().status.success());
}

#[test]
fn the_help_publishes_every_exit_status() {
    let (_folder, output) = ramp("", &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for status in ["0 ", "1 ", "2 ", "3 ", "130 "] {
        let published = text.lines().any(|line| line.trim_start().starts_with(status));
        assert!(published, "{status}: {text}");
    }
}

#[test]
fn the_manual_and_the_completions_name_every_command() {
    let printed = |arguments: &[&str]| String::from_utf8(ramp("", arguments).1.stdout).unwrap();
    let (manual, completions) = (printed(&["man"]), printed(&["completions", "bash"]));
    for command in ["demo", "init", "check", "run", "resume", "plan", "report", "verify", "runs"] {
        assert!(manual.contains(command), "{command}");
        assert!(completions.contains(&format!("ramp__subcmd__{command}")), "{command}");
    }
}

#[test]
fn topics_that_are_not_for_tests_are_loaded_only_where_that_is_said() {
    let config = format!("{CLUSTERS}\n[topics]\nprefix = \"orders\"\n");
    let (status, error) = refused(&config, &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(
        error.contains(
            r#"topics that are loaded begin with "test"; give --allow-topic orders if they are for tests"#
        ),
        "{error}"
    );
    let (status, error) = refused(&config, &["run", "--allow-topic", "orders"]);
    assert_eq!(status, 3, "the cluster is asked next: {error}");
}

#[test]
fn a_plan_that_writes_more_than_its_ceiling_is_refused_and_fewer_tiers_are_not() {
    let config = format!("{CLUSTERS}\n[load]\nmax_records = 1_500_000\n");
    let (status, error) = refused(&config, &["run"]);
    assert_eq!(status, 2, "{error}");
    assert!(
        error
            .contains("the plan's tiers write 7800000; raise load.max_records, or choose fewer with --tiers"),
        "{error}"
    );
    let (status, error) = refused(&config, &["run", "--tiers", "P1..P2"]);
    assert_eq!(status, 3, "1 050 000 are fewer: {error}");
    let (status, error) = refused(&config, &["run", "--tiers", "P7"]);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains(r#"the plan has no tier "P7"; it has P1, P2, P3, P4, P5"#), "{error}");
}

#[test]
fn a_check_looks_at_every_part_although_another_is_missing() {
    let (_folder, output) = ramp(CLUSTERS, &["check"]);
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{found}");
    let lines: Vec<_> = found.lines().collect();
    let begin = [
        "✗ source      127.0.0.1:1 does not answer within 8 s",
        "✗ target      127.0.0.1:1 does not answer within 8 s",
        "✗ prometheus  ",
        "✗ replication needs both clusters; nothing was sent",
    ];
    assert_eq!(lines.len(), begin.len(), "{found}");
    assert!(lines.iter().zip(begin).all(|(line, begin)| line.starts_with(begin)), "{found}");
}

#[test]
fn a_configuration_is_begun_from_a_java_client_s_properties_without_its_secrets() {
    let folder = TempDir::new().unwrap();
    let properties = "bootstrap.servers=kafka-a:9093\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\n\
                      sasl.jaas.config=PlainLoginModule required username=\"u\" password=\"hunter2\";\n";
    std::fs::write(folder.path().join("client.properties"), properties).unwrap();
    let init = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ramp"));
        for variable in ["KAFKA_SOURCE", "KAFKA_TARGET", "PROMETHEUS_URL", "CONNECT_URL"] {
            command.env_remove(variable);
        }
        command.arg("init").args(more).current_dir(folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let client = ["--client-properties", "client.properties", "--target", "kafka-b:9092"];
    let (status, error) = init(&client);
    assert_eq!(status, 2);
    assert_eq!(
        error,
        "ramp: the address of Prometheus is not known, and there is no terminal to ask on; give --prometheus or \
         PROMETHEUS_URL\n"
    );
    let all = [&client[..], &["--prometheus", "http://prometheus:9090"]].concat();
    assert_eq!(init(&all).0, 0);
    let written = std::fs::read_to_string(folder.path().join("ramp.toml")).unwrap();
    for line in [
        r#"bootstrap = "kafka-a:9093""#,
        r#""security.protocol" = "SASL_SSL""#,
        r#"password_env = "KAFKA_PASS""#,
    ] {
        assert!(written.lines().any(|written| written == line), "no {line}: {written}");
    }
    assert!(!written.contains("hunter2"), "{written}");
    let (status, error) = init(&all);
    assert_eq!(status, 2, "{error}");
    assert!(error.contains("ramp.toml is there already; choose another with --output"), "{error}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is_one() {
    let printed_to = |stdout: Stdio, command: &str| {
        let mut ramp = Command::new(env!("CARGO_BIN_EXE_ramp"));
        let output = ramp.arg(command).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for command in ["plan", "schema", "man"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(printed_to(writer.into(), command), (Some(0), String::new()), "{command}");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (status, error) = printed_to(full.into(), command);
        assert_eq!(status, Some(3), "{command}");
        assert_eq!(
            error, "ramp: cannot write to standard output: No space left on device (os error 28)\n",
            "{command}"
        );
    }
}
