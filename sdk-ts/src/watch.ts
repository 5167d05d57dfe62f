/**
 * A watch as an async iterator. What the application has not yet taken waits here, bounded: beyond
 * that the subscription rests and later goes on from its cursor, so that nothing is lost and memory
 * does not grow.
 */

import type { FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import type { ViewOptions } from "./topic.js";

/** Events that wait. A snapshot may exceed it: it cannot be continued from its middle. */
const WAITING_MAX = 1_024;
/** Where it goes on: early enough that the application need not wait for the network. */
const WAITING_LOW = 256;

type Result<T> = IteratorResult<TopicEvent<T>, undefined>;

/** The way from a watch to what serves it. */
export interface Control {
  tell(wish: "pause" | "resume" | "remove"): void;
  took(count: number): void;
  update(view: ViewOptions): Promise<void>;
}

interface Taker<T> {
  resolve(result: Result<T>): void;
  reject(error: FanfareError): void;
}

/** The events of a topic, in order. Ends when it is closed or left; throws when it cannot go on. */
export class Watch<T = unknown> implements AsyncIterableIterator<TopicEvent<T>, undefined> {
  readonly #control: Control;
  /** Taken from `#at` of the first on. */
  #batches: (readonly TopicEvent<T>[])[] = [];
  #at = 0;
  #waitingCount = 0;
  #takers: Taker<T>[] = [];
  #end: { error: FanfareError | undefined } | undefined;

  /** Applications get theirs from `topic.watch()`. */
  constructor(control: Control) {
    this.#control = control;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Result<T>> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject });
      this.#serve();
    });
  }

  /** What `break` out of a `for await` calls. */
  async return(): Promise<Result<T>> {
    this.close();
    return { done: true, value: undefined };
  }

  /**
   * Shows something else from now on; what is left out here is not kept. Goes on from the same place,
   * or tells `gone` with `VIEW_CHANGED` and then a snapshot, where what came into sight was published
   * before. Resolves once it is so; rejects when it cannot be, and then shows what it showed.
   */
  update(view: ViewOptions): Promise<void> {
    return this.#control.update(view);
  }

  /** Takes no more events; what waits is dropped. */
  close(): void {
    this.#control.tell("remove");
    this.#batches = [];
    this.#waitingCount = 0;
    this.end();
  }

  /** The next events are there. */
  push(events: readonly TopicEvent<T>[]): void {
    if (this.#end) return;
    this.#batches.push(events);
    this.#waitingCount += events.length;
    this.#serve();
    if (this.#waitingCount > WAITING_MAX) this.#control.tell("pause");
  }

  /** Nothing more comes after what waits. */
  end(error?: FanfareError): void {
    this.#end ??= { error };
    this.#serve();
  }

  #serve(): void {
    while (this.#takers.length > 0) {
      const value = this.#take();
      if (!value && !this.#end) return;
      const taker = this.#takers.shift();
      const error = this.#end?.error;
      if (value) taker?.resolve({ value });
      else if (error) taker?.reject(error);
      else taker?.resolve({ done: true, value: undefined });
      // It is thrown once; whoever asks again has been told.
      if (!value) this.#end = { error: undefined };
    }
  }

  #take(): TopicEvent<T> | undefined {
    const event = this.#batches[0]?.[this.#at];
    if (!event) return undefined;
    this.#at++;
    if (this.#at === this.#batches[0]?.length) {
      this.#batches.shift();
      this.#at = 0;
    }
    this.#waitingCount--;
    if (this.#waitingCount === WAITING_LOW) this.#control.tell("resume");
    this.#control.took(1);
    return event;
  }
}
