//! `GET /v1/watch?topic=A&topic=B…`: several topics in one stream, under one cursor, in the three forms of a watch.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use fanfare_protocol::json;
use fanfare_protocol::{Consistency, Error, EventType, OnGone, TopicName, Watch};
use tokio::time::{Instant, timeout_at};

use super::accept::Form;
use super::attached::Attached;
use super::event_stream::EventStream;
use super::query::{Query, as_given};
use super::reply::{self, Reply, Worker, header_text};
use super::{long_poll, watch};
use crate::hub::{Hub, Notice, Outlet};
use crate::topic::combined::CombinedCursor;
use crate::topic::plan::WatchPlan;
use crate::topic::together::{Manner, Together, Told};
use crate::view::{self, Wire};

/// Topics of one watch.
const TOPICS_MAX: usize = 64;

/// Events of an answer end with the batch that passes this.
const ANSWER_EVENTS: usize = 1_000;

/// What is asked for, the topics in the order of their names.
struct Asked {
    plans: Vec<WatchPlan>,
    cursor: CombinedCursor,
    /// Events that the answer ends with, of all topics together.
    credit: Option<u64>,
    /// Events behind the cursor that a long poll is answered, of all topics together.
    limit: Option<u32>,
    timeout_ms: Option<u64>,
    /// Whether any replica may answer, which an answer says (`stale`).
    is_local: bool,
}

/// See the module.
pub(super) async fn get(Worker(hub): Worker, request: HttpRequest) -> Reply {
    let form = Form::of(&watch::accept(&request));
    let on_gone = if form == Form::Sse { OnGone::Snapshot } else { OnGone::Close };
    let asked = asked(&hub, &request, on_gone)?;
    // Its headers pin the buffer that they were parsed from, for as long as the watch lasts.
    drop(request);
    Ok(match form {
        Form::Sse => stream(&hub, asked, Wire::Sse).await?,
        Form::Ndjson => stream(&hub, asked, Wire::Ndjson).await?,
        Form::LongPoll => answer(&hub, asked).await?,
    })
}

fn asked(hub: &Hub, request: &HttpRequest, on_gone: OnGone) -> Result<Asked, Error> {
    let (mut query, names) = Query::parse_list(request.query_string(), "topic")?;
    let mut topics = Vec::with_capacity(names.len());
    for name in &names {
        topics.push(hub.node().topic_of(name)?);
    }
    topics.sort_unstable();
    if topics.is_empty() || topics.len() > TOPICS_MAX {
        return Err(Error::bad_parameter(
            "topic",
            format_args!("from 1 to {TOPICS_MAX} topics can be watched at once"),
        ));
    }
    if let Some(twice) = topics.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::bad_parameter("topic", format_args!("`{}` is named twice", twice[0])));
    }
    // Said on a topic it means this; here it goes without saying.
    query.take_flag("watch")?;
    let given = ["resourceVersion", "sinceRevision", "lastEventId"].into_iter().find_map(|name| query.take(name));
    let header = header_text(request, watch::LAST_EVENT_ID)?.filter(|text| !text.is_empty());
    let cursor = match header.map(str::to_owned).or(given) {
        Some(text) => cursor(&text, &topics)?,
        None => CombinedCursor::new(&topics),
    };
    let (filter_name, items_max) = (query.filter_name(), hub.node().config.limits.page_items_max);
    let watch = query.into_watch("")?;
    let plan = |topic: &TopicName| {
        let watch = Watch { topic: topic.as_str().to_owned(), ..watch.clone() };
        WatchPlan::of_request(&watch, on_gone, items_max).map_err(|error| as_given(filter_name, error))
    };
    let plans = topics.iter().map(plan).collect::<Result<_, _>>()?;
    let is_local = watch.consistency() == Consistency::Local;
    let Watch { credit, limit, .. } = watch;
    Ok(Asked { plans, cursor, credit, limit, timeout_ms: watch.timeout_ms, is_local })
}

fn cursor(text: &str, topics: &[TopicName]) -> Result<CombinedCursor, Error> {
    CombinedCursor::parse(text, topics).map_err(|error| Error::bad_parameter("resourceVersion", error))
}

