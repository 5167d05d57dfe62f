/** The keys of a `state` topic as a view shows them, over changes of the view: what a new snapshot has not is gone. */

import type { TopicEvent } from "../../src/index.js";

export class Keyed<V, T> {
  readonly values = new Map<string, V>();
  /** A snapshot was complete. */
  isKnown = false;
  readonly #make: (key: string) => V;
  readonly #take: (value: V, data: T) => void;
  /** The keys of the snapshot that comes, while one does. */
  #fresh: Set<string> | undefined;

  /** `make` a value for a new key, and let it `take` what is published under it. */
  constructor(make: (key: string) => V, take: (value: V, data: T) => void) {
    this.#make = make;
    this.#take = take;
  }

  take(event: TopicEvent<T>): void {
    switch (event.type) {
      case "put": {
        const { key = "" } = event;
        const value = this.values.get(key) ?? this.#make(key);
        this.values.set(key, value);
        this.#take(value, event.data);
        this.#fresh?.add(key);
        break;
      }
      case "delete":
        if (event.key !== undefined) this.values.delete(event.key);
        break;
      case "gone":
        this.#fresh = new Set();
        break;
      case "snapshot-end":
        this.isKnown = true;
        if (this.#fresh) {
          for (const key of this.values.keys()) if (!this.#fresh.has(key)) this.values.delete(key);
        }
        this.#fresh = undefined;
        break;
      default:
    }
  }
}
