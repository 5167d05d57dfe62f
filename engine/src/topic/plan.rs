//! What a client asks to watch, as this node can serve it. Pure: the form of the parameters and nothing else.

use fanfare_protocol::{Code, Error, From, OnGone, ResourceVersion, TopicName, Watch};

use crate::hub::Terms;

/// A watch as this node can serve it: checked, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchPlan {
    /// What is watched.
    pub topic: TopicName,
    /// Where the watch begins.
    pub begin: Begin,
    /// What it wants at a gap.
    pub terms: Terms,
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
    /// Checks the parameters. `on_gone` is the transport's default.
    ///
    /// # Errors
    /// `BAD_TOPIC`, `BAD_PARAMETER`, or `NOT_SUPPORTED` for those that this node does not offer yet.
    pub fn new(watch: &Watch, on_gone: OnGone) -> Result<Self, Error> {
        let topic = topic(&watch.topic)?;
        if let Some(name) = unsupported(watch) {
            let message = format!("`{name}` is not supported by this node yet");
            return Err(Error::of(Code::NotSupported).with_parameter(name).with_message(message));
        }
        let begin = match (watch.resource_version, watch.from()) {
            (Some(version), _) => Begin::After(version),
            (None, From::Snapshot) => Begin::Snapshot,
            (None, From::Beginning) => Begin::Beginning,
            (None, From::Latest) => Begin::Latest,
        };
        let on_gone = match watch.on_gone() {
            OnGone::Unspecified => on_gone,
            chosen => chosen,
        };
        let limit = watch.limit.map_or(SNAPSHOT_ITEMS, |limit| limit as usize);
        Ok(Self { topic, begin, terms: Terms { on_gone, limit } })
    }
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

/// The first parameter that changes what is delivered in a way that this node cannot do.
fn unsupported(watch: &Watch) -> Option<&'static str> {
    let given = [
        (watch.filter.is_some(), "filter"),
        (!watch.r#where.is_empty(), "where"),
        (!watch.fields.is_empty(), "fields"),
        (watch.on_change, "onChange"),
        (watch.interval_ms.is_some(), "interval"),
        (watch.debounce_ms.is_some(), "debounce"),
        (watch.max_events_per_second.is_some(), "maxEventsPerSecond"),
        (watch.delta, "delta"),
        (watch.credit.is_some(), "credit"),
        (watch.presence, "presence"),
    ];
    given.into_iter().find_map(|(is_given, name)| is_given.then_some(name))
}
