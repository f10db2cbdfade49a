//! One campaign at a time on a source cluster: two would each measure the other.

use std::{
    env,
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::PathBuf,
};

use sha2::{Digest, Sha256};

use crate::journal::hexadecimal;

/// Holds off every other campaign of this machine on a cluster until it is dropped, or its process has ended in
/// whatever way: the system takes the lock back.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}

/// Why a cluster cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another campaign has it.
    #[error(
        "another campaign on this machine loads the source cluster {cluster}; wait for its end, or end it"
    )]
    Taken {
        /// The cluster.
        cluster: String,
    },
    /// The lock's file cannot be used.
    #[error("cannot use {} to hold off other campaigns: {source}; set TMPDIR to a folder that can be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Claim {
    /// Claims the cluster of that identity.
    ///
    /// # Errors
    /// When another campaign has it, or there is nowhere to keep the lock.
    pub fn on(cluster: &str) -> Result<Self, ClaimError> {
        // An identity is no file's name.
        let name = hexadecimal(Sha256::digest(cluster).iter().take(8));
        let path = env::temp_dir().join(format!("ramp-{name}.lock"));
        let fault = |source| ClaimError::File { path: path.clone(), source };
        // What another user made can be locked, though not written.
        let opened = OpenOptions::new().append(true).create(true).open(&path);
        let file = match opened {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(&path),
            opened => opened,
        };
        let file = file.map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(ClaimError::Taken { cluster: cluster.to_owned() }),
            Err(TryLockError::Error(source)) => Err(fault(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_claimed_by_one_at_a_time() {
        let cluster = format!("test of process {}", std::process::id());
        let first = Claim::on(&cluster).unwrap();
        let error = Claim::on(&cluster).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "another campaign on this machine loads the source cluster {cluster}; wait for its end, or end it"
            )
        );
        assert!(Claim::on(&format!("{cluster}, another")).is_ok());
        drop(first);
        assert!(Claim::on(&cluster).is_ok());
    }
}
