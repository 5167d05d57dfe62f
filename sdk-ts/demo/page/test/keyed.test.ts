import assert from "node:assert/strict";
import { test } from "node:test";
import type { FanfareError, TopicEvent } from "../../../src/index.js";
import { Keyed } from "../keyed.js";

function keyed() {
  return new Keyed<{ data: number }, number>(
    () => ({ data: 0 }),
    (value, data) => {
      value.data += data;
    },
  );
}

function put(key: string, data: number): TopicEvent<number> {
  return { type: "put", key, data, resourceVersion: "1.1", time: 0 };
}

const end = { type: "snapshot-end", resourceVersion: "1.9" } as const;
const gone = { type: "gone", error: {} as FanfareError } as const;

test("values_outlive_a_change_of_view_that_still_shows_them", () => {
  const made = keyed();
  for (const event of [put("a", 1), put("b", 2), end]) made.take(event);
  const kept = made.values.get("a");
  for (const event of [gone, put("a", 4), put("c", 8)]) made.take(event);
  assert.deepEqual([...made.values.keys()], ["a", "b", "c"], "until the snapshot is complete");
  made.take(end);
  assert.deepEqual([...made.values.keys()], ["a", "c"]);
  assert.equal(made.values.get("a"), kept);
  assert.equal(kept?.data, 5);
});

test("a_second_change_in_the_middle_of_a_snapshot_begins_anew", () => {
  const made = keyed();
  for (const event of [put("a", 1), end, gone, put("a", 1), gone, put("b", 1), end])
    made.take(event);
  assert.deepEqual([...made.values.keys()], ["b"]);
});

test("a_key_that_is_deleted_goes_at_once", () => {
  const made = keyed();
  made.take(put("a", 1));
  assert.equal(made.isKnown, false);
  made.take({ type: "delete", key: "a", resourceVersion: "1.2", time: 0 });
  made.take(end);
  assert.equal(made.values.size, 0);
  assert.equal(made.isKnown, true);
});
