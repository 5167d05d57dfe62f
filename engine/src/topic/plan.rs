//! What a client asks to watch, as this node can serve it. Pure: the form of the parameters and nothing else.

use std::sync::Arc;

use fanfare_protocol::{Code, Consistency, Error, From, OnGone, ResourceVersion, TopicName, Watch};

use crate::hub::Terms;
use crate::view::Lens;

/// A watch as this node can serve it: checked, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchPlan {
    /// What is watched.
    pub topic: TopicName,
    /// Where the watch begins.
    pub begin: Begin,
    /// What it wants at a gap.
    pub terms: Terms,
    /// What it shows of the topic; everything as it comes without one.
    pub lens: Option<Arc<Lens>>,
    /// Events that it takes before it grants more; as many as there are without one.
    pub credit: Option<u64>,
}

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Behind this version.
    After(ResourceVersion),
    /// With the fold, or the last publications of a `stream`.
    Snapshot,
    /// With everything that is retained.
    Beginning,
    /// With what comes next.
    Latest,
}

impl WatchPlan {
    /// Checks the parameters. `on_gone` is the transport's default, `items_max` the most that `limit` may ask for
    /// (`limits.page_items_max`).
    ///
    /// # Errors
    /// `BAD_TOPIC`, `BAD_PARAMETER`, `BAD_FILTER`, `FILTER_TOO_COSTLY`, or `NOT_SUPPORTED` for those that this node does not
    /// offer yet.
    pub fn new(watch: &Watch, on_gone: OnGone, items_max: usize) -> Result<Self, Error> {
        let topic = topic(&watch.topic)?;
        if watch.presence {
            let message = "`presence` is not supported by this node yet";
            return Err(Error::of(Code::NotSupported).with_parameter("presence").with_message(message));
        }
        let begin = match (watch.resource_version, watch.from()) {
            (Some(version), _) => Begin::After(version),
            (None, From::Snapshot) => Begin::Snapshot,
            (None, From::Beginning) => Begin::Beginning,
            (None, From::Latest) if watch.delta => {
                return Err(Error::bad_parameter(
                    "delta",
                    "patches need what they begin with, which `from=latest` leaves out",
                ));
            }
            (None, From::Latest) => Begin::Latest,
        };
        let on_gone = match watch.on_gone() {
            OnGone::Unspecified => on_gone,
            chosen => chosen,
        };
        let limit = watch.limit.map_or(SNAPSHOT_ITEMS.min(items_max), |limit| limit as usize);
        if !(1..=items_max).contains(&limit) {
            return Err(bad_limit(items_max));
        }
        let is_local = watch.consistency() == Consistency::Local;
        let terms = Terms { on_gone, limit, is_local };
        Ok(Self { topic, begin, terms, lens: Lens::new(watch)?, credit: watch.credit })
    }

    /// The same of a request by itself, which is all the grant that there is: its answer ends with its credit.
    ///
    /// # Errors
    /// As [`Self::new`]; a `credit` of nothing, which would be asked for over and over, is `BAD_PARAMETER`.
    pub fn of_request(watch: &Watch, on_gone: OnGone, items_max: usize) -> Result<Self, Error> {
        if watch.credit == Some(0) {
            return Err(Error::bad_parameter("credit", "at least 1 over HTTP, where no `GRANT` can follow"));
        }
        Self::new(watch, on_gone, items_max)
    }
}

/// `BAD_PARAMETER` for a `limit` that no page has.
pub fn bad_limit(items_max: usize) -> Error {
    let reason = format_args!("expected a whole number from 1 to {items_max} (`limits.page_items_max`)");
    Error::bad_parameter("limit", reason)
}

/// The topic that a request names, in the one grammar.
///
/// # Errors
/// `BAD_TOPIC`; `FORBIDDEN` for internal topics.
pub fn topic(name: &str) -> Result<TopicName, Error> {
    let topic = TopicName::parse(name).map_err(|e| Error::of(Code::BadTopic).with_message(e.to_string()))?;
    if topic.is_internal() {
        let message = "names that begin with `_` belong to the node";
        return Err(Error::of(Code::Forbidden).with_message(message).with_topic(name));
    }
    Ok(topic)
}

/// Publications in the snapshot of a `stream` when the client does not say how many.
pub const SNAPSHOT_ITEMS: usize = 100;
