//! `ramp init`: a commented configuration to begin with. No secret is written: it names the variables that hold them.

mod env_file;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, ErrorKind, IsTerminal, Write},
    path::PathBuf,
};

use ramp_load::{
    client_config::is_secret,
    client_properties::{self, PropertyError, Role},
};

use self::env_file::{EnvFile, EnvFileError};
use crate::{cli::InitArgs, error::CommandError, exit::Exit};

/// Why no configuration is written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// A value is nowhere.
    #[error("{what} is not known, and there is no terminal to ask on; give {flag} or {variable}")]
    Unknown { what: &'static str, flag: &'static str, variable: &'static str },
    /// The file is there.
    #[error("{} is there already; choose another with --output, or give --force to write over it", path.display())]
    Exists { path: PathBuf },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The client's properties cannot be used.
    #[error(transparent)]
    Properties(#[from] PropertyError),
    /// The `.env` file cannot be used.
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
}

/// What a configuration is written from.
#[derive(Debug, Default)]
struct Answers {
    name: String,
    source: String,
    target: String,
    prometheus: String,
    connect: Option<String>,
    properties: BTreeMap<String, String>,
    source_has_login: bool,
    target_has_login: bool,
}

/// Writes the configuration, and asks for what the flags do not say where there is a terminal.
pub(crate) fn init(args: &InitArgs) -> Result<Exit, CommandError> {
    let answers = answers(args)?;
    let path = args.output.clone();
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    let file =
        if args.force { options.create(true).open(&path) } else { options.create_new(true).open(&path) };
    let written = file.and_then(|mut file| file.write_all(answers.text().as_bytes()));
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => InitError::Exists { path: path.clone() },
        _other => InitError::Write { path: path.clone(), source },
    })?;
    eprintln!("ramp: wrote {}; `ramp check --config {}` is next", path.display(), path.display());
    Ok(Exit::Done)
}

fn answers(args: &InitArgs) -> Result<Answers, CommandError> {
    let mut answers = Answers { name: args.name.clone(), ..Answers::default() };
    let env_file = args.env_file.as_deref().map(EnvFile::read).transpose().map_err(InitError::from)?;
    let env_file = env_file.unwrap_or_default();
    if env_file.has_login {
        eprintln!(
            "ramp: KAFKA_USER and KAFKA_PASS are named and not written; export them before a run, and say under \
             [source.properties] and [target.properties] how they are to be used"
        );
    }
    answers.source_has_login = env_file.has_login;
    answers.target_has_login = env_file.has_login;
    let mut bootstrap = args.addresses.source.clone().or(env_file.source);
    if let Some(file) = &args.client_properties {
        let read = client_properties::read(file)
            .and_then(|properties| client_properties::translate(&properties, Role::Producer));
        let translated = read.map_err(InitError::from)?;
        translated.notes.iter().for_each(|note| eprintln!("ramp: {note}"));
        let cluster = translated.cluster;
        answers.source_has_login |= cluster.username.is_some() || cluster.password.is_some();
        let (secret, plain): (BTreeMap<_, _>, _) =
            cluster.properties.into_iter().partition(|(name, _)| is_secret(name));
        for name in secret.keys() {
            eprintln!("ramp: {name} is a secret and is not written; name a file that holds it");
        }
        answers.properties = plain;
        bootstrap = bootstrap.or_else(|| Some(cluster.bootstrap).filter(|bootstrap| !bootstrap.is_empty()));
    }
    answers.source = given(bootstrap, SOURCE)?;
    answers.target = given(args.addresses.target.clone().or(env_file.target), TARGET)?;
    let prometheus = given(args.addresses.prometheus.clone().or(env_file.prometheus), PROMETHEUS)?;
    answers.prometheus = without_login(prometheus, "prometheus");
    let connect = args.addresses.connect.clone().or(env_file.connect);
    answers.connect = connect.map(|url| without_login(url, "connect"));
    Ok(answers)
}

/// An address without the login that it may have: that is a secret.
fn without_login(url: String, section: &str) -> String {
    let start = url.find("://").map_or(0, |scheme| scheme + "://".len());
    let host = url.get(start..).unwrap_or("");
    let authority = host.split(['/', '?', '#']).next().unwrap_or("");
    let Some((login, _)) = authority.rsplit_once('@') else { return url };
    eprintln!(
        "ramp: the login in the address of [{section}] is not written; name what holds it with username_env and \
         password_env"
    );
    let mut plain = url.clone();
    plain.replace_range(start..=start + login.len(), "");
    plain
}

/// A value that was given, or is asked for.
fn given(value: Option<String>, asked: Asked) -> Result<String, CommandError> {
    if let Some(value) = value {
        return Ok(value);
    }
    let Asked { what, example, flag, variable } = asked;
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(InitError::Unknown { what, flag, variable }.into());
    }
    loop {
        eprint!("{what} ({example}): ");
        io::stderr().flush().map_err(CommandError::Ask)?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer).map_err(CommandError::Ask)? == 0 {
            return Err(InitError::Unknown { what, flag, variable }.into());
        }
        if !answer.trim().is_empty() {
            return Ok(answer.trim().to_owned());
        }
    }
}

