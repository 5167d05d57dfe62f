//! Giving and taking of snapshots, each side by itself.

use std::time::Duration;

use super::*;
use crate::raft::intake::Intake;
use crate::raft::views::Views;
use crate::shard::{Chunk, Entry, EntryTime, Position, SnapshotId, Snapshots};

const KEPT: Duration = Duration::from_secs(60);

/// The snapshots of a state machine that has stored a few lines.
fn saved(lines: &[&str]) -> Arc<dyn Snapshots> {
    let mut machine = Disk::eager().machine(GroupId(0)).unwrap();
    for (line, index) in lines.iter().zip(1..) {
        let entry = Entry { index, time: EntryTime::default(), commands: vec![text(line)] };
        let position = Position { index, term: 1, leader: 1, membership: text("members"), ..Position::default() };
        machine.apply(&entry, position).unwrap();
    }
    machine.snapshots()
}

fn empty() -> Arc<dyn Snapshots> {
    Disk::default().machine(GroupId(0)).unwrap().snapshots()
}

#[tokio::test(start_paused = true)]
async fn a_view_whose_transfer_broke_off_is_kept_for_a_while_and_no_longer() {
    let snapshots = saved(&["a"]);
    let views = Arc::new(Views::new(KEPT));
    let view = snapshots.view().unwrap();
    let mut held = views.hold(Arc::clone(&view));
    held.begun();
    tokio::time::advance(2 * KEPT).await;
    assert_eq!(views.current().unwrap().id(), view.id(), "a transfer may take as long as it takes");
    assert_eq!(views.oldest_index(), Some(view.id().position.index));
    drop(held);
    tokio::time::advance(KEPT / 2).await;
    let mut again = views.hold(views.current().unwrap());
    again.begun();
    drop(again);
    tokio::time::advance(KEPT / 2 + Duration::from_secs(1)).await;
    assert!(views.current().is_some(), "the last break counts");
    tokio::time::sleep(KEPT).await;
    assert!(views.current().is_none());
    assert_eq!(views.oldest_index(), None);
    assert_eq!(Arc::strong_count(&view), 1, "what it holds back is let go of");
}

#[tokio::test(start_paused = true)]
async fn a_view_that_nobody_could_be_offered_is_not_kept() {
    let snapshots = saved(&["a"]);
    let views = Arc::new(Views::new(KEPT));
    drop(views.hold(snapshots.view().unwrap()));
    assert!(views.current().is_none(), "nobody has anything of it");
    let mut held = views.hold(snapshots.view().unwrap());
    held.begun();
    drop(held);
    for _ in 0..3 {
        tokio::time::advance(KEPT / 2).await;
        // The other side stays away.
        views.current().into_iter().for_each(|view| drop(views.hold(view)));
    }
    assert!(views.current().is_none(), "attempts that reach nobody do not count");
}

#[tokio::test(start_paused = true)]
async fn a_view_that_arrived_everywhere_is_let_go_of_at_once() {
    let snapshots = saved(&["a"]);
    let views = Arc::new(Views::new(KEPT));
    let (first, second) = (snapshots.view().unwrap(), snapshots.view().unwrap());
    let (to_one, to_other) = (views.hold(Arc::clone(&first)), views.hold(Arc::clone(&first)));
    to_one.done();
    assert_eq!(views.current().unwrap().id(), first.id(), "another node is still being sent it");
    let newer = views.hold(Arc::clone(&second));
    assert_eq!(views.current().unwrap().id(), first.id());
    to_other.done();
    assert_eq!(views.current().unwrap().id(), second.id());
    newer.done();
    assert!(views.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stale_view_is_given_to_nobody_and_kept_for_nobody() {
    let disk = Disk::default();
    let snapshots = disk.machine(GroupId(0)).unwrap().snapshots();
    let views = Arc::new(Views::new(KEPT));
    let first = snapshots.view().unwrap();
    let mut held = views.hold(Arc::clone(&first));
    held.begun();
    disk.file(GroupId(0)).make_views_stale();
    assert!(views.current().is_none(), "whoever needs one makes a new one");
    assert!(views.oldest_index().is_some(), "it is still being sent");
    drop(held);
    assert_eq!(views.oldest_index(), None);
    assert_eq!(Arc::strong_count(&first), 1);
}

fn chunks(of: &dyn Snapshots) -> (SnapshotId, Vec<Chunk>) {
    let view = of.view().unwrap();
    let mut chunks: Vec<Chunk> = Vec::new();
    while let Some(chunk) = view.chunk(chunks.last().map_or(&[][..], |last| &last.place)).unwrap() {
        chunks.push(chunk);
    }
    (view.id().clone(), chunks)
}

#[tokio::test]
async fn a_chunk_that_belongs_elsewhere_is_not_taken_and_the_right_place_is_told() {
    let from = saved(&["a", "b", "c"]);
    let (id, chunks) = chunks(&*from);
    let (into, intake) = (empty(), Intake::default());
    assert_eq!(intake.take(&id, b"", chunks[0].clone()).await.unwrap(), None, "nothing was offered");
    assert_eq!(intake.offer(id.clone(), into).await.unwrap(), Bytes::new());
    let ahead = intake.take(&id, &chunks[0].place, chunks[1].clone()).await.unwrap();
    assert_eq!(ahead, Some(Bytes::new()), "it stands at the beginning");
    let mut after = Bytes::new();
    for chunk in &chunks {
        let place = intake.take(&id, &after, chunk.clone()).await.unwrap().unwrap();
        assert_eq!(place, chunk.place);
        after = place;
    }
    let twice = intake.take(&id, b"", chunks[0].clone()).await.unwrap();
    assert_eq!(twice, Some(after), "a repetition changes nothing");
    let staged = intake.finish(&id).await.unwrap().unwrap();
    assert_eq!(staged.position, id.position);
    assert_eq!(intake.finish(&id).await.unwrap(), None);
}

#[tokio::test]
async fn a_receiver_that_comes_back_goes_on_behind_what_it_has_and_another_snapshot_begins_anew() {
    let from = saved(&["a", "b", "c"]);
    let (id, chunks) = chunks(&*from);
    let into = empty();
    let before = Intake::default();
    before.offer(id.clone(), Arc::clone(&into)).await.unwrap();
    before.take(&id, b"", chunks[0].clone()).await.unwrap();
    assert_eq!(before.offer(id.clone(), Arc::clone(&into)).await.unwrap(), chunks[0].place);
    drop(before);
    let after = Intake::default();
    assert_eq!(after.offer(id.clone(), Arc::clone(&into)).await.unwrap(), chunks[0].place);
    let other = SnapshotId { view: id.view + 1, ..id.clone() };
    assert_eq!(after.offer(other, into).await.unwrap(), Bytes::new());
    assert_eq!(after.take(&id, &chunks[0].place, chunks[1].clone()).await.unwrap(), None);
}

#[tokio::test]
async fn a_chunk_that_the_store_refuses_ends_the_reception_and_harms_nothing_else() {
    let from = saved(&["a", "b"]);
    let (id, chunks) = chunks(&*from);
    let (into, intake) = (empty(), Intake::default());
    intake.offer(id.clone(), Arc::clone(&into)).await.unwrap();
    let forged = Chunk { place: chunks[1].place.clone(), bytes: Bytes::from_static(b"z") };
    assert!(intake.take(&id, b"", forged).await.is_err());
    assert_eq!(intake.take(&id, b"", chunks[0].clone()).await.unwrap(), None, "it has to be offered again");
    assert_eq!(intake.offer(id, into).await.unwrap(), Bytes::new());
}
