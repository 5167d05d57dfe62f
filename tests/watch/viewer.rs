//! A client of any transport that writes down what it hears, is cut at random, and comes back with its cursor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanfare_protocol::ResourceVersion;
use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::http::Http;
use crate::harness::{Node, Socket, SseSession, Tcp};
use crate::oracle::{Heard, Lens};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    /// With compressed batches, in JSON.
    PackedWebSocket,
    Tcp,
    /// With compressed batches, in protobuf.
    PackedTcp,
    Posted,
    EventStream,
    Lines,
    LongPoll,
    /// Of both topics, in the three forms of `/v1/watch`.
    TogetherStream,
    TogetherLines,
    TogetherPoll,
}

pub const TRANSPORTS: [Transport; 11] = [
    Transport::WebSocket,
    Transport::PackedTcp,
    Transport::EventStream,
    Transport::PackedWebSocket,
    Transport::Tcp,
    Transport::Lines,
    Transport::Posted,
    Transport::LongPoll,
    Transport::TogetherStream,
    Transport::TogetherLines,
    Transport::TogetherPoll,
];

/// In the order of their names.
const TOPICS: [&str; 2] = ["s:a", "t:a"];

impl Transport {
    fn is_together(self) -> bool {
        matches!(self, Self::TogetherStream | Self::TogetherLines | Self::TogetherPoll)
    }
}

/// A session, whatever carries it.
enum Session {
    WebSocket(Box<Socket>),
    Tcp(Box<Tcp>),
    Posted(Box<SseSession>),
}

impl Session {
    async fn open(node: &Node, transport: Transport) -> Self {
        let mut session = match transport {
            Transport::Tcp | Transport::PackedTcp => Self::Tcp(Box::new(Tcp::connect(node.tcp_address()).await)),
            Transport::Posted => Self::Posted(Box::new(SseSession::open(node.address(), "").await)),
            _ => Self::WebSocket(Box::new(Socket::json(node.address()).await)),
        };
        let compression = match transport {
            Transport::PackedWebSocket => "deflate-raw",
            Transport::PackedTcp => "zstd",
            _ => return session,
        };
        let features = json!({ "compression": ["br", compression] });
        let connected = session.ask("CONNECT", 1, json!({ "features": features })).await;
        assert_eq!(connected["payload"]["features"]["compression"], json!([compression]), "{connected}");
        session
    }

    async fn ask(&mut self, kind: &str, id: u64, payload: Value) -> Value {
        match self {
            Self::WebSocket(socket) => socket.ask(kind, id, payload).await,
            Self::Tcp(tcp) => tcp.ask(kind, id, payload).await,
            Self::Posted(session) => session.ask(kind, id, payload).await,
        }
    }

    async fn say(&mut self, kind: &str, payload: Value) {
        match self {
            Self::WebSocket(socket) => socket.say(kind, 0, payload).await,
            Self::Tcp(tcp) => tcp.say(kind, 0, payload).await,
            Self::Posted(session) => session.say(kind, 0, payload).await,
        }
    }

    async fn events(&mut self) -> Value {
        match self {
            Self::WebSocket(socket) => socket.events().await,
            Self::Tcp(tcp) => tcp.events().await,
            Self::Posted(session) => session.events().await,
        }
    }
}

/// What it watches.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub topic: &'static str,
    pub lens: Lens,
    /// Further parameters: how fast.
    pub pace: Vec<(&'static str, String)>,
    /// So many events are taken at once; what was taken is granted anew, or asked for again.
    pub credit: Option<usize>,
    /// Some take nothing until everything is published: their buffers fill, and they fall behind.
    pub stalls: bool,
}

pub struct Viewer {
    wanted: Wanted,
    transport: Transport,
    random: Rng,
    heard: Vec<Heard>,
    /// The last version that a reconnect may begin behind.
    cursor: Option<String>,
    /// The same of both topics, if that is where it comes from.
    combined: Option<String>,
}

impl Wanted {
    fn parameters(&self) -> Vec<(String, String)> {
        let Lens { group, least, fields, on_change, delta, .. } = &self.lens;
        let mut list = vec![("onGone".to_owned(), "snapshot".to_owned())];
        list.extend(group.map(|group| ("where.data.g".to_owned(), group.to_string())));
        list.extend(least.map(|least| ("filter".to_owned(), format!("data.n >= {least}"))));
        if !fields.is_empty() {
            list.push(("fields".to_owned(), fields.join(",")));
        }
        list.extend(on_change.then(|| ("onChange".to_owned(), "true".to_owned())));
        list.extend(delta.then(|| ("delta".to_owned(), "true".to_owned())));
        list.extend(self.pace.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        list
    }
}

impl Viewer {
    pub fn new(wanted: Wanted, transport: Transport, random: Rng) -> Self {
        Self { wanted, transport, random, heard: Vec::new(), cursor: None, combined: None }
    }

