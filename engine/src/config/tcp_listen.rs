//! Where raw TCP is listened for, if anywhere.

use core::net::SocketAddr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpListen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl TcpListen {
    const OFF: &str = "off";

    /// Where, if anywhere.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl Serialize for TcpListen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str(Self::OFF),
            Self::At(address) => address.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TcpListen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == Self::OFF {
            return Ok(Self::Off);
        }
        let wrong = || D::Error::custom(format_args!("expected `{}` or an address as `127.0.0.1:8001`", Self::OFF));
        text.parse().map(Self::At).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::server::ServerConfig;

    #[test]
    fn raw_tcp_is_off_or_at_an_address() {
        let listen = |text: &str| toml::from_str::<ServerConfig>(&format!("tcp_listen = {text}"));
        let address = |text: &str| listen(text).unwrap().tcp_listen.address();
        assert_eq!(ServerConfig::default().tcp_listen.address(), None);
        assert_eq!(address("\"off\""), None);
        assert_eq!(address("\"[::1]:9\""), Some("[::1]:9".parse().unwrap()));
        for wrong in ["\"on\"", "\"9000\"", "9000", "\"localhost:9000\"", "false"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
        let written = toml::to_string(&listen("\"127.0.0.1:9\"").unwrap()).unwrap();
        assert!(written.contains("tcp_listen = \"127.0.0.1:9\""), "{written}");
    }

    #[test]
    fn raw_tcp_beyond_loopback_is_beyond_loopback() {
        let exposed = |text: &str| {
            let server = toml::from_str::<ServerConfig>(text).unwrap();
            server.exposed().map(|(key, _)| key)
        };
        assert_eq!(exposed(""), None);
        assert_eq!(exposed("tcp_listen = \"127.0.0.1:1\""), None);
        assert_eq!(exposed("tcp_listen = \"0.0.0.0:1\""), Some("server.tcp_listen"));
        assert_eq!(exposed("listen = \"0.0.0.0:1\"\ntcp_listen = \"0.0.0.0:1\""), Some("server.listen"));
    }
}