impl Answers {
    fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut properties = String::new();
        for (name, value) in &self.properties {
            let _ = writeln!(properties, "{} = {}", quoted(name), quoted(value));
        }
        let commented = |has_login: bool| if has_login { "" } else { "# " };
        let (source_login, target_login) =
            (commented(self.source_has_login), commented(self.target_has_login));
        let connect = self.connect.as_deref();
        let connect =
            connect.map_or_else(|| EXAMPLE_CONNECT.to_owned(), |url| format!("url = {}", quoted(url)));
        format!(
            r#"# Written by `ramp init`; docs/configuration.md knows every key. `ramp check` looks at what stands here.
name = {name}

# The cluster that takes the load.
[source]
bootstrap = {source}
# The variables that hold the login; no secret stands in this file.
{source_login}username_env = "KAFKA_USER"
{source_login}password_env = "KAFKA_PASS"

# librdkafka's properties, passed through: "security.protocol" = "SASL_SSL", "sasl.mechanism" = "SCRAM-SHA-512",
# "ssl.ca.location" = "ca.pem", …
[source.properties]
{properties}
# The cluster that the replication writes to.
[target]
bootstrap = {target}
{target_login}username_env = "KAFKA_USER"
{target_login}password_env = "KAFKA_PASS"

[target.properties]

# How the replication names topics there: default (alias, separator, topic), identity, or pattern.
[replication]
policy = "default"
alias = "source"

# The topics that are loaded: <prefix>.generated-data-01.json and so on. They must be there.
[topics]
prefix = "test-prometheus"
count = 10

# Where the dashboards' queries are answered.
[prometheus]
url = {prometheus}
# The dashboards to judge by; the built-in ones otherwise.
# dashboards = "dashboards"

# Values for the dashboards' template variables.
# [prometheus.variables]
# connector = "mm2"

# Where Kafka Connect tells how the replication's connectors and tasks stand.
[connect]
{connect}
"#,
            name = quoted(&self.name),
            source = quoted(&self.source),
            target = quoted(&self.target),
            prometheus = quoted(&self.prometheus),
        )
    }
}

/// What stands in the place of an address that was not given: no campaign needs it.
const EXAMPLE_CONNECT: &str = "# url = \"http://connect:8083\"";

/// A value that is asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    what: &'static str,
    example: &'static str,
    flag: &'static str,
    variable: &'static str,
}

const SOURCE: Asked = Asked {
    what: "the source cluster's bootstrap servers",
    example: "kafka-a:9093",
    flag: "--source",
    variable: "KAFKA_SOURCE",
};
const TARGET: Asked = Asked {
    what: "the target cluster's bootstrap servers",
    example: "kafka-b:9092",
    flag: "--target",
    variable: "KAFKA_TARGET",
};
const PROMETHEUS: Asked = Asked {
    what: "the address of Prometheus",
    example: "http://prometheus:9090",
    flag: "--prometheus",
    variable: "PROMETHEUS_URL",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::RawConfig;

    #[test]
    fn what_is_written_is_read_back_whatever_it_holds() {
        let properties = [("ssl.ca.location", r"C:\ca"), ("security.protocol", "SASL_SSL")];
        let properties: BTreeMap<_, _> =
            properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for has_login in [false, true] {
            let answers = Answers {
                name: "staging".to_owned(),
                source: "a\"b:1".to_owned(),
                target: "b:1".to_owned(),
                prometheus: "http://c:1".to_owned(),
                connect: has_login.then(|| "http://d:1".to_owned()),
                properties: properties.clone(),
                source_has_login: has_login,
                target_has_login: !has_login,
            };
            let raw: RawConfig = toml::from_str(&answers.text()).unwrap();
            assert_eq!(raw.source.bootstrap.as_deref(), Some("a\"b:1"));
            assert_eq!(raw.source.properties, properties);
            assert_eq!(raw.source.password_env.is_some(), has_login);
            assert_eq!(raw.target.password_env.is_some(), !has_login);
            assert_eq!((raw.topics.count, raw.prometheus.url.as_deref()), (Some(10), Some("http://c:1")));
            assert_eq!(raw.connect.url.as_deref(), has_login.then_some("http://d:1"));
        }
    }

    #[test]
    fn an_address_loses_its_login_and_nothing_else() {
        for (url, plain) in [
            ("http://u:p@c:1/x?y=@z", "http://c:1/x?y=@z"),
            ("https://u:p@ss@c:1", "https://c:1"),
            ("http://c:1/@x", "http://c:1/@x"),
            ("u@c:1", "c:1"),
            ("http://é@c", "http://c"),
            ("http://", "http://"),
        ] {
            assert_eq!(without_login(url.to_owned(), "prometheus"), plain);
        }
    }
}
