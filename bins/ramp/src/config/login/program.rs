//! A secret that a program tells: a password manager, a vault. No shell is between, and no error shows an argument or
//! what was printed: either may hold a secret.

use std::{
    io,
    path::{self, Path},
    process::{ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    runtime, time,
};

/// Why a program told no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The list has no program in it.
    #[error("the list is empty; write a program and its arguments, such as [\"pass\", \"show\", \"kafka\"]")]
    NoProgram,
    /// It does not start.
    #[error(
        "cannot start {program:?}: {source}; write the program and its arguments as a list, no shell is between"
    )]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended as programs do that have failed.
    #[error("{program:?} failed ({status}); what it says about it stands on standard error")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It did not end.
    #[error("{program:?} did not end within {} s; standard input is closed to it", patience.as_secs())]
    Slow {
        /// The program.
        program: String,
        /// How long was waited.
        patience: Duration,
    },
    /// It printed nothing on the first line.
    #[error("{program:?} printed nothing on the first line of standard output")]
    Nothing {
        /// The program.
        program: String,
    },
    /// The first line that it printed is no text.
    #[error("{program:?} printed a first line that is no text in UTF-8")]
    NoText {
        /// The program.
        program: String,
    },
    /// It cannot be listened to.
    #[error("cannot listen to {program:?}: {source}")]
    Listen {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// The first line that `command`, a program and its arguments, prints when it is run in `folder`. Its standard error is
/// the user's to read.
pub(super) fn first_line(
    command: &[String],
    folder: &Path,
    patience: Duration,
) -> Result<String, ProgramError> {
    let (program, arguments) = command.split_first().ok_or(ProgramError::NoProgram)?;
    let listen = |source| ProgramError::Listen { program: program.clone(), source };
    // A configuration is read within a runtime as well as without one: the program is waited for in a thread.
    let told = thread::scope(|scope| {
        let run = || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(listen)?;
            runtime.block_on(told(program, arguments, folder, patience))
        };
        scope.spawn(run).join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
    });
    let line = String::from_utf8(told?).ok();
    let line = line.ok_or_else(|| ProgramError::NoText { program: program.clone() })?;
    let line = line.lines().next().filter(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| ProgramError::Nothing { program: program.clone() })
}

/// The first line that a program prints on standard output, with its end.
async fn told(
    program: &str,
    arguments: &[String],
    folder: &Path,
    patience: Duration,
) -> Result<Vec<u8>, ProgramError> {
    let start = |source| ProgramError::Start { program: program.to_owned(), source };
    let folder = path::absolute(folder.join(".")).map_err(start)?;
    // A name alone is looked for where the system looks for programs; a path stands relative to the folder.
    let path = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = Command::new(path);
    command
        .args(arguments)
        .current_dir(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(start)?;
    let ended = time::timeout(patience, end(&mut child)).await;
    let listen = |source| ProgramError::Listen { program: program.to_owned(), source };
    let Ok(ended) = ended else {
        child.kill().await.map_err(listen)?;
        return Err(ProgramError::Slow { program: program.to_owned(), patience });
    };
    let (status, told) = ended.map_err(listen)?;
    if !status.success() {
        return Err(ProgramError::Failed { program: program.to_owned(), status });
    }
    Ok(told)
}

/// Takes the first line, lets the program print the rest, and waits for its end. What it has started and left behind
/// may keep standard output open for longer.
async fn end(child: &mut Child) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut line = Vec::new();
    let Some(stdout) = child.stdout.take() else { return Ok((child.wait().await?, line)) };
    let mut stdout = BufReader::new(stdout);
    (&mut stdout).take(LONGEST).read_until(b'\n', &mut line).await?;
    let mut nowhere = tokio::io::sink();
    let status = tokio::select! {
        status = child.wait() => status?,
        rest = tokio::io::copy_buf(&mut stdout, &mut nowhere) => {
            rest?;
            child.wait().await?
        }
    };
    Ok((status, line))
}

/// How long a program may take; a person may have to unlock what it reads from.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// More than any secret has bytes.
const LONGEST: u64 = 65_536;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn told(command: &[&str], folder: &Path) -> Result<String, String> {
        let command: Vec<_> = command.iter().map(|&word| word.to_owned()).collect();
        first_line(&command, folder, PATIENCE).map_err(|error| {
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            error.to_string()
        })
    }

    #[test]
    fn the_first_line_is_the_secret_and_no_shell_reads_the_arguments() {
        let here = Path::new("");
        assert_eq!(told(&["printf", "%s\\n", "hunter2", "url: x"], here), Ok("hunter2".to_owned()));
        assert_eq!(told(&["printf", "%s", "$HOME; `id`  "], here), Ok("$HOME; `id`  ".to_owned()));
        assert_eq!(
            told(&["sh", "-c", "cat; echo hunter2"], here),
            Ok("hunter2".to_owned()),
            "nothing to read"
        );
    }

    #[test]
    fn a_program_runs_beside_the_configuration_and_may_stand_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "hunter2\r\nmore\n").unwrap();
        assert_eq!(told(&["cat", "secret"], folder.path()), Ok("hunter2".to_owned()));
        std::os::unix::fs::symlink("/bin/cat", folder.path().join("own")).unwrap();
        assert_eq!(told(&["./own", "secret"], folder.path()), Ok("hunter2".to_owned()));
    }

    #[test]
    fn what_failed_is_said_and_neither_an_argument_nor_an_output() {
        let folder = tempfile::tempdir().unwrap();
        let faults = [
            &[][..],
            &["ramp-test-no-such", "hunter2"],
            &["./gone", "hunter2"],
            &["sh", "-c", "echo hunter2; exit 3"],
            &["sh", "-c", "echo hunter2; kill -9 $$"],
            &["true", "hunter2"],
            &["printf", "\\nhunter2"],
            &["printf", "hunter2\\377"],
        ];
        let said = faults.map(|command| told(command, folder.path()).unwrap_err());
        insta::assert_snapshot!(said.join("\n"), @r#"
        the list is empty; write a program and its arguments, such as ["pass", "show", "kafka"]
        cannot start "ramp-test-no-such": No such file or directory (os error 2); write the program and its arguments as a list, no shell is between
        cannot start "./gone": No such file or directory (os error 2); write the program and its arguments as a list, no shell is between
        "sh" failed (exit status: 3); what it says about it stands on standard error
        "sh" failed (signal: 9 (SIGKILL)); what it says about it stands on standard error
        "true" printed nothing on the first line of standard output
        "printf" printed nothing on the first line of standard output
        "printf" printed a first line that is no text in UTF-8
        "#);
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        // No other process of this machine is called so.
        let long = format!("600.{}", std::process::id());
        let command = ["sleep".to_owned(), long.clone()];
        let error = first_line(&command, Path::new("."), Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, ProgramError::Slow { .. }), "{error}");
        let sleeps = |process: fs::DirEntry| {
            let arguments = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            arguments.split('\0').any(|argument| argument == long)
        };
        assert!(!fs::read_dir("/proc").unwrap().flatten().any(sleeps));
    }

    #[test]
    fn a_program_is_asked_within_a_runtime_as_well() {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let said = runtime.block_on(async { told(&["echo", "hunter2"], Path::new("")) });
        assert_eq!(said, Ok("hunter2".to_owned()));
    }
}
