//! Where the bytes of an outlet go.

use std::cell::RefCell;
use std::task::{Context, Waker};

use tokio::net::TcpStream;

/// See the module.
#[derive(Debug)]
pub(super) enum Exit {
    /// Whoever has something to say writes into it.
    Socket(TcpStream),
    /// An HTTP body pulls, and this wakes it.
    Body(RefCell<Option<Waker>>),
}

impl Exit {
    pub(super) fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Socket(stream) => Some(stream),
            Self::Body(_) => None,
        }
    }

    pub(super) fn register_body(&self, cx: &Context<'_>) {
        if let Self::Body(body) = self {
            let mut body = body.borrow_mut();
            if !body.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *body = Some(cx.waker().clone());
            }
        }
    }

    /// Tells a body that there may be something to pull.
    pub(super) fn wake_body(&self) {
        if let Self::Body(body) = self
            && let Some(body) = body.borrow().as_ref()
        {
            body.wake_by_ref();
        }
    }
}
