//! What a shard will say: a named future, so that a proposal costs one small allocation and no box of its own.
//!
//! Not a channel of the runtime's: all answers of an entry are put in place before the first who waits is woken
//! ([`answer_all`]). Told one by one, a waiter on another core is awake for the first answer, finds the second
//! missing, sleeps and has to be woken again, hundreds of times an entry.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Unavailable;

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
    Pending(Arc<Mutex<Meeting<T>>>),
}

/// Where the answer and whoever waits for it meet.
#[derive(Debug)]
enum Meeting<T> {
    Waiting(Option<Waker>),
    Answered(Result<T, Unavailable>),
    /// The answer was taken. Asked again, a future must say something.
    Over,
}

/// The other end of a [`Promise`]: whoever holds it owes the answer. Dropped without one it says
/// [`Unavailable::Stopped`]: no one waits for ever.
#[derive(Debug)]
pub struct Ticket<T>(Option<Arc<Mutex<Meeting<T>>>>);

impl<T> Promise<T> {
    /// A promise and the ticket that redeems it.
    pub fn pending() -> (Ticket<T>, Self) {
        let meeting = Arc::new(Mutex::new(Meeting::Waiting(None)));
        (Ticket(Some(Arc::clone(&meeting))), Self(State::Pending(meeting)))
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
            State::Pending(meeting) => meeting.lock(),
        };
        match mem::replace(&mut *meeting, Meeting::Over) {
            Meeting::Answered(result) => Some(result),
            Meeting::Over => Some(Err(Unavailable::Stopped)),
            Meeting::Waiting(known) => {
                let known = known.filter(|known| waiter.is_none_or(|waiter| known.will_wake(waiter)));
                *meeting = Meeting::Waiting(known.or_else(|| waiter.cloned()));
                None
            }
        }
    }
}

impl<T> Ticket<T> {
    /// Keeps the promise. It does not matter whether anyone still waits: the command is applied all the same.
    pub fn answer(self, result: Result<T, Unavailable>) {
        if let Some(waiter) = self.settle(result) {
            waiter.wake();
        }
    }

    /// Puts the answer in place and tells who is to be woken.
    fn settle(mut self, result: Result<T, Unavailable>) -> Option<Waker> {
        let meeting = self.0.take()?;
        put(&meeting, result)
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let unanswered = self.0.take();
        if let Some(waiter) = unanswered.and_then(|meeting| put(&meeting, Err(Unavailable::Stopped))) {
            waiter.wake();
        }
    }
}

fn put<T>(meeting: &Mutex<Meeting<T>>, result: Result<T, Unavailable>) -> Option<Waker> {
    match mem::replace(&mut *meeting.lock(), Meeting::Answered(result)) {
        Meeting::Waiting(waiter) => waiter,
        Meeting::Answered(_) | Meeting::Over => None,
    }
}

/// Keeps many promises at once: first every answer is in place, then whoever waits is woken, a task that waits for
/// several in a row once.
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
        assert!(first.take(Some(&Waker::from(Arc::clone(&waiter)))).is_none());
        answer_all([(first_ticket, Ok(1)), (second_ticket, Ok(2))].into_iter());
        assert_eq!(*waiter.1.lock(), Some(2));
        assert_eq!(first.await, Ok(1));
    }
}
