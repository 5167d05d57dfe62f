/** The place of one watch: rules W6 to W13 of the protocol. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cursor } from "../src/cursor.js";
import type * as wire from "../src/generated/messages.js";

const VIEW = 5;

function put(offset: number, key?: string, epoch = "a"): wire.Event {
  return { type: "put", resourceVersion: `${epoch}.${offset}`, data: offset, ...(key && { key }) };
}

function end(offset: number, epoch = "a"): wire.Event {
  return { type: "snapshot-end", resourceVersion: `${epoch}.${offset}` };
}

function batch(after: string, through: string, ...events: wire.Event[]): wire.EventBatch {
  return { view: VIEW, after, through, events };
}

function answer(resourceVersion: string, resumed: boolean): wire.Watched {
  return { view: VIEW, topic: "t", resourceVersion, resumed };
}

/** The versions of what is handed on, other events by their type. */
function taken(cursor: Cursor, given: wire.EventBatch): readonly string[] | "gap" {
  const result = cursor.take(given);
  if (result === "gap") return result;
  return result.events.map((event) => {
    return event.type === "put" ? event.resourceVersion : event.type;
  });
}

/** Live at `a.2` of a stream. */
function live(): Cursor {
  const cursor = new Cursor({});
  taken(cursor, batch("a.0", "a.2", put(1), put(2), end(2)));
  return cursor;
}

describe("a fresh cursor", () => {
  test("a_watch_without_a_place_starts_as_it_was_asked_to", () => {
    assert.deepEqual(new Cursor({}).start, { from: "snapshot" });
    assert.deepEqual(new Cursor({ from: "latest" }).start, { from: "latest" });
    assert.deepEqual(new Cursor({ resourceVersion: "a.7" }).start, { resourceVersion: "a.7" });
  });

  /** W6. */
  test("from_latest_has_a_place_as_soon_as_it_is_answered", () => {
    const cursor = new Cursor({ from: "latest" });
    cursor.subscribed(answer("a.7", false));
    assert.deepEqual(cursor.start, { resourceVersion: "a.7" });
    assert.equal(taken(cursor, batch("a.8", "a.9", put(9))), "gap");
  });

  /** V4, W8. */
  test("a_topic_that_did_not_exist_begins_with_any_epoch", () => {
    const cursor = new Cursor({});
    taken(cursor, batch("0.0", "0.0", { type: "snapshot-end", resourceVersion: "0.0" }));
    assert.deepEqual(taken(cursor, batch("a.0", "a.1", put(1))), ["a.1"]);
    assert.equal(cursor.through, "a.1");
  });

  /** W12: a bookmark before the first event is no place to come back to. */
  test("from_beginning_stays_at_the_beginning_until_something_comes", () => {
    const cursor = new Cursor({ from: "beginning" });
    assert.deepEqual(taken(cursor, batch("a.0", "a.0")), []);
    assert.deepEqual(cursor.start, { from: "beginning" });
    taken(cursor, batch("a.0", "a.1", put(1, "k")));
    assert.equal(cursor.through, "a.1");
  });
});

describe("a cursor on the line", () => {
  test("what_joins_is_taken", () => {
    const cursor = live();
    assert.deepEqual(taken(cursor, batch("a.2", "a.4", put(3), put(4))), ["a.3", "a.4"]);
    assert.equal(cursor.through, "a.4");
  });

  /** W7: a filtered view covers more than it shows. */
  test("a_batch_without_events_moves_the_cursor", () => {
    const cursor = live();
    assert.deepEqual(taken(cursor, batch("a.2", "a.9")), []);
    assert.equal(cursor.through, "a.9");
  });

  test("what_was_seen_is_dropped_and_counted", () => {
    const cursor = live();
    const result = cursor.take(batch("a.0", "a.3", put(1), put(2), put(3)));
    assert.notEqual(result, "gap");
    assert.equal(result !== "gap" && result.duplicates, 2);
    assert.equal(cursor.through, "a.3");
  });

  test("a_batch_that_was_seen_whole_does_not_move_the_cursor_back", () => {
    const cursor = live();
    assert.deepEqual(taken(cursor, batch("a.0", "a.1", put(1))), []);
    assert.equal(cursor.through, "a.2");
  });

  /** W8. */
  test("a_gap_is_told_and_nothing_is_taken", () => {
    const cursor = live();
    assert.equal(taken(cursor, batch("a.3", "a.4", put(4))), "gap");
    assert.equal(cursor.through, "a.2");
  });

  /** W8: another epoch without `gone` is no continuation. */
  test("another_epoch_is_a_gap", () => {
    const cursor = live();
    assert.equal(taken(cursor, batch("b.2", "b.3", put(3, undefined, "b"))), "gap");
    assert.equal(taken(cursor, batch("b.0", "b.1", put(1, undefined, "b"))), "gap");
  });

  /** W12, W13. */
  test("bookmarks_and_types_of_later_versions_are_not_handed_on", () => {
    const cursor = live();
    const later = { type: "merged", resourceVersion: "a.3" } as unknown as wire.Event;
    const bookmark: wire.Event = { type: "bookmark", resourceVersion: "a.3" };
    assert.deepEqual(taken(cursor, batch("a.2", "a.3", later, bookmark)), []);
    assert.equal(cursor.through, "a.3");
  });
});

