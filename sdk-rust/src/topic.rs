//! The handle of a topic: where reading, writing and looking back begin.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_protocol::TopicName;
use serde::Serialize;

use crate::client::Handle;
use crate::error::Error;
use crate::history::HistoryRequest;
use crate::publication::Publication;
use crate::publish::{Publish, PublishAll};
use crate::watch::WatchBuilder;

/// A topic, as one client sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Topic {
    handle: Arc<Handle>,
    name: Result<TopicName, Error>,
}

impl Topic {
    pub(crate) fn new(handle: Arc<Handle>, name: Result<TopicName, Error>) -> Self {
        Self { handle, name }
    }

    /// Reads the topic as it changes.
    pub fn watch(&self) -> WatchBuilder {
        WatchBuilder::new(Arc::clone(&self.handle), self.name.clone())
    }

    /// Publishes data as JSON.
    pub fn publish<T: Serialize>(&self, data: T) -> Publish {
        self.publish_one(Publication::json(data))
    }

    /// Publishes bytes that are not JSON.
    pub fn publish_bytes(&self, data: impl Into<Bytes>) -> Publish {
        self.publish_one(Publication::bytes(data))
    }

    /// Publishes several at once: all or nothing, with versions in a row.
    pub fn publish_all(&self, publications: impl IntoIterator<Item = Publication>) -> PublishAll {
        PublishAll::new(Arc::clone(&self.handle), self.name.clone(), publications.into_iter().collect())
    }

    /// Deletes a key of a `state` topic.
    pub fn delete(&self, key: impl Into<String>) -> Publish {
        self.publish_one(Publication::delete(key))
    }

    /// Asks for publications that are retained.
    pub fn history(&self) -> HistoryRequest {
        HistoryRequest::new(Arc::clone(&self.handle), self.name.clone())
    }

    fn publish_one(&self, publication: Publication) -> Publish {
        Publish::new(Arc::clone(&self.handle), self.name.clone(), publication)
    }
}
