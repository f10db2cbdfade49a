//! Secrets that stand outside the configuration, and that nobody sees.

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
