/** A watch as an async iterator. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { localError } from "../src/error.js";
import type { TopicEvent } from "../src/event.js";
import { Watch } from "../src/watch.js";

/** A watch and what it asked of its subscription. */
function watched(): { watch: Watch<number>; asked: string[] } {
  const asked: string[] = [];
  return {
    watch: new Watch<number>({
      tell: (wish) => asked.push(wish),
      took: () => {},
      update: async () => {},
    }),
    asked,
  };
}

function puts(...numbers: readonly number[]): readonly TopicEvent<number>[] {
  return numbers.map((data) => ({ type: "put", resourceVersion: `a.${data}`, time: 0, data }));
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

async function next(watch: Watch<number>): Promise<number | string | undefined> {
  const { value } = await watch.next();
  return value?.type === "put" ? value.data : value?.type;
}

describe("an iterator", () => {
  test("events_are_handed_out_in_order_whoever_comes_first", async () => {
    const { watch } = watched();
    const early = [next(watch), next(watch)];
    watch.push(puts(1));
    watch.push(puts(2, 3));
    assert.deepEqual(await Promise.all(early), [1, 2]);
    assert.equal(await next(watch), 3);
  });

  test("what_waits_is_handed_out_before_the_error_which_is_thrown_once", async () => {
    const { watch } = watched();
    watch.push(puts(1));
    watch.end(localError("DISCONNECTED", "for good", "terminal"));
    assert.equal(await next(watch), 1);
    await assert.rejects(watch.next(), { message: "for good" });
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  });

  test("closing_releases_who_waits_and_drops_what_comes_late", async () => {
    const { watch, asked } = watched();
    const waiting = watch.next();
    watch.close();
    watch.push(puts(1));
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
    assert.deepEqual(asked, ["remove"]);
  });

  test("leaving_a_loop_closes_it", async () => {
    const { watch, asked } = watched();
    watch.push(puts(1, 2));
    for await (const event of watch) {
      assert.equal(event.type, "put");
      break;
    }
    assert.deepEqual(asked, ["remove"]);
  });
});

describe("an application that is slow", () => {
  test("the_subscription_rests_while_too_much_waits_and_goes_on_in_time", async () => {
    const { watch, asked } = watched();
    watch.push(puts(...range(0, 1_024)));
    assert.deepEqual(asked, []);
    watch.push(puts(1_024));
    assert.deepEqual(asked, ["pause"]);
    for (const number of range(0, 768)) assert.equal(await next(watch), number);
    assert.deepEqual(asked, ["pause"]);
    await next(watch);
    assert.deepEqual(asked, ["pause", "resume"]);
  });

  /** It cannot rest within the snapshot of a `state` topic; it must be asked again after it. */
  test("it_is_asked_to_rest_for_as_long_as_it_does_not", () => {
    const { watch, asked } = watched();
    watch.push(puts(...range(0, 2_000)));
    watch.push(puts(2_000));
    assert.deepEqual(asked, ["pause", "pause"]);
  });
});
