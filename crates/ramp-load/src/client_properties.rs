//! Client properties as people have them, by Java's names or librdkafka's, in librdkafka's terms. Connects to nothing.
//!
//! A property that would change what happens and cannot be honoured is refused; one that means nothing outside Java is
//! noted. No error shows a value that may be a secret.

mod check;
mod jaas;
mod names;
mod stores;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use java_properties::PropertiesIter;

use self::names::Rule;
pub use self::{check::check, jaas::JaasError, stores::StoreError};
use crate::client_config::{ClusterConfig, Secret};

/// What the client does whose properties they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It sends records.
    Producer,
    /// It sees them arrive.
    Consumer,
}

/// Client properties in librdkafka's terms.
#[derive(Debug, Clone, Default)]
pub struct ClientProperties {
    /// `bootstrap.servers` and the other properties, and the login. Bootstrap servers are empty where none are given.
    pub cluster: ClusterConfig,
    /// What was given and has no effect here, one sentence each.
    pub notes: Vec<String>,
}

/// Why client properties cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// Neither Java's client nor librdkafka knows it.
    #[error("property {name} is unknown{}", nearest.map_or_else(String::new, |name| format!("; did you mean {name}?")))]
    Unknown {
        /// The property.
        name: String,
        /// The known property whose name is nearest.
        nearest: Option<&'static str>,
    },
    /// Only clients of the other role have it.
    #[error("property {name} is for {}s, and this client is a {role}; leave it out", role.other())]
    OtherRole {
        /// The property.
        name: String,
        /// What this client is.
        role: Role,
    },
    /// librdkafka does not know it, and Java's client does, or one of nearly the same name.
    #[error(
        "property {name} is unknown: librdkafka has no {known}, which is Java's; see librdkafka's CONFIGURATION.md"
    )]
    OnlyJava {
        /// The property.
        name: String,
        /// Java's property.
        known: &'static str,
    },
    /// It is known, and cannot be honoured.
    #[error("property {name} cannot be honoured: {why}")]
    Refused {
        /// The property.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// Its value cannot be used.
    #[error("the value of property {name} cannot be used: give {want}")]
    Value {
        /// The property.
        name: String,
        /// What would do.
        want: &'static str,
    },
    /// Its value is none that librdkafka takes.
    #[error("property {name} cannot be used: {reason}; see librdkafka's CONFIGURATION.md")]
    Unfit {
        /// The property.
        name: String,
        /// What librdkafka says.
        reason: String,
    },
    /// It is needed because of another.
    #[error("property {name} is not set, and {because} needs it; set it to {want}")]
    Missing {
        /// The property.
        name: &'static str,
        /// The other, with its value.
        because: String,
        /// What would do.
        want: &'static str,
    },
    /// The file that it names cannot be read.
    #[error("property {name} names the file {}, which cannot be read: {source}", path.display())]
    File {
        /// The property.
        name: &'static str,
        /// The file, relative to the working directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Two properties say the same thing.
    #[error("properties {first} and {second} are one and the same here; give one of them")]
    Twice {
        /// One property.
        first: String,
        /// The other.
        second: String,
    },
    /// The login cannot be read.
    #[error("sasl.jaas.config cannot be used: {0}")]
    Jaas(#[from] JaasError),
    /// A key store or trust store cannot be used.
    #[error("property {name} cannot be used: {source}")]
    Store {
        /// The property.
        name: &'static str,
        /// Why.
        source: StoreError,
    },
    /// A text is not a property.
    #[error("{name} is no property: write it as name=value")]
    NoValue {
        /// What stands before the place where `=` is missing, without what may be a secret.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read the properties in {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not a properties file.
    #[error("{}{} is not in the form of a Java properties file", path.display(), line.map_or_else(String::new, |line| format!(", line {line},")))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<usize>,
    },
}

impl Role {
    const fn other(self) -> Self {
        match self {
            Self::Producer => Self::Consumer,
            Self::Consumer => Self::Producer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        })
    }
}

/// Reads a Java properties file, as Java does: ISO 8859-1, escapes, continued lines, the last of several equal names.
///
/// # Errors
/// When the file cannot be read or is not in that form.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, PropertyError> {
    let text =
        fs::read(path).map_err(|source| PropertyError::Unreadable { path: path.to_owned(), source })?;
    let mut properties = BTreeMap::new();
    let take = |name, value| drop(properties.insert(name, value));
    PropertiesIter::new(&*text)
        .read_into(take)
        .map_err(|error| PropertyError::Malformed { path: path.to_owned(), line: error.line_number() })?;
    Ok(properties)
}

