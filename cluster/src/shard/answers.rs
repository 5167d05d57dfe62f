//! The answers to many proposals of one caller, in one place: a proposal costs no allocation of its own, and all answers that
//! come at once cost one wake-up.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Unavailable;
use super::ticket::{Ticket, To};

/// See the module; clones share it. Unbounded by itself: it holds as many answers as tickets were drawn and not yet taken.
#[derive(Debug)]
pub struct Answers<T>(Arc<Gathering<T>>);

/// An answer, and the name that its ticket was drawn for.
pub type Answered<T> = (u64, Result<T, Unavailable>);

#[derive(Debug)]
pub(super) struct Gathering<T>(Mutex<Gathered<T>>);

#[derive(Debug)]
struct Gathered<T> {
    answers: Vec<Answered<T>>,
    waiter: Option<Waker>,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Arc::new(Gathering(Mutex::new(Gathered { answers: Vec::new(), waiter: None }))))
    }
}

impl<T> Clone for Answers<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Answers<T> {
    /// A ticket whose answer comes here, under a name of the caller's.
    #[must_use]
    pub fn ticket(&self, name: u64) -> Ticket<T> {
        Ticket::to(To::Gathering(Arc::clone(&self.0), name))
    }

    /// All answers that have come since, in the order in which they came; pending when there are none. The last who asked
    /// is woken.
    pub fn poll(&self, context: &Context<'_>) -> Poll<Vec<Answered<T>>> {
        let mut gathered = self.0.0.lock();
        if !gathered.answers.is_empty() {
            return Poll::Ready(mem::take(&mut gathered.answers));
        }
        if !gathered.waiter.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            gathered.waiter = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> Gathering<T> {
    /// Puts an answer in place and tells who is to be woken: for the first that nobody has taken.
    pub(super) fn put(&self, name: u64, result: Result<T, Unavailable>) -> Option<Waker> {
        let mut gathered = self.0.lock();
        gathered.answers.push((name, result));
        if gathered.answers.len() == 1 { gathered.waiter.clone() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Wake;

    use super::super::ticket::answer_all;
    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU64);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn answers_that_come_at_once_are_taken_at_once_and_wake_once() {
        let (answers, wakes) = (Answers::default(), Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&wakes));
        let context = Context::from_waker(&waker);
        let tickets: Vec<_> = (0..3).map(|name| answers.ticket(name)).collect();
        assert_eq!(answers.poll(&context), Poll::Pending);
        answer_all(tickets.into_iter().zip([Ok('a'), Err(Unavailable::ShuttingDown), Ok('c')]));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        let all = vec![(0, Ok('a')), (1, Err(Unavailable::ShuttingDown)), (2, Ok('c'))];
        assert_eq!(answers.poll(&context), Poll::Ready(all));
        assert_eq!(answers.poll(&context), Poll::Pending);
        answers.ticket(4).answer(Ok('e'));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2, "what comes after the last were taken wakes again");
    }

    #[test]
    fn a_dropped_ticket_is_an_answer_too() {
        let answers = Answers::<char>::default();
        drop(answers.ticket(7));
        let context = Context::from_waker(Waker::noop());
        assert_eq!(answers.poll(&context), Poll::Ready(vec![(7, Err(Unavailable::Stopped))]));
    }
}
