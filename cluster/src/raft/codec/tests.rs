use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::shard::EntryTime;

fn members() -> impl Strategy<Value = Membership> {
    let ids = || prop::collection::btree_set(0u64..20, 1..5);
    (prop::collection::vec(ids(), 1..3), ids()).prop_map(|(configs, learners)| {
        let all: BTreeSet<_> = configs.iter().flatten().copied().chain(learners).collect();
        let nodes: BTreeMap<_, _> = all.into_iter().map(|id| (id, EmptyNode {})).collect();
        Membership::new(configs, nodes).unwrap()
    })
}

fn id() -> impl Strategy<Value = LogId> {
    (any::<u64>(), any::<u64>(), 0..u64::MAX).prop_map(|(term, leader, index)| log_id(term, leader, index))
}

fn proposed() -> impl Strategy<Value = (EntryTime, Vec<Bytes>)> {
    let command = prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let time = (any::<u64>(), any::<i64>()).prop_map(|(shard_ms, wall_ms)| EntryTime { shard_ms, wall_ms });
    (time, prop::collection::vec(command, 1..10))
}

proptest! {
    #[test]
    fn commands_come_out_as_they_went_in(id in id(), (time, commands) in proposed()) {
        let payload = Commands::Proposed { time, commands: Arc::new(commands.clone()) };
        let len = payload.encoded_len();
        let entry = RaftEntry { log_id: id, payload: EntryPayload::Normal(payload) };
        let stored = entry_to_log(&entry);
        prop_assert_eq!(stored.index, id.index);
        prop_assert_eq!(stored.bytes.len(), len + 18);
        prop_assert_eq!(log_id_of(&stored).unwrap(), id);
        let read = entry_from_log(stored.clone()).unwrap();
        prop_assert_eq!(&read.log_id, &id);
        prop_assert_eq!(entry_to_log(&read), stored, "the same bytes wherever it goes");
        let EntryPayload::Normal(read) = read.payload else { panic!("commands are commands") };
        let entry = read.into_entry(id.index).unwrap();
        prop_assert_eq!(entry, crate::shard::Entry { index: id.index, time, commands });
    }

    #[test]
    fn members_votes_and_ids_come_out_as_they_went_in(id in id(), members in members(), committed: bool) {
        let entry = RaftEntry { log_id: id, payload: EntryPayload::Membership(members.clone()) };
        prop_assert_eq!(entry_from_log(entry_to_log(&entry)).unwrap(), entry);
        let stored = StoredMembership::new(Some(id), members);
        prop_assert_eq!(members_from_bytes(members_to_bytes(&stored)).unwrap(), stored);
        prop_assert_eq!(log_id_from_bytes(log_id_to_bytes(&id)).unwrap(), id);
        let mut vote = Vote::new(id.leader_id.term, id.leader_id.node_id);
        vote.committed = committed;
        prop_assert_eq!(vote_from_bytes(vote_to_bytes(&vote)).unwrap(), vote);
    }

    /// Whatever is on disk or comes from another node is an error at worst.
    #[test]
    fn bytes_that_nobody_wrote_are_no_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), known: bool) {
        if known && bytes.len() > 1 {
            bytes[0] = FORMAT;
            bytes[1] %= 3;
        }
        let bytes = Bytes::from(bytes);
        let _ = log_id_from_bytes(bytes.clone());
        let _ = vote_from_bytes(bytes.clone());
        let _ = members_from_bytes(bytes.clone());
        if let Ok(RaftEntry { payload: EntryPayload::Normal(commands), .. }) = entry_from_log(LogEntry { index: 1, bytes }) {
            let _ = commands.into_entry(1);
        }
    }
}

#[test]
fn no_members_at_all_are_told_from_no_position() {
    let bytes = members_to_bytes(&StoredMembership::default());
    assert!(!bytes.is_empty());
    assert_eq!(members_from_bytes(bytes).unwrap(), StoredMembership::default());
}

/// What is on disk stays readable: these are the bytes of format 1.
#[test]
fn the_format_is_what_it_was() {
    let time = EntryTime { shard_ms: 1, wall_ms: -1 };
    let commands = Arc::new(vec![Bytes::from_static(b"ab"), Bytes::new()]);
    let payload = EntryPayload::Normal(Commands::Proposed { time, commands });
    let entry = entry_to_log(&RaftEntry { log_id: log_id(3, 2, 7), payload });
    let head = [&[1, 2][..], &3u64.to_le_bytes(), &2u64.to_le_bytes()].concat();
    let times = [1u64.to_le_bytes(), (-1i64).to_le_bytes()].concat();
    let table = [2u32, 2, 0].map(u32::to_le_bytes).concat();
    assert_eq!(entry.bytes, [head, times, table, b"ab".to_vec()].concat());
    let blank = entry_to_log(&RaftEntry { log_id: log_id(3, 2, 8), payload: EntryPayload::Blank });
    assert_eq!(blank.bytes, [&[1, 0][..], &3u64.to_le_bytes(), &2u64.to_le_bytes()].concat());
    assert_eq!(
        vote_to_bytes(&Vote::new_committed(3, 2)),
        [&[1][..], &3u64.to_le_bytes(), &2u64.to_le_bytes(), &[1]].concat()
    );
}

#[test]
fn what_is_not_known_is_said() {
    let strange = |bytes: &'static [u8]| entry_from_log(LogEntry { index: 0, bytes: Bytes::from_static(bytes) });
    assert_eq!(strange(&[2]), Err(Malformed::Format { found: 2 }));
    let kind = [&[1, 9][..], &[0; 16]].concat();
    assert_eq!(entry_from_log(LogEntry { index: 0, bytes: kind.into() }), Err(Malformed::Kind { found: 9 }));
    assert_eq!(strange(&[]), Err(Malformed::Short));
    assert_eq!(vote_from_bytes([&[1][..], &[0; 18]].concat().into()), Err(Malformed::Long));
    let voter_that_is_no_member =
        [&[1, 0][..], &1u32.to_le_bytes(), &1u32.to_le_bytes(), &7u64.to_le_bytes(), &0u32.to_le_bytes()].concat();
    assert_eq!(members_from_bytes(voter_that_is_no_member.into()), Err(Malformed::Members));
    let endless = [&[1, 0][..], &u32::MAX.to_le_bytes()].concat();
    assert_eq!(members_from_bytes(endless.into()), Err(Malformed::Members));
}
