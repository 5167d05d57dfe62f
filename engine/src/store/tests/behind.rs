//! A writer never waits for work that nobody does.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fjall::AbstractTree;

use super::{Directory, shard};
use crate::log::rows::Window;
use crate::store::contract::{Author, Step};
use crate::store::table::Table;

/// The engine compacts so often as it flushes, not until there is nothing to compact: files may pile up while none of its
/// workers has anything to do.
#[test]
fn files_that_pile_up_are_compacted_by_who_waits_for_it() {
    let directory = Directory::new();
    let store = directory.open();
    let storage = store.shard(shard(0)).expect("it can be read");
    let Window { shard: row, changes, .. } = Author::new().window(vec![Step::Everything]);
    let (done, is_done) = mpsc::channel();
    let piles = thread::spawn(move || {
        for number in 1..=40 {
            let window = Window { number, shard: row.clone(), changes: changes.clone() };
            storage.commit(&window).expect("it can be written");
            // Past the engine, which therefore compacts nothing.
            let tree = &store.engine.keyspace(Table::Topics).tree;
            tree.flush_active_memtable(0).expect("it can be written");
        }
        // The test may have given up.
        let _ = done.send(());
        store
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("no commit waits for ever");
    let store = piles.join().expect("it has ended");
    assert!(store.engine.keyspace(Table::Topics).tree.l0_run_count() <= 20);
}
