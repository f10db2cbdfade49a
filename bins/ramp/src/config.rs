//! Configuration: what the user wrote ([`raw`]), and what the program may use ([`resolve`]).

mod connect;
mod grafana;
mod login;
pub mod plan_text;
mod prometheus;
mod rate;
pub mod raw;
pub mod resolve;
pub mod schema;
mod shown;
pub mod span;
pub mod threshold;

use std::{
    io,
    path::{Path, PathBuf},
};

use ramp_load::client_properties::PropertyError;
use ramp_observe::QueryError;
use serde::de::DeserializeOwned;

pub use self::login::ProgramError;
use self::plan_text::{PlanText, PlanTextError};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of a plan cannot be read.
    #[error("cannot read the plan {}: {source}; give a plan's file, or {}, which is built in", path.display(), PlanText::BUILT_IN_NAME)]
    PlanFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be. The line itself is not shown: it may hold a secret that is out of place.
    #[error("{}, line {line}, column {column}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A value that is needed stands nowhere.
    #[error("{key} is not set; write it into the configuration, or give {flag} or {variable}")]
    Missing {
        /// The key in the file.
        key: &'static str,
        /// The flag.
        flag: &'static str,
        /// The environment variable.
        variable: &'static str,
    },
    /// A value that cannot be used.
    #[error("{key} = {value:?}: {reason}")]
    Value {
        /// The key in the file.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
    /// A plan cannot be used.
    #[error("plan {name:?}:\n{source}")]
    Plan {
        /// The plan.
        name: String,
        /// Its faults.
        source: PlanTextError,
    },
    /// A value has no TOML form.
    #[error("cannot write as TOML: {source}")]
    Write {
        /// Why.
        source: toml::ser::Error,
    },
    /// An environment variable that the configuration names is not there.
    #[error("{key} names the environment variable {variable}, which is not set; export it")]
    Variable {
        /// The key in the file.
        key: String,
        /// The variable.
        variable: String,
    },
    /// A property of a cluster that its client will not take.
    #[error("{section}.properties: {source}")]
    Property {
        /// The cluster's section.
        section: &'static str,
        /// Why.
        source: PropertyError,
    },
    /// Prometheus cannot be asked so.
    #[error("prometheus: {0}")]
    Prometheus(#[source] QueryError),
    /// A program that is to tell a secret told none.
    #[error("{key}: {source}")]
    Program {
        /// The key in the file.
        key: String,
        /// Why.
        source: ProgramError,
    },
}

/// Reads the TOML file at `path`.
///
/// # Errors
/// When it cannot be read or is not of the form of `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    parse(&text, path)
}

fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        ConfigError::Parse { path: path.to_owned(), line, column, reason: with_nearest(error.message()) }
    })
}

/// A message about a key that is none, with the known one that looks most like it; any other as it is.
fn with_nearest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown field"));
    let alike = unknown.and_then(|unknown| {
        let alike = names.map(|known| (strsim::jaro_winkler(unknown, known), known));
        alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(likeness, _)| *likeness > LIKENESS)
    });
    alike.map_or_else(|| message.to_owned(), |(_, known)| format!("{message}; the nearest is `{known}`"))
}

/// Above this a name may be meant for another.
const LIKENESS: f64 = 0.7;

/// The TOML text of `value`.
///
/// # Errors
/// When it has no TOML form.
pub fn write<T: serde::Serialize>(value: &T) -> Result<String, ConfigError> {
    toml::to_string_pretty(value).map_err(|source| ConfigError::Write { source })
}
