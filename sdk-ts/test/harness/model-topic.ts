/** A topic of the model node: a log in memory, its fold, and the results of its producers. */

import type * as wire from "../../src/generated/messages.js";

/** What an answer to a publish is made of. */
export type Stored =
  | { readonly resourceVersion: string }
  | { readonly expected: number }
  | { readonly conflict: true }
  | { readonly mismatch: true };

/** What a sequence was answered, and for which body. */
interface Result {
  readonly body: string;
  readonly stored: Stored;
}

/** Results that are kept of each producer (P9). */
const RESULTS_MAX = 256;

export class ModelTopic {
  readonly epoch: string;
  /** Everything that was ever published, by offset from 1. */
  readonly log: wire.Event[] = [];
  /** Offsets up to it are no longer retained. */
  forgotten = 0;
  readonly #producers = new Map<string, { next: number; results: Map<number, Result> }>();

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  get head(): number {
    return this.log.length;
  }

  version(offset: number): wire.ResourceVersion {
    return `${this.epoch}.${offset}`;
  }

  /** P9: only the next sequence or a stored one; a producer that is not known starts anywhere. */
  publish({ producer, ...body }: wire.Publish, connectionId: string): Stored {
    const { id, sequence } = producer ?? { id: "", sequence: 0 };
    const known = this.#producers.get(id) ?? { next: sequence, results: new Map() };
    const result = known.results.get(sequence);
    const text = JSON.stringify(body);
    if (result) return result.body === text ? result.stored : { mismatch: true };
    if (sequence !== known.next) return { expected: known.next };
    const stored = this.#append(body, connectionId);
    known.results.set(sequence, { body: text, stored });
    known.results.delete(sequence - RESULTS_MAX);
    known.next = sequence + 1;
    this.#producers.set(id, known);
    return stored;
  }

  #append(
    { key, data, delete: isDelete, ifVersion }: Omit<wire.Publish, "producer">,
    connectionId: string,
  ): Stored {
    // P7, of the one version that there never is.
    if (ifVersion === "0.1") return { conflict: true };
    const resourceVersion = this.version(this.head + 1);
    const type = isDelete ? "delete" : "put";
    this.log.push({ type, resourceVersion, connectionId, time: 0, ...(key && { key }), data });
    return { resourceVersion };
  }

  /** The events of (after, through]. */
  read(after: number, through: number): readonly wire.Event[] {
    return this.log.slice(after, through);
  }

  /** Of the keys that live. */
  values(): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>();
    for (const { key, type, data } of this.log) {
      if (key === undefined) continue;
      if (type === "put") values.set(key, data);
      else values.delete(key);
    }
    return values;
  }

  /** W9: of keys the latest, ascending; of a stream the last `limit`. */
  snapshot(limit: number): { readonly after: number; readonly events: readonly wire.Event[] } {
    if (this.log.some(({ key }) => key !== undefined)) {
      const fold = new Map(this.log.map((event) => [event.key, event]));
      const live = this.log.filter(
        (event) => event.type === "put" && fold.get(event.key) === event,
      );
      return { after: 0, events: live };
    }
    const after = Math.max(this.forgotten, this.head - limit);
    return { after, events: this.read(after, this.head) };
  }
}
