//! Free TCP ports on loopback.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

use serde::{Deserialize, Serialize};

/// The ports of a laboratory, all different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// The source's plain listener.
    pub(crate) source: u16,
    /// The source's controller.
    pub(crate) source_controller: u16,
    /// The source's listener with TLS, where it has one.
    pub(crate) source_tls: u16,
    /// The target's listener.
    pub(crate) target: u16,
    /// The target's controller.
    pub(crate) target_controller: u16,
    /// Connect's REST interface.
    pub(crate) connect: u16,
    /// Connect's metrics.
    pub(crate) connect_metrics: u16,
    /// Prometheus.
    pub(crate) prometheus: u16,
    /// The node exporter.
    pub(crate) node: u16,
}

impl Ports {
    /// `kept` if all of them are free, otherwise others that were free a moment ago.
    ///
    /// Another program can still take one before its user binds it: whoever starts something on them must be ready to
    /// choose again.
    pub(crate) fn choose(kept: Option<Self>) -> io::Result<Self> {
        if let Some(ports) = kept.filter(|ports| listen(&ports.all()).is_ok()) {
            return Ok(ports);
        }
        let listeners = listen(&[0; 9])?;
        let mut ports = [0; 9];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr()?.port();
        }
        let [
            source,
            source_controller,
            source_tls,
            target,
            target_controller,
            connect,
            connect_metrics,
            prometheus,
            node,
        ] = ports;
        Ok(Self {
            source,
            source_controller,
            source_tls,
            target,
            target_controller,
            connect,
            connect_metrics,
            prometheus,
            node,
        })
    }

    const fn all(&self) -> [u16; 9] {
        [
            self.source,
            self.source_controller,
            self.source_tls,
            self.target,
            self.target_controller,
            self.connect,
            self.connect_metrics,
            self.prometheus,
            self.node,
        ]
    }
}

/// Binds all of them at once, so that those chosen by the system differ.
fn listen(ports: &[u16]) -> io::Result<Vec<TcpListener>> {
    ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ports_chosen_together_differ() {
        let ports = Ports::choose(None).unwrap().all();
        assert!(!ports.contains(&0));
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    }

    #[test]
    fn kept_ports_are_left_when_one_of_them_is_taken() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let kept = Ports { target: taken.local_addr().unwrap().port(), ..Ports::choose(None).unwrap() };
        assert_ne!(Ports::choose(Some(kept)).unwrap().target, kept.target);
    }
}