    async fn stall(&mut self, end: &mut watch::Receiver<Option<u64>>) {
        if self.wanted.stalls && self.random.u8(..3) == 0 {
            end.wait_for(Option::is_some).await.expect("the end is told");
        }
    }

    /// Watches until it has everything up to the offset that is told in the end, and gives what it heard.
    pub async fn run(mut self, node: &Node, mut end: watch::Receiver<Option<u64>>) -> (Wanted, Transport, Vec<Heard>) {
        loop {
            if self.transport.is_together() && self.combined.is_none() {
                // A version of one topic says nothing of the other.
                self.cursor = None;
            }
            self.opened();
            // Most are cut early, some late, some not at all; in the end none is.
            let cut = if self.random.u8(..4) == 0 { usize::MAX } else { self.random.usize(1..120) };
            match self.transport {
                Transport::EventStream | Transport::TogetherStream => self.event_stream(node, cut, &mut end).await,
                Transport::Lines | Transport::TogetherLines => self.lines(node, cut, &mut end).await,
                Transport::LongPoll | Transport::TogetherPoll => self.polls(node, cut, &mut end).await,
                _ => self.session(node, cut, &mut end).await,
            }
            if self.is_done(&mut end) {
                return (self.wanted, self.transport, self.heard);
            }
            // A version that one of them told is good on every other, but where several topics are watched.
            self.transport = TRANSPORTS[self.random.usize(..TRANSPORTS.len())];
        }
    }

    /// It asks, where it stands.
    fn opened(&mut self) {
        let cursor = self.cursor.as_deref().map(offset);
        let is_remembered = self.transport.is_together() || self.transport == Transport::LongPoll;
        self.heard.push(if is_remembered { Heard::Remembered(cursor) } else { Heard::Opened(cursor) });
    }

    fn is_done(&self, end: &mut watch::Receiver<Option<u64>>) -> bool {
        let end = *end.borrow_and_update();
        end.is_some() && self.cursor.as_deref().map(offset) == end
    }

    fn path(&self) -> String {
        let (mut path, cursor) = match self.transport.is_together() {
            true => (format!("/v1/watch?topic={}&topic={}", TOPICS[0], TOPICS[1]), &self.combined),
            false => (format!("/v1/topics/{}?watch=true", self.wanted.topic), &self.cursor),
        };
        let cursor = cursor.as_ref().map(|cursor| ("resourceVersion".to_owned(), cursor.clone()));
        // Of both topics it could end before it has told anything of this one.
        let credit = self.wanted.credit.filter(|_| !self.transport.is_together());
        let credit = credit.map(|credit| ("credit".to_owned(), credit.to_string()));
        for (name, value) in self.wanted.parameters().into_iter().chain(cursor).chain(credit) {
            let escaped: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            path.push_str(&format!("&{name}={escaped}"));
        }
        path
    }

    /// A cursor was told.
    fn stand(&mut self, text: &str) {
        if self.is_in_snapshot() {
            return;
        }
        if self.transport.is_together() {
            let index = TOPICS.iter().position(|topic| *topic == self.wanted.topic).expect("one of them");
            let place = place(text, index).expect("it has begun");
            self.heard.push(Heard::Through(place.offset));
            (self.cursor, self.combined) = (Some(place.to_string()), Some(text.to_owned()));
        } else {
            (self.cursor, self.combined) = (Some(text.to_owned()), None);
        }
    }

    /// Notes an event.
    fn note(&mut self, event: &Value) {
        if self.transport.is_together() && event["topic"] != self.wanted.topic {
            return;
        }
        let version = event["resourceVersion"].as_str().map(offset).unwrap_or_default();
        let key = event["key"].as_str().map(str::to_owned);
        let data = event["data"].clone();
        self.heard.push(match (event["type"].as_str().expect("a type"), key) {
            ("put", key) => Heard::Put(version, key, data),
            ("patch", Some(key)) => Heard::Patch(version, key, data),
            ("delete", Some(key)) => Heard::Delete(version, key),
            ("bookmark", _) => Heard::Through(version),
            ("snapshot-end", _) => Heard::SnapshotEnd(version),
            ("gone", _) => Heard::Gone,
            other => panic!("an unexpected event: {other:?} {event}"),
        });
    }

    async fn session(&mut self, node: &Node, cut: usize, end: &mut watch::Receiver<Option<u64>>) {
        let mut session = Session::open(node, self.transport).await;
        let mut payload = json!({ "topic": self.wanted.topic });
        for (name, value) in self.wanted.parameters() {
            payload[name] = value.into();
        }
        if let Some(credit) = self.wanted.credit {
            payload["credit"] = credit.into();
        }
        if let Some(cursor) = &self.cursor {
            payload["resourceVersion"] = cursor.as_str().into();
        }
        let answer = session.ask("SUBSCRIBE", 2, payload).await;
        assert_eq!(answer["type"], "SUBSCRIBED", "{answer}");
        let view = answer["payload"]["view"].clone();
        self.stall(end).await;
        for _ in 0..cut {
            if self.is_done(end) {
                return;
            }
            let batch = session.events().await;
            let before = self.heard.len();
            for event in batch["events"].as_array().expect("a list") {
                self.note(event);
            }
            let taken = self.taken(before);
            if self.wanted.credit.is_some() && taken > 0 {
                session.say("GRANT", json!({ "view": view, "events": taken })).await;
            }
            let through = batch["through"].as_str().expect("a version");
            let is_whole = offset(through) > 0 || batch["after"] != batch["through"];
            if is_whole && !self.is_in_snapshot() {
                self.heard.push(Heard::Through(offset(through)));
                self.stand(through);
            }
        }
    }

