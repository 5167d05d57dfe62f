//! Views that a URL asks for: `/v1/ws?topic=A&fields=…`, for clients that can open a connection and say nothing on it.

use std::collections::HashSet;

use fanfare_protocol::{Error, OnGone, Watch};

use super::app::{Query, as_given};
use crate::hub::Hub;
use crate::topic::plan::WatchPlan;

/// The views that a query asks for: one for each `topic`, all with the other parameters. None where there is no query.
///
/// # Errors
/// Those of a watch, so that they are known before the connection is; `BAD_PARAMETER` for parameters without a topic.
pub(super) fn watches(hub: &Hub, query: &str) -> Result<Vec<Watch>, Error> {
    let (query, topics) = Query::parse_list(query, "topic")?;
    let first = query.names().next().map(str::to_owned);
    // First whether the names are known: a `topic` that is misspelt would else be told that there is no `topic`.
    let filter_name = query.filter_name();
    let watch = query.into_watch("")?;
    if let (Some(name), true) = (first, topics.is_empty()) {
        return Err(Error::bad_parameter(&name, "it says how to watch, and no `topic` says what"));
    }
    let limits = &hub.node().config.limits;
    let subscriptions_max = limits.subscriptions_max;
    if topics.len() > subscriptions_max {
        return Err(Error::bad_parameter(
            "topic",
            format_args!("at most {subscriptions_max} topics (`limits.subscriptions_max`)"),
        ));
    }
    let mut names = HashSet::with_capacity(topics.len());
    if let Some(twice) = topics.iter().find(|topic| !names.insert(topic.as_str())) {
        return Err(Error::bad_parameter("topic", format_args!("`{twice}` is named twice")));
    }
    let of = |topic: String| {
        let watch = Watch { topic, ..watch.clone() };
        match WatchPlan::new(&watch, OnGone::Snapshot, limits.page_items_max) {
            Ok(_) => Ok(watch),
            Err(error) => Err(as_given(filter_name, error).with_topic(&watch.topic)),
        }
    };
    topics.into_iter().map(of).collect()
}
