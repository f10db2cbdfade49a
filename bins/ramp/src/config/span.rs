//! Durations as people write them: `"5m"`, `"30s"`, `"1m 30s"`, `"250ms"`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A duration in human form; zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("examples" = ["30s", "5m", "1m 30s"]))]
pub struct Span(Duration);

/// A text that is no [`Span`].
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a duration; write for example \"30s\", \"5m\" or \"1m 30s\"")]
pub struct SpanError {
    text: String,
}

impl Span {
    /// The span of `duration`.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let span: Option<jiff::SignedDuration> = text.parse().ok();
        let span = span.and_then(|span| Duration::try_from(span).ok()).map(Self);
        span.ok_or_else(|| SpanError { text: text.to_owned() })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::SignedDuration::try_from(self.0) {
            Ok(span) => write!(f, "{span:#}"),
            Err(_) => write!(f, "{:?}", self.0),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}