describe("a cursor within a snapshot", () => {
  /** W9. */
  test("the_snapshot_of_a_stream_can_be_continued_from_its_middle", () => {
    const cursor = new Cursor({});
    taken(cursor, batch("a.0", "a.1", put(1)));
    cursor.lost();
    assert.deepEqual(cursor.start, { resourceVersion: "a.1" });
    // What was delivered is the snapshot as of the cut.
    const events = cursor.subscribed(answer("a.1", true));
    assert.deepEqual(events, [{ type: "snapshot-end", resourceVersion: "a.1" }]);
    assert.deepEqual(taken(cursor, batch("a.1", "a.2", put(2))), ["a.2"]);
  });

  /** W9: all but the last frame cover nothing. */
  test("the_snapshot_of_a_state_topic_has_no_place_before_its_end", () => {
    const cursor = new Cursor({});
    assert.deepEqual(taken(cursor, batch("a.0", "a.0", put(3, "x"))), ["a.3"]);
    assert.equal(cursor.through, undefined);
    assert.deepEqual(taken(cursor, batch("a.0", "a.7", put(5, "y"), end(7))), [
      "a.5",
      "snapshot-end",
    ]);
    assert.equal(cursor.through, "a.7");
  });

  /** Keys may have gone while we were away: the application must not keep what a new snapshot leaves out. */
  test("a_torn_snapshot_of_a_state_topic_is_gone_before_the_next_one", () => {
    const cursor = new Cursor({});
    taken(cursor, batch("a.0", "a.0", put(3, "x")));
    cursor.lost();
    assert.deepEqual(cursor.start, { from: "snapshot" });
    const [gone] = cursor.subscribed(answer("a.9", false));
    assert.equal(gone?.type === "gone" && gone.error.name, "LAGGED");
    assert.deepEqual(taken(cursor, batch("a.0", "a.9", put(9, "y"), end(9))), [
      "a.9",
      "snapshot-end",
    ]);
  });

  /** W9. */
  test("a_snapshot_that_left_something_out_says_so_at_its_end", () => {
    const cursor = new Cursor({});
    taken(cursor, { ...batch("a.4", "a.5", put(5)), limited: true });
    const result = cursor.take(batch("a.5", "a.6", put(6), end(6)));
    assert.deepEqual(result !== "gap" && result.events.at(-1), {
      type: "snapshot-end",
      resourceVersion: "a.6",
      limited: true,
    });
  });
});

describe("a cursor that cannot be continued", () => {
  const error = {
    code: 3302,
    name: "EPOCH_CHANGED",
    message: "anew",
    class: "resync",
    current: "b.3",
  };

  /** W11: `gone` comes alone, in a frame that covers nothing. */
  test("gone_is_handed_on_with_its_reason_and_any_snapshot_may_follow", () => {
    const cursor = live();
    const result = cursor.take(batch("a.2", "a.2", { type: "gone", error }));
    const gone = result !== "gap" ? result.events[0] : undefined;
    assert.equal(gone?.type === "gone" && gone.error.name, "EPOCH_CHANGED");
    assert.equal(gone?.type === "gone" && gone.error.current, "b.3");
    assert.deepEqual(cursor.start, { from: "snapshot" });
    const snapshot = batch("b.2", "b.3", put(3, undefined, "b"), end(3, "b"));
    assert.deepEqual(taken(cursor, snapshot), ["b.3", "snapshot-end"]);
    assert.equal(cursor.through, "b.3");
  });

  test("gone_and_its_snapshot_may_come_in_one_batch", () => {
    const cursor = live();
    const all = batch("b.0", "b.1", { type: "gone", error }, put(1, undefined, "b"), end(1, "b"));
    assert.deepEqual(taken(cursor, all), ["gone", "b.1", "snapshot-end"]);
    assert.equal(cursor.through, "b.1");
  });

  test("a_cut_between_gone_and_its_snapshot_is_not_told_twice", () => {
    const cursor = live();
    taken(cursor, batch("a.2", "a.2", { type: "gone", error }));
    cursor.lost();
    assert.deepEqual(cursor.start, { from: "snapshot" });
    assert.deepEqual(cursor.subscribed(answer("b.3", false)), []);
  });
});
