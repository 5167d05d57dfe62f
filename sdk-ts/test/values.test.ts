/** Whole values from patches: rule W16 and RFC 7396. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromCode } from "../src/error.js";
import type { CursorEvent } from "../src/event.js";
import { merged, Values } from "../src/values.js";

function event(type: "put" | "patch" | "delete", key: string, data?: unknown): CursorEvent {
  return { type, key, resourceVersion: "a.1", time: 0, data } as CursorEvent;
}

function dataOf(events: readonly CursorEvent[] | undefined): unknown {
  return events?.map((event) => (event.type === "put" ? event.data : event.type));
}

describe("a merge patch", () => {
  /** The examples of RFC 7396, appendix A. */
  test("does_what_the_examples_of_its_rfc_say", () => {
    for (const [value, patch, result] of [
      [{ a: "b" }, { a: "c" }, { a: "c" }],
      [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
      [{ a: "b" }, { a: null }, {}],
      [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
      [{ a: ["b"] }, { a: "c" }, { a: "c" }],
      [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
      [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
      [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
      [
        ["a", "b"],
        ["c", "d"],
        ["c", "d"],
      ],
      [{ a: "b" }, ["c"], ["c"]],
      [{ a: "foo" }, null, null],
      [{ a: "foo" }, "bar", "bar"],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: "b", c: null }, { a: "b" }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ]) {
      assert.deepEqual(merged(value, patch), result, JSON.stringify(patch));
    }
  });

  test("a_member_of_a_strange_name_is_a_member_like_others", () => {
    const whole = merged({}, JSON.parse('{"__proto__": {"polluted": true}}'));
    assert.equal(JSON.stringify(whole), '{"__proto__":{"polluted":true}}');
    assert.equal("polluted" in {}, false);
  });
});

describe("values", () => {
  test("patches_become_puts_of_the_whole_and_leave_what_was_handed_on", () => {
    const values = new Values();
    const first = { bid: 1, ask: { price: 2, size: 3 } };
    values.apply([event("put", "a", first), event("put", "b", 5)]);
    const taken = values.apply([
      event("patch", "a", { ask: { price: 4 } }),
      event("patch", "a", { bid: null }),
    ]);
    assert.deepEqual(dataOf(taken), [
      { bid: 1, ask: { price: 4, size: 3 } },
      { ask: { price: 4, size: 3 } },
    ]);
    assert.deepEqual(first, { bid: 1, ask: { price: 2, size: 3 } });
  });

  test("a_patch_of_what_is_not_known_cannot_be_applied", () => {
    const values = new Values();
    assert.equal(values.apply([event("patch", "a", { n: 1 })]), undefined);
    values.apply([event("put", "a", { n: 1 }), event("delete", "a")]);
    assert.equal(values.apply([event("patch", "a", { n: 2 })]), undefined);
    values.apply([event("put", "a", { n: 1 }), { type: "gone", error: fromCode(3301) }]);
    assert.equal(values.apply([event("patch", "a", { n: 2 })]), undefined);
  });
});
