//! The cheap checks of the tree: what a reader would trip over.

use std::{fs, path::Path};

use crate::command::{Failure, output, root, step};

/// `cargo xtask tidy`.
pub(crate) fn run() -> Result<(), Failure> {
    step("tidy", check)
}

/// Every check; all faults are shown before it fails.
pub(crate) fn check() -> Result<(), Failure> {
    let mut faults = Vec::new();
    for path in tracked()? {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        let found = faults_of(&path, &text, |linked| root().join(linked).exists());
        faults.extend(found.into_iter().map(|fault| format!("{path}: {fault}")));
    }
    faults.extend(core_dependencies()?);
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    Err(Failure::Wrong(format!("{} faults", faults.len())))
}

/// The files that git knows or would take.
fn tracked() -> Result<Vec<String>, Failure> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = output(Path::new("git"), &arguments).filter(|listed| listed.success);
    let listed =
        listed.ok_or_else(|| Failure::Wrong("git ls-files failed; run this in a git checkout".to_owned()))?;
    Ok(listed.stdout.lines().map(str::to_owned).collect())
}

/// ramp-core is embedded by others: it brings thiserror, serde if asked, and nothing else.
fn core_dependencies() -> Result<Option<String>, Failure> {
    let arguments = [
        "tree",
        "--package",
        "ramp-core",
        "--all-features",
        "--target",
        "all",
        "--edges",
        "normal,build",
        "--depth",
        "1",
        "--prefix",
        "none",
    ];
    let tree = output(Path::new(env!("CARGO")), &arguments).filter(|tree| tree.success);
    let tree = tree.ok_or_else(|| Failure::Failed { command: format!("cargo {}", arguments.join(" ")) })?;
    Ok(strange_dependencies(&tree.stdout))
}

/// The fault of a tree, its root on the first line, that has more than the core may have.
fn strange_dependencies(tree: &str) -> Option<String> {
    let names = tree.lines().skip(1).filter_map(|line| line.split(' ').next());
    let strange: Vec<_> = names.filter(|name| !["serde", "thiserror"].contains(name)).collect();
    (!strange.is_empty()).then(|| format!("ramp-core depends on {}", strange.join(", ")))
}

fn faults_of(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    if path.ends_with("main.rs") && path.contains("src/") && text.lines().count() > LONGEST_MAIN {
        faults.push(format!("a main.rs only starts things: at most {LONGEST_MAIN} lines"));
    }
    if path.ends_with(".rs") {
        let logic = if path.contains("/tests/") { 0 } else { logic_lines(text) };
        if logic > LONGEST_FILE && !text.contains("//! Long because") {
            faults
                .push(format!("{logic} lines of logic: split it, or say why on a line `//! Long because …`"));
        }
        faults.extend(forbidden(path, text));
    }
    faults.extend(machine_paths(path, text));
    if path.ends_with(".md") {
        faults.extend(dead_links(path, text, &exists));
    }
    if path == "docs/ARCHITECTURE.md" {
        let named = text.split('`').skip(1).step_by(2).filter(|name| is_path(name));
        let dead = named.filter(|name| !exists(Path::new(name)));
        faults.extend(dead.map(|name| format!("names {name}, which is not there")));
    }
    faults
}

/// Lines that are neither blank, comment nor test.
fn logic_lines(text: &str) -> usize {
    // Only the module ends the logic: an import for tests may stand at the top.
    let logic = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    logic.lines().filter(counts).count()
}

fn forbidden(path: &str, text: &str) -> Vec<String> {
    // This file has to name them.
    if path.starts_with("xtask/") {
        return Vec::new();
    }
    let everywhere = [
        ("unwrap_or(0.0)", "absent is not zero"),
        ("HashMap<String, f64>", "a value has a unit and a source"),
        ("todo!(", "no stub is called done"),
        ("unimplemented!(", "no stub is called done"),
        ("#[ignore", "a test that does not run proves nothing"),
    ];
    let core =
        [("Instant::now(", "the caller owns the clock"), ("SystemTime::now(", "the caller owns the clock")];
    // Examples and benchmarks stand for whoever embeds the core, and owns the clock.
    let is_core = ["src/", "tests/"].iter().any(|own| path.starts_with(&format!("crates/ramp-core/{own}")));
    let own = core.into_iter().filter(|_| is_core);
    let found = everywhere.into_iter().chain(own).filter(|(pattern, _)| text.contains(pattern));
    let mut faults: Vec<_> = found.map(|(pattern, why)| format!("has {pattern}: {why}")).collect();
    let unit_tests = text.split_once("#[cfg(test)]\nmod ").is_some_and(|(_, tests)| tests.contains("sleep("));
    if unit_tests || is_core && text.contains("sleep(") {
        faults.push("has sleep(: a unit test turns its clock itself".to_owned());
    }
    faults
}

