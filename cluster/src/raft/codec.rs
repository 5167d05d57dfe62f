//! How entries, votes, log ids and members are written, on disk and between nodes. Ours and not the library's: what a
//! node has written must be readable after the library has changed its mind.
//!
//! Everything begins with [`FORMAT`], integers are little-endian. A log id is `term | leader | index`, a vote
//! `term | node | committed`, an entry `kind | term | leader | payload`; its index is known from where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::{Buf, BufMut, Bytes, TryGetError};
use openraft::{EmptyNode, EntryPayload};

use super::commands::Commands;
use super::consensus::{LogId, Membership, RaftEntry, StoredMembership, Vote, log_id};
use crate::log::LogEntry;

/// The format that this version writes, and the last one it reads.
const FORMAT: u8 = 1;

const BLANK: u8 = 0;
const MEMBERSHIP: u8 = 1;
const COMMANDS: u8 = 2;

/// Voters and learners of a group: far more than a group ever has, so that a bad length allocates nothing.
const MEMBERS_MAX: usize = 1_024;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("it has format {found}, this version reads up to {FORMAT}; start a newer version")]
    Format { found: u8 },
    #[error("it is an entry of kind {found}, which this version does not know; start a newer version")]
    Kind { found: u8 },
    #[error("it ends too early")]
    Short,
    #[error("it goes on behind its end")]
    Long,
    #[error("it lists no set of members that could be")]
    Members,
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    #[error("`{field}` is missing or says nothing that is known")]
    Field { field: &'static str },
}

impl From<TryGetError> for Malformed {
    fn from(_: TryGetError) -> Self {
        Self::Short
    }
}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, malformed)
    }
}

pub(super) fn entry_to_log(entry: &RaftEntry) -> LogEntry {
    let id = &entry.log_id;
    LogEntry { index: id.index, bytes: entry_bytes(entry) }
}

pub(super) fn entry_from_log(entry: LogEntry) -> Result<RaftEntry, Malformed> {
    let (id, kind, payload) = open_entry(entry.index, entry.bytes)?;
    let payload = match kind {
        BLANK => EntryPayload::Blank,
        COMMANDS => EntryPayload::Normal(Commands::Encoded(payload)),
        MEMBERSHIP => EntryPayload::Membership(whole(payload, get_membership)?),
        found => return Err(Malformed::Kind { found }),
    };
    Ok(RaftEntry { log_id: id, payload })
}

/// The id of an entry without a look at its payload.
pub(super) fn log_id_of(entry: &LogEntry) -> Result<LogId, Malformed> {
    open_entry(entry.index, entry.bytes.clone()).map(|(id, _, _)| id)
}

fn entry_bytes(entry: &RaftEntry) -> Bytes {
    let head = 2 + 2 * size_of::<u64>();
    let mut out = Vec::with_capacity(match &entry.payload {
        EntryPayload::Normal(commands) => head + commands.encoded_len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => head,
    });
    out.put_u8(FORMAT);
    out.put_u8(match &entry.payload {
        EntryPayload::Blank => BLANK,
        EntryPayload::Membership(_) => MEMBERSHIP,
        EntryPayload::Normal(_) => COMMANDS,
    });
    out.put_u64_le(entry.log_id.leader_id.term);
    out.put_u64_le(entry.log_id.leader_id.node_id);
    match &entry.payload {
        EntryPayload::Blank => {}
        EntryPayload::Membership(membership) => put_membership(&mut out, membership),
        EntryPayload::Normal(commands) => commands.put(&mut out),
    }
    out.into()
}

fn open_entry(index: u64, bytes: Bytes) -> Result<(LogId, u8, Bytes), Malformed> {
    let mut bytes = open(bytes)?;
    let kind = bytes.try_get_u8()?;
    let (term, leader) = (bytes.try_get_u64_le()?, bytes.try_get_u64_le()?);
    Ok((log_id(term, leader, index), kind, bytes))
}

pub(super) fn log_id_to_bytes(id: &LogId) -> Bytes {
    let mut out = vec![FORMAT];
    put_log_id(&mut out, id);
    out.into()
}

pub(super) fn log_id_from_bytes(bytes: Bytes) -> Result<LogId, Malformed> {
    whole(open(bytes)?, get_log_id)
}

