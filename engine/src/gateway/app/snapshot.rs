//! `GET /v1/topics/{topic}`: the sum of a topic and the version it stands at, whole or in pages of one version.
//!
//! Pages need no memory between them (see `continuation`). Of a `stream` the first page holds the latest publications
//! and the following ones go back from there; a version never changes what it holds, so they fit as long as the log
//! retains it, and end with `GONE` when it does not. Of other kinds pages ascend by version. Their items are replaced
//! in place: a page is given when nothing has changed since, or when the log still holds all that the page is made of;
//! else the reading has to begin anew (`GONE`). Who cannot have that reads without `limit`, or watches.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ContentType};
use bytes::Bytes;
use fanfare_protocol::{Code, Consistency, Error, Event, EventType, ResourceVersion, TopicName, Watch, json};
use futures_util::stream;

use super::continuation::SnapshotPage;
use super::query::Query;
use crate::log::{Gap, Kind, ReadLimit};
use crate::node::Node;
use crate::topic::faulted;
use crate::topic::plan::SNAPSHOT_ITEMS;

const PARAMETERS: [&str; 5] = ["limit", "continue", "consistency", "as", "watch"];

/// A large snapshot is written in pieces of about this size, as fast as the client takes them.
const CHUNK_BYTES: usize = 64 * 1024;

/// What is wanted.
#[derive(Debug)]
struct Wanted {
    limit: Option<usize>,
    page: Option<SnapshotPage>,
    consistency: Consistency,
}

/// A page of a snapshot.
#[derive(Debug)]
struct Page {
    version: ResourceVersion,
    items: Vec<Arc<Event>>,
    next: Option<SnapshotPage>,
}

/// Answers with a snapshot or a page of one.
///
/// # Errors
/// `UNKNOWN_PARAMETER`, `BAD_PARAMETER`; for further pages `GONE` and `EPOCH_CHANGED`.
pub(super) async fn answer(node: &Node, topic: &TopicName, query: Query) -> Result<HttpResponse, Error> {
    let wanted = wanted(query, node.config.limits.page_items_max)?;
    let is_local = wanted.consistency == Consistency::Local;
    if !is_local {
        node.read_barrier(topic).await?;
    }
    let is_stream = node.log.policies().of(topic.namespace()).kind == Kind::Stream;
    if let Some(page) = wanted.page {
        let head = node.log.head(topic).map_err(|fault| faulted(&fault))?;
        check(page.version, head).map_err(|gap| gap.to_error(topic.as_str()))?;
    }
    let page = match (wanted.page, is_stream) {
        (None, true) => latest(node, topic, wanted.limit.unwrap_or(SNAPSHOT_ITEMS)).await?,
        (None, false) => fold(node, topic, wanted.limit).await?,
        (Some(after), true) => earlier(node, topic, after, wanted.limit.unwrap_or(SNAPSHOT_ITEMS)).await?,
        (Some(after), false) => fold_on(node, topic, after, wanted.limit).await?,
    };
    Ok(respond(topic, page, is_local))
}

fn wanted(mut query: Query, items_max: usize) -> Result<Wanted, Error> {
    let limit = query.take_limit(items_max)?;
    let page = query.take("continue").map(|token| SnapshotPage::parse(&token)).transpose()?;
    let mut watch = Watch::default();
    if let Some(consistency) = query.take("consistency") {
        watch.set("consistency", &consistency)?;
    }
    if query.take("as").is_some_and(|form| form != "json") {
        let message = "documents are not supported by this node yet";
        return Err(Error::of(Code::NotSupported).with_parameter("as").with_message(message));
    }
    let of_watches = query.names().find(|name| Watch::PARAMETERS.contains(name) && *name != "topic");
    if let Some(name) = of_watches {
        return Err(Error::bad_parameter(name, "goes with `watch=true`"));
    }
    query.finish(&PARAMETERS)?;
    Ok(Wanted { limit, page, consistency: watch.consistency() })
}

/// The version of a token was told by the topic that is asked, in this life of it.
fn check(version: ResourceVersion, head: ResourceVersion) -> Result<(), Gap> {
    match head {
        _ if head.epoch != version.epoch => Err(Gap::EpochChanged { current: head }),
        _ if head.offset < version.offset => Err(Gap::Ahead { current: head }),
        _ => Ok(()),
    }
}

async fn latest(node: &Node, topic: &TopicName, limit: usize) -> Result<Page, Error> {
    let snapshot = node.fetch(node.log.snapshot(topic, limit)).await?;
    let offset = snapshot.after.offset;
    let next = snapshot.limited.then_some(SnapshotPage { version: snapshot.version, offset });
    Ok(Page { version: snapshot.version, items: snapshot.items, next })
}

