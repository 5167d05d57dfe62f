//! What reaches a session over SSE and POST: the lines of its POSTs and notices from its worker, as one stream.
//!
//! The twin of `inbound`, for who has no socket of his own: the HTTP answer that carries the events is pulled by its
//! own connection. A client that does not take its answers has its POSTs wait.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use fanfare_cluster::Answers;
use futures_util::Stream;
use tokio::sync::oneshot;

use super::inbound::Input;
use super::reader::Inbound;
use super::sessions::Posts;
use crate::hub::{Hub, Outlet};

/// See the module. The session is no longer found once this is dropped.
#[derive(Debug)]
pub(super) struct PostedStream {
    hub: Rc<Hub>,
    outlet: Rc<Outlet>,
    answers: Answers<Bytes>,
    posts: Posts,
    /// What the request that opened the stream said.
    first: Option<Bytes>,
    /// Who waits for the lines that are being handled.
    taken: Option<oneshot::Sender<()>>,
}

impl PostedStream {
    pub(super) fn new(hub: Rc<Hub>, outlet: Rc<Outlet>, answers: Answers<Bytes>, posts: Posts, first: Bytes) -> Self {
        let first = Some(first).filter(|lines| !lines.is_empty());
        Self { hub, outlet, answers, posts, first, taken: None }
    }

    fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        if let Some(lines) = self.first.take() {
            return Poll::Ready(lines);
        }
        match self.posts.waiting.poll_recv(cx) {
            Poll::Ready(Some(post)) => {
                self.taken = Some(post.taken);
                Poll::Ready(post.lines)
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Nothing more is heard: those who wait are told that the session is over.
    fn refuse(&mut self) {
        self.first = None;
        self.posts.waiting.close();
        while self.posts.waiting.try_recv().is_ok() {}
    }
}

impl Stream for PostedStream {
    type Item = Input;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Input>> {
        let this = self.get_mut();
        this.outlet.register(cx);
        if let Some(taken) = this.taken.take() {
            // Who has hung up does not need to know.
            let _ = taken.send(());
        }
        if let Some(notice) = this.outlet.take_notice() {
            return Poll::Ready(Some(Input::Notice(notice)));
        }
        if this.outlet.is_closed() {
            return Poll::Ready(None);
        }
        if this.outlet.is_closing() {
            this.refuse();
        } else if this.outlet.poll_room(cx).is_ready()
            && let Poll::Ready(lines) = this.poll_lines(cx)
        {
            return Poll::Ready(Some(Input::Item(Inbound::Lines(lines), Instant::now())));
        }
        this.answers.poll(cx).map(|answers| Some(Input::Answered(answers)))
    }
}

impl Drop for PostedStream {
    fn drop(&mut self) {
        self.hub.node().sessions.end(&self.posts.session);
    }
}
