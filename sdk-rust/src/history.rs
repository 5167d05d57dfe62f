//! Looking back: pages of what a topic retains.

use std::sync::Arc;

use fanfare_protocol::{History, ResourceVersion, TopicName};

use crate::client::{Handle, Pending};
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::session::Answer;

/// A page to be asked for. Made by [`Topic::history`](crate::Topic::history).
///
/// ```no_run
/// # async fn example(topic: fanfare_client::Topic) -> Result<(), fanfare_client::Error> {
/// let mut page = topic.history().limit(100).fetch().await?;
/// loop {
///     for event in &page.events {
///         println!("{} {}", event.version(), event.json::<String>()?);
///     }
///     let Some(next) = page.next else { break };
///     page = topic.history().after(next).limit(100).fetch().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is asked until `fetch`"]
pub struct HistoryRequest {
    handle: Arc<Handle>,
    topic: Result<TopicName, Error>,
    after: Option<ResourceVersion>,
    limit: Option<u32>,
    is_reverse: bool,
}

/// A page of what a topic retains.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryPage {
    /// In the order that was asked for.
    pub events: Vec<Event>,
    /// The head of the topic when the page was read: watching after it misses nothing.
    pub version: ResourceVersion,
    /// Where the next page begins, if there is more: pass it to [`HistoryRequest::after`].
    pub next: Option<ResourceVersion>,
}

impl HistoryRequest {
    pub(crate) fn new(handle: Arc<Handle>, topic: Result<TopicName, Error>) -> Self {
        Self { handle, topic, after: None, limit: None, is_reverse: false }
    }

    /// Begins behind this version, instead of at the oldest publication (in reverse: the newest).
    pub fn after(mut self, version: ResourceVersion) -> Self {
        self.after = Some(version);
        self
    }

    /// Events on the page, at most. The node has a limit of its own.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Goes back in time.
    pub fn reverse(mut self) -> Self {
        self.is_reverse = true;
        self
    }

    /// Asks for the page. Without a connection it waits for one, as long as the request timeout allows.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the node's code, `GONE` among them when `after` is no longer retained;
    /// [`ErrorKind::Timeout`]; [`ErrorKind::QueueFull`]; [`ErrorKind::Closed`].
    pub async fn fetch(self) -> Result<HistoryPage, Error> {
        let topic = self.topic?.as_str().to_owned();
        let history = History { topic, after: self.after, limit: self.limit, reverse: self.is_reverse };
        let pending = Pending::ask(&self.handle, 0, |ticket, reply| Command::History(ticket, history, reply))?;
        let misfit = |what| Error::with_context(ErrorKind::Protocol, what);
        let Answer::Page(page) = pending.answer().await? else {
            return Err(misfit("a page was answered with something else"));
        };
        let next = page.r#continue.as_deref().map(str::parse).transpose();
        Ok(HistoryPage {
            events: page.items.iter().filter_map(Event::read).collect(),
            version: page.resource_version.unwrap_or(ResourceVersion::NONE),
            next: next.map_err(|_| misfit("`continue` of a page is not a version"))?,
        })
    }
}
