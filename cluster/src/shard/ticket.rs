//! The other end of what somebody waits for.
//!
//! All answers of an entry are put in place before the first who waits is woken ([`answer_all`]). Told one by one, a waiter on
//! another core is awake for the first answer, finds the second missing, sleeps and has to be woken again, hundreds of times
//! an entry.

use std::sync::Arc;
use std::task::Waker;

use super::Unavailable;
use super::answers::Gathering;
use super::promise::Meeting;

/// Whoever holds it owes an answer, to a [`Promise`](super::Promise) or to one of many [`Answers`](super::Answers). Dropped
/// without one it says [`Unavailable::Stopped`]: no one waits for ever.
#[derive(Debug)]
pub struct Ticket<T>(Option<To<T>>);

/// Where the answer goes.
#[derive(Debug)]
pub(super) enum To<T> {
    Meeting(Arc<Meeting<T>>),
    /// Under this name.
    Gathering(Arc<Gathering<T>>, u64),
}

impl<T> Ticket<T> {
    pub(super) fn to(to: To<T>) -> Self {
        Self(Some(to))
    }

    /// Answers. It does not matter whether anyone still waits: the command is applied all the same.
    pub fn answer(self, result: Result<T, Unavailable>) {
        if let Some(waiter) = self.settle(result) {
            waiter.wake();
        }
    }

    /// Puts the answer in place and tells who is to be woken.
    fn settle(mut self, result: Result<T, Unavailable>) -> Option<Waker> {
        self.0.take()?.put(result)
    }
}

impl<T> To<T> {
    fn put(self, result: Result<T, Unavailable>) -> Option<Waker> {
        match self {
            Self::Meeting(meeting) => meeting.put(result),
            Self::Gathering(gathering, name) => gathering.put(name, result),
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let unanswered = self.0.take();
        if let Some(waiter) = unanswered.and_then(|to| to.put(Err(Unavailable::Stopped))) {
            waiter.wake();
        }
    }
}

/// Answers many: first every answer is in place, then whoever waits is woken, a task that waits for several in a row once.
pub(crate) fn answer_all<T>(answers: impl Iterator<Item = (Ticket<T>, Result<T, Unavailable>)>) {
    let mut waiters: Vec<Waker> = Vec::new();
    for (ticket, result) in answers {
        if let Some(waiter) = ticket.settle(result)
            && !waiters.last().is_some_and(|last| last.will_wake(&waiter))
        {
            waiters.push(waiter);
        }
    }
    for waiter in waiters {
        waiter.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use parking_lot::Mutex;

    use super::super::Promise;
    use super::*;

    #[tokio::test]
    async fn answers_are_all_in_place_before_anyone_is_woken() {
        struct LooksAround(Mutex<Option<Promise<u64>>>, Mutex<Option<u64>>);
        impl std::task::Wake for LooksAround {
            fn wake(self: Arc<Self>) {
                let other = self.0.lock().take().expect("woken once");
                *self.1.lock() = other.try_now().ok().and_then(Result::ok);
            }
        }
        let (first_ticket, mut first) = Promise::pending();
        let (second_ticket, second) = Promise::pending();
        let waiter = Arc::new(LooksAround(Mutex::new(Some(second)), Mutex::new(None)));
        assert!(poll_once(&mut first, &Waker::from(Arc::clone(&waiter))).is_pending());
        answer_all([(first_ticket, Ok(1)), (second_ticket, Ok(2))].into_iter());
        assert_eq!(*waiter.1.lock(), Some(2));
        assert_eq!(first.await, Ok(1));
    }

    fn poll_once<T>(promise: &mut Promise<T>, waker: &Waker) -> Poll<Result<T, Unavailable>> {
        Pin::new(promise).poll(&mut Context::from_waker(waker))
    }
}
