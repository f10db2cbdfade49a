//! Takes secrets out of the process list: the program starts itself anew with `***` in their places and reads them
//! from its standard input.
//!
//! Without that, every user of the machine could read them for as long as the load runs.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    env,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    process::Command,
};

use ramp_load::client_config::is_secret;

/// Arguments with `***` in the place of each secret, and the secrets by the name of their flag or property.
#[derive(Default)]
pub(crate) struct Hidden {
    pub(crate) arguments: Vec<String>,
    pub(crate) secrets: BTreeMap<String, String>,
}

/// The flag by which the secrets are read from standard input, as a JSON object of texts.
pub(crate) const FLAG: &str = "--secrets-stdin";

impl Hidden {
    /// Hides what follows `flags` and the values of secret properties.
    pub(crate) fn of(arguments: &[String], flags: &[&str]) -> Self {
        let mut hidden = Self::default();
        let mut follows: Option<&str> = None;
        for argument in arguments {
            if let Some(flag) = follows.take() {
                hidden.hide(flag, argument.clone());
                hidden.arguments.push(MASK.to_owned());
                continue;
            }
            follows = flags.iter().find(|flag| *flag == argument).copied();
            let kept = hidden.without_secret(argument, flags).unwrap_or_else(|| argument.clone());
            hidden.arguments.push(kept);
        }
        hidden
    }

    /// `name=***` for a secret `name=value`, and `--flag=name=***`.
    fn without_secret(&mut self, argument: &str, flags: &[&str]) -> Option<String> {
        let (name, value) = argument.split_once('=')?;
        if flags.contains(&name) || is_secret(name) {
            self.hide(name, value.to_owned());
            return Some(format!("{name}={MASK}"));
        }
        let (flag, property) = argument.split_once('=').filter(|(flag, _)| flag.starts_with("--"))?;
        let (name, value) = property.split_once('=').filter(|(name, _)| is_secret(name))?;
        self.hide(name, value.to_owned());
        Some(format!("{flag}={name}={MASK}"))
    }

    fn hide(&mut self, name: &str, value: String) {
        // `***` stands where a secret was hidden before.
        if value != MASK {
            self.secrets.insert(name.to_owned(), value);
        }
    }

    /// Starts the program anew with `dialect` and the remaining arguments. Returns only where that is not possible.
    pub(crate) fn start_anew(&self, dialect: &str) -> io::Error {
        let start = || -> io::Result<Infallible> {
            let secrets = serde_json::to_vec(&self.secrets)?;
            if secrets.len() > ROOM {
                return Err(io::Error::other("they are too long"));
            }
            let (reader, mut writer) = io::pipe()?;
            writer.write_all(&secrets)?;
            drop(writer);
            let mut command = Command::new(env::current_exe()?);
            command.arg0("ramp-load").args([dialect, FLAG]).args(&self.arguments).stdin(reader);
            Err(command.exec())
        };
        match start() {
            Err(error) => error,
        }
    }
}

/// Reads secrets from standard input.
pub(crate) fn read() -> io::Result<BTreeMap<String, String>> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    // What serde_json says of a text can show parts of it.
    serde_json::from_str(&text).map_err(|_| io::Error::other("it is not a JSON object of texts"))
}

const MASK: &str = "***";

/// What a pipe holds everywhere without anybody reading it.
const ROOM: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(arguments: &[&str]) -> (String, Vec<(String, String)>) {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let hidden = Hidden::of(&arguments, &["--password"]);
        (hidden.arguments.join(" "), hidden.secrets.into_iter().collect())
    }

    #[test]
    fn every_way_to_write_a_secret_is_hidden() {
        let jaas = "sasl.jaas.config=m required password=\"hunter2\";";
        for (arguments, kept, name) in [
            (&["--password", "hunter2", "--verbose"][..], "--password *** --verbose", "--password"),
            (&["--password=hunter2"], "--password=***", "--password"),
            (
                &["--producer-props", "acks=1", jaas],
                "--producer-props acks=1 sasl.jaas.config=***",
                "sasl.jaas.config",
            ),
            (
                &["--command-property=ssl.key.password=hunter2"],
                "--command-property=ssl.key.password=***",
                "ssl.key.password",
            ),
        ] {
            let (arguments, secrets) = hidden(arguments);
            assert_eq!(arguments, kept);
            let [(found, value)] = secrets.as_slice() else { panic!("{secrets:?}") };
            assert!(found == name && value.contains("hunter2"));
        }
    }

    #[test]
    fn what_was_hidden_before_is_no_secret_any_more() {
        assert_eq!(hidden(&["--password", "***", "a=b"]), ("--password *** a=b".to_owned(), Vec::new()));
    }
}
