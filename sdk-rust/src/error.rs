//! What goes wrong, typed: a kind to match on, the node's own error where there is one, the cause below, and a class
//! that says what to do. Knows no retry policy: whoever holds an error decides by [`Error::class`].

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fanfare_protocol::{Class, Code, ResourceVersion};

/// An error of this client. Cheap to clone: one loss of a connection is told to everyone who waits for it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    /// What was tried, in words; empty when the kind says it all.
    context: String,
    wire: Option<fanfare_protocol::Error>,
    source: Option<Cause>,
    is_uncertain: bool,
}

/// Any cause that an error may have below it.
pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// What went wrong, roughly. [`Error::code`] is more exact where a node said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The node answered with an error of its catalogue.
    Refused,
    /// No connection could be opened, or it broke.
    Unreachable,
    /// The token provider failed.
    Token,
    /// No answer came in time.
    Timeout,
    /// As much waits to be sent as may; nothing was queued.
    QueueFull,
    /// Larger than a frame may be; nothing was sent.
    TooLarge,
    /// A snapshot outgrew the buffer of a watch that nobody reads.
    Overflow,
    /// What the caller gave is not usable: a URL, the name of a topic, data that cannot be written as JSON.
    Input,
    /// The data of an event is not what the caller takes it for.
    Data,
    /// The node said something that cannot be understood.
    Protocol,
    /// The client was closed.
    Closed,
}

impl ErrorKind {
    fn sentence(self) -> &'static str {
        match self {
            Self::Refused => "the node refused",
            Self::Unreachable => "no connection to the node",
            Self::Token => "the token provider failed",
            Self::Timeout => "no answer in time",
            Self::QueueFull => "too much waits to be sent: wait for answers, or raise `queue_max`",
            Self::TooLarge => "larger than a frame may be",
            Self::Overflow => {
                "the snapshot is larger than an unread buffer may be: read faster, or raise `watch_bytes_max`"
            }
            Self::Input => "unusable input",
            Self::Data => "the data is not of the expected form",
            Self::Protocol => "the node broke the protocol",
            Self::Closed => "the client is closed",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self::build(kind, String::new(), None, None)
    }

    pub(crate) fn with_context(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self::build(kind, context.into(), None, None)
    }

    pub(crate) fn with_source(kind: ErrorKind, source: impl Into<Cause>) -> Self {
        Self::build(kind, String::new(), None, Some(source.into()))
    }

    /// The error that a number names, as a view's end and a close frame tell it; `message` may be empty.
    pub(crate) fn coded(number: u32, message: &str) -> Self {
        let code = u16::try_from(number).ok().and_then(Code::from_number);
        let unknown = || fanfare_protocol::Error { code: number, name: "UNKNOWN".to_owned(), ..Default::default() };
        let wire = code.map_or_else(unknown, fanfare_protocol::Error::of);
        let wire = if message.is_empty() { wire } else { wire.with_message(message) };
        wire.into()
    }

    fn build(kind: ErrorKind, context: String, wire: Option<fanfare_protocol::Error>, source: Option<Cause>) -> Self {
        Self(Arc::new(Inner { kind, context, wire, source, is_uncertain: false }))
    }

    /// What went wrong, roughly.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The node's code, if a node said it and this version knows it.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.wire().and_then(fanfare_protocol::Error::known_code)
    }

    /// What to do. Told by the number alone, so right for codes of later nodes too.
    #[must_use]
    pub fn class(&self) -> Class {
        match (self.wire(), self.kind()) {
            (Some(wire), _) => wire.class(),
            (None, ErrorKind::Unreachable | ErrorKind::Timeout) => Class::Retry,
            (None, ErrorKind::QueueFull) => Class::Wait,
            (None, ErrorKind::Token) => Class::Refresh,
            (None, _) => Class::Terminal,
        }
    }

    /// Whether the same may succeed later. Publishes are repeated by the client itself; see
    /// [`Self::may_have_taken_effect`] before you do.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.class(), Class::Retry | Class::Redirect | Class::Refresh | Class::Wait)
    }

    /// Of a publish: whether it may have taken effect all the same. It was sent, and no answer to one of its copies came.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        self.0.is_uncertain
    }

    /// As it is, of a publish of which a copy got no answer.
    pub(crate) fn uncertain(&self) -> Self {
        let Inner { kind, context, wire, .. } = &*self.0;
        // The cause cannot be copied; the error that had it can be the cause.
        let source = self.0.source.is_some().then(|| Cause::from(self.clone()));
        Self(Arc::new(Inner { kind: *kind, context: context.clone(), wire: wire.clone(), source, is_uncertain: true }))
    }

    /// How long the node asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.wire().and_then(|wire| wire.retry_after_ms).map(Duration::from_millis)
    }

    /// The version that is current, of `VERSION_CONFLICT`, `EPOCH_CHANGED` and `VERSION_AHEAD`.
    #[must_use]
    pub fn current(&self) -> Option<ResourceVersion> {
        self.wire().and_then(|wire| wire.current)
    }

    /// The oldest version from which the topic can be resumed, of `GONE`.
    #[must_use]
    pub fn oldest(&self) -> Option<ResourceVersion> {
        self.wire().and_then(|wire| wire.oldest)
    }

    /// The error as the node sent it, with its number, name, message and details.
    #[must_use]
    pub fn wire(&self) -> Option<&fanfare_protocol::Error> {
        self.0.wire.as_ref()
    }
}

impl From<fanfare_protocol::Error> for Error {
    fn from(wire: fanfare_protocol::Error) -> Self {
        Self::build(ErrorKind::Refused, String::new(), Some(wire), None)
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        fanfare_protocol::Error::of(code).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, context, wire, source, is_uncertain: _ } = &*self.0;
        match wire {
            Some(wire) => write!(f, "{wire}")?,
            None => f.write_str(kind.sentence())?,
        }
        if !context.is_empty() {
            write!(f, ": {context}")?;
        }
        match source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl PartialEq for Error {
    /// By kind and by what the node said; causes are not compared.
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind && self.0.wire == other.0.wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X3.
    #[test]
    fn an_error_of_a_later_node_is_classed_by_its_number() {
        let wire = fanfare_protocol::Error { code: 3477, name: "LATER".to_owned(), ..Default::default() };
        let error = Error::from(wire);
        assert_eq!((error.kind(), error.code(), error.class()), (ErrorKind::Refused, None, Class::Wait));
        assert!(error.is_retryable());
    }

    #[test]
    fn an_error_shows_what_the_node_said_and_what_it_asks_for() {
        let current = ResourceVersion::new(0xa, 7);
        let wire = fanfare_protocol::Error::of(Code::VersionAhead).with_current(current).with_retry_after_ms(40);
        let error = Error::from(wire);
        assert_eq!(error.to_string(), "VERSION_AHEAD (3401): the topic has not reached this version");
        assert_eq!((error.current(), error.retry_after()), (Some(current), Some(Duration::from_millis(40))));
        assert!(!Error::from(Code::VersionConflict).is_retryable());
    }

    #[test]
    fn a_cause_is_kept_and_shown() {
        let cause = std::io::Error::other("no route");
        let error = Error::with_source(ErrorKind::Unreachable, cause);
        assert_eq!(error.to_string(), "no connection to the node: no route");
        assert_eq!(error.source().unwrap().to_string(), "no route");
        assert_eq!(error.class(), Class::Retry);
    }
}
