//! What a node exporter tells of the hosts, where Prometheus scrapes one.

use tokio::time::Instant;

use super::Observer;
use crate::client::{QueryError, answer::Data};

/// A value of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostValue {
    /// The host's `instance`, and the mount point behind it where there is one.
    pub host: String,
    /// The value.
    pub value: f64,
}

impl Observer {
    /// The file system with the least free space of all hosts, in bytes; nothing where no node exporter tells. Those that
    /// hold no data (memory, boot, images) are left out.
    ///
    /// # Errors
    /// When Prometheus gives no usable answer.
    pub async fn least_free_disk(&self) -> Result<Option<HostValue>, QueryError> {
        self.host(
            "bottomk(1, node_filesystem_avail_bytes{fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660|vfat\",\
             mountpoint!~\"/(boot|run|snap)(/.*)?\"})",
        )
        .await
    }

    /// The host whose clock is farthest from that of Prometheus, in seconds ahead; nothing where no node exporter tells.
    /// What a scrape takes is in it.
    ///
    /// # Errors
    /// When Prometheus gives no usable answer.
    pub async fn farthest_clock(&self) -> Result<Option<HostValue>, QueryError> {
        let ahead = "(node_time_seconds - timestamp(node_time_seconds))";
        self.host(&format!("{ahead} and topk(1, abs({ahead}))")).await
    }

    async fn host(&self, expression: &str) -> Result<Option<HostValue>, QueryError> {
        let deadline = Instant::now() + self.server.patience;
        let answer = self.server.prometheus.query(expression, None, deadline).await?;
        let Data::Vector(series) = answer.data else { return Ok(None) };
        Ok(series.first().and_then(|one| {
            let label = |name: &str| one.labels.get(name).map(String::as_str);
            let parts = [label("instance"), label("mountpoint")];
            let host = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
            Some(HostValue { host, value: one.value().filter(|value| value.is_finite())? })
        }))
    }
}
