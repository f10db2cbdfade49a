//! A server that answers as Prometheus does, until a fault is set.

use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::Url;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// As Prometheus does.
    Well,
    /// A status, headers and a body.
    Http { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Bytes of any kind, after which the connection is closed.
    Bytes(Vec<u8>),
    /// Nothing, until the test says so; then well.
    Held,
}

/// A request that came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: String,
    pub(crate) expression: String,
    /// The moments that a range query asks for.
    pub(crate) times: Vec<f64>,
}

type Script = Box<dyn Fn(&Request, usize) -> Answer + Send>;

struct Shared {
    script: Mutex<Script>,
    /// Every request since the script was set.
    requests: Mutex<Vec<Request>>,
    release: Notify,
}

pub(crate) struct Server {
    pub(crate) url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::listen(None).await
    }

    pub(crate) async fn start_tls(config: ServerConfig) -> Self {
        Self::listen(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(|_, _| Answer::Well)),
            requests: Mutex::default(),
            release: Notify::new(),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Self::accept(stream, tls.clone(), Arc::clone(&own)));
            }
        });
        Self { url, shared, task }
    }

    async fn accept(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
        match tls {
            None => serve(stream, &shared).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, &shared).await;
                }
            }
        }
    }

    /// From now on the `n`th request is answered by `script`.
    pub(crate) fn set(&self, script: impl Fn(&Request, usize) -> Answer + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
        self.shared.requests.lock().unwrap().clear();
    }

    /// Lets what is held be answered.
    pub(crate) fn release(&self) {
        self.shared.release.notify_waiters();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    while let Some(request) = read(&mut stream).await {
        // A wait that is begun before the request is known is not missed by who answers it.
        let released = shared.release.notified();
        let answer = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            let script = shared.script.lock().unwrap();
            script(&request, requests.len())
        };
        let (bytes, closes) = match answer {
            Answer::Well => (http(200, &[], &well(&request).to_string()), false),
            Answer::Http { status, headers, body } => (http(status, &headers, &body), false),
            Answer::Bytes(bytes) => (bytes, true),
            Answer::Held => {
                released.await;
                (http(200, &[], &well(&request).to_string()), false)
            }
        };
        if stream.write_all(&bytes).await.is_err() || closes {
            return;
        }
    }
}

fn http(status: u16, headers: &[(&'static str, String)], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
    if headers.iter().all(|(name, _)| *name != "content-type") {
        text.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// What a Prometheus with one series of each metric answers; its warnings are those of a query that has "partial".
fn well(request: &Request) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let labels = json!({"instance": "w1", "job": "j"});
    if request.path.contains("/targets") {
        let target = json!({"labels": labels, "scrapeInterval": "1s"});
        return json!({"status": "success", "data": {"activeTargets": [target]}});
    }
    if request.expression == "time()" {
        let time = json!({"resultType": "scalar", "result": [now, now.to_string()]});
        return json!({"status": "success", "data": time});
    }
    let value = |time: f64| {
        if request.expression.starts_with("timestamp(") { time.to_string() } else { "10".to_owned() }
    };
    let data = if request.times.is_empty() {
        json!({"resultType": "vector", "result": [{"metric": labels, "value": [now, value(now)]}]})
    } else {
        let values: Vec<_> = request.times.iter().map(|time| json!([time, value(*time)])).collect();
        json!({"resultType": "matrix", "result": [{"metric": labels, "values": values}]})
    };
    let warnings: &[&str] = if request.expression.contains("partial") { &["a store is down"] } else { &[] };
    json!({"status": "success", "data": data, "warnings": warnings})
}

/// The next request of a connection.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let headers = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = headers.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length:")?.trim().parse().ok()
    });
    let length: usize = length.unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut first = headers.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    let form = if method == "POST" { format!("http://x/?{body}") } else { format!("http://x{path}") };
    let form = Url::parse(&form).ok()?;
    let field = |wanted: &str| {
        let mut fields = form.query_pairs();
        fields.find(|(name, _)| name == wanted).map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let number = |wanted: &str| field(wanted).parse::<f64>().ok();
    let times = match (number("start"), number("end"), number("step")) {
        (Some(start), Some(end), Some(step)) => {
            let count = ((end - start) / step).round() as u32;
            (0..=count).map(|place| start + step * f64::from(place)).collect()
        }
        _instant => Vec::new(),
    };
    Some(Request { method, path, headers, expression: field("query"), times })
}
