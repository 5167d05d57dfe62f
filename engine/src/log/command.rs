//! What the door asks of a shard. Commands are committed before they are applied and will be read back from disk by
//! later versions, so they are prost messages with fixed numbers: **a number is never reused, a new field is optional,
//! and a changed meaning gets a new [`FORMAT`]**.
//!
//! A command is a message of two fields: 1, [`FORMAT`] of its writer, because a reader refuses what it does not know instead
//! of guessing; and under the number of its verb what to do. It is taken apart and put together here without being moved
//! through a type of its own: every publication passes by.

use bytes::{Buf, Bytes};
use fanfare_protocol::{Producer, Publication};
use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint};
use prost::encoding::{encoded_len_varint, key_len, message, skip_field, uint32};
use prost::{DecodeError, Message};

use super::idempotency::body_hash;
use super::namespace_policy::NamespacePolicy;
use super::policy::{Policies, Policy};
use super::refusal::Refusal;

/// The format that this version writes and understands.
pub const FORMAT: u32 = 1;

/// Numbers of the fields of a command: its format, and verbs from 2 to 15.
const FORMAT_FIELD: u32 = 1;
const PUBLISH: u32 = 2;
const DELETE_TOPIC: u32 = 3;
const EXPIRE: u32 = 4;
const SET_POLICIES: u32 = 5;

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verb {
    Publish(Publish),
    DeleteTopic(DeleteTopic),
    Expire(Expire),
    SetPolicies(SetPolicies),
}

/// Appends publications to a topic, all or none, and creates it if need be.
#[derive(Clone, PartialEq, Message)]
pub struct Publish {
    /// 1: checked at the door.
    #[prost(string, tag = "1")]
    pub topic: String,
    /// 2: 64 random bits drawn by the proposer (chance must not happen in `apply`); the topic's epoch if this command
    /// creates it, else unused. 0 is read as 1, because epoch 0 says that there is no topic.
    #[prost(fixed64, tag = "2")]
    pub new_epoch: u64,
    /// 3: at least one; JSON compacted at the door.
    #[prost(message, repeated, tag = "3")]
    pub publications: Vec<Publication>,
    /// 4: whose idempotency keys and producers these are: `sub` of the token, empty for anyone without one.
    #[prost(string, tag = "4")]
    pub principal: String,
    /// 5: shown in the event.
    #[prost(string, optional, tag = "5")]
    pub publisher: Option<String>,
    /// 6: shown in the event.
    #[prost(string, optional, tag = "6")]
    pub connection_id: Option<String>,
    /// 7: covers all publications.
    #[prost(string, optional, tag = "7")]
    pub idempotency_key: Option<String>,
    /// 8: covers all publications.
    #[prost(message, optional, tag = "8")]
    pub producer: Option<Producer>,
    /// 9: upper half of [`body_hash`], set by [`Publish::into_command`] where 7 or 8 is: computed by the many threads
    /// at the door and not by the one that applies.
    #[prost(fixed64, tag = "9")]
    pub body_hash_high: u64,
    /// 10: lower half.
    #[prost(fixed64, tag = "10")]
    pub body_hash_low: u64,
}

/// Ends a topic: history, fold, idempotency. Created again, it has another epoch.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteTopic {
    /// 1.
    #[prost(string, tag = "1")]
    pub topic: String,
}

/// Makes what is due in a topic happen. Any other command of the topic does so too; this one is for quiet topics.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Expire {
    /// 1.
    #[prost(string, tag = "1")]
    pub topic: String,
}

/// Other policies hold from this entry on. Every shard is told, because a policy that came from elsewhere would act at
/// different entries on different replicas.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetPolicies {
    /// 1: grows with every change; what is not newer than what a shard has changes nothing.
    #[prost(uint64, tag = "1")]
    pub version: u64,
    /// 2: all that are declared.
    #[prost(message, repeated, tag = "2")]
    pub namespaces: Vec<NamespacePolicy>,
}

impl SetPolicies {
    /// These policies, as of that version.
    #[must_use]
    pub fn new(version: u64, policies: &Policies) -> Self {
        let mut namespaces: Vec<_> = policies.declared().map(|policy| NamespacePolicy::from(policy.as_ref())).collect();
        namespaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self { version, namespaces }
    }

    /// Encodes it.
    #[must_use]
    pub fn into_command(self) -> Bytes {
        encode(SET_POLICIES, &self)
    }

    /// What it sets.
    pub(super) fn policies(&self) -> Result<Policies, Refusal> {
        let policies = self.namespaces.iter().cloned().map(Policy::try_from).collect::<Result<Vec<_>, _>>();
        policies.map(Policies::new).map_err(|_| Refusal::Unreadable)
    }
}

impl Publish {
    /// Seals and encodes it.
    #[must_use]
    pub fn into_command(mut self) -> Bytes {
        if self.idempotency_key.is_some() || self.producer.is_some() {
            let hash = body_hash(&self.publications);
            (self.body_hash_high, self.body_hash_low) = ((hash >> 64) as u64, hash as u64);
        }
        encode(PUBLISH, &self)
    }

    pub(super) fn body_hash(&self) -> u128 {
        u128::from(self.body_hash_high) << 64 | u128::from(self.body_hash_low)
    }
}

impl DeleteTopic {
    /// Encodes it.
    #[must_use]
    pub fn into_command(self) -> Bytes {
        encode(DELETE_TOPIC, &self)
    }
}

