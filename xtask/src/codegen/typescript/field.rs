//! How a field of a message looks in memory, which is its JSON form. The `.proto` files say nothing
//! of that, so where it departs from the plain mapping the constants below say so;
//! `protocol/conformance` proves that they say it right.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

/// The message that is one string `EPOCH.OFFSET`.
pub(super) const VERSION: &str = "ResourceVersion";
/// What all maps consist of: they are from string to string.
pub(super) const ENTRY: &str = "Entry";
/// `…_ms` fields that are durations in JSON (`"100ms"`, or seconds), without the suffix.
const DURATIONS: [&str; 4] = ["ttl_ms", "interval_ms", "debounce_ms", "timeout_ms"];
/// Messages whose members stand beside their siblings, unless there are several of them.
const FLAT: [(&str, Option<&str>); 4] = [
    ("Publish.publication", Some("publications")),
    ("Subscribe.watch", Some("views")),
    ("Subscribed.watched", Some("views")),
    ("UpdateView.watch", None),
];
/// A map whose entries are members of their own: `where.key`.
const DOTTED: &str = "Watch.where";
/// A list that is one comma-separated string.
const COMMAS: &str = "Watch.fields";
/// Lists, booleans and enums that are written even when they are empty, false or the first.
const ALWAYS: [&str; 7] = [
    "EventBatch.events",
    "HistoryPage.items",
    "PresenceState.members",
    "Watched.resumed",
    "Event.type",
    "View.state",
    "PresenceSet.action",
];

/// What no one who watches needs to be told, as he asked for it: bytes of every page that loads the SDK. It is skipped like any
/// field that is not known.
const UNREAD: &str = "Watched.stale";

/// How a value looks.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    String,
    Bool,
    Uint,
    Int,
    Fixed64,
    Double,
    Version,
    Duration,
    /// A JSON value, or bytes where the sibling `contentType` says so.
    Data,
    Enum(&'a str),
    Message(&'a str),
}

impl Kind<'_> {
    /// As `Kind` of `codec/schema.ts` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bool => "bool",
            Self::Uint => "uint",
            Self::Int => "int",
            Self::Fixed64 => "fixed64",
            Self::Double => "double",
            Self::Version => "version",
            Self::Duration => "duration",
            Self::Data => "data",
            Self::Enum(_) => "enum",
            Self::Message(_) => "message",
        }
    }
}

/// When a member is there, and how often.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Always,
    Optional,
    List,
    AlwaysList,
    Map,
    Commas,
    Dotted,
    /// Not a member: its own members stand here, unless the member `several` is there.
    Flat {
        several: Option<&'static str>,
    },
}

impl Mode {
    /// As `Mode` of `codec/schema.ts` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Optional => "optional",
            Self::List => "list",
            Self::AlwaysList => "always-list",
            Self::Map => "map",
            Self::Commas => "commas",
            Self::Dotted => "dotted",
            Self::Flat { .. } => "flat",
        }
    }
}

/// A field of a message.
pub(super) struct Field<'a> {
    /// Its place in the message.
    pub(super) index: i32,
    pub(super) number: i32,
    pub(super) name: String,
    pub(super) kind: Kind<'a>,
    pub(super) mode: Mode,
}

/// The fields of a message that are read, in the order of its file.
pub(super) fn fields(message: &DescriptorProto) -> impl Iterator<Item = Field<'_>> {
    (0..).zip(&message.field).filter_map(|(index, proto)| {
        let path = format!("{}.{}", message.name(), proto.name());
        (path != UNREAD).then(|| field(message, proto, index, &path))
    })
}

fn field<'a>(message: &'a DescriptorProto, proto: &'a FieldDescriptorProto, index: i32, path: &str) -> Field<'a> {
    let is_duration = DURATIONS.contains(&proto.name());
    let is_map = is_map(message, proto);
    let kind = match proto.r#type() {
        _ if is_map => Kind::Message(ENTRY),
        _ if is_duration => Kind::Duration,
        Type::String => Kind::String,
        Type::Bool => Kind::Bool,
        Type::Uint32 | Type::Uint64 => Kind::Uint,
        Type::Int64 => Kind::Int,
        Type::Fixed64 => Kind::Fixed64,
        Type::Double => Kind::Double,
        Type::Bytes => Kind::Data,
        Type::Enum => Kind::Enum(last_part(proto.type_name())),
        Type::Message if last_part(proto.type_name()) == VERSION => Kind::Version,
        Type::Message => Kind::Message(last_part(proto.type_name())),
        other => unreachable!("no message of the protocol has a field of type {other:?}"),
    };
    let flat = FLAT.iter().find(|(flat, _)| *flat == path);
    let is_always = ALWAYS.contains(&path);
    let mode = match (flat, proto.label()) {
        (Some(&(_, several)), _) => Mode::Flat { several },
        _ if path == DOTTED => Mode::Dotted,
        _ if path == COMMAS => Mode::Commas,
        _ if is_map => Mode::Map,
        (None, Label::Repeated) if is_always => Mode::AlwaysList,
        (None, Label::Repeated) => Mode::List,
        _ if is_always => Mode::Always,
        // Left out when false or the first.
        _ if matches!(kind, Kind::Bool | Kind::Enum(_)) => Mode::Optional,
        _ if proto.proto3_optional() => Mode::Optional,
        _ => Mode::Always,
    };
    let name = match is_duration {
        true => proto.name().trim_end_matches("_ms").to_owned(),
        false => proto.json_name().to_owned(),
    };
    Field { index, number: proto.number(), name, kind, mode }
}

/// On the wire a map is a list of messages that its message declares inside itself.
fn is_map(message: &DescriptorProto, proto: &FieldDescriptorProto) -> bool {
    message.nested_type.iter().any(|nested| {
        let is_entry = nested.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
        is_entry && last_part(proto.type_name()) == nested.name()
    })
}

fn last_part(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}
