/** One watch as the application would hold it, judged by promises 1, 3, 4 and 5 of the product. */

import assert from "node:assert/strict";
import type { TopicEvent } from "../../src/event.js";
import type { ModelTopic } from "./model-topic.js";

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

export class Observer {
  readonly name: string;
  /** Values by key, of a `state` topic. */
  readonly values = new Map<string, unknown>();
  gones = 0;
  /** Everything up to here was seen, since the last `gone`. */
  #last: Place | undefined;
  #isInSnapshot = true;

  constructor(name: string) {
    this.name = name;
  }

  see(event: TopicEvent): void {
    switch (event.type) {
      case "gone":
        this.gones++;
        this.values.clear();
        this.#last = undefined;
        this.#isInSnapshot = true;
        break;
      case "snapshot-end":
        assert.ok(this.#isInSnapshot, `${this.name}: the end of a snapshot that had none`);
        this.#isInSnapshot = false;
        this.#move(placeOf(event.resourceVersion), (to, from) => to >= from);
        break;
      case "put":
      case "delete": {
        // The snapshot of a state leaves out values that were replaced; all else is without a hole.
        const mayLeap = this.#isInSnapshot && event.key !== undefined;
        const isNext = (to: number, from: number) => (mayLeap ? to > from : to === from + 1);
        this.#move(placeOf(event.resourceVersion), isNext);
        if (event.key === undefined) break;
        if (event.type === "put") this.values.set(event.key, event.data);
        else this.values.delete(event.key);
        break;
      }
      default:
        assert.fail(`${this.name}: ${event.type}`);
    }
  }

  /** Once all is quiet. */
  mustAgreeWith(topic: ModelTopic): void {
    assert.equal(this.#isInSnapshot, false, `${this.name}: still waits for its snapshot`);
    const at = this.#last && `${this.#last.epoch}.${this.#last.offset}`;
    assert.equal(at, topic.version(topic.head), `${this.name}: not at the head`);
    assert.deepEqual(this.values, topic.values(), `${this.name}: other values`);
  }

  #move(to: Place, isRight: (to: number, from: number) => boolean): void {
    const from = this.#last;
    this.#last = to;
    if (!from) return;
    const isBirth = from.epoch === "0";
    assert.ok(isBirth || to.epoch === from.epoch, `${this.name}: another epoch and no gone`);
    const what = `${this.name}: ${to.offset} after ${from.offset}`;
    assert.ok(isRight(to.offset, from.offset), what);
  }
}

function placeOf(version: string): Place {
  const [epoch = "", offset] = version.split(".");
  return { epoch, offset: Number(offset) };
}
