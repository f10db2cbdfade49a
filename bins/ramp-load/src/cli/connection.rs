//! How a cluster is reached and logged in to.

use std::{collections::BTreeMap, env, path::PathBuf};

use clap::Args;
use ramp_load::{
    client_config::{ClusterConfig, Secret, is_secret},
    client_properties::{self, PropertyError, Role},
};

/// How to log in to a cluster, and what its client is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Login {
    /// A Java properties file of client properties, by Java's names or librdkafka's.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A client property; goes before the file's. Secrets do not belong here.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) property: Vec<String>,
    /// The environment variable that holds the user name.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) username_env: Option<String>,
    /// The environment variable that holds the password.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) password_env: Option<String>,
}

/// What the flags that describe a cluster are called, for errors, and what its client does.
#[derive(Debug)]
pub(crate) struct Flags {
    bootstrap: &'static str,
    variable: &'static str,
    prefix: &'static str,
    role: Role,
}

/// The cluster that takes a load.
pub(crate) const SOURCE: Flags =
    Flags { bootstrap: "--bootstrap", variable: "KAFKA_SOURCE", prefix: "--", role: Role::Producer };
/// The cluster that is read, where it is the only one.
pub(crate) const READ: Flags =
    Flags { bootstrap: "--bootstrap", variable: "KAFKA_TARGET", prefix: "--", role: Role::Consumer };
/// The cluster that a replication writes to.
pub(crate) const TARGET: Flags =
    Flags { bootstrap: "--target", variable: "KAFKA_TARGET", prefix: "--target-", role: Role::Consumer };

/// A cluster that the command line does not describe. The values of properties are never shown: one may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConnectionError {
    /// A variable that is to hold a part of the login is not set.
    #[error("{flag} names the environment variable {variable}, which is not set; export it")]
    Variable {
        /// The flag.
        flag: String,
        /// The variable.
        variable: String,
    },
    /// A property that is a secret.
    #[error(
        "{prefix}property {key} is a secret, which every user of this machine could see; use {prefix}password-env or \
         {prefix}config"
    )]
    Secret {
        /// What the flags begin with.
        prefix: &'static str,
        /// The property.
        key: String,
    },
    /// A property cannot be used.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// No address.
    #[error("there are no bootstrap servers; give {flag} or set {variable}")]
    NoBootstrap {
        /// The flag.
        flag: &'static str,
        /// The variable.
        variable: &'static str,
    },
}

impl Login {
    /// The cluster, and what is to be said about its properties.
    ///
    /// # Errors
    /// When a variable that is to hold the login is not set, a property cannot be used, or there is no address.
    pub(crate) fn cluster(
        &self,
        bootstrap: Option<&String>,
        flags: &Flags,
    ) -> Result<(ClusterConfig, Vec<String>), ConnectionError> {
        let mut properties = match &self.config {
            Some(file) => client_properties::read(file)?,
            None => BTreeMap::new(),
        };
        for text in &self.property {
            let (key, value) = client_properties::split(text)?;
            if is_secret(&key) {
                return Err(ConnectionError::Secret { prefix: flags.prefix, key });
            }
            properties.insert(key, value);
        }
        if let Some(bootstrap) = bootstrap {
            properties.remove("metadata.broker.list");
            properties.insert("bootstrap.servers".to_owned(), bootstrap.clone());
        }
        let translated = client_properties::translate(&properties, flags.role)?;
        let mut cluster = translated.cluster;
        let read = |flag, name: &Option<String>| {
            let Some(variable) = name else { return Ok(None) };
            let flag = format!("{}{flag}", flags.prefix);
            let missing = |_| ConnectionError::Variable { flag, variable: variable.clone() };
            env::var(variable).map(Some).map_err(missing)
        };
        if let Some(username) = read("username-env", &self.username_env)? {
            cluster.username = Some(username);
        }
        if let Some(password) = read("password-env", &self.password_env)? {
            cluster.password = Some(Secret::new(password));
        }
        if cluster.bootstrap.is_empty() {
            return Err(ConnectionError::NoBootstrap { flag: flags.bootstrap, variable: flags.variable });
        }
        Ok((cluster, translated.notes))
    }
}
