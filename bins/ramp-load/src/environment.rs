//! The environment of the bomber's dialect: variables, and behind them those of a `.env` file, read as python-dotenv
//! reads it, so that a password in it means the same.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

/// Variables of the process, and behind them those of a `.env` file.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    file: BTreeMap<String, String>,
}

/// Why a `.env` file cannot be used. Shows nothing of its lines: they hold passwords.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EnvironmentError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not understood.
    #[error("{}, line {line}: write NAME=value, and a quote at both ends of a value or at none", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

impl Environment {
    /// The process's variables and those of the first `.env` in the working directory or above it.
    pub(crate) fn load() -> Result<Self, EnvironmentError> {
        let here = env::current_dir().unwrap_or_default();
        let Some(path) = here.ancestors().map(|folder| folder.join(".env")).find(|path| path.is_file())
        else {
            return Ok(Self::default());
        };
        let text = fs::read_to_string(&path)
            .map_err(|source| EnvironmentError::Unreadable { path: path.clone(), source })?;
        Self::of(&path, &text)
    }

    fn of(path: &Path, text: &str) -> Result<Self, EnvironmentError> {
        let mut environment = Self::default();
        let mut reader = Reader { rest: text };
        loop {
            let malformed = |rest: &str| {
                let read = text.len() - rest.len();
                let line = text.get(..read).map_or(1, |read| read.matches('\n').count() + 1);
                EnvironmentError::Malformed { path: path.to_owned(), line }
            };
            reader.skip(|c| c.is_whitespace());
            let start = reader.rest;
            if start.is_empty() {
                return Ok(environment);
            }
            if let Some((name, value)) = reader.binding().ok_or_else(|| malformed(start))? {
                let value = environment.expand(&value);
                environment.file.insert(name, value);
            }
        }
    }

    /// What `name` holds: the process's variable, else the file's. An empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let own = env::var(name).ok().or_else(|| self.file.get(name).cloned());
        own.filter(|value| !value.is_empty())
    }

    /// Puts variables in for `${NAME}` and `${NAME:-default}`; a `$` without braces is only a letter of a password.
    fn expand(&self, value: &str) -> String {
        let mut text = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((inner, behind)) = after.split_once('}') else { break };
            let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
            text.push_str(before);
            text.push_str(&self.get(name).unwrap_or_else(|| default.to_owned()));
            rest = behind;
        }
        text + rest
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The next `NAME=value`; nothing for a comment or a name alone; `None` where the line is not understood.
    fn binding(&mut self) -> Option<Option<(String, String)>> {
        if self.rest.starts_with('#') {
            self.take(|c| c != '\n');
            return Some(None);
        }
        if let Some(exported) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with(BLANK)) {
            self.rest = exported;
            self.skip(is_blank);
        }
        let name = match self.rest.strip_prefix('\'') {
            Some(quoted) => {
                let (name, rest) = quoted.split_once('\'')?;
                self.rest = rest;
                name
            }
            None => self.take(|c| !c.is_whitespace() && c != '=' && c != '#'),
        };
        if name.is_empty() {
            return None;
        }
        self.skip(is_blank);
        let Some(rest) = self.rest.strip_prefix('=') else {
            return self.line_ends().then_some(None);
        };
        self.rest = rest;
        let after_blank = !self.take(is_blank).is_empty();
        let value = match self.rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let value = self.quoted(quote)?;
                self.skip(is_blank);
                if !self.line_ends() {
                    return None;
                }
                value
            }
            Some(_) | None => {
                let line = self.take(|c| c != '\n' && c != '\r');
                let comment = line.match_indices('#').find(|(at, _)| {
                    line.get(..*at).is_some_and(|before| match before.chars().next_back() {
                        None => after_blank,
                        Some(last) => last.is_whitespace(),
                    })
                });
                comment.and_then(|(at, _)| line.get(..at)).unwrap_or(line).trim_end().to_owned()
            }
        };
        Some(Some((name.to_owned(), value)))
    }

    /// A quoted value, which may go over several lines.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        loop {
            match letters.next()? {
                (at, c) if c == quote => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(text);
                }
                (_, '\\') => match (letters.next()?.1, quote) {
                    (c @ ('\\' | '\''), _) | (c @ '"', '"') => text.push(c),
                    ('n', '"') => text.push('\n'),
                    ('r', '"') => text.push('\r'),
                    ('t', '"') => text.push('\t'),
                    (c, _) => text.extend(['\\', c]),
                },
                (_, c) => text.push(c),
            }
        }
    }

    /// Whether nothing but a comment stands before the end of the line, which is passed then.
    fn line_ends(&mut self) -> bool {
        if self.rest.starts_with('#') {
            self.take(|c| c != '\n');
        }
        self.rest.is_empty() || self.rest.starts_with(['\n', '\r'])
    }

    fn skip(&mut self, is_part: impl Fn(char) -> bool) {
        self.take(is_part);
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BTreeMap<String, String> {
        Environment::of(Path::new(".env"), text).unwrap().file
    }

    #[test]
    fn values_mean_what_python_dotenv_makes_of_them() {
        // Each of these was read by python-dotenv 1.2 as well.
        for (line, value) in [
            ("A=plain", "plain"),
            ("export A = plain ", "plain"),
            ("A=pa$word", "pa$word"),
            ("A=pa#ss", "pa#ss"),
            ("A=pass # a comment", "pass"),
            ("A=# a comment", "# a comment"),
            ("A= # a comment", ""),
            ("A=two words", "two words"),
            ("A='it\\'s ${RAMP_TEST_UNSET:-x} \\n'", "it's x \\n"),
            ("A=\"a\\\"b\\nc\" # comment", "a\"b\nc"),
            ("A='two\nlines'", "two\nlines"),
            ("'A'=quoted", "quoted"),
            ("B=b\nA=a-${B}", "a-b"),
            ("A=${RAMP_TEST_UNSET}", ""),
            ("A=open ${B", "open ${B"),
            ("# A=no\nA=yes\r\n", "yes"),
            ("A=1\nA=2", "2"),
        ] {
            assert_eq!(read(line).get("A").map(String::as_str), Some(value), "{line:?}");
        }
        assert_eq!(read("A\n"), BTreeMap::new());
    }

    #[test]
    fn a_line_that_is_not_understood_is_told_by_its_number_only() {
        for text in
            ["A=1\nKAFKA_PASSWORD='hunter2\n", "A=1\nB='x' hunter2\n", "A=1\n=hunter2\n", "A=1\nhunter2 x\n"]
        {
            let error = Environment::of(Path::new(".env"), text).err().unwrap().to_string();
            assert!(error.starts_with(".env, line 2:") && !error.contains("hunter2"), "{error}");
        }
    }
}
