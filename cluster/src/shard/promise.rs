//! What a shard will say: a named future, so that a proposal costs one small allocation and no box of its own. Not a channel
//! of the runtime's, for the reason that [`super::ticket`] gives.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Unavailable;
use super::ticket::{Ticket, To};

/// Resolves once, to what a shard says.
#[derive(Debug)]
#[must_use = "a promise does nothing by itself, and its answer is the only word of the outcome"]
pub struct Promise<T>(State<T>);

/// The answer to a command: what its state machine returned for it.
pub type Proposal = Promise<Bytes>;

/// The index of an applied entry that includes everything acknowledged before the barrier was asked for.
pub type ReadBarrier = Promise<u64>;

#[derive(Debug)]
enum State<T> {
    Ready(Option<Result<T, Unavailable>>),
    Pending(Arc<Meeting<T>>),
}

/// Where the answer and whoever waits for it meet.
#[derive(Debug)]
pub(super) struct Meeting<T>(Mutex<Word<T>>);

#[derive(Debug)]
enum Word<T> {
    Waiting(Option<Waker>),
    Answered(Result<T, Unavailable>),
    /// The answer was taken. Asked again, a future must say something.
    Over,
}

impl<T> Promise<T> {
    /// A promise and the ticket that redeems it.
    pub fn pending() -> (Ticket<T>, Self) {
        let meeting = Arc::new(Meeting(Mutex::new(Word::Waiting(None))));
        (Ticket::to(To::Meeting(Arc::clone(&meeting))), Self(State::Pending(meeting)))
    }

    /// A promise that is kept already.
    pub fn ready(result: Result<T, Unavailable>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// The result if it needs no waiting, so that the caller may go on without a task; else the promise again.
    pub fn try_now(mut self) -> Result<Result<T, Unavailable>, Self> {
        self.take(None).ok_or(self)
    }

    fn take(&mut self, waiter: Option<&Waker>) -> Option<Result<T, Unavailable>> {
        let mut meeting = match &mut self.0 {
            State::Ready(result) => return Some(result.take().unwrap_or(Err(Unavailable::Stopped))),
            State::Pending(meeting) => meeting.0.lock(),
        };
        match mem::replace(&mut *meeting, Word::Over) {
            Word::Answered(result) => Some(result),
            Word::Over => Some(Err(Unavailable::Stopped)),
            Word::Waiting(known) => {
                let known = known.filter(|known| waiter.is_none_or(|waiter| known.will_wake(waiter)));
                *meeting = Word::Waiting(known.or_else(|| waiter.cloned()));
                None
            }
        }
    }
}

impl<T> Meeting<T> {
    /// Puts the answer in place and tells who is to be woken.
    pub(super) fn put(&self, result: Result<T, Unavailable>) -> Option<Waker> {
        match mem::replace(&mut *self.0.lock(), Word::Answered(result)) {
            Word::Waiting(waiter) => waiter,
            Word::Answered(_) | Word::Over => None,
        }
    }
}

// Nothing in it is pinned in place: answers are only moved out.
impl<T> Unpin for Promise<T> {}

impl<T> Future for Promise<T> {
    type Output = Result<T, Unavailable>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut().take(Some(context.waker())) {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_promise_resolves_to_what_its_ticket_says() {
        let (ticket, promise) = Promise::pending();
        ticket.answer(Ok(7));
        assert_eq!(promise.await, Ok(7));
        assert_eq!(Promise::<u64>::ready(Err(Unavailable::ShuttingDown)).await, Err(Unavailable::ShuttingDown));
    }

    #[tokio::test]
    async fn a_dropped_ticket_does_not_leave_anyone_waiting() {
        let (ticket, promise) = Promise::<u64>::pending();
        drop(ticket);
        assert_eq!(promise.await, Err(Unavailable::Stopped));
    }

    #[test]
    fn a_kept_promise_needs_no_task() {
        assert_eq!(Promise::ready(Ok(1)).try_now().ok(), Some(Ok(1)));
        let (ticket, promise) = Promise::pending();
        let promise = promise.try_now().expect_err("nothing was said yet");
        ticket.answer(Ok(2));
        assert_eq!(promise.try_now().ok(), Some(Ok(2)));
    }

    #[tokio::test]
    async fn a_promise_that_was_looked_at_still_wakes_its_last_waiter() {
        let (ticket, promise) = Promise::pending();
        let promise = promise.try_now().expect_err("nothing was said yet");
        let (told, waiting) = tokio::join!(async { ticket.answer(Ok(3)) }, promise);
        assert_eq!((told, waiting), ((), Ok(3)));
        let (ticket, mut promise) = Promise::pending();
        assert!(futures_poll(&mut promise).await.is_pending());
        let waits = tokio::spawn(promise);
        tokio::task::yield_now().await;
        ticket.answer(Ok(4));
        assert_eq!(waits.await.unwrap(), Ok(4));
    }

    async fn futures_poll<T>(promise: &mut Promise<T>) -> Poll<Result<T, Unavailable>> {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *promise).poll(context))).await
    }
}