async fn stream(hub: &Rc<Hub>, asked: Asked, wire: Wire) -> Result<HttpResponse, Error> {
    let attached = match Attached::new(hub, wire) {
        Ok(attached) => attached,
        Err(error) => return watch::turned_away(error, wire),
    };
    let manner = Manner { has_names: true, has_cursors: wire == Wire::Sse, is_answer: false };
    let together = Together::open(hub, &attached.outlet, asked.plans, asked.cursor, asked.credit, manner).await?;
    let outlet = Rc::clone(&attached.outlet);
    let delivery = &hub.node().config.delivery;
    let silence = Duration::from_millis(delivery.bookmark_interval_ms.into());
    let heartbeat = (wire == Wire::Sse).then(|| Duration::from_millis(delivery.heartbeat_interval_ms.into()));
    if wire == Wire::Sse {
        outlet.push(|out| view::put_retry(watch::SSE_RETRY_MS, out));
    }
    let body = EventStream::new(attached, None, heartbeat, asked.timeout_ms.map(Duration::from_millis));
    let feed = Feed { together, wire };
    if asked.is_local && feed.together.is_resumed() {
        outlet.push(|out| feed.bookmark(true, out));
    }
    actix::spawn(feed.run(outlet, silence));
    let mut response = if wire == Wire::Sse { watch::event_stream() } else { watch::lines() };
    Ok(response.streaming(body))
}

/// What a stream of several topics says.
struct Feed {
    together: Together,
    wire: Wire,
}

impl Feed {
    async fn run(mut self, outlet: Rc<Outlet>, silence: Duration) {
        while !outlet.is_closed() {
            poll_fn(|cx| outlet.poll_empty(cx)).await;
            let told = self.next(&outlet, silence).await;
            let mut page = Vec::new();
            let is_over = told.is_err() || self.together.is_spent();
            match told {
                Ok(told) => self.write(&told, &mut page),
                Err(error) => self.fail(error, &mut page),
            }
            outlet.push_page(|out| out.extend_from_slice(&page));
            if is_over {
                return outlet.notify(Notice::Ended(0));
            }
        }
    }

    /// What is new, or nothing after so much silence.
    async fn next(&mut self, outlet: &Outlet, silence: Duration) -> Result<Vec<Told>, Error> {
        let deadline = Instant::now() + silence;
        loop {
            // With the subscriptions everything has moved.
            if outlet.is_closed() {
                return Ok(Vec::new());
            }
            if let Some(told) = self.together.ready().await? {
                return Ok(told);
            }
            // What is not shown moves it too.
            if timeout_at(deadline, self.together.moved()).await.is_err() || Instant::now() >= deadline {
                return Ok(Vec::new());
            }
        }
    }

    /// Events, and on a line-wise stream, which has no other place for it, the cursor behind them.
    fn write(&self, told: &[Told], out: &mut Vec<u8>) {
        for Told { event, remarks, cursor } in told {
            if let Some(cursor) = cursor {
                let head = format!("id: {cursor}\nevent: {}\ndata: ", event.r#type().name());
                out.extend_from_slice(head.as_bytes());
            }
            json::write_remarked_event(event, *remarks, out);
            out.extend_from_slice(self.end());
        }
        if self.wire != Wire::Sse || told.is_empty() {
            self.bookmark(false, out);
        }
    }

    fn bookmark(&self, is_stale: bool, out: &mut Vec<u8>) {
        let cursor = self.together.cursor();
        if self.wire == Wire::Sse {
            out.extend_from_slice(format!("id: {cursor}\nevent: bookmark\ndata: ").as_bytes());
        }
        let stale = if is_stale { ",\"stale\":true" } else { "" };
        out.extend_from_slice(format!("{{\"type\":\"bookmark\",\"resourceVersion\":\"{cursor}\"{stale}}}").as_bytes());
        out.extend_from_slice(self.end());
    }

    fn fail(&self, error: Error, out: &mut Vec<u8>) {
        if self.wire == Wire::Sse {
            out.extend_from_slice(b"event: failure\ndata: ");
        }
        json::write_event(&view::trouble(EventType::Failure, error), out);
        out.extend_from_slice(self.end());
    }

    fn end(&self) -> &'static [u8] {
        if self.wire == Wire::Sse { b"\n\n" } else { b"\n" }
    }
}

async fn answer(hub: &Rc<Hub>, asked: Asked) -> Result<HttpResponse, Error> {
    let deadline = Instant::now() + long_poll::wait(asked.timeout_ms, hub.node().config.limits.long_poll_ms_max)?;
    let attached = Attached::new(hub, Wire::Signal)?;
    let manner = Manner { has_names: true, has_cursors: false, is_answer: true };
    let Asked { plans, cursor, credit, limit, is_local, .. } = asked;
    let mut together = Together::open(hub, &attached.outlet, plans, cursor, credit, manner).await?;
    together.at_most(limit.map(u64::from));
    let told = long_poll::collect(&mut together, &attached, deadline, ANSWER_EVENTS).await?;
    let write = |out: &mut Vec<u8>, told: &Told| json::write_remarked_event(&told.event, told.remarks, out);
    // What is limited is one topic or another, and said by the `snapshot-end` that names it.
    let body = long_poll::body(&told, write, together.cursor(), false, is_local);
    Ok(reply::json(&mut HttpResponse::Ok(), body))
}
