//! What the library crates show to whoever embeds them, held against what was written down: a change of it is seen in
//! review, and is not made by accident.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use public_api::Builder;

use crate::command::{Failure, execute, root, target};

/// Compares each crate's public items with its `api.txt`.
pub(crate) fn check() -> Result<(), Failure> {
    for name in CRATES {
        let (now, written) = (items(name)?, fs::read_to_string(path(name)).unwrap_or_default());
        let changes = changes(&written, &now);
        if !changes.is_empty() {
            return Err(Failure::Wrong(format!(
                "the public items of {name} are not those of {}; where that is meant, run: cargo xtask api\n{}",
                path(name).display(),
                changes.join("\n")
            )));
        }
        println!("{name}: {} public items, as written", now.lines().count());
    }
    Ok(())
}

/// Writes each crate's public items down.
pub(crate) fn write() -> Result<(), Failure> {
    for name in CRATES {
        let path = path(name);
        let failed = |error| Failure::Wrong(format!("cannot write {}: {error}", path.display()));
        fs::write(&path, items(name)?).map_err(failed)?;
    }
    Ok(())
}

fn path(name: &str) -> PathBuf {
    root().join("crates").join(name).join("api.txt")
}

/// The public items of a crate, a line each.
fn items(name: &str) -> Result<String, Failure> {
    let arguments = ["rustdoc", "--quiet", "--package", name, "--lib", "--all-features", "--"];
    let form = ["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"];
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(form).env("RUSTDOC", rustdoc()?);
    execute(&mut command, &format!("RUSTC_BOOTSTRAP=1 cargo {} {}", arguments.join(" "), form.join(" ")))?;
    let json = target().join("doc").join(format!("{}.json", name.replace('-', "_")));
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build();
    let api = api.map_err(|error| Failure::Wrong(format!("cannot read what {name} shows: {error}")))?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// A rustdoc that may write JSON, which the stable one does as well where it is allowed to. It alone is: what is compiled
/// does not see the variable, and so is not compiled anew.
fn rustdoc() -> Result<PathBuf, Failure> {
    let path = target().join("rustdoc-json");
    let failed = |error| Failure::Wrong(format!("cannot write {}: {error}", path.display()));
    fs::write(&path, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n").map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    Ok(path)
}

/// The lines of `written` that are gone, and those of `now` that are new.
fn changes(written: &str, now: &str) -> Vec<String> {
    let only = |of: &str, not: &str, mark: char| {
        let not: Vec<_> = not.lines().collect();
        let own = of.lines().filter(|line| !not.contains(line));
        own.map(|line| format!("{mark} {line}")).collect::<Vec<_>>()
    };
    [only(written, now, '-'), only(now, written, '+')].concat()
}

/// The crates that others may embed.
const CRATES: [&str; 4] = ["ramp-core", "ramp-load", "ramp-observe", "ramp-report"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_what_is_shown_is_told_line_by_line() {
        assert_eq!(changes("a\nb\n", "a\nc\n"), ["- b", "+ c"]);
        assert!(changes("a\nb\n", "a\nb\n").is_empty());
    }
}