/// Splits `name=value` at the first `=`.
///
/// # Errors
/// When there is no `=`, no name, or no value.
pub fn split(text: &str) -> Result<(String, String), PropertyError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        Some((name, _)) => Err(PropertyError::NoValue { name: name.to_owned() }),
        // A word on its own may be a part of a password that a shell has split.
        None => Err(PropertyError::NoValue { name: names::known(text).unwrap_or("***").to_owned() }),
    }
}

/// Translates the properties of a client of `role` into librdkafka's terms.
///
/// # Errors
/// When a property is unknown or for the other role, cannot be honoured, or has a value that cannot be used.
pub fn translate(
    properties: &BTreeMap<String, String>,
    role: Role,
) -> Result<ClientProperties, PropertyError> {
    let done = ClientProperties::default();
    let mut translation = Translation { given: properties, role, done, origin: BTreeMap::new() };
    for (name, value) in properties {
        translation.take(name, value)?;
    }
    Ok(translation.done)
}

/// Takes the delivery timeout out of translated properties: a load is told it apart from them. `None` where none is given.
///
/// # Errors
/// When it is not a number of milliseconds above 0.
pub fn delivery_timeout(cluster: &mut ClusterConfig) -> Result<Option<Duration>, PropertyError> {
    let Some(text) = cluster.properties.remove("message.timeout.ms") else { return Ok(None) };
    let millis = text.trim().parse().ok().filter(|millis| *millis > 0).map(Duration::from_millis);
    let wrong = || PropertyError::Value {
        name: "delivery.timeout.ms".to_owned(),
        want: "a number of milliseconds above 0",
    };
    millis.map(Some).ok_or_else(wrong)
}

struct Translation<'a> {
    given: &'a BTreeMap<String, String>,
    role: Role,
    done: ClientProperties,
    /// Which property gave each of librdkafka's.
    origin: BTreeMap<&'static str, &'a str>,
}

