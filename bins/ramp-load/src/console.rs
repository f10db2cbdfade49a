//! What is said on standard output and standard error. A reader that has gone away, as `head` does, ends no load.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a line to standard output.
pub(crate) fn say(line: impl Display) {
    // Nobody is left to be told of a failure.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes a line to standard error, under the program's name.
pub(crate) fn tell(line: impl Display) {
    plain(format_args!("ramp-load: {line}"));
}

/// Writes a line to standard error as it is.
pub(crate) fn plain(line: impl Display) {
    // Nobody is left to be told of a failure.
    let _ = writeln!(io::stderr(), "{line}");
}
