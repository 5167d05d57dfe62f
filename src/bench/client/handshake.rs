//! The handshake of a WebSocket: what is asked, and what the answer says.

use anyhow::{Result, bail};

/// An answer's head is shorter than this; more is no answer to us.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Where and how a WebSocket is opened.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// Value of the `Host` header.
    pub(crate) host: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) subprotocol: Option<&'static str>,
    /// Who asks, where the server wants to know.
    pub(crate) token: Option<String>,
}

impl Door {
    /// What is said first.
    pub(crate) fn request(&self) -> Vec<u8> {
        let Self { host, path, subprotocol, token } = self;
        let subprotocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
        let token = token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{subprotocol}{token}\r\n"
        )
        .into_bytes()
    }
}

/// The length of the answer's head, once it is there as a whole.
///
/// # Errors
/// When it is a no.
pub(crate) fn answered(input: &[u8]) -> Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        if input.len() > HEAD_BYTES_MAX {
            bail!("the server's answer to the handshake has no end");
        }
        return Ok(None);
    };
    if !input.starts_with(b"HTTP/1.1 101") {
        let line = input.split(|byte| *byte == b'\r').next().unwrap_or_default();
        bail!("the server opens no WebSocket, it answers `{}`", String::from_utf8_lossy(line));
    }
    Ok(Some(end + 4))
}