async fn earlier(node: &Node, topic: &TopicName, last: SnapshotPage, limit: usize) -> Result<Page, Error> {
    let SnapshotPage { version, offset } = last;
    let limit = ReadLimit { count: limit, bytes: u64::MAX };
    let before = ResourceVersion::new(version.epoch, offset.saturating_add(1));
    let told = |gap: Gap| gap.to_error(topic.as_str());
    let page = node.fetch(node.log.read_before(topic, Some(before), limit)).await?.map_err(told)?;
    let oldest = node.log.beginning(topic).map_err(|fault| faulted(&fault))?;
    if page.events.is_empty() && offset <= oldest.offset && offset > 0 {
        return Err(told(Gap::Gone { oldest }));
    }
    let mut items = page.events;
    items.reverse();
    let first = items.first().and_then(|event| event.resource_version).map(|version| version.offset);
    let next = first.filter(|_| page.more).map(|first| SnapshotPage { version, offset: first.saturating_sub(1) });
    Ok(Page { version, items, next })
}

async fn fold(node: &Node, topic: &TopicName, limit: Option<usize>) -> Result<Page, Error> {
    let snapshot = node.fetch(node.log.snapshot(topic, usize::MAX)).await?;
    Ok(cut(snapshot.version, snapshot.items, limit))
}

async fn fold_on(node: &Node, topic: &TopicName, last: SnapshotPage, limit: Option<usize>) -> Result<Page, Error> {
    let SnapshotPage { version, offset } = last;
    let snapshot = node.fetch(node.log.snapshot(topic, usize::MAX)).await?;
    let items = if snapshot.version == version {
        snapshot.items.into_iter().filter(|event| offset_of(event) > offset).collect()
    } else {
        let after = ResourceVersion::new(version.epoch, offset);
        summed(&everything_after(node, topic, after).await?, version.offset)
    };
    Ok(cut(version, items, limit))
}

/// In pages, because what is in memory and what is in the store alone are read apart.
async fn everything_after(
    node: &Node,
    topic: &TopicName,
    mut cursor: ResourceVersion,
) -> Result<Vec<Arc<Event>>, Error> {
    let limit = ReadLimit { count: usize::MAX, bytes: u64::MAX };
    let mut events = Vec::new();
    loop {
        let page = node.fetch(node.log.read_after(topic, cursor, limit)).await?;
        let page = page.map_err(|gap| gap.to_error(topic.as_str()))?;
        events.extend(page.events);
        if !page.more {
            return Ok(events);
        }
        cursor = page.through;
    }
}

/// What the publications up to `through`, ascending, leave behind: the last of each key, unless it is a deletion.
fn summed(events: &[Arc<Event>], through: u64) -> Vec<Arc<Event>> {
    let mut last = HashMap::new();
    for event in events.iter().filter(|event| offset_of(event) <= through) {
        last.insert(event.key.as_deref().unwrap_or_default(), offset_of(event));
    }
    let is_last = |event: &Event| last.get(event.key.as_deref().unwrap_or_default()) == Some(&offset_of(event));
    let stays = |event: &Arc<Event>| event.r#type() == EventType::Put && is_last(event);
    events.iter().filter(|event| stays(event)).cloned().collect()
}

/// The first `limit` of items in ascending version, and where the others begin.
fn cut(version: ResourceVersion, mut items: Vec<Arc<Event>>, limit: Option<usize>) -> Page {
    let limit = limit.unwrap_or(usize::MAX);
    let has_more = items.len() > limit;
    items.truncate(limit);
    let offset = items.last().map_or(0, |event| offset_of(event));
    Page { version, items, next: has_more.then_some(SnapshotPage { version, offset }) }
}

fn offset_of(event: &Event) -> u64 {
    event.resource_version.map_or(0, |version| version.offset)
}

fn respond(topic: &TopicName, page: Page, is_stale: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, ContentType::json()));
    let mut pieces = Pieces::new(topic, page, is_stale);
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => response.body(first),
        Some(second) => {
            let all = [first, second].into_iter().chain(pieces).map(Ok::<_, Infallible>);
            response.streaming(stream::iter(all))
        }
    }
}

/// The document, piece by piece: a snapshot may be 64 MiB, and its reader slow.
struct Pieces {
    head: Option<Vec<u8>>,
    items: std::vec::IntoIter<Arc<Event>>,
    is_first: bool,
    tail: Option<String>,
}

