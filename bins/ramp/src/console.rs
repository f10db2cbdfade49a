//! Results on standard output.

use std::io::{self, ErrorKind, Write};

use crate::error::CommandError;

/// Writes `text` as it is. A reader that has had enough and has gone, as `head` does, is no failure.
///
/// # Errors
/// When it cannot be written for any other reason.
pub(crate) fn say(text: &str) -> Result<(), CommandError> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
