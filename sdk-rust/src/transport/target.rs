//! Where to connect: the URL that a user types, turned into the one that a socket is opened to.

use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::{PathAndQuery, Scheme};

use crate::error::{Error, ErrorKind};

/// The route of WebSocket sessions below the node's address.
const ROUTE: &str = "/v1/ws";

/// A checked address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target(Uri);

impl Target {
    /// Takes `ws`, `wss`, `http` and `https`, with or without the route, also below a path.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::with_context(ErrorKind::Input, format!("`{url}` {why}"));
        let uri: Uri = url.parse().map_err(|_| refuse("is not a URL"))?;
        let mut parts = uri.into_parts();
        let (scheme, is_secure) = match parts.scheme.as_ref().map(Scheme::as_str) {
            Some("http" | "ws") => ("ws", false),
            Some("https" | "wss") => ("wss", true),
            _ => return Err(refuse("has none of the schemes `http`, `https`, `ws`, `wss`")),
        };
        if is_secure && !cfg!(feature = "tls") {
            return Err(refuse("needs the cargo feature `tls` of `fanfare-client`"));
        }
        parts.scheme = Some(scheme.parse().map_err(|_| refuse("is not a URL"))?);
        let path = parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/');
        let path = if path.ends_with(ROUTE) { path.to_owned() } else { format!("{path}{ROUTE}") };
        parts.path_and_query = Some(path.parse().map_err(|_| refuse("is not a URL"))?);
        Uri::from_parts(parts).map(Self).map_err(|_| refuse("is not a URL"))
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_way_to_name_a_node_leads_to_its_route() {
        for (url, expected) in [
            ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/ws"),
            ("ws://node/", "ws://node/v1/ws"),
            ("ws://node/v1/ws", "ws://node/v1/ws"),
            ("http://node/behind/a/proxy/", "ws://node/behind/a/proxy/v1/ws"),
            ("http://[::1]:8000/v1/ws?token=no", "ws://[::1]:8000/v1/ws"),
        ] {
            assert_eq!(Target::parse(url).unwrap().uri().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for url in ["", "node", "127.0.0.1:8000", "ftp://node", "http://", "http://a b"] {
            assert_eq!(Target::parse(url).unwrap_err().kind(), ErrorKind::Input, "{url}");
        }
    }
}
