use fanfare_protocol::Event as WireEvent;

use super::*;
use crate::event::EventKind;

const EPOCH: u64 = 0x6f1c;

fn version(offset: u64) -> ResourceVersion {
    ResourceVersion::new(EPOCH, offset)
}

fn event(kind: EventType, offset: u64) -> WireEvent {
    WireEvent { r#type: kind.into(), resource_version: Some(version(offset)), ..Default::default() }
}

fn gone() -> WireEvent {
    let error = Some(fanfare_protocol::Error::of(Code::Gone));
    WireEvent { r#type: EventType::Gone.into(), error: error.map(Box::new), ..Default::default() }
}

/// A frame that covers (`after`, `through`] of one epoch.
fn frame(after: u64, through: u64, events: Vec<WireEvent>) -> EventBatch {
    EventBatch { view: 1, after: Some(version(after)), through: Some(version(through)), limited: false, events }
}

fn puts(after: u64, through: u64) -> EventBatch {
    frame(after, through, (after + 1..=through).map(|offset| event(EventType::Put, offset)).collect())
}

fn opened(offset: u64, resumed: bool) -> Watched {
    Watched { view: 1, resource_version: Some(version(offset)), resumed, ..Default::default() }
}

/// What a cursor makes of a frame: kinds and offsets.
fn take(cursor: &mut Cursor, batch: &EventBatch) -> Result<Vec<(EventKind, u64)>, Gap> {
    let (mut stats, mut out) = (Stats::default(), Vec::new());
    cursor.take(batch, &mut stats, &mut out)?;
    Ok(out.iter().map(|event| (event.kind(), event.version().offset)).collect())
}

fn put(offset: u64) -> (EventKind, u64) {
    (EventKind::Put, offset)
}

fn snapshot_end(offset: u64) -> (EventKind, u64) {
    (EventKind::SnapshotEnd, offset)
}

const GONE: (EventKind, u64) = (EventKind::Gone, 0);

/// W8.
#[test]
fn frames_that_join_are_taken_and_what_was_seen_is_dropped() {
    let mut cursor = Cursor::new(Start::After(version(4)));
    cursor.opened(&opened(4, true));
    assert_eq!(take(&mut cursor, &puts(4, 6)), Ok(vec![put(5), put(6)]));
    assert_eq!(take(&mut cursor, &puts(5, 7)), Ok(vec![put(7)]));
    assert_eq!(take(&mut cursor, &puts(4, 6)), Ok(vec![]));
    assert_eq!(cursor.through(), Some(version(7)));
}

/// W7: a frame moves the cursor as far as it says, whatever a filter lets through.
#[test]
fn a_frame_without_events_is_a_bookmark() {
    let mut cursor = Cursor::new(Start::After(version(4)));
    assert_eq!(take(&mut cursor, &frame(4, 90, vec![event(EventType::Put, 60)])), Ok(vec![put(60)]));
    assert_eq!(take(&mut cursor, &frame(90, 95, vec![event(EventType::Bookmark, 95)])), Ok(vec![]));
    assert_eq!(cursor.ask().0, Some(version(95)));
}

/// W8.
#[test]
fn a_frame_that_does_not_join_is_a_gap_and_changes_nothing() {
    let mut cursor = Cursor::new(Start::After(version(4)));
    let before = cursor.clone();
    let elsewhere = EventBatch {
        after: Some(ResourceVersion::new(1, 4)),
        through: Some(ResourceVersion::new(1, 5)),
        ..EventBatch::default()
    };
    for batch in [puts(5, 6), elsewhere, EventBatch::default()] {
        assert_eq!(take(&mut cursor, &batch), Err(Gap));
        assert_eq!(cursor, before);
    }
}

/// V4, W8.
#[test]
fn a_topic_that_did_not_exist_is_continued_by_the_first_frame_of_its_first_epoch() {
    let mut cursor = Cursor::new(Start::After(ResourceVersion::NONE));
    assert_eq!(take(&mut cursor, &puts(1, 2)), Err(Gap));
    assert_eq!(take(&mut cursor, &puts(0, 1)), Ok(vec![put(1)]));
}

/// W9: the frames of a stream's snapshot join, so that a cut in the middle costs nothing.
#[test]
fn the_rest_of_a_snapshot_that_was_cut_ends_where_it_would_have() {
    for (rest, expected) in [
        (vec![puts(6, 7), puts(7, 9)], vec![put(7), put(8), snapshot_end(8), put(9)]),
        (vec![puts(6, 8), puts(8, 9)], vec![put(7), put(8), snapshot_end(8), put(9)]),
    ] {
        let mut cursor = Cursor::new(Start::Snapshot);
        cursor.opened(&opened(8, false));
        assert_eq!(take(&mut cursor, &puts(3, 6)), Ok(vec![put(4), put(5), put(6)]));
        cursor.cut();
        assert_eq!(cursor.ask(), (Some(version(6)), From::Snapshot));
        cursor.opened(&opened(6, true));
        let taken: Vec<_> = rest.iter().flat_map(|batch| take(&mut cursor, batch).expect("it joins")).collect();
        assert_eq!(taken, expected);
    }
}

/// W9: of a `state` topic only the last frame covers anything, so the snapshot begins anew, and the reader is told.
#[test]
fn a_cut_in_the_snapshot_of_a_state_is_told_and_begins_anew() {
    let mut cursor = Cursor::new(Start::Snapshot);
    cursor.opened(&opened(9, false));
    cursor.cut();
    assert_eq!(cursor.ask(), (None, From::Snapshot));
    cursor.opened(&opened(9, false));
    assert_eq!(take(&mut cursor, &frame(0, 0, vec![event(EventType::Put, 5)])), Ok(vec![put(5)]));
    assert_eq!(cursor.through(), None);
    cursor.cut();
    cursor.opened(&opened(9, false));
    let whole = frame(0, 9, vec![event(EventType::Put, 7), event(EventType::SnapshotEnd, 9)]);
    assert_eq!(take(&mut cursor, &whole), Ok(vec![GONE, put(7), snapshot_end(9)]));
    assert_eq!(cursor.through(), Some(version(9)));
}

/// W11.
#[test]
fn a_line_that_is_gone_is_told_once_and_followed_by_a_snapshot() {
    let mut cursor = Cursor::new(Start::After(version(4)));
    cursor.opened(&opened(4, false));
    assert_eq!(take(&mut cursor, &frame(4, 4, vec![gone()])), Ok(vec![GONE]));
    let snapshot = frame(20, 21, vec![event(EventType::Put, 21), event(EventType::SnapshotEnd, 21)]);
    assert_eq!(take(&mut cursor, &snapshot), Ok(vec![put(21), snapshot_end(21)]));
    assert_eq!(take(&mut cursor, &puts(21, 22)), Ok(vec![put(22)]));
}

/// V6: never silence.
#[test]
fn a_cursor_that_was_not_resumed_is_told_even_if_the_node_forgets_to() {
    let mut cursor = Cursor::new(Start::After(version(4)));
    cursor.opened(&opened(4, false));
    assert_eq!(take(&mut cursor, &puts(20, 21)), Ok(vec![GONE, put(21)]));
}

/// W6: from then on nothing may be missed, also before the first event.
#[test]
fn beginning_and_latest_stand_where_the_node_says() {
    for start in [Start::Beginning, Start::Latest] {
        let mut cursor = Cursor::new(start);
        assert_eq!(cursor.through(), None);
        cursor.opened(&opened(7, false));
        cursor.cut();
        assert_eq!(cursor.ask().0, Some(version(7)));
    }
}

/// W9.
#[test]
fn a_snapshot_that_left_something_out_says_so_at_its_end() {
    let mut cursor = Cursor::new(Start::Snapshot);
    cursor.opened(&opened(9, false));
    let first = EventBatch { limited: true, ..puts(7, 8) };
    let last = frame(8, 9, vec![event(EventType::Put, 9), event(EventType::SnapshotEnd, 9)]);
    let (mut stats, mut out) = (Stats::default(), Vec::new());
    for batch in [first, last] {
        cursor.take(&batch, &mut stats, &mut out).unwrap();
    }
    assert!(out.pop().unwrap().is_limited());
}
