//! Where metrics are served.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    str::FromStr,
};

/// Where metrics are served: an address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsAddress(SocketAddr);

/// A text that was to be a [`MetricsAddress`] and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address of this machine: give a port, such as 9187, or an address with one, 0.0.0.0:9187"
)]
pub struct NotAnAddress(String);

impl MetricsAddress {
    /// The address.
    #[must_use]
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for MetricsAddress {
    type Err = NotAnAddress;

    /// Reads `HOST:PORT`, or a port of the loopback interface.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(port) = text.trim_start_matches(':').parse() {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        let unknown = || NotAnAddress(text.to_owned());
        let found: Vec<_> = text.to_socket_addrs().map_err(|_| unknown())?.collect();
        // `localhost` may stand for both; what reads it is more often told of the older one.
        let address = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
        address.copied().map(Self).ok_or_else(unknown)
    }
}

impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_the_loopback_interface() {
        for (text, address) in [
            ("9187", "127.0.0.1:9187"),
            (":9187", "127.0.0.1:9187"),
            ("0.0.0.0:9187", "0.0.0.0:9187"),
            ("[::]:9187", "[::]:9187"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(text.parse::<MetricsAddress>().unwrap().to_string(), address);
        }
        for text in ["", "70000", "127.0.0.1", "http://127.0.0.1:9187"] {
            assert_eq!(text.parse::<MetricsAddress>(), Err(NotAnAddress(text.to_owned())));
        }
    }
}
