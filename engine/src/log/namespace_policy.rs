//! A policy as a command carries it: committed before it acts and read back by later versions, so a prost message with
//! fixed numbers, of which none is ever reused.

use prost::Message;

use super::policy::{Durability, IdempotencyPolicy, Kind, Policy};

/// The policy of one namespace.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NamespacePolicy {
    /// 1.
    #[prost(string, tag = "1")]
    pub name: String,
    /// 2: 0 `stream`, 1 `state`, 2 `document`.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// 3: 0 `replicated`, 1 `ephemeral`.
    #[prost(uint32, tag = "3")]
    pub durability: u32,
    /// 4.
    #[prost(uint64, tag = "4")]
    pub history_count: u64,
    /// 5.
    #[prost(uint64, tag = "5")]
    pub history_bytes: u64,
    /// 6.
    #[prost(uint64, tag = "6")]
    pub history_age_ms: u64,
    /// 7.
    #[prost(uint64, tag = "7")]
    pub publication_bytes_max: u64,
    /// 8.
    #[prost(uint64, tag = "8")]
    pub topics_max: u64,
    /// 9.
    #[prost(uint64, tag = "9")]
    pub keys_max: u64,
    /// 10.
    #[prost(uint64, tag = "10")]
    pub fold_bytes_max: u64,
    /// 11.
    #[prost(uint64, tag = "11")]
    pub idempotency_window_ms: u64,
    /// 12.
    #[prost(uint64, tag = "12")]
    pub idempotency_entries_max: u64,
    /// 13.
    #[prost(uint64, tag = "13")]
    pub idempotency_producers_max: u64,
    /// 14.
    #[prost(uint64, tag = "14")]
    pub idempotency_producer_results_max: u64,
    /// 15.
    #[prost(uint64, tag = "15")]
    pub bytes_max: u64,
    /// 16: the durability that it is about to have, numbered as 3.
    #[prost(uint32, optional, tag = "16")]
    pub moving_to: Option<u32>,
}

/// A policy of a version that knows more kinds or durabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy of a namespace is of a newer version")]
pub struct UnknownPolicy;

impl From<&Policy> for NamespacePolicy {
    fn from(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            kind: match policy.kind {
                Kind::Stream => 0,
                Kind::State => 1,
                Kind::Document => 2,
            },
            durability: number(policy.durability),
            moving_to: policy.moving_to.map(number),
            history_count: policy.history_count,
            history_bytes: policy.history_bytes,
            history_age_ms: policy.history_age_ms,
            publication_bytes_max: policy.publication_bytes_max,
            topics_max: policy.topics_max,
            bytes_max: policy.bytes_max,
            keys_max: policy.keys_max,
            fold_bytes_max: policy.fold_bytes_max,
            idempotency_window_ms: policy.idempotency.window_ms,
            idempotency_entries_max: policy.idempotency.entries_max as u64,
            idempotency_producers_max: policy.idempotency.producers_max as u64,
            idempotency_producer_results_max: policy.idempotency.producer_results_max as u64,
        }
    }
}

impl TryFrom<NamespacePolicy> for Policy {
    type Error = UnknownPolicy;

    fn try_from(policy: NamespacePolicy) -> Result<Self, UnknownPolicy> {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Self {
            name: policy.name,
            kind: match policy.kind {
                0 => Kind::Stream,
                1 => Kind::State,
                2 => Kind::Document,
                _ => return Err(UnknownPolicy),
            },
            durability: durability(policy.durability)?,
            moving_to: policy.moving_to.map(durability).transpose()?,
            history_count: policy.history_count,
            history_bytes: policy.history_bytes,
            history_age_ms: policy.history_age_ms,
            publication_bytes_max: policy.publication_bytes_max,
            topics_max: policy.topics_max,
            bytes_max: policy.bytes_max,
            keys_max: policy.keys_max,
            fold_bytes_max: policy.fold_bytes_max,
            idempotency: IdempotencyPolicy {
                window_ms: policy.idempotency_window_ms,
                entries_max: count(policy.idempotency_entries_max),
                producers_max: count(policy.idempotency_producers_max),
                producer_results_max: count(policy.idempotency_producer_results_max),
            },
        })
    }
}

const fn number(durability: Durability) -> u32 {
    match durability {
        Durability::Replicated => 0,
        Durability::Ephemeral => 1,
    }
}

const fn durability(number: u32) -> Result<Durability, UnknownPolicy> {
    match number {
        0 => Ok(Durability::Replicated),
        1 => Ok(Durability::Ephemeral),
        _ => Err(UnknownPolicy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let idempotency =
            IdempotencyPolicy { window_ms: 10, entries_max: 11, producers_max: 12, producer_results_max: 13 };
        Policy {
            durability: Durability::Ephemeral,
            moving_to: Some(Durability::Replicated),
            history_count: 1,
            history_bytes: 2,
            history_age_ms: 3,
            publication_bytes_max: 4,
            topics_max: 5,
            bytes_max: 6,
            keys_max: 7,
            fold_bytes_max: 8,
            idempotency,
            ..Policy::new("a", Kind::State)
        }
    }

    #[test]
    fn a_policy_reads_back_as_itself() {
        for policy in [policy(), Policy::new("b", Kind::Document), Policy::new("c", Kind::Stream)] {
            assert_eq!(NamespacePolicy::from(&policy).try_into(), Ok(policy));
        }
    }

    /// These bytes are in write-ahead logs and in the table of namespaces.
    #[test]
    fn the_bytes_of_a_policy_stay_what_they_are() {
        let expected = [
            &[10, 1, b'a', 16, 1, 24, 1, 32, 1, 40, 2, 48, 3, 56, 4, 64, 5, 72, 7, 80, 8][..],
            &[88, 10, 96, 11, 104, 12, 112, 13, 120, 6, 0x80, 1, 0],
        ]
        .concat();
        assert_eq!(NamespacePolicy::from(&policy()).encode_to_vec(), expected);
    }

    #[test]
    fn a_kind_or_durability_of_a_later_version_is_not_guessed_at() {
        let known = NamespacePolicy::from(&policy());
        let later = [
            NamespacePolicy { kind: 3, ..known.clone() },
            NamespacePolicy { durability: 2, ..known.clone() },
            NamespacePolicy { moving_to: Some(2), ..known },
        ];
        for later in later {
            assert_eq!(Policy::try_from(later), Err(UnknownPolicy));
        }
    }
}
