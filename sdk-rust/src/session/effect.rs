//! What the session asks its shell to do. Watches and tickets are numbers that the handles give out.

use fanfare_protocol::{HistoryPage, Message, Published, ResourceVersion};

use super::connection_state::ConnectionState;
use crate::error::Error;
use crate::event::Event;

/// A watch of the application, from `open` to drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WatchId(pub(crate) u64);

/// A request of the application that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Tickets of applications are counted from the other end.
    const OWN: u64 = 1 << 63;

    /// Of a request that nobody but the session waits for.
    pub(super) const fn own(number: u64) -> Self {
        Self(Self::OWN | number)
    }

    pub(super) const fn is_own(self) -> bool {
        self.0 & Self::OWN != 0
    }
}

/// What a session wants done, in order.
pub(crate) type Effects = Vec<Effect>;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Get a token, open a socket, report `opened` or `lost`.
    Dial,
    /// Drop the socket, or the attempt to open one; nothing more is heard of it.
    HangUp,
    /// Say this. Envelopes of one step may share a frame.
    Send(u64, Box<Message>),
    /// Provoke a sign of life.
    Ping,
    /// Get a token and report `refreshed`; the connection lives on.
    FetchToken,
    /// Hand this to the reader of a watch, which reports what it took.
    Deliver(WatchId, Delivery),
    /// Tell the reader of a watch that it is over, and why unless it simply closed.
    EndWatch(WatchId, Option<Error>),
    /// Answer a request of the application.
    Answer(Ticket, Result<Answer, Error>),
    /// Show how the connection stands.
    Show(ConnectionState),
    /// There is nothing more to do, ever.
    Finish,
}

/// What the reader of a watch took since it said so last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The weight of the deliveries that it finished.
    pub(crate) bytes: usize,
    /// Events.
    pub(crate) count: u64,
}

/// What one frame brings to one watch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// In the order of the topic; none when the frame only moves the cursor.
    pub(crate) events: Vec<Event>,
    /// Once the events are taken: everything up to here was delivered. `None` inside of a snapshot that cannot be
    /// continued from within.
    pub(crate) cursor: Option<ResourceVersion>,
    /// What it takes in memory, roughly.
    pub(crate) weight_bytes: usize,
}

/// A good answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// To a publish.
    Published(Published),
    /// To a request for history.
    Page(HistoryPage),
}