impl Expire {
    /// Encodes it.
    #[must_use]
    pub fn into_command(self) -> Bytes {
        encode(EXPIRE, &self)
    }
}

fn encode(field: u32, verb: &impl Message) -> Bytes {
    let verb_bytes = verb.encoded_len();
    let format_bytes = uint32::encoded_len(FORMAT_FIELD, &FORMAT);
    let bytes = format_bytes + key_len(field) + encoded_len_varint(verb_bytes as u64) + verb_bytes;
    let mut out = Vec::with_capacity(bytes);
    uint32::encode(FORMAT_FIELD, &FORMAT, &mut out);
    encode_key(field, WireType::LengthDelimited, &mut out);
    encode_varint(verb_bytes as u64, &mut out);
    verb.encode_raw(&mut out);
    out.into()
}

/// Reads a command back; its data stay slices of it. Only a defect, or a node that is newer than this one, writes what
/// cannot be read.
pub(super) fn decode(command: Bytes) -> Result<Verb, Refusal> {
    match fields(command) {
        Some((FORMAT, Some(verb))) => Ok(verb),
        Some(_) | None => Err(Refusal::Unreadable),
    }
}

fn fields(mut command: Bytes) -> Option<(u32, Option<Verb>)> {
    let (mut format, mut verb) = (0, None);
    while command.has_remaining() {
        let (field, wire_type) = decode_key(&mut command).ok()?;
        let context = DecodeContext::default();
        match field {
            FORMAT_FIELD => uint32::merge(wire_type, &mut format, &mut command, context).ok()?,
            _ => match Verb::empty(field) {
                Some(empty) => verb.insert(empty).merge(wire_type, &mut command, context).ok()?,
                None => skip_field(wire_type, field, &mut command, context).ok()?,
            },
        }
    }
    Some((format, verb))
}

impl Verb {
    /// The verb of a field, to be filled.
    fn empty(field: u32) -> Option<Self> {
        Some(match field {
            PUBLISH => Self::Publish(Publish::default()),
            DELETE_TOPIC => Self::DeleteTopic(DeleteTopic::default()),
            EXPIRE => Self::Expire(Expire::default()),
            SET_POLICIES => Self::SetPolicies(SetPolicies::default()),
            _ => return None,
        })
    }

    fn merge(&mut self, wire_type: WireType, rest: &mut Bytes, context: DecodeContext) -> Result<(), DecodeError> {
        match self {
            Self::Publish(publish) => message::merge(wire_type, publish, rest, context),
            Self::DeleteTopic(delete) => message::merge(wire_type, delete, rest, context),
            Self::Expire(expire) => message::merge(wire_type, expire, rest, context),
            Self::SetPolicies(set) => message::merge(wire_type, set, rest, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These bytes are in write-ahead logs: if this test fails, the format has changed and [`FORMAT`] must too.
    #[test]
    fn the_bytes_of_a_command_stay_what_they_are() {
        let expire = Expire { topic: "a:b".to_owned() }.into_command();
        assert_eq!(expire, [8, 1, 34, 5, 10, 3, b'a', b':', b'b'].as_slice());
        let delete = DeleteTopic { topic: "t".to_owned() }.into_command();
        assert_eq!(delete, [8, 1, 26, 3, 10, 1, b't'].as_slice());
        let publish = Publish {
            topic: "t".to_owned(),
            new_epoch: 1,
            publications: vec![Publication { data: Some(Bytes::from_static(b"1")), ..Publication::default() }],
            ..Publish::default()
        };
        let expected = [8, 1, 18, 17, 10, 1, b't', 17, 1, 0, 0, 0, 0, 0, 0, 0, 26, 3, 10, 1, b'1'];
        assert_eq!(publish.into_command(), expected.as_slice());
    }

    #[test]
    fn a_command_reads_back_as_itself_without_copying_its_data() {
        let publish = Publish {
            topic: "chat:lobby".to_owned(),
            publications: vec![Publication { data: Some(Bytes::from(vec![b'x'; 100])), ..Publication::default() }],
            idempotency_key: Some("k".to_owned()),
            ..Publish::default()
        };
        let bytes = publish.clone().into_command();
        let Ok(Verb::Publish(read)) = decode(bytes.clone()) else { panic!("not a publish") };
        assert_eq!(read.body_hash(), body_hash(&publish.publications));
        assert_eq!(read.publications, publish.publications);
        let data = read.publications[0].data.clone().unwrap();
        assert!(bytes.as_ptr_range().contains(&data.as_ptr()));
    }

    #[test]
    fn a_command_that_was_cut_off_is_refused() {
        let publication = Publication { data: Some(Bytes::from_static(b"1")), ..Publication::default() };
        let publish = Publish { topic: "t".to_owned(), publications: vec![publication], ..Publish::default() };
        let whole = publish.into_command();
        for length in 0..whole.len() {
            assert_eq!(decode(whole.slice(..length)), Err(Refusal::Unreadable), "{length} bytes of {}", whole.len());
        }
        assert!(decode(whole).is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bytes in [&b"\xff\xff"[..], b"", b"\x08\x01", b"\x08\x02\x22\x03\x0a\x01t"] {
            assert_eq!(decode(Bytes::from_static(bytes)), Err(Refusal::Unreadable), "{bytes:?}");
        }
    }
}
