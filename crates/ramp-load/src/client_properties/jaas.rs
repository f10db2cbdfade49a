//! The login in a `sasl.jaas.config`.

use std::{collections::BTreeMap, iter::Peekable, str::Chars};

/// User and password of a login module.
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// Why a login cannot be read. Shows nothing of it but the module's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JaasError {
    /// A login module that takes no user and password.
    #[error("login module {0} is not supported; use PlainLoginModule or ScramLoginModule")]
    Module(String),
    /// An option is missing.
    #[error("its option {0} is missing; write {0}=\"…\" before the closing semicolon")]
    Missing(&'static str),
    /// Not the form of a login.
    #[error("it does not have the form `module required username=\"…\" password=\"…\";`")]
    Form,
}

/// Reads `module required username="…" password="…";`.
pub(super) fn login(text: &str) -> Result<Login, JaasError> {
    let mut tokens = Tokens(text.chars().peekable());
    let module = tokens.next().ok_or(JaasError::Form)?;
    let known = |name: &&str| module == *name || module.ends_with(&format!(".{name}"));
    if !MODULES.iter().any(known) {
        return Err(if is_class(&module) { JaasError::Module(module) } else { JaasError::Form });
    }
    tokens.next().filter(|flag| FLAGS.contains(&&*flag.to_lowercase())).ok_or(JaasError::Form)?;
    let mut options = BTreeMap::new();
    loop {
        match tokens.next().as_deref() {
            Some(";") => break,
            Some(name) => {
                let equals = tokens.next();
                let value = tokens.next().filter(|_| equals.as_deref() == Some("="));
                options.insert(name.to_owned(), value.ok_or(JaasError::Form)?);
            }
            None => return Err(JaasError::Form),
        }
    }
    let username = options.remove("username").ok_or(JaasError::Missing("username"))?;
    let password = options.remove("password").ok_or(JaasError::Missing("password"))?;
    Ok(Login { username, password })
}

fn is_class(name: &str) -> bool {
    name.contains('.') && name.chars().all(|c| c.is_alphanumeric() || "._$".contains(c))
}

/// The words of a JAAS configuration, by the rules of Java's `StreamTokenizer`.
struct Tokens<'a>(Peekable<Chars<'a>>);

impl Iterator for Tokens<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.0.next_if(|c| c.is_whitespace()).is_some() {}
        let first = self.0.next()?;
        if first == '"' || first == '\'' {
            return self.quoted(first);
        }
        let mut word = String::from(first);
        if first != ';' && first != '=' {
            while let Some(c) = self.0.next_if(|c| !c.is_whitespace() && !";=\"'".contains(*c)) {
                word.push(c);
            }
        }
        Some(word)
    }
}

impl Tokens<'_> {
    /// The text up to the closing quote; `None` where there is none.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.0.next()? {
                c if c == quote => return Some(text),
                '\\' => text.push(self.escaped()?),
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            digit @ '0'..='7' => {
                // At most \377: a first digit above 3 leaves room for one more.
                let most = if digit <= '3' { 2 } else { 1 };
                let mut code = digit.to_digit(8)?;
                for _ in 0..most {
                    let Some(next) = self.0.next_if(|c| c.is_digit(8)) else { break };
                    code = code * 8 + next.to_digit(8)?;
                }
                char::from_u32(code)?
            }
            other => other,
        })
    }
}

const MODULES: [&str; 2] = ["PlainLoginModule", "ScramLoginModule"];
const FLAGS: [&str; 4] = ["required", "requisite", "sufficient", "optional"];
