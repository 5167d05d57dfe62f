//! Which pages may talk to this node: asked by every route and by the WebSocket handshake.
//!
//! A browser names the page's origin on everything a page could do harm with, except on its same-origin reads; who is
//! no browser names none. So an origin is judged where there is one, and on a listener that only this machine can
//! reach the `Host` is judged always: a page that has its own name resolve to 127.0.0.1 (DNS rebinding) counts as same
//! origin for the browser, and would otherwise read what was never meant for it. Does not authenticate anyone.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Stands for every origin in the list of allowed ones.
const ANY: &str = "*";

/// Whether a request with this `Origin` and `Host` may be served.
///
/// * An origin that is listed (exactly, or by `*`) may always.
/// * On a loopback listener the host must be a loopback name, or that of a listed origin; then every loopback origin
///   may, whatever its port, and so may who names no origin.
/// * Elsewhere who names no origin may, and so may the same origin: host and port equal.
#[must_use]
pub(super) fn allowed(
    origin: Option<&str>,
    host: Option<&str>,
    listener_is_loopback: bool,
    allowed: &[String],
) -> bool {
    let host = host.map(|host| Place::parse(host, None));
    if listener_is_loopback && !host.is_none_or(|host| host.is_some_and(|host| host.is_expected(allowed))) {
        return false;
    }
    let Some(origin) = origin else { return true };
    if allowed.iter().any(|listed| listed == ANY || listed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    match (Place::of_origin(origin), host.flatten()) {
        (Some(page), Some(host)) if listener_is_loopback => page.is_loopback() && host.is_loopback(),
        (Some(page), Some(host)) => page.is_same(&host),
        _ => false,
    }
}

/// Whether a request comes from a page of this very node under a loopback name, or from no page: what the admin routes
/// ask for, whatever may be listed.
#[must_use]
pub(super) fn is_own(origin: Option<&str>, host: Option<&str>) -> bool {
    let host = host.map(|host| Place::parse(host, None));
    if !host.is_none_or(|host| host.is_some_and(|host| host.is_loopback())) {
        return false;
    }
    let Some(origin) = origin else { return true };
    matches!((Place::of_origin(origin), host.flatten()), (Some(page), Some(host)) if page.is_same(&host))
}

/// A host and perhaps a port.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    host: &'a str,
    port: Option<u16>,
    port_default: Option<u16>,
}

impl<'a> Place<'a> {
    /// `scheme://host[:port]`. `None` for `null` and for what is no origin.
    fn of_origin(origin: &'a str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let port_default = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        Self::parse(authority, port_default)
    }

