//! Steps that run programs, and how they end.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is none.
    Usage,
    /// A program did not start.
    NotStarted { program: String, source: io::Error },
    /// A program ended in failure.
    Failed { command: String },
    /// Something is missing or wrong; the text says what to do.
    Wrong(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage => f.write_str("the command line is none"),
            Self::NotStarted { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Failed { command } => write!(f, "failed; repeat it with: {command}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// Runs one step and says how long it took.
pub(crate) fn step(name: &str, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    println!("\n── {name}");
    let begun = Instant::now();
    run()?;
    println!("── {name}: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Runs `cargo` with `arguments` in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Result<(), Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    execute(Command::new(cargo).args(arguments), &format!("cargo {}", arguments.join(" ")))
}

/// Runs `command`, which a person would type as `typed`.
pub(crate) fn execute(command: &mut Command, typed: &str) -> Result<(), Failure> {
    let status = command.current_dir(root()).status();
    let status = status.map_err(|source| Failure::NotStarted { program: typed.to_owned(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Failed { command: typed.to_owned() }) }
}

/// What a program printed, and whether it succeeded.
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What `program` does with `arguments`; `None` where it is not there.
pub(crate) fn output(program: &Path, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).current_dir(root()).output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Some(Output { success: output.status.success(), stdout, stderr })
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Where builds go.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
