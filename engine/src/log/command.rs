//! What the door asks of a shard. Commands are committed before they are applied and will be read back from disk by
//! later versions, so they are prost messages with fixed numbers: **a number is never reused, a new field is optional,
//! and a changed meaning gets a new [`FORMAT`]**.

use bytes::Bytes;
use fanfare_protocol::{Producer, Publication};
use prost::{Message, Oneof};

use super::idempotency::body_hash;
use super::namespace_policy::NamespacePolicy;
use super::policy::{Policies, Policy};
use super::refusal::Refusal;

/// The format that this version writes and understands.
pub const FORMAT: u32 = 1;

/// One command as it is committed.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// 1: [`FORMAT`] of the writer. A reader refuses one that it does not know, instead of guessing.
    #[prost(uint32, tag = "1")]
    pub format: u32,
    /// 2 to 15: what to do.
    #[prost(oneof = "Verb", tags = "2, 3, 4, 5")]
    pub verb: Option<Verb>,
}

/// What to do.
#[derive(Clone, PartialEq, Oneof)]
pub enum Verb {
    /// 2.
    #[prost(message, tag = "2")]
    Publish(Publish),
    /// 3.
    #[prost(message, tag = "3")]
    DeleteTopic(DeleteTopic),
    /// 4.
    #[prost(message, tag = "4")]
    Expire(Expire),
    /// 5.
    #[prost(message, tag = "5")]
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
        encode(Verb::SetPolicies(self))
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
        encode(Verb::Publish(self))
    }

    pub(super) fn body_hash(&self) -> u128 {
        u128::from(self.body_hash_high) << 64 | u128::from(self.body_hash_low)
    }
}

impl DeleteTopic {
    /// Encodes it.
    #[must_use]
    pub fn into_command(self) -> Bytes {
        encode(Verb::DeleteTopic(self))
    }
}

impl Expire {
    /// Encodes it.
    #[must_use]
    pub fn into_command(self) -> Bytes {
        encode(Verb::Expire(self))
    }
}

fn encode(verb: Verb) -> Bytes {
    Command { format: FORMAT, verb: Some(verb) }.encode_to_vec().into()
}

/// Reads a command back. Only a defect, or a node that is newer than this one, writes what cannot be read.
pub(super) fn decode(command: Bytes) -> Result<Verb, Refusal> {
    match Command::decode(command) {
        Ok(Command { format: FORMAT, verb: Some(verb) }) => Ok(verb),
        Ok(_) | Err(_) => Err(Refusal::Unreadable),
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
    fn what_cannot_be_read_is_refused() {
        for bytes in [&b"\xff\xff"[..], b"", b"\x08\x01", b"\x08\x02\x22\x03\x0a\x01t"] {
            assert_eq!(decode(Bytes::from_static(bytes)), Err(Refusal::Unreadable), "{bytes:?}");
        }
    }
}