    /// `host[:port]`.
    fn parse(authority: &'a str, port_default: Option<u16>) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let is_name = !host.is_empty() && !host.contains(['/', '@', '?', '#', '[', ']', ' ']);
        let port = port.map(|port| port.parse().ok()).map_or(Some(None), |port| port.map(Some))?;
        is_name.then_some(Self { host, port, port_default })
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.to_ascii_lowercase();
        let is_v6 =
            |address: Ipv6Addr| address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback());
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
            || host.parse().is_ok_and(is_v6)
    }

    /// The `Host` of a loopback listener that was reached on purpose.
    fn is_expected(&self, allowed: &[String]) -> bool {
        let is_its_host = |listed: &String| Place::of_origin(listed).is_some_and(|place| place.is_same(self));
        self.is_loopback() || allowed.iter().any(|listed| listed == ANY || is_its_host(listed))
    }

    /// `self` is of an origin, whose scheme tells the port that is left out on either side.
    fn is_same(&self, host: &Self) -> bool {
        self.host.eq_ignore_ascii_case(host.host) && self.port.or(self.port_default) == host.port.or(self.port_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: bool = true;
    const PUBLIC: bool = false;

    fn ask(origin: &str, host: &str, is_loopback: bool, listed: &[&str]) -> bool {
        let listed: Vec<_> = listed.iter().map(|origin| (*origin).to_owned()).collect();
        let text = |text: &'static str| (!text.is_empty()).then_some(text);
        allowed(text(leak(origin)), text(leak(host)), is_loopback, &listed)
    }

    fn leak(text: &str) -> &'static str {
        text.to_owned().leak()
    }

    #[test]
    fn who_names_no_origin_is_no_page() {
        assert!(ask("", "chat.example.com", PUBLIC, &[]));
        assert!(ask("", "localhost:8000", LOOPBACK, &[]));
        assert!(ask("", "", LOOPBACK, &[]));
    }

    #[test]
    fn a_listed_origin_may_from_anywhere() {
        for is_loopback in [LOOPBACK, PUBLIC] {
            assert!(ask("https://app.example.com", "localhost:8000", is_loopback, &["https://app.example.com"]));
            assert!(ask("https://app.example.com", "localhost", is_loopback, &["*"]));
            assert!(!ask("https://app.example.com", "localhost", is_loopback, &["https://example.com"]));
            assert!(!ask("http://app.example.com", "localhost", is_loopback, &["https://app.example.com"]));
        }
        assert!(ask("null", "api.example.com", PUBLIC, &["null"]));
    }

    #[test]
    fn every_loopback_page_may_ask_a_loopback_listener() {
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "https://a.localhost:1",
            "http://127.0.0.1:9",
            "http://127.8.9.1",
            "http://[::1]:80",
        ] {
            for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "app.localhost"] {
                assert!(ask(origin, host, LOOPBACK, &[]), "{origin} at {host}");
            }
        }
    }

    /// Threat 1 of the design: cross-site WebSocket hijacking.
    #[test]
    fn a_foreign_page_may_not() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://",
            "http://localhost.evil.example",
            "http://evil-localhost",
            "localhost:8000",
            "http://127.0.0.1.evil.example",
            "http://user@localhost",
            "file://",
            "chrome-extension://abc",
            "http://localhost:99999",
        ] {
            let asked = allowed(Some(origin), Some("localhost:8000"), LOOPBACK, &[]);
            assert!(!asked, "{origin} at a loopback listener");
            assert!(!allowed(Some(origin), Some("chat.example.com"), PUBLIC, &[]), "{origin} at a public listener");
        }
    }

    /// A name of the attacker's that resolves to 127.0.0.1 is the same origin for the browser, and reads name no origin.
    #[test]
    fn a_rebound_name_may_not_ask_a_loopback_listener() {
        for origin in ["", "http://evil.example:8000", "http://localhost:8000"] {
            assert!(!ask(origin, "evil.example:8000", LOOPBACK, &[]), "{origin}");
        }
        assert!(!ask("", "user@localhost", LOOPBACK, &[]));
    }

    #[test]
    fn a_proxy_on_this_machine_is_expected_once_its_origin_is_listed() {
        assert!(ask("https://chat.example.com", "chat.example.com", LOOPBACK, &["https://chat.example.com"]));
        assert!(ask("", "chat.example.com", LOOPBACK, &["https://chat.example.com"]));
        assert!(!ask("", "other.example.com", LOOPBACK, &["https://chat.example.com"]));
    }

    #[test]
    fn a_public_listener_takes_its_own_origin() {
        assert!(ask("https://chat.example.com", "chat.example.com", PUBLIC, &[]));
        assert!(ask("https://chat.example.com", "CHAT.example.com:443", PUBLIC, &[]));
        assert!(ask("http://chat.example.com:8000", "chat.example.com:8000", PUBLIC, &[]));
        assert!(ask("http://[2001:db8::1]:8000", "[2001:db8::1]:8000", PUBLIC, &[]));
        assert!(!ask("http://chat.example.com:8001", "chat.example.com:8000", PUBLIC, &[]));
        assert!(!ask("http://chat.example.com", "chat.example.com:8000", PUBLIC, &[]));
        assert!(!ask("http://localhost:8000", "chat.example.com:8000", PUBLIC, &[]));
    }
}