pub(super) fn vote_to_bytes(vote: &Vote) -> Bytes {
    let mut out = vec![FORMAT];
    out.put_u64_le(vote.leader_id.term);
    out.put_u64_le(vote.leader_id.node_id);
    out.put_u8(u8::from(vote.committed));
    out.into()
}

pub(super) fn vote_from_bytes(bytes: Bytes) -> Result<Vote, Malformed> {
    whole(open(bytes)?, |bytes| {
        let (term, node, committed) = (bytes.try_get_u64_le()?, bytes.try_get_u64_le()?, bytes.try_get_u8()?);
        Ok(if committed == 0 { Vote::new(term, node) } else { Vote::new_committed(term, node) })
    })
}

/// The members together with the id of the entry that made them so: what a state machine keeps as `Position.membership`.
pub(super) fn members_to_bytes(members: &StoredMembership) -> Bytes {
    let mut out = vec![FORMAT];
    out.put_u8(u8::from(members.log_id().is_some()));
    if let Some(id) = members.log_id() {
        put_log_id(&mut out, id);
    }
    put_membership(&mut out, members.membership());
    out.into()
}

pub(super) fn members_from_bytes(bytes: Bytes) -> Result<StoredMembership, Malformed> {
    whole(open(bytes)?, |bytes| {
        let since = match bytes.try_get_u8()? {
            0 => None,
            _ => Some(get_log_id(bytes)?),
        };
        Ok(StoredMembership::new(since, get_membership(bytes)?))
    })
}

fn put_log_id(out: &mut Vec<u8>, id: &LogId) {
    out.put_u64_le(id.leader_id.term);
    out.put_u64_le(id.leader_id.node_id);
    out.put_u64_le(id.index);
}

fn get_log_id(bytes: &mut Bytes) -> Result<LogId, Malformed> {
    let (term, leader) = (bytes.try_get_u64_le()?, bytes.try_get_u64_le()?);
    Ok(log_id(term, leader, bytes.try_get_u64_le()?))
}

/// `count of configs | configs | members`, each set `count | ids`: two configs while the members change from one to the
/// other, and learners are the members of no config.
fn put_membership(out: &mut Vec<u8>, membership: &Membership) {
    let configs = membership.get_joint_config();
    put_count(out, configs.len());
    for config in configs {
        put_ids(out, config);
    }
    let nodes: BTreeSet<_> = membership.nodes().map(|(id, _)| *id).collect();
    put_ids(out, &nodes);
}

fn get_membership(bytes: &mut Bytes) -> Result<Membership, Malformed> {
    let count = get_count(bytes)?;
    let configs = (0..count).map(|_| get_ids(bytes)).collect::<Result<Vec<_>, _>>()?;
    let nodes = get_ids(bytes)?;
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    if !configs.iter().flatten().all(|voter| nodes.contains(voter)) {
        return Err(Malformed::Members);
    }
    let nodes = nodes.into_iter().map(|id| (id, EmptyNode {})).collect::<BTreeMap<_, _>>();
    Membership::new(configs, nodes).map_err(|_| Malformed::Members)
}

fn put_ids(out: &mut Vec<u8>, ids: &BTreeSet<u64>) {
    put_count(out, ids.len());
    ids.iter().for_each(|id| out.put_u64_le(*id));
}

fn get_ids(bytes: &mut Bytes) -> Result<BTreeSet<u64>, Malformed> {
    let count = get_count(bytes)?;
    (0..count).map(|_| Ok(bytes.try_get_u64_le()?)).collect()
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32_le(u32::try_from(count).expect("a group has far fewer than four billion members"));
}

fn get_count(bytes: &mut Bytes) -> Result<usize, Malformed> {
    let count = bytes.try_get_u32_le()? as usize;
    if count <= MEMBERS_MAX { Ok(count) } else { Err(Malformed::Members) }
}

fn open(mut bytes: Bytes) -> Result<Bytes, Malformed> {
    match bytes.try_get_u8()? {
        FORMAT => Ok(bytes),
        found => Err(Malformed::Format { found }),
    }
}

fn whole<T>(mut bytes: Bytes, get: impl FnOnce(&mut Bytes) -> Result<T, Malformed>) -> Result<T, Malformed> {
    let value = get(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(Malformed::Long) }
}

#[cfg(test)]
mod tests;
