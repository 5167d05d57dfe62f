//! Whether a node may listen where it was told to. Beyond loopback a node needs auth and TLS; this version has
//! neither of its own, so that only a proxy, or an explicit word, opens it.

use core::net::SocketAddr;

use super::settings::Config;

/// Why a node must not be started without the explicit word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exposed {
    /// A proxy ends TLS, but nobody is asked who he is.
    #[error(
        "`{key}` = {address} is beyond loopback and this version has no auth: listen on 127.0.0.1 or [::1] behind a \
         proxy that authenticates, or give --insecure-open to let in everyone who can reach it"
    )]
    WithoutAuth {
        /// Of the listener.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
    },
    /// Everyone on the way can read, too.
    #[error(
        "`{key}` = {address} is beyond loopback and this version has neither auth nor TLS of its own: listen on \
         127.0.0.1 or [::1] behind a proxy that has both, or give --insecure-open to let in everyone who can reach it, \
         unencrypted"
    )]
    WithoutAuthAndTls {
        /// Of the listener.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
    },
}

impl Config {
    /// Asked before the node listens, unless the operator opened it on purpose.
    ///
    /// # Errors
    /// When others than this machine could reach the node.
    pub fn exposure(&self) -> Result<(), Exposed> {
        match (self.server.exposed(), self.server.tls.terminated_by_proxy) {
            (None, _) => Ok(()),
            (Some((key, address)), true) => Err(Exposed::WithoutAuth { key, address }),
            (Some((key, address)), false) => Err(Exposed::WithoutAuthAndTls { key, address }),
        }
    }
}
