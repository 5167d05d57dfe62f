//! Keys that Fanfare knows and this version does not act on. Giving one is an error: a node that ignored
//! `auth` or `tls.certificate` in silence would be open while its owner believes it closed.

/// A key, or a whole section, of a later version.
#[derive(Debug)]
pub(super) struct Later {
    /// Its path; of `[[namespace]]` without the place in the list.
    pub(super) path: &'static str,
    /// What it will be for.
    pub(super) about: &'static str,
    /// What to do instead of giving it.
    pub(super) instead: &'static str,
}

pub(super) const LATER: [Later; 10] = [
    Later {
        path: "server.trusted_proxies",
        about: "addresses of clients behind a proxy",
        instead: "remove it, nothing depends on a client's address yet",
    },
    Later { path: "server.tls.certificate", about: "TLS of the node itself", instead: TLS_INSTEAD },
    Later { path: "server.tls.key", about: "TLS of the node itself", instead: TLS_INSTEAD },
    Later {
        path: "delivery.linger_ms",
        about: "merging of deliveries across topics",
        instead: "remove it, deliveries of a topic are merged without it",
    },
    Later { path: "cluster", about: "a node of a cluster", instead: "remove the section and run a single node" },
    Later {
        path: "auth",
        about: "who may do what",
        instead: "remove the section and let a proxy that authenticates stand before the node",
    },
    Later { path: "admin", about: "the admin page", instead: "remove the section" },
    Later { path: "webhooks", about: "calls to your backend", instead: "remove the section and watch the topics" },
    Later { path: "namespace.presence", about: "who is in a topic", instead: "remove it" },
    Later { path: "namespace.anonymous", about: "what is open to everyone", instead: "remove it, every topic is" },
];

const TLS_INSTEAD: &str =
    "remove it, let a proxy in front of the node end TLS, and set `server.tls.terminated_by_proxy = true`";

/// The row that covers a path: its own, or that of its section.
pub(super) fn covering(path: &str) -> Option<&'static Later> {
    LATER
        .iter()
        .find(|later| path.strip_prefix(later.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_covers_its_keys_and_nothing_that_only_begins_like_it() {
        assert_eq!(covering("auth.keys").map(|later| later.path), Some("auth"));
        assert_eq!(covering("auth").map(|later| later.path), Some("auth"));
        assert!(covering("authors").is_none());
        assert!(covering("server.tls.terminated_by_proxy").is_none());
    }
}