impl<'a> Translation<'a> {
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), PropertyError> {
        let Some((name, rule)) = names::rule(name, self.role) else {
            return Err(match names::rule(name, self.role.other()) {
                Some((name, _)) => PropertyError::OtherRole { name: name.to_owned(), role: self.role },
                None => {
                    PropertyError::Unknown { name: name.to_owned(), nearest: names::nearest(name, self.role) }
                }
            });
        };
        match rule {
            Rule::Same => self.set(name, name, value),
            Rule::As(other) => self.set(name, other, value),
            Rule::Moot(why) => {
                self.done.notes.push(format!("{name} has no effect here: {why}"));
                Ok(())
            }
            Rule::Refused(why) => Err(PropertyError::Refused { name: name.to_owned(), why }),
            Rule::Own => self.own(name, value),
        }
    }

    fn set(
        &mut self,
        name: &'static str,
        target: &'static str,
        value: impl Into<String>,
    ) -> Result<(), PropertyError> {
        if let Some(first) = self.origin.insert(target, name) {
            return Err(PropertyError::Twice { first: first.to_owned(), second: name.to_owned() });
        }
        let cluster = &mut self.done.cluster;
        let value = value.into();
        match target {
            "bootstrap.servers" => cluster.bootstrap = value,
            "sasl.username" => cluster.username = Some(value),
            "sasl.password" => cluster.password = Some(Secret::new(value)),
            _other => drop(cluster.properties.insert(target.to_owned(), value)),
        }
        Ok(())
    }

    /// A property whose value has another form or unit in librdkafka.
    fn own(&mut self, name: &'static str, value: &'a str) -> Result<(), PropertyError> {
        let wrong = |want| PropertyError::Value { name: name.to_owned(), want };
        let whole = || value.trim().parse::<i64>().map_err(|_| wrong("a whole number"));
        match name {
            "buffer.memory" => {
                let bytes = u64::try_from(whole()?).map_err(|_| wrong("a number of bytes"))?;
                self.set(name, "queue.buffering.max.kbytes", bytes.div_ceil(1024).max(1).to_string())
            }
            "batch.size" => self.set(name, name, whole()?.max(1).to_string()),
            "receive.buffer.bytes" => {
                self.set(name, "socket.receive.buffer.bytes", whole()?.max(0).to_string())
            }
            "send.buffer.bytes" => self.set(name, "socket.send.buffer.bytes", whole()?.max(0).to_string()),
            "compression.gzip.level" => self.level(name, "gzip", value),
            "compression.lz4.level" => self.level(name, "lz4", value),
            "compression.zstd.level" => self.level(name, "zstd", value),
            "ssl.endpoint.identification.algorithm" => {
                let value = if value.trim().is_empty() { "none" } else { value };
                self.set(name, name, value)
            }
            "partitioner.class" if value.ends_with(".DefaultPartitioner") => {
                self.set(name, "partitioner", "murmur2_random")
            }
            "partitioner.class" => Err(PropertyError::Refused {
                name: name.to_owned(),
                why: "it names a Java class; leave it out, or choose librdkafka's partitioner=… instead",
            }),
            "sasl.mechanism" | "sasl.mechanisms" => {
                if SASL_MECHANISMS.contains(&value.trim()) {
                    self.set(name, "sasl.mechanism", value.trim())
                } else {
                    Err(wrong(MECHANISMS_BUILT_IN))
                }
            }
            "sasl.jaas.config" => {
                let login = jaas::login(value)?;
                let mechanism = ["sasl.mechanism", "sasl.mechanisms"];
                if !mechanism.iter().any(|name| self.given.contains_key(*name)) {
                    let want = "sasl.mechanism beside it: Java's own default, GSSAPI, is not built in";
                    return Err(wrong(want));
                }
                self.set(name, "sasl.username", login.username)?;
                self.set(name, "sasl.password", login.password)
            }
            "ssl.truststore.location" => {
                let password = self.given.get("ssl.truststore.password");
                let store = |source| PropertyError::Store { name, source };
                match stores::trusted(Path::new(value), password.map(String::as_str)).map_err(store)? {
                    stores::Trusted::File => self.set(name, "ssl.ca.location", value),
                    stores::Trusted::Pem(pem) => self.set(name, "ssl.ca.pem", pem),
                }
            }
            "ssl.keystore.location" => {
                let store = |source| PropertyError::Store { name, source };
                match stores::form(Path::new(value)).map_err(store)? {
                    stores::Form::Pkcs12 => self.set(name, name, value),
                    stores::Form::Pem => {
                        self.set(name, "ssl.certificate.location", value)?;
                        self.set(name, "ssl.key.location", value)
                    }
                }
            }
            // Read together with the store that it opens, or needless because the store tells its form itself.
            "ssl.truststore.password" | "ssl.truststore.type" | "ssl.keystore.type" => Ok(()),
            _unknown => Err(PropertyError::Unknown { name: name.to_owned(), nearest: None }),
        }
    }

    /// A level counts only for the codec that is chosen.
    fn level(&mut self, name: &'static str, codec: &str, value: &str) -> Result<(), PropertyError> {
        let chosen = ["compression.type", "compression.codec"].iter().find_map(|name| self.given.get(*name));
        if chosen.is_some_and(|chosen| chosen.trim() == codec) {
            return self.set(name, "compression.level", value);
        }
        self.done.notes.push(format!("{name} has no effect here: compression.type is another"));
        Ok(())
    }
}

/// What this build of librdkafka has.
const SASL_MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const MECHANISMS_BUILT_IN: &str = "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512: no other is built in";

#[cfg(test)]
mod tests;
