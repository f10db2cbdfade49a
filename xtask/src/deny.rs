//! Licences, sources, bans and advisories of the dependencies.

use std::{path::PathBuf, process::Command};

use crate::command::{Failure, execute, output, target};

/// Checks every dependency; installs the checker at a pinned version first.
pub(crate) fn check() -> Result<(), Failure> {
    let program = installed()?;
    let typed = |checks: &str| format!("{} check {checks}", program.display());
    execute(
        Command::new(&program).args(["check", "bans", "licenses", "sources"]),
        &typed("bans licenses sources"),
    )?;
    let advisories = output(&program, &["check", "advisories"]);
    let advisories = advisories.ok_or_else(|| Failure::Wrong("cargo-deny does not start".to_owned()))?;
    if advisories.success {
        println!("advisories: none");
        return Ok(());
    }
    if is_out_of_reach(&advisories.stderr) {
        println!("ADVISORIES AND YANKED VERSIONS WERE NOT CHECKED: the database cannot be fetched from here");
        return Ok(());
    }
    eprintln!("{}", advisories.stderr);
    Err(Failure::Failed { command: typed("advisories") })
}

/// Whether the check failed because the database could not be fetched, and not for what is in it.
fn is_out_of_reach(text: &str) -> bool {
    text.contains("failed to fetch advisory database")
}

fn installed() -> Result<PathBuf, Failure> {
    let root = target().join("tools");
    let program = root.join("bin/cargo-deny");
    let version = output(&program, &["--version"]);
    if version.is_some_and(|version| version.stdout.trim() == format!("cargo-deny {VERSION}")) {
        return Ok(program);
    }
    let mut install = Command::new(env!("CARGO"));
    // A debug build compiles in a fraction of the time and checks as well.
    install.args(["install", "--debug", "--locked", "--version", VERSION, "--root"]).arg(&root);
    install.arg("--target-dir").arg(target().join("tools-build")).arg("cargo-deny");
    let typed =
        format!("cargo install --debug --locked --version {VERSION} --root {} cargo-deny", root.display());
    execute(&mut install, &typed)?;
    Ok(program)
}

const VERSION: &str = "0.20.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advisory_that_was_found_is_never_taken_for_a_database_out_of_reach() {
        assert!(!is_out_of_reach("error[vulnerability]: a crate has a hole\nadvisories FAILED"));
        assert!(is_out_of_reach("[ERROR] failed to fetch advisory database https://…"));
    }

    #[test]
    fn a_database_that_was_fetched_and_cannot_be_read_is_a_failure() {
        assert!(!is_out_of_reach("[ERROR] failed to load advisory database: …"));
    }
}
