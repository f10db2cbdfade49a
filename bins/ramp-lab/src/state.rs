//! The state folder: what a laboratory leaves on disk for others to find it.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    processes::{Identity, Process},
    tls::Guard,
};

/// A running laboratory as its state folder describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabState {
    /// The version of this form.
    pub schema_version: u32,
    /// The process that owns all others.
    pub supervisor: Identity,
    /// The others.
    pub processes: BTreeMap<Process, Identity>,
    /// Where they can be reached.
    pub endpoints: Endpoints,
    /// How to pass the guarded listener of the source, where there is one.
    pub guard: Option<Guard>,
}

impl LabState {
    /// The version of the form that is written.
    pub const SCHEMA_VERSION: u32 = 1;
}

/// Where the parts of a laboratory can be reached, all on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The source cluster's plain listener, as `host:port`.
    pub source: String,
    /// The target cluster, as `host:port`.
    pub target: String,
    /// The Connect worker's REST interface, as a URL.
    pub connect: String,
    /// Prometheus, as a URL.
    pub prometheus: String,
    /// The node exporter's metrics, as a URL.
    pub node_exporter: String,
}

/// Why a state folder does not describe a laboratory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadStateError {
    /// There is none in this folder.
    #[error("find a laboratory in {0}: start one with `ramp-lab up`")]
    NoLab(PathBuf),
    /// The state cannot be read.
    #[error("read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The state is not what this version writes.
    #[error("understand {path} (stop the laboratory with the version that started it)")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The folder that holds a laboratory's logs, data and description. Readable by its owner only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// The state folder at `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The ready configuration of a campaign on the laboratory.
    #[must_use]
    pub fn ramp_toml(&self) -> PathBuf {
        self.0.join("ramp.toml")
    }

    /// The plan of that campaign.
    #[must_use]
    pub fn plan_toml(&self) -> PathBuf {
        self.0.join("plan.toml")
    }

    /// The environment of the laboratory, as lines for a shell.
    #[must_use]
    pub fn env(&self) -> PathBuf {
        self.0.join("env")
    }

    /// The log of a process.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.0.join("logs").join(format!("{process}.log"))
    }

    /// What the folder says of the laboratory in it, running or not.
    ///
    /// # Errors
    ///
    /// [`ReadStateError`] where there is no laboratory, or its description cannot be read.
    pub fn read(&self) -> Result<LabState, ReadStateError> {
        let path = self.state();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadStateError::NoLab(self.0.clone()));
            }
            Err(source) => return Err(ReadStateError::Unreadable { path, source }),
        };
        serde_json::from_str(&text).map_err(|source| ReadStateError::Malformed { path, source })
    }

    /// Writes the description of the laboratory. A reader sees the old one or this one, nothing in between.
    pub(crate) fn write(&self, state: &LabState) -> io::Result<()> {
        let unfinished = self.0.join("state.json.new");
        write_private(&unfinished, &serde_json::to_string_pretty(state)?)?;
        fs::rename(unfinished, self.state())
    }

    /// Removes the description of a laboratory that has ended, so that nobody takes its addresses for living ones.
    pub(crate) fn forget(&self) -> io::Result<()> {
        for file in [self.state(), self.env(), self.ramp_toml(), self.plan_toml()] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Creates the folder where missing and takes it for this process alone, as long as the claim is held.
    pub(crate) fn claim(&self) -> Result<Claim, ClaimError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.0)?;
        // Starting removes old data: a folder that is somebody else's must not be touched.
        let lock = self.0.join("lab.lock");
        if !lock.exists() && fs::read_dir(&self.0)?.next().is_some() {
            return Err(ClaimError::Foreign(self.0.clone()));
        }
        let folder = Self(self.0.canonicalize()?);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClaimError::Taken(self.0.clone())),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        for inner in ["logs", "config", "data"] {
            builder.create(folder.0.join(inner))?;
        }
        folder.forget()?;
        Ok(Claim { folder, _lock: file })
    }

    fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }
}

/// A state folder that nobody else uses as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim {
    folder: StateFolder,
    _lock: File,
}

impl Claim {
    /// The folder, by its absolute path.
    pub(crate) const fn folder(&self) -> &StateFolder {
        &self.folder
    }

    /// Where a process keeps its data.
    pub(crate) fn data(&self, process: &str) -> PathBuf {
        self.folder.0.join("data").join(process)
    }

    /// Stores a text beside the data, as long as these are kept.
    pub(crate) fn keep(&self, name: &str, text: &str) -> io::Result<()> {
        write_private(&self.data(name), text)
    }

    /// A text stored beside the data, if there is one.
    pub(crate) fn kept(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.data(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes all data.
    pub(crate) fn wipe(&self) -> io::Result<()> {
        let data = self.folder.0.join("data");
        fs::remove_dir_all(&data)?;
        DirBuilder::new().mode(0o700).create(data)
    }

    /// Writes a configuration file, for its owner's eyes only.
    pub(crate) fn configure(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.0.join("config").join(name);
        write_private(&path, text)?;
        Ok(path)
    }
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClaimError {
    /// A laboratory is in it.
    #[error("use {0}: a laboratory runs in it; stop it with `ramp-lab down` or choose another --dir")]
    Taken(PathBuf),
    /// It holds something else.
    #[error("use {0}: it holds files that are no laboratory's; choose an empty or a new folder with --dir")]
    Foreign(PathBuf),
    /// The system refused.
    #[error("prepare the state folder")]
    Io(#[from] io::Error),
}

/// Writes a file that its owner alone can read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn state() -> LabState {
        LabState {
            schema_version: LabState::SCHEMA_VERSION,
            supervisor: Identity { pid: 1, started: 2 },
            processes: [(Process::NodeExporter, Identity { pid: 3, started: 4 })].into(),
            endpoints: Endpoints {
                source: "127.0.0.1:1".to_owned(),
                target: "127.0.0.1:2".to_owned(),
                connect: "http://127.0.0.1:3".to_owned(),
                prometheus: "http://127.0.0.1:4".to_owned(),
                node_exporter: "http://127.0.0.1:5/metrics".to_owned(),
            },
            guard: None,
        }
    }

    #[test]
    fn what_is_written_is_read_until_it_is_forgotten() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().join("lab"));
        assert!(matches!(folder.read(), Err(ReadStateError::NoLab(_))));
        let claim = folder.claim().unwrap();
        claim.folder().write(&state()).unwrap();
        assert_eq!(folder.read().unwrap(), state());
        claim.folder().forget().unwrap();
        assert!(matches!(folder.read(), Err(ReadStateError::NoLab(_))));
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("data")).unwrap();
        let refused = StateFolder::new(parent.path()).claim();
        assert!(matches!(refused, Err(ClaimError::Foreign(_))), "{refused:?}");
    }

    #[test]
    fn one_laboratory_at_a_time_uses_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().join("lab"));
        let first = folder.claim().unwrap();
        assert!(matches!(folder.claim(), Err(ClaimError::Taken(_))));
        drop(first);
    }

    #[test]
    fn nobody_else_reads_the_folder_or_its_configuration() {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(parent.path().join("lab"));
        let file = folder.claim().unwrap().configure("secret", "x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&file)), (0o700, 0o600));
    }
}
