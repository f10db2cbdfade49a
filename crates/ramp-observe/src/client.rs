//! The Prometheus client: bounded in time, silent about secrets.

pub(crate) mod answer;
mod config;
mod error;
mod moments;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use prometheus_http_query::Client;
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    redirect::{Attempt, Policy},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use self::answer::{Answer, Data, Targets, decode, refusal};
pub(crate) use self::moments::Moments;
pub use self::{
    config::{Credentials, PrometheusConfig, Tls, shown_url},
    error::QueryError,
};
pub(crate) use self::{
    config::{Secrets, plain_url},
    error::chain,
};
use crate::dashboard::span;

#[derive(Clone)]
pub(crate) struct Prometheus {
    client: Client,
    secrets: Arc<Secrets>,
    slots: Arc<Semaphore>,
    /// For what is shown beside, so that it takes no slot of what is judged.
    slots_beside: Arc<Semaphore>,
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

impl Prometheus {
    pub(crate) fn new(config: &PrometheusConfig) -> Result<Self, QueryError> {
        let address = |reason: String| QueryError::Address { url: config.address(), reason };
        let url = plain_url(&config.url, LOGIN).map_err(address)?;
        // The slash at its end would double.
        let url = url.as_str().trim_end_matches('/');
        let client = reqwest::Client::builder()
            .default_headers(config.header_map()?)
            .redirect(Policy::custom(same_host))
            .pool_max_idle_per_host(AT_ONCE);
        let client =
            config.tls.apply(client, "prometheus", url.starts_with("https:"))?.build().map_err(|error| {
                let reason = format!("{}; name the authorities with prometheus.ca_file", chain(&error));
                QueryError::Tls { what: "the system's certificates".to_owned(), reason }
            })?;
        let client = Client::from(client, url).map_err(|error| address(chain(&error)))?;
        let secrets = Arc::new(config.secrets());
        let slots = |count| Arc::new(Semaphore::new(count));
        Ok(Self { client, secrets, slots: slots(AT_ONCE), slots_beside: slots(AT_ONCE_BESIDE) })
    }

    /// The answer to `expression` at `time`, in seconds since the Unix epoch, or at the server's own present.
    pub(crate) async fn query(
        &self,
        expression: &str,
        time: Option<f64>,
        deadline: Instant,
    ) -> Result<Answer<Data>, QueryError> {
        self.fetch(deadline, || async {
            let mut asked = self.client.query(expression);
            if let Some(time) = time {
                asked = asked.query("time", format!("{time:.3}"));
            }
            // The server gives up with us, and does not work on for nobody.
            let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
            asked = asked.query("timeout", format!("{left:.3}"));
            if expression.len() > LONGEST_IN_ADDRESS { asked.post_raw().await } else { asked.get_raw().await }
        })
        .await
    }

    /// The answers to `expression` at each of `moments`.
    pub(crate) async fn query_range(
        &self,
        expression: &str,
        moments: Moments,
        deadline: Instant,
    ) -> Result<Answer<Data>, QueryError> {
        self.fetch_in(&self.slots, deadline, || self.ask_range(expression, moments, deadline)).await
    }

    /// As [`query_range`](Self::query_range), for what nothing depends on.
    pub(crate) async fn query_range_beside(
        &self,
        expression: &str,
        moments: Moments,
        deadline: Instant,
    ) -> Result<Answer<Data>, QueryError> {
        self.fetch_in(&self.slots_beside, deadline, || self.ask_range(expression, moments, deadline)).await
    }

    /// The library's own range queries know whole seconds only.
    async fn ask_range(
        &self,
        expression: &str,
        moments: Moments,
        deadline: Instant,
    ) -> Result<Response, reqwest::Error> {
        let url = self.address("query_range");
        let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        let fields = [
            ("query", expression.to_owned()),
            ("start", moments.first()),
            ("end", moments.last()),
            ("step", moments.step()),
            ("timeout", format!("{left:.3}")),
        ];
        let client = self.client.inner();
        let asked = if expression.len() > LONGEST_IN_ADDRESS {
            client.post(url).form(&fields)
        } else {
            client.get(url).query(&fields)
        };
        asked.send().await
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.client.base_url().as_str().trim_end_matches('/'))
    }

    /// Every value of `label` among series seen in the hour before `time`.
    pub(crate) async fn label_values(
        &self,
        label: &str,
        time: f64,
        deadline: Instant,
    ) -> Result<Answer<Vec<String>>, QueryError> {
        let (start, end) = hour_before(time);
        self.fetch(deadline, || self.client.label_values(label).start(start).end(end).get_raw()).await
    }

    /// Every label among series seen in the hour before `time`.
    pub(crate) async fn label_names(
        &self,
        time: f64,
        deadline: Instant,
    ) -> Result<Answer<Vec<String>>, QueryError> {
        let (start, end) = hour_before(time);
        self.fetch(deadline, || self.client.label_names().start(start).end(end).get_raw()).await
    }