    /// How many events of the log were noted from there on.
    fn taken(&self, from: usize) -> usize {
        let is_logged = |heard: &&Heard| matches!(heard, Heard::Put(..) | Heard::Patch(..) | Heard::Delete(..));
        self.heard[from..].iter().filter(is_logged).count()
    }

    /// Whether a stream over HTTP ends here: its request was all the grant that there was.
    fn is_spent(&self, from: usize) -> bool {
        !self.is_in_snapshot() && self.wanted.credit.is_some_and(|credit| self.taken(from) >= credit)
    }

    /// A snapshot has begun and not ended: there is no cursor yet.
    fn is_in_snapshot(&self) -> bool {
        let begins = |heard: &Heard| matches!(heard, Heard::Opened(None) | Heard::Remembered(None) | Heard::Gone);
        let last = self.heard.iter().rposition(begins);
        last.is_some_and(|at| !self.heard[at..].iter().any(|heard| matches!(heard, Heard::SnapshotEnd(_))))
    }

    async fn event_stream(&mut self, node: &Node, cut: usize, end: &mut watch::Receiver<Option<u64>>) {
        let mut http = Http::connect(node.address()).await;
        http.say("GET", &self.path(), &[("accept", "text/event-stream")], "").await;
        assert_eq!(http.head().await.status, 200);
        self.stall(end).await;
        let from = self.heard.len();
        for _ in 0..cut {
            if self.is_done(end) || self.is_spent(from) {
                return;
            }
            let block = http.text_through("\n\n").await;
            let member = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = member("data: ") {
                self.note(&serde_json::from_str(data).expect("JSON"));
            }
            if let Some(id) = member("id: ") {
                self.stand(id);
            }
        }
    }

    async fn lines(&mut self, node: &Node, cut: usize, end: &mut watch::Receiver<Option<u64>>) {
        let mut http = Http::connect(node.address()).await;
        http.say("GET", &self.path(), &[("accept", "application/x-ndjson")], "").await;
        assert_eq!(http.head().await.status, 200);
        let mut uncovered = Vec::new();
        self.stall(end).await;
        let from = self.heard.len();
        for _ in 0..cut {
            if self.is_done(end) || self.is_spent(from) {
                return;
            }
            let line = http.text_through("\n").await;
            let event: Value = serde_json::from_str(line.trim()).expect("JSON");
            if self.transport.is_together() && event["type"] != "bookmark" {
                // A cursor stands behind all that it covers, and is asked with if that was cut.
                uncovered.push(event);
                continue;
            }
            uncovered.drain(..).for_each(|event| self.note(&event));
            self.note(&event);
            if let Some(version) = event["resourceVersion"].as_str() {
                self.stand(version);
            }
        }
    }

    async fn polls(&mut self, node: &Node, cut: usize, end: &mut watch::Receiver<Option<u64>>) {
        for _ in 0..cut {
            if self.is_done(end) {
                return;
            }
            // Each time it is asked anew, and nothing is remembered from one to the next.
            self.opened();
            let path = format!("{}&timeout=200ms", self.path());
            let answer = Http::once(node.address(), "GET", &path, &[], "").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let answer = answer.json();
            for event in answer["events"].as_array().expect("a list") {
                self.note(event);
            }
            let version = answer["resourceVersion"].as_str().expect("a version");
            if !self.transport.is_together() {
                self.heard.push(Heard::Through(offset(version)));
            }
            self.stand(version);
        }
    }
}

fn offset(version: &str) -> u64 {
    version.rsplit('.').next().and_then(|offset| offset.parse().ok()).expect("a version")
}

/// Where a topic stands in a combined cursor: a byte for the format, four for the names, and of each topic whether it has
/// begun, its epoch and, as a varint, its offset.
fn place(cursor: &str, index: usize) -> Option<ResourceVersion> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).expect("base64url");
    let mut rest = &bytes[5..];
    let mut places = Vec::new();
    while let Some((has_begun, behind)) = rest.split_first() {
        rest = behind;
        places.push((*has_begun == 1).then(|| {
            let (epoch, behind) = rest.split_first_chunk().expect("an epoch");
            let length = 1 + behind.iter().take_while(|byte| **byte >= 0x80).count();
            let (varint, behind) = behind.split_at(length);
            rest = behind;
            let offset = varint.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
            ResourceVersion::new(u64::from_be_bytes(*epoch), offset)
        }));
    }
    places[index]
}
