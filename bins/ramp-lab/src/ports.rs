//! Free TCP ports on loopback.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

/// `N` distinct ports that were free a moment ago.
///
/// All are held until the last is found, so that they differ. Another program can still take one before its
/// user binds it: whoever starts something on them must be ready to choose again.
pub(crate) fn free<const N: usize>() -> io::Result<[u16; N]> {
    let listeners =
        (0..N).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<Vec<_>>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ports_chosen_together_differ() {
        let ports = free::<64>().unwrap();
        assert!(!ports.contains(&0));
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 64);
    }
}
