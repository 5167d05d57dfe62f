/** What a watch delivers, in short. */

import assert from "node:assert/strict";
import type { TopicEvent } from "../../../src/event.js";
import type { Watch } from "../../../src/watch.js";

/** The data of a put, of all else the type. */
export function short(event: TopicEvent): unknown {
  return event.type === "put" ? event.data : event.type;
}

/** The next events. */
export async function take(watch: Watch, count: number): Promise<readonly unknown[]> {
  const taken = [];
  while (taken.length < count) {
    const { value } = await watch.next();
    assert.ok(value, `the watch ended after ${JSON.stringify(taken)}`);
    taken.push(short(value));
  }
  return taken;
}
