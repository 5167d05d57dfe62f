//! The sessions of a node that are spoken to by POST, which may arrive on another worker than the stream lives on.
//!
//! Holds the way to each and nothing else: a POST finds it, and waits for nothing while it holds the table.

use bytes::Bytes;
use dashmap::DashMap;
use fanfare_protocol::{Code, Error};
use tokio::sync::{mpsc, oneshot};

/// POSTs of one session that wait while too many of its answers do: as many as a browser opens connections, and some.
const WAITING_POSTS_MAX: usize = 8;

/// What a client is told to wait when there are more: a moment in which answers go out.
const FULL_RETRY_MS: u64 = 100;

/// The body of a POST, and whom to tell that it was taken. Dropped unsaid when the session ends before.
#[derive(Debug)]
pub struct Post {
    pub(super) lines: Bytes,
    pub(super) taken: oneshot::Sender<()>,
}

/// The POSTs of a session in their order, and the name under which it is found.
#[derive(Debug)]
pub struct Posts {
    /// Not to be guessed, for it is all that a POST needs: 128 random bits behind the name of the node.
    pub session: Box<str>,
    pub(super) waiting: mpsc::Receiver<Post>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sessions(DashMap<Box<str>, mpsc::Sender<Post>>);

impl Sessions {
    /// A new session on the node of this label. It ends with [`Sessions::end`].
    ///
    /// # Errors
    /// `INTERNAL` when the system has no chance to give.
    pub fn begin(&self, node: &str) -> Result<Posts, Error> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|error| Error::of(Code::Internal).with_message(error.to_string()))?;
        let session: Box<str> = format!("{node}.{:032x}", u128::from_be_bytes(secret)).into();
        let (sender, waiting) = mpsc::channel(WAITING_POSTS_MAX);
        self.0.insert(session.clone(), sender);
        Ok(Posts { session, waiting })
    }

    /// Nothing is posted to it any more.
    pub fn end(&self, session: &str) {
        self.0.remove(session);
    }

    /// Whether a session is there to be posted to.
    ///
    /// # Errors
    /// `NO_SUCH_SESSION`.
    pub fn find(&self, session: &str) -> Result<(), Error> {
        if self.0.contains_key(session) { Ok(()) } else { Err(Error::of(Code::NoSuchSession)) }
    }

    /// Hands envelopes to a session, a line each; resolves when it has begun with all of them.
    ///
    /// # Errors
    /// `NO_SUCH_SESSION`, `TOO_MANY_REQUESTS_IN_FLIGHT` when too many POSTs wait already.
    pub async fn post(&self, session: &str, lines: Bytes) -> Result<(), Error> {
        let ended = || Error::of(Code::NoSuchSession);
        let (taken, is_taken) = oneshot::channel();
        match self.0.get(session).ok_or_else(ended)?.try_send(Post { lines, taken }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(ended()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                let message = format!("{WAITING_POSTS_MAX} POSTs wait already: read the stream");
                let error = Error::of(Code::TooManyRequestsInFlight).with_message(message);
                return Err(error.with_retry_after_ms(FULL_RETRY_MS));
            }
        }
        is_taken.await.map_err(|_| ended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_name_of_its_own_that_begins_with_the_node() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin("n").unwrap(), sessions.begin("n").unwrap());
        assert_ne!(one.session, other.session);
        let secret = one.session.strip_prefix("n.").unwrap();
        assert!(secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
        assert!(sessions.find(&one.session).is_ok());
        sessions.end(&one.session);
        assert_eq!(sessions.find(&one.session).unwrap_err().known_code(), Some(Code::NoSuchSession));
        assert!(sessions.find(&other.session).is_ok());
    }
}
