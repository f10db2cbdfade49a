//! The HTTP server of the metrics: one path, small answers, no patience with whoever does not take them.

use std::{convert::Infallible, future::ready, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE},
    http::response,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::Shared;

/// Where the metrics are.
pub(super) const PATH: &str = "/metrics";

/// Answers whoever connects to `listener`, for ever.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(MOST_AT_ONCE));
    // Dropped, and so ended, with the server.
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // The process has no descriptor to spare, or whoever connected has gone.
            sleep(PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Whoever goes, or is too slow, has no answer to be told of.
            let _ = timeout(PATIENCE, converse(stream, Arc::clone(&shared))).await;
            shared.answered();
            drop(slot);
        });
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) -> hyper::Result<()> {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(&request, &shared))));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let answer = plain(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, "GET, HEAD");
        return whole(answer, "only GET is answered\n".to_owned());
    }
    if request.uri().path() != PATH {
        return whole(plain(StatusCode::NOT_FOUND), format!("the metrics are at {PATH}\n"));
    }
    match shared.page() {
        Some(page) => whole(Response::builder().header(CONTENT_TYPE, OPEN_METRICS), page),
        None => whole(plain(StatusCode::INTERNAL_SERVER_ERROR), "the metrics have no text form\n".to_owned()),
    }
}

fn plain(status: StatusCode) -> response::Builder {
    Response::builder().status(status).header(CONTENT_TYPE, "text/plain; charset=utf-8")
}

/// Status and headers are constants; where they could not be sent, the answer is empty.
fn whole(answer: response::Builder, body: String) -> Response<Full<Bytes>> {
    answer.body(Full::from(body)).unwrap_or_default()
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// So many are answered at once; the others wait.
const MOST_AT_ONCE: usize = 16;

/// How long a conversation may take.
const PATIENCE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(100);
