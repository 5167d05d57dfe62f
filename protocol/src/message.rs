//! What an envelope can hold: one variant per type. The list below is the only one; both encodings walk it.

use bytes::Bytes;
use prost::Message as _;
use serde::de::{DeserializeSeed as _, Deserializer};

use crate::json::{Context, Object, Seed, ToJson as _};
use crate::wire::{
    Cancel, Connect, Connected, Error, EventBatch, Goaway, Grant, History, HistoryPage, MessageType, Ping, Pong,
    PresenceGet, PresenceSet, PresenceState, Publish, Published, Refresh, Refreshed, Reply, Request, Serve, Serving,
    Subscribe, Subscribed, Unsubscribe, Unsubscribed, UpdateView, View,
};

/// One envelope that was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// Of the request; 0 where no answer is wanted.
    pub id: u64,
    /// W3C Trace Context of the sender.
    pub traceparent: Option<String>,
    /// What it says.
    pub message: Message,
}

macro_rules! messages {
    ($($(#[$doc:meta])* $variant:ident($payload:ident),)+) => {
        /// What one envelope says.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message {
            $($(#[$doc])* $variant($payload),)+
        }

        impl Message {
            /// Every type that this version knows.
            pub const TYPES: &'static [MessageType] = &[$(MessageType::$variant,)+];

            /// The type of the envelope that holds it.
            #[must_use]
            pub fn message_type(&self) -> MessageType {
                match self {
                    $(Self::$variant(_) => MessageType::$variant,)+
                }
            }

            /// Length of its protobuf form in bytes.
            pub(crate) fn protobuf_bytes(&self) -> usize {
                match self {
                    $(Self::$variant(payload) => payload.encoded_len(),)+
                }
            }

            /// Appends its protobuf form.
            pub(crate) fn write_protobuf(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(payload) => payload.encode_raw(out),)+
                }
            }

            /// Reads the protobuf form of a payload; bytes in it stay slices of it. `None`: a type without a payload.
            pub(crate) fn read_protobuf(kind: MessageType, payload: Bytes) -> Result<Option<Self>, prost::DecodeError> {
                match kind {
                    MessageType::Unspecified => Ok(None),
                    $(MessageType::$variant => $payload::decode(payload).map(|payload| Some(Self::$variant(payload))),)+
                }
            }

            /// Writes the members of its JSON form.
            pub(crate) fn write_json(&self, object: &mut Object<'_>) {
                match self {
                    $(Self::$variant(payload) => payload.write(object),)+
                }
            }

            /// Reads the JSON form of a payload. `None`: a type without a payload.
            pub(crate) fn read_json<'de, D: Deserializer<'de>>(
                kind: MessageType,
                context: &Context<'_>,
                payload: D,
            ) -> Result<Option<Self>, D::Error> {
                match kind {
                    MessageType::Unspecified => Ok(None),
                    $(MessageType::$variant => {
                        Seed::<$payload>::new(context).deserialize(payload).map(|payload| Some(Self::$variant(payload)))
                    })+
                }
            }
        }

        $(impl From<$payload> for Message {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

messages! {
    /// Who one is; the first request of a session.
    Connect(Connect),
    /// Answers CONNECT.
    Connected(Connected),
    /// A new token.
    Refresh(Refresh),
    /// Answers REFRESH.
    Refreshed(Refreshed),
    /// Are you there?
    Ping(Ping),
    /// Answers PING.
    Pong(Pong),
    /// A request failed, or (id 0) the connection ends.
    Error(Error),
    /// The node drains.
    Goaway(Goaway),
    /// Opens one or several views.
    Subscribe(Subscribe),
    /// Answers SUBSCRIBE and UPDATE_VIEW.
    Subscribed(Subscribed),
    /// Changes a view.
    UpdateView(UpdateView),
    /// Ends a view.
    Unsubscribe(Unsubscribe),
    /// Answers UNSUBSCRIBE.
    Unsubscribed(Unsubscribed),
    /// Takes more events.
    Grant(Grant),
    /// Events of a view.
    Event(EventBatch),
    /// A view changed by itself.
    View(View),
    /// Publishes to a topic.
    Publish(Publish),
    /// Answers PUBLISH.
    Published(Published),
    /// Asks for retained publications.
    History(History),
    /// Answers HISTORY.
    HistoryPage(HistoryPage),
    /// Enters, updates or leaves.
    PresenceSet(PresenceSet),
    /// Asks who is there.
    PresenceGet(PresenceGet),
    /// Answers PRESENCE_SET and PRESENCE_GET.
    PresenceState(PresenceState),
    /// Asks a service.
    Request(Request),
    /// Answers REQUEST.
    Reply(Reply),
    /// Becomes a responder.
    Serve(Serve),
    /// Answers SERVE.
    Serving(Serving),
    /// No longer waits for a request.
    Cancel(Cancel),
}

const NAME_PREFIX: &str = "MESSAGE_TYPE_";

impl MessageType {
    /// The name in JSON and in metric labels: `CONNECT`, `HISTORY_PAGE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix(NAME_PREFIX).unwrap_or(name)
    }

    /// The type with this name, if this version knows it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Message::TYPES.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a client may send it. (A node that asks a responder sends REQUEST and hears REPLY, so those two go both ways.)
    #[must_use]
    pub fn is_from_client(self) -> bool {
        matches!(self, Self::Reply) || self.is_request()
    }

    /// Whether it is a request: its unknown parameters are refused, except those of CONNECT. Rule W2.
    #[must_use]
    pub fn is_request(self) -> bool {
        match self {
            Self::Connect
            | Self::Refresh
            | Self::Ping
            | Self::Subscribe
            | Self::UpdateView
            | Self::Unsubscribe
            | Self::Grant
            | Self::Publish
            | Self::History
            | Self::PresenceSet
            | Self::PresenceGet
            | Self::Request
            | Self::Serve
            | Self::Cancel => true,
            Self::Unspecified
            | Self::Connected
            | Self::Refreshed
            | Self::Pong
            | Self::Error
            | Self::Goaway
            | Self::Subscribed
            | Self::Unsubscribed
            | Self::Event
            | Self::View
            | Self::Published
            | Self::HistoryPage
            | Self::PresenceState
            | Self::Reply
            | Self::Serving => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E2.
    #[test]
    fn every_type_of_the_proto_file_has_a_message_and_a_name() {
        let known = (0..=255)
            .filter_map(|number| MessageType::try_from(number).ok())
            .filter(|kind| *kind != MessageType::Unspecified);
        assert!(known.eq(Message::TYPES.iter().copied()));
        for kind in Message::TYPES {
            assert_eq!(MessageType::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(MessageType::from_name("UNSPECIFIED"), None);
        assert_eq!(MessageType::HistoryPage.name(), "HISTORY_PAGE");
    }
}