/// Absolute paths that are those of one machine. Code spans, quotes and blanks may stand before a path.
fn machine_paths(path: &str, text: &str) -> Vec<String> {
    if path.starts_with("xtask/") {
        return Vec::new();
    }
    let words = text.split(|c: char| c.is_whitespace() || "`\"'()=".contains(c));
    let absolute =
        words.filter(|word| ["/root/", "/home/", "/work/"].iter().any(|home| word.starts_with(home)));
    absolute.map(|word| format!("has {word}: a path of one machine")).collect()
}

/// Links of a Markdown file to files of the repository that are not there.
fn dead_links(path: &str, text: &str, exists: &impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or_else(|| Path::new(""));
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    let own = files.filter(|target| !target.is_empty() && !target.contains("://"));
    let dead = own.filter(|target| !exists(&folder.join(target)));
    dead.map(|target| format!("links to {target}, which is not there")).collect()
}

/// Whether a code span names a path of the repository.
fn is_path(name: &str) -> bool {
    let roots = ["crates/", "bins/", "fixtures/", "docs/", "xtask/", ".ci/"];
    roots.iter().any(|root| name.starts_with(root)) && !name.contains(['*', '<', ' '])
}

const LONGEST_MAIN: usize = 15;
const LONGEST_FILE: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        faults_of(path, text, |linked| linked == Path::new("docs/there.md"))
    }

    #[test]
    fn a_long_main_is_a_fault_and_a_short_one_is_not() {
        assert_eq!(faults("bins/a/src/main.rs", &"\n".repeat(15)).len(), 0);
        assert_eq!(faults("bins/a/src/main.rs", &"\n".repeat(16)).len(), 1);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_tests_do_not_count() {
        let long = "let a = 1;\n".repeat(401);
        assert_eq!(faults("crates/a/src/b.rs", &long).len(), 1);
        assert_eq!(faults("crates/a/src/b.rs", &format!("//! Long because it is a table.\n{long}")).len(), 0);
        assert_eq!(faults("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{long}")).len(), 0);
        assert_eq!(faults("crates/a/tests/b.rs", &long).len(), 0);
        let imported = format!("#[cfg(test)]\nuse std::fs;\n{long}");
        assert_eq!(faults("crates/a/src/b.rs", &imported).len(), 1);
    }

    #[test]
    fn a_clock_is_forbidden_in_the_core_only() {
        let text = "let now = Instant::now();";
        assert_eq!(faults("crates/ramp-core/src/a.rs", text).len(), 1);
        assert_eq!(faults("crates/ramp-core/examples/a.rs", text).len(), 0);
        assert_eq!(faults("bins/ramp/src/a.rs", text).len(), 0);
        assert_eq!(faults("bins/ramp/src/a.rs", "x.unwrap_or(0.0)").len(), 1);
    }

    #[test]
    fn a_unit_test_does_not_sleep_and_a_program_may() {
        let asleep = "thread::sleep(TICK);";
        assert_eq!(faults("bins/a/src/b.rs", asleep).len(), 0);
        assert_eq!(faults("bins/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{asleep}")).len(), 1);
        assert_eq!(faults("crates/ramp-core/tests/b.rs", asleep).len(), 1);
    }

    #[test]
    fn a_path_of_one_machine_is_a_fault_and_a_temporary_folder_of_any_is_not() {
        assert_eq!(faults("docs/a.md", "kept in `/root/here`").len(), 1);
        assert_eq!(faults("bins/a/src/b.rs", "\"/home/someone\"").len(), 1);
        assert_eq!(faults("bins/a/src/b.rs", "\"/var/tmp/lab\" \"{root}/root/a\"").len(), 0);
    }

    #[test]
    fn the_core_may_have_serde_and_thiserror_alone() {
        assert_eq!(strange_dependencies("ramp-core v0.1.0 (x)\nserde v1.0.0\nthiserror v2.0.0\n"), None);
        assert!(strange_dependencies("ramp-core v0.1.0 (x)\nserde v1.0.0\ntokio v1.0.0\n").is_some());
    }

    #[test]
    fn a_dead_link_is_a_fault_and_a_living_one_is_not() {
        assert_eq!(faults("docs/a.md", "[x](there.md#part) [y](https://example.org)").len(), 0);
        assert_eq!(faults("docs/a.md", "[x](gone.md)").len(), 1);
    }

    #[test]
    fn the_architecture_names_only_paths_that_are_there() {
        assert_eq!(faults("docs/ARCHITECTURE.md", "`docs/there.md` and `handle()`").len(), 0);
        assert_eq!(faults("docs/ARCHITECTURE.md", "`docs/gone.md`").len(), 1);
    }
}
