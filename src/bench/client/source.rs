//! The addresses that connections come from. One address has some 28,000 ports for one destination; whoever wants more
//! connections needs more addresses, and on loopback all of 127.0.0.0/8 is one's own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, anyhow, bail};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Linux's own choice, where the range cannot be read.
const PORTS: usize = 28_232;

/// Of an address's ports, those that are taken: others on the machine need some too.
const SHARE: f64 = 0.8;

/// Addresses, taken in turn; none leaves the choice to the system.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    addresses: Vec<IpAddr>,
    turn: usize,
}

impl Sources {
    /// Those that were asked for, or as many as so many ports need when the target is on this machine.
    pub(crate) fn new(asked: Vec<IpAddr>, target: SocketAddr, ports: usize) -> Self {
        if !asked.is_empty() || !matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
            return Self { addresses: asked, turn: 0 };
        }
        let each = (ports_of_an_address() as f64 * SHARE) as usize;
        let count = ports.div_ceil(each.max(1)).min(250);
        let addresses = match count {
            0 | 1 => Vec::new(),
            many => (1..=many).map(|host| Ipv4Addr::new(127, 0, 0, host as u8).into()).collect(),
        };
        Self { addresses, turn: 0 }
    }

    /// Begins to connect, from the next address.
    pub(crate) fn connect(&mut self, target: SocketAddr) -> Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(address) = self.addresses.get(self.turn % self.addresses.len().max(1)) {
            socket.bind(&SocketAddr::new(*address, 0).into()).with_context(|| {
                format!("{address} gives no port: name addresses of this machine with --sources, or more of them")
            })?;
            self.turn = self.turn.wrapping_add(1);
        }
        match socket.connect(&target.into()) {
            Ok(()) => {}
            Err(error) if is_in_progress(&error) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                bail!(
                    "no port is left for a connection to {target}: name more addresses of this machine with --sources"
                )
            }
            Err(error) => return Err(anyhow!(error).context(format!("no connection to {target} can be begun"))),
        }
        Ok(TcpStream::from_std(socket.into()))
    }
}

fn is_in_progress(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    error.kind() == std::io::ErrorKind::WouldBlock
}

fn ports_of_an_address() -> usize {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let bounds: Vec<usize> = text.split_whitespace().filter_map(|bound| bound.parse().ok()).collect();
    match bounds[..] {
        [low, high] if high >= low => high - low + 1,
        _ => PORTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_connections_than_ports_come_from_more_addresses() {
        let target = SocketAddr::from(([127, 0, 0, 1], 8000));
        assert!(Sources::new(Vec::new(), target, 100).addresses.is_empty());
        assert!(Sources::new(Vec::new(), target, 200_000).addresses.len() > 3);
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 8000));
        assert!(Sources::new(Vec::new(), elsewhere, 200_000).addresses.is_empty());
        let asked = vec![Ipv4Addr::LOCALHOST.into()];
        assert_eq!(Sources::new(asked.clone(), target, 200_000).addresses, asked);
    }
}
