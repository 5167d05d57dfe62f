//! How the frames of a view look on their way out. A frame is complete: whoever gets it needs nothing else.

use std::sync::Arc;

use fanfare_protocol::{
    Encoding, Error, Event, EventBatchRef, EventType, Message, Ping, ResourceVersion, View, ViewState, frame,
    json::{self, Remarks},
};

use super::{SessionWire, Wire};
use crate::connection::websocket;

/// Aim for the size of a frame of several events. A larger batch is sent as several frames, so that a slow socket
/// is never stuck in one for long; a single event is never split.
pub const FRAME_BYTES: usize = 64 * 1024;

/// What a stored event adds to its data, key and attributes on the wire, roughly; only steers the splitting.
const EVENT_OVERHEAD_BYTES: usize = 160;

/// Events that cover exactly the versions in (`after`, `through`].
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// Before the first.
    pub after: ResourceVersion,
    /// Of the last, or later where a view leaves events out.
    pub through: ResourceVersion,
    /// Older items of a snapshot were left out, as a frame says it.
    pub limited: bool,
    /// What is said of a snapshot, or of where a watch begins, by the event that only marks it, on a wire without frames.
    pub remarks: Remarks,
    /// Whether each event moves the cursor of an SSE client: not inside the snapshot of a fold.
    pub resumable: bool,
    /// In ascending version.
    pub events: &'a [Arc<Event>],
}

/// Appends one frame. Gives the size that it would have had, if it was compressed.
pub fn encode(wire: Wire, view: u32, span: &Span<'_>, out: &mut Vec<u8>) -> Option<usize> {
    match wire {
        Wire::Session(wire, batching) => {
            let Span { after, through, limited, events, .. } = *span;
            let mut envelope = Vec::with_capacity(span.bytes());
            fanfare_protocol::encode_event_batch(
                wire.encoding(),
                EventBatchRef { view, after, through, limited, events },
                &mut envelope,
            );
            if let Some(packed) = batching.and_then(|batching| batching.pack(content(wire, &envelope))) {
                put_packed(wire, &packed, out);
                return Some(envelope.len());
            }
            put_framed(wire, &envelope, out);
        }
        Wire::Sse => span.events.iter().for_each(|event| put_sse(event, span, out)),
        Wire::Ndjson => {
            for event in span.events {
                put_event(event, span.remarks, out);
                out.push(b'\n');
            }
        }
        Wire::Signal => {}
    }
    None
}

impl<'a> Span<'a> {
    /// A span whose events each move the cursor.
    #[must_use]
    pub fn new(after: ResourceVersion, through: ResourceVersion, events: &'a [Arc<Event>]) -> Self {
        Self { after, through, limited: false, remarks: Remarks::default(), resumable: true, events }
    }

    /// The offset of the first event of the log in it; behind `through` when it has none.
    #[must_use]
    pub fn first(&self) -> u64 {
        let first = self.events.first().filter(|event| is_logged(event)).and_then(|event| event.resource_version);
        first.map_or_else(|| self.through.offset.saturating_add(1), |version| version.offset)
    }

    fn bytes(&self) -> usize {
        self.events.iter().map(|e| event_bytes(e)).sum::<usize>() + EVENT_OVERHEAD_BYTES
    }

    /// The same events in spans of about [`FRAME_BYTES`].
    pub fn split(self) -> impl Iterator<Item = Span<'a>> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let span = rest.take()?;
            let mut bytes = 0;
            let fits = span.events.iter().position(|event| {
                bytes += event_bytes(event);
                bytes > FRAME_BYTES
            });
            let Some(at) = fits.map(|at| at.max(1)).filter(|at| *at < span.events.len()) else { return Some(span) };
            let (head, tail) = span.events.split_at(at);
            let through = match head.last().and_then(|e| e.resource_version) {
                Some(version) if span.resumable => version,
                _ => span.after,
            };
            rest = Some(Span { after: through, limited: false, events: tail, ..span });
            Some(Span { through, events: head, ..span })
        })
    }
}

