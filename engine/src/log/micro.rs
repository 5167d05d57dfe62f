//! What it costs to apply an entry: decode its commands, give them their versions, append them, forget what is too old.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use fanfare_cluster::Position;
use fanfare_protocol::Publication;

use super::answer::Answer;
use super::memory::Memory;
use super::policy::{Kind, Policies, Policy};
use super::shard::ShardState;
use crate::micro::{Body, Case, sample};

pub(crate) const CASES: [Case; 3] = [
    Case { name: "log/append", rounds: 1_000, prepare: || applied(Kind::Stream, 1) },
    Case { name: "log/append-100", rounds: 100, prepare: || applied(Kind::Stream, 100) },
    Case { name: "log/put", rounds: 1_000, prepare: || applied(Kind::State, 1) },
];

/// Publications retained, so few that every append forgets one.
const HISTORY_COUNT: u64 = 100;

/// Keys of the `state` topic.
const KEYS: u64 = 100;

/// So many commands an entry, of one publication each.
fn applied(kind: Kind, commands: u64) -> Body {
    let policy = Policy { history_count: HISTORY_COUNT, ..Policy::new("market", kind) };
    let mut state = ShardState::new(Arc::new(Policies::new([policy])), Arc::new(Memory::default()));
    let command = |n: u64| {
        let key = (kind == Kind::State).then(|| format!("S{n:03}"));
        sample::command(Publication { key, ..sample::publication(n) })
    };
    let ready: Vec<Bytes> = (0..KEYS).map(command).collect();
    let mut index = 0;
    let mut apply = move || {
        index += 1;
        let commands = (0..commands).map(|n| ready[((index + n) % KEYS) as usize].clone()).collect();
        let position = Position { index, ..Position::default() };
        let mut committed = Vec::new();
        let answers = state.apply(&sample::entry(index, black_box(commands)), position, &mut committed);
        let answers: Vec<Bytes> = answers.expect("nothing is stored").iter().map(Answer::encode).collect();
        black_box((answers, committed));
    };
    (0..2 * KEYS).for_each(|_| apply());
    Box::new(apply)
}
