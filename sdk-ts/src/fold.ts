/** What a topic's events add up to: of a `stream` its last publications, of a `state` topic the value of each key. */

import type { PutEvent, TopicEvent } from "./event.js";

export type Item<T = unknown> = PutEvent<T>;

export class Fold<T = unknown> {
  readonly #itemsMax: number;
  #stream: Item<T>[] = [];
  #state = new Map<string, Item<T>>();
  #isKeyed = false;
  #isLimited = false;
  #isWhole = true;
  #isReady = false;

  /** Of a `stream` so many at most. */
  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** In the order in which they were published. */
  get items(): readonly Item<T>[] {
    return this.#isKeyed ? [...this.#state.values()] : this.#stream;
  }

  /** Of a `state` topic: the last publication of each key. */
  get byKey(): ReadonlyMap<string, Item<T>> {
    return this.#state;
  }

  /** It has keys: it is one of a `state` topic. */
  get isKeyed(): boolean {
    return this.#isKeyed;
  }

  /** Older publications were left out. */
  get isLimited(): boolean {
    return this.#isLimited;
  }

  /** There is not more in it than may be; of a `stream` the latest are enough. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The snapshot is complete. */
  get isReady(): boolean {
    return this.#isReady;
  }

  take(events: readonly TopicEvent<T>[]): void {
    for (const event of events) this.#take(event);
  }

  #take(event: TopicEvent<T>): void {
    switch (event.type) {
      case "put":
        if (event.key === undefined) this.#append(event);
        else this.#put(event.key, event);
        break;
      case "delete":
        this.#state.delete(event.key ?? "");
        break;
      case "gone":
        this.#stream = [];
        this.#state = new Map();
        this.#isLimited = this.#isReady = false;
        this.#isWhole = true;
        break;
      case "snapshot-end":
        this.#isReady = true;
        this.#isLimited ||= event.limited === true;
        break;
    }
  }

  #append(item: Item<T>): void {
    this.#stream.push(item);
    // Not with each: moving all of them for one would cost more than they do.
    if (this.#stream.length <= this.#itemsMax * 1.25) return;
    this.#stream = this.#stream.slice(-this.#itemsMax);
    this.#isLimited = true;
  }

  #put(key: string, item: Item<T>): void {
    this.#isKeyed = true;
    // To the end, where the latest is.
    this.#state.delete(key);
    this.#state.set(key, item);
    if (this.#state.size > this.#itemsMax) this.#isWhole = false;
  }
}