/// Whether an event is of the log, and not a word of the node's about it.
#[must_use]
pub fn is_logged(event: &Event) -> bool {
    matches!(event.r#type(), EventType::Put | EventType::Delete | EventType::Patch)
}

/// About what an event takes, in memory or encoded, in bytes.
#[must_use]
pub fn event_bytes(event: &Event) -> usize {
    let attributes: usize = event.attributes.iter().map(|(k, v)| k.len() + v.len() + 8).sum();
    event.data.as_ref().map_or(0, bytes::Bytes::len)
        + event.key.as_ref().map_or(0, String::len)
        + attributes
        + EVENT_OVERHEAD_BYTES
}

/// Appends an event without a frame. What was published says nothing of the answer that it is in.
fn put_event(event: &Event, remarks: Remarks, out: &mut Vec<u8>) {
    let remarks = if is_logged(event) { Remarks::default() } else { remarks };
    json::write_remarked_event(event, remarks, out);
}

fn put_sse(event: &Event, span: &Span<'_>, out: &mut Vec<u8>) {
    if let Some(version) = event.resource_version.filter(|_| span.resumable) {
        out.extend_from_slice(format!("id: {version}\n").as_bytes());
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.r#type().name().as_bytes());
    out.extend_from_slice(b"\ndata: ");
    put_event(event, span.remarks, out);
    out.extend_from_slice(b"\n\n");
}

/// An event that only says where the view stands.
#[must_use]
pub fn marker(kind: EventType, version: ResourceVersion) -> Arc<Event> {
    Arc::new(Event { r#type: kind.into(), resource_version: Some(version), ..Event::default() })
}

/// An event that carries an error: `gone` or `failure`.
#[must_use]
pub fn trouble(kind: EventType, error: Error) -> Arc<Event> {
    Arc::new(Event { r#type: kind.into(), error: Some(Box::new(error)), ..Event::default() })
}

/// Appends what tells a client that its view changed by itself; only sessions are told.
pub fn encode_state(wire: Wire, view: u32, state: ViewState, code: Option<u32>, out: &mut Vec<u8>) {
    if let Wire::Session(wire, _) = wire {
        put_envelope(wire, 0, &Message::View(View { view, state: state.into(), code }), out);
    }
}

/// Appends one envelope by itself.
pub fn put_envelope(wire: SessionWire, id: u64, message: &Message, out: &mut Vec<u8>) {
    let mut envelope = Vec::with_capacity(128);
    fanfare_protocol::encode(wire.encoding(), id, message, &mut envelope);
    put_framed(wire, &envelope, out);
}

/// Under which id a node asks for a sign of life: with 0 no answer would be wanted (rule E3).
const PING_ID: u64 = 1;

/// Appends what a peer that lives answers by itself, in the way of its transport.
pub fn put_ping(wire: SessionWire, out: &mut Vec<u8>) {
    match wire {
        SessionWire::WebSocket(_) => websocket::put_ping(out),
        SessionWire::Tcp => put_envelope(wire, PING_ID, &Message::Ping(Ping {}), out),
        // Nobody answers a comment, but on a dead line it fails.
        SessionWire::Sse => out.extend_from_slice(b":\n\n"),
    }
}

/// Appends how long an `EventSource` is to wait before it reconnects. The field holds as soon as it is read, without an event.
pub fn put_retry(ms: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("retry: {ms}\n\n").as_bytes());
}

/// What stands in a message or a frame of the transport: that of raw TCP has its length elsewhere.
fn content(wire: SessionWire, envelope: &[u8]) -> &[u8] {
    match wire {
        SessionWire::Tcp => frame::delimited(envelope),
        SessionWire::WebSocket(_) | SessionWire::Sse => envelope,
    }
}

/// Appends a compressed batch: in a binary message whatever the encoding. Event streams are compressed by HTTP.
fn put_packed(wire: SessionWire, packed: &[u8], out: &mut Vec<u8>) {
    match wire {
        SessionWire::WebSocket(_) => websocket::put_message(false, packed, out),
        SessionWire::Tcp => frame::encode(packed, out),
        SessionWire::Sse => unreachable!("nobody is granted batches over SSE"),
    }
}

fn put_framed(wire: SessionWire, envelope: &[u8], out: &mut Vec<u8>) {
    match wire {
        SessionWire::WebSocket(encoding) => websocket::put_message(encoding == Encoding::Json, envelope, out),
        SessionWire::Tcp => frame::encode_delimited(envelope, out),
        SessionWire::Sse => {
            out.reserve(envelope.len() + 8);
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(envelope);
            out.extend_from_slice(b"\n\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Batching;

    fn events(count: u64, bytes: usize) -> Vec<Arc<Event>> {
        let event = |offset| Event {
            r#type: EventType::Put.into(),
            resource_version: Some(ResourceVersion::new(7, offset)),
            data: Some(vec![b'1'; bytes].into()),
            ..Event::default()
        };
        (1..=count).map(|offset| Arc::new(event(offset))).collect()
    }

    fn version(offset: u64) -> ResourceVersion {
        ResourceVersion::new(7, offset)
    }

    /// W8, W9: the frames join, and only the first says that older ones were left out.
    #[test]
    fn a_large_batch_becomes_frames_that_join() {
        let events = events(10, 30_000);
        let span = Span { limited: true, ..Span::new(version(0), version(10), &events) };
        let spans: Vec<_> = span.split().collect();
        assert!(spans.len() > 3);
        assert_eq!(spans.iter().map(|s| s.events.len()).sum::<usize>(), 10);
        assert!(spans[0].limited && spans[1..].iter().all(|s| !s.limited));
        assert!(spans.windows(2).all(|pair| pair[0].through == pair[1].after));
        assert_eq!((spans[0].after, spans[spans.len() - 1].through), (version(0), version(10)));
    }

    /// W9: inside the snapshot of a fold nothing is covered before the end.
    #[test]
    fn a_fold_in_several_frames_covers_nothing_but_in_the_last() {
        let events = events(10, 30_000);
        let span = Span { resumable: false, ..Span::new(version(0), version(42), &events) };
        let spans: Vec<_> = span.split().collect();
        let (last, others) = spans.split_last().unwrap();
        assert!(others.iter().all(|s| s.after == version(0) && s.through == version(0)));
        assert_eq!((last.after, last.through), (version(0), version(42)));
    }

    #[test]
    fn an_event_larger_than_a_frame_is_not_split() {
        let events = events(2, FRAME_BYTES * 3);
        let counts: Vec<_> = Span::new(version(0), version(2), &events).split().map(|s| s.events.len()).collect();
        assert_eq!(counts, [1, 1]);
    }

    /// E13, H11: one envelope, three ways out.
    #[test]
    fn an_envelope_is_framed_in_the_way_of_its_transport() {
        let framed = |wire| {
            let mut out = Vec::new();
            put_ping(wire, &mut out);
            put_envelope(wire, 7, &Message::Ping(Ping {}), &mut out);
            out
        };
        let json = b"{\"type\":\"PING\",\"id\":7}";
        let sse = [b":\n\ndata: ", &json[..], b"\n\n"].concat();
        assert_eq!(framed(SessionWire::Sse), sse);
        assert_eq!(framed(SessionWire::WebSocket(Encoding::Json)), [&[0x89, 0, 0x81, 22][..], json].concat());
        let mut bytes = bytes::BytesMut::from(&framed(SessionWire::Tcp)[..]);
        for id in [PING_ID, 7] {
            let envelope = frame::Decoder::new(100).decode(&mut bytes).unwrap().unwrap();
            let incoming = fanfare_protocol::decode(Encoding::Protobuf, &envelope).unwrap();
            assert_eq!((incoming.id, incoming.message), (id, Message::Ping(Ping {})));
        }
        assert!(bytes.is_empty());
    }

    /// E17: marked, in binary, whole by itself; what is small stays as it is.
    #[test]
    fn a_large_batch_is_compressed_and_framed_in_the_way_of_its_transport() {
        let json = SessionWire::WebSocket(Encoding::Json);
        for (wire, head) in [(json, 4), (SessionWire::WebSocket(Encoding::Protobuf), 4), (SessionWire::Tcp, 8)] {
            for (count, is_large) in [(1, false), (100, true)] {
                let events = events(count, 20);
                let span = Span::new(version(0), version(count), &events);
                let (mut plain, mut packed) = (Vec::new(), Vec::new());
                assert_eq!(encode(Wire::Session(wire, None), 1, &span, &mut plain), None);
                let size = encode(Wire::Session(wire, Some(Batching::Zstd)), 1, &span, &mut packed);
                assert_eq!((size.is_some(), plain == packed), (is_large, !is_large));
                if is_large {
                    assert_eq!(packed[head], 0, "{wire:?}");
                    assert!(wire == SessionWire::Tcp || packed[0] == 0x82, "binary");
                    let stream = &packed[head + 1..];
                    assert_eq!(zstd::stream::decode_all(stream).unwrap(), plain[head..], "{wire:?}");
                }
            }
        }
    }

    #[test]
    fn an_event_stream_has_an_id_only_where_it_may_resume() {
        let events = events(1, 1);
        for (resumable, text) in [
            (true, "id: 7.1\nevent: put\ndata: {\"type\":\"put\",\"resourceVersion\":\"7.1\",\"data\":1}\n\n"),
            (false, "event: put\ndata: {\"type\":\"put\",\"resourceVersion\":\"7.1\",\"data\":1}\n\n"),
        ] {
            let mut out = Vec::new();
            encode(Wire::Sse, 1, &Span { resumable, ..Span::new(version(0), version(1), &events) }, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