impl Pieces {
    fn new(topic: &TopicName, page: Page, is_stale: bool) -> Self {
        // The name of a topic has no character that JSON escapes.
        let head = format!(r#"{{"topic":"{topic}","resourceVersion":"{}","items":["#, page.version);
        let mut tail = String::from("]");
        if let Some(next) = page.next {
            tail.push_str(&format!(r#","continue":"{}""#, next.token()));
        }
        if is_stale {
            tail.push_str(r#","stale":true"#);
        }
        tail.push('}');
        Self { head: Some(head.into_bytes()), items: page.items.into_iter(), is_first: true, tail: Some(tail) }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.tail.as_ref()?;
        let mut out = self.head.take().unwrap_or_default();
        while out.len() < CHUNK_BYTES {
            let Some(event) = self.items.next() else {
                out.extend_from_slice(self.tail.take().unwrap_or_default().as_bytes());
                break;
            };
            if !std::mem::take(&mut self.is_first) {
                out.push(b',');
            }
            // An item of a snapshot is no event: it has no type.
            let item = Event { r#type: EventType::Unspecified.into(), ..event.as_ref().clone() };
            json::write_event(&item, &mut out);
        }
        Some(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(offset: u64, key: &str, kind: EventType) -> Arc<Event> {
        let data = (kind == EventType::Put).then(|| Bytes::from(offset.to_string()));
        let resource_version = Some(ResourceVersion::new(7, offset));
        Arc::new(Event { r#type: kind.into(), key: Some(key.to_owned()), data, resource_version, ..Event::default() })
    }

    fn put(offset: u64, key: &str) -> Arc<Event> {
        event(offset, key, EventType::Put)
    }

    fn offsets(items: &[Arc<Event>]) -> Vec<u64> {
        items.iter().map(|event| offset_of(event)).collect()
    }

    fn document(page: Page, is_stale: bool) -> serde_json::Value {
        let topic = TopicName::parse("fleet:a").unwrap();
        let body: Vec<u8> = Pieces::new(&topic, page, is_stale).flatten().collect();
        serde_json::from_slice(&body).unwrap()
    }

    /// G9 of the design: a snapshot at a version is exactly the log up to it.
    #[test]
    fn what_came_after_the_version_does_not_show_in_its_later_pages() {
        let events =
            vec![put(4, "a"), put(5, "b"), event(6, "a", EventType::Delete), put(7, "c"), put(8, "b"), put(9, "d")];
        assert_eq!(offsets(&summed(&events, 7)), [5, 7]);
        assert_eq!(offsets(&summed(&events, 4)), [4]);
        assert_eq!(offsets(&summed(&events, 9)), [7, 8, 9]);
    }

    #[test]
    fn a_page_ends_at_the_limit_and_says_where_the_next_begins() {
        let version = ResourceVersion::new(7, 9);
        let page = cut(version, vec![put(3, "a"), put(5, "b"), put(9, "c")], Some(2));
        assert_eq!((offsets(&page.items), page.next), (vec![3, 5], Some(SnapshotPage { version, offset: 5 })));
        let page = cut(version, vec![put(9, "c")], Some(1));
        assert_eq!(page.next, None);
    }

    #[test]
    fn the_document_has_items_without_type() {
        let version = ResourceVersion::new(7, 9);
        let next = SnapshotPage { version, offset: 5 };
        let page = Page { version, items: vec![put(3, "a"), put(5, "b")], next: Some(next) };
        let document = document(page, true);
        assert_eq!(document["topic"], "fleet:a");
        assert_eq!(document["resourceVersion"], "7.9");
        assert_eq!(document["items"][0], serde_json::json!({"resourceVersion": "7.3", "key": "a", "data": 3}));
        assert_eq!(document["items"].as_array().unwrap().len(), 2);
        assert_eq!(
            (document["continue"].as_str(), document["stale"].as_bool()),
            (Some(next.token().as_str()), Some(true))
        );
    }

    #[test]
    fn a_large_document_comes_in_pieces_that_fit_together() {
        let items: Vec<_> = (1..=5_000).map(|offset| put(offset, "a-key-of-some-length")).collect();
        let version = ResourceVersion::new(7, 5_000);
        let topic = TopicName::parse("fleet:a").unwrap();
        let page = || Page { version, items: items.clone(), next: None };
        assert!(Pieces::new(&topic, page(), false).count() > 3);
        let document = document(page(), false);
        assert_eq!(document["items"].as_array().unwrap().len(), 5_000);
        assert_eq!(document.get("continue"), None);
        let empty = self::document(Page { version, items: Vec::new(), next: None }, false);
        assert_eq!(empty, serde_json::json!({"topic": "fleet:a", "resourceVersion": "7.5000", "items": []}));
    }

    #[test]
    fn a_token_is_good_for_the_topic_that_gave_it() {
        let head = ResourceVersion::new(7, 9);
        assert_eq!(check(ResourceVersion::new(7, 4), head), Ok(()));
        assert_eq!(check(ResourceVersion::new(8, 4), head), Err(Gap::EpochChanged { current: head }));
        assert_eq!(check(ResourceVersion::new(7, 10), head), Err(Gap::Ahead { current: head }));
    }

    #[test]
    fn parameters_of_watches_go_with_a_watch() {
        let code = |text: &str| wanted(Query::parse(text).unwrap(), 100).unwrap_err();
        let error = code("resourceVersion=7.1");
        assert_eq!(
            (error.known_code(), error.parameter.as_deref()),
            (Some(Code::BadParameter), Some("resourceVersion"))
        );
        let error = code("wach=true");
        assert_eq!((error.known_code(), error.nearest.as_deref()), (Some(Code::UnknownParameter), Some("watch")));
        assert_eq!(code("limit=101").known_code(), Some(Code::BadParameter));
        assert_eq!(code("as=text").known_code(), Some(Code::NotSupported));
        assert_eq!(code("consistency=eventual").known_code(), Some(Code::BadParameter));
    }
}