    /// The scrape interval of each target, by its job and instance; empty where the server has no targets of its own.
    pub(crate) async fn scrape_intervals(&self, deadline: Instant) -> BTreeMap<(String, String), Duration> {
        let ask = || self.client.inner().get(self.address("targets?state=active")).send();
        // What answers queries for many servers has no targets: then the samples themselves tell.
        let Ok(Answer { data: Targets { active }, .. }) = self.fetch(deadline, ask).await else {
            return BTreeMap::new();
        };
        let interval = |target: answer::Target| {
            let label = |name: &str| target.labels.get(name).cloned().unwrap_or_default();
            Some(((label("job"), label("instance")), span(&target.scrape_interval)?))
        };
        active.into_iter().filter_map(interval).collect()
    }

    async fn fetch<T, E, F>(&self, deadline: Instant, ask: impl Fn() -> F) -> Result<Answer<T>, QueryError>
    where
        T: serde::de::DeserializeOwned,
        E: Into<AskError>,
        F: Future<Output = Result<Response, E>>,
    {
        self.fetch_in(&self.slots, deadline, ask).await
    }

    /// Asks until there is an answer, an error that asking again does not mend, or no time left to ask again.
    async fn fetch_in<T, E, F>(
        &self,
        slots: &Semaphore,
        deadline: Instant,
        ask: impl Fn() -> F,
    ) -> Result<Answer<T>, QueryError>
    where
        T: serde::de::DeserializeOwned,
        E: Into<AskError>,
        F: Future<Output = Result<Response, E>>,
    {
        let begun = Instant::now();
        let (mut pause, mut known) = (FIRST_PAUSE, None);
        loop {
            let attempt = async {
                let _slot = slots.acquire().await;
                let answered = ask().await.map_err(|error| error.into().query_error())?;
                decode(&body(answered).await?)
            };
            let Ok(answered) = timeout_at(deadline, attempt).await else {
                // That the last attempt was cut short says less than what the ones before met with.
                let late = || QueryError::Timeout(deadline.saturating_duration_since(begun));
                return Err(known.unwrap_or_else(late));
            };
            let error = match answered {
                Ok(Answer { data, warnings }) => {
                    let warnings = warnings.iter().take(MOST_WARNINGS);
                    let warnings = warnings.map(|warning| self.secrets.shown(warning)).collect();
                    return Ok(Answer { data, warnings });
                }
                Err(error) => error.without(&self.secrets),
            };
            let Some(wait) = error.worth_waiting(pause) else { return Err(error) };
            // A server may ask for a wait that no clock can hold.
            if wait.saturating_add(SHORTEST_ANSWER) >= deadline.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            known = Some(error);
        }
    }
}

/// What the two libraries say when nothing came back.
enum AskError {
    Request(reqwest::Error),
    Client(prometheus_http_query::Error),
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error)
    }
}

impl From<prometheus_http_query::Error> for AskError {
    fn from(error: prometheus_http_query::Error) -> Self {
        Self::Client(error)
    }
}

impl AskError {
    fn query_error(self) -> QueryError {
        let reason = match self {
            Self::Request(error) => chain(&error.without_url()),
            Self::Client(error) => chain(&error),
        };
        QueryError::Connection { reason }
    }
}

/// The body of a usable answer: of JSON, complete, and not beyond all measure.
async fn body(mut answer: Response) -> Result<Vec<u8>, QueryError> {
    let status = answer.status();
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if status.is_redirection() {
        let to = header(LOCATION).and_then(|to| answer.url().join(&to).ok());
        let to = to.map_or_else(|| "nowhere".to_owned(), |to| to.origin().ascii_serialization());
        return Err(QueryError::Redirected { to });
    }
    let kind = header(CONTENT_TYPE);
    let after = header(RETRY_AFTER).and_then(|after| retry_after(&after));
    let mut body = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        let chunk = chunk.map_err(|error| QueryError::Connection { reason: chain(&error.without_url()) })?;
        let Some(chunk) = chunk else { break };
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_BODY {
            return Err(QueryError::TooLong { limit: LONGEST_BODY });
        }
    }
    if status.is_success() {
        return match kind {
            Some(kind) if !is_json(&kind) => Err(QueryError::NotJson { kind }),
            _json_or_unsaid => Ok(body),
        };
    }
    match refusal(&body) {
        // The query itself is at fault: asking again changes nothing.
        Some(reason) if [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&status) => {
            Err(QueryError::Refused { reason })
        }
        reason => Err(QueryError::Status { status: status.as_u16(), reason, after }),
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// How long a server asks to be left alone: seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().map(Duration::from_secs).ok();
    seconds.or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
    })
}

/// A login goes to the host that it is for, and to no other.
fn same_host(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let origin = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() > MOST_REDIRECTS || origin != Some(attempt.url().origin()) {
        attempt.stop()
    } else {
        attempt.follow()
    }
}

fn hour_before(time: f64) -> (i64, i64) {
    let end = time as i64 + 1;
    (end - 3_600, end)
}

/// Where a login that stands in the address belongs.
const LOGIN: &str = "username_env and password_env";

/// So many requests are under way at once at most.
const AT_ONCE: usize = 16;

/// And so many more of those that nothing depends on.
const AT_ONCE_BESIDE: usize = 8;

/// So many warnings of one answer are told.
const MOST_WARNINGS: usize = 8;

/// Longer expressions are sent in the body: proxies cut long addresses.
const LONGEST_IN_ADDRESS: usize = 1_500;

/// More than the most series that are judged can take.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

const MOST_REDIRECTS: usize = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// With less time left an answer is not worth asking for.
const SHORTEST_ANSWER: Duration = Duration::from_millis(50);
