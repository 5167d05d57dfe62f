/** One watch as a subscription sees it: its cursor, its terms, and what of a batch it hands on. */

import { Cursor, type Start } from "./cursor.js";
import type { Effects } from "./effect.js";
import type { FanfareError } from "./error.js";
import type { CursorEvent, TopicEvent } from "./event.js";
import type * as wire from "./generated/messages.js";
import type { Counters } from "./stats.js";

/** What a watch decides for itself, whatever its view. */
export interface Terms extends Start {
  /** Publications in the snapshot of a `stream`; the node's default is 100. */
  readonly limit?: number;
  /** `close` ends the watch with the error; `snapshot`, the default, tells it `gone` and goes on with one. */
  readonly onGone?: "snapshot" | "close";
  /** `false` leaves out what this client published itself. */
  readonly echo?: boolean;
  /** Events that the node may send ahead of what the application has taken. */
  readonly credit?: number;
  /**
   * `live`, the default, holds a subscription. `poll` asks every `pollInterval` for what is new, by plain
   * requests that need no connection. `once` ends after the snapshot.
   */
  readonly mode?: "live" | "poll" | "once";
  /** Kept in the browser's storage: a reload shows at once what was shown, and goes on from there. */
  readonly persist?: boolean | Persistence;
  /** Slower while nobody sees the page: the pace is this then, and its own again when it is shown. */
  readonly whenHidden?: { readonly interval: wire.Duration };
}

/** What is kept of a watch between two visits. */
export interface Persistence {
  /** Keeps apart what differs in more than parameters: the name of who is logged in, for one. */
  readonly name?: string;
  /** Publications of a `stream`, the latest; of a `state` topic with more keys nothing is kept. 1,000 unless given. */
  readonly itemsMax?: number;
  /** Their data as JSON, together: 1 MiB unless given. */
  readonly bytesMax?: number;
}

/** Makes a `put` of each `patch`; of nothing, where it had to say `gone` because a value is missing. */
export type Whole = (
  events: readonly CursorEvent[],
  out: Effects,
) => readonly TopicEvent[] | undefined;

/** What the watches of a client have in common. */
export interface Surroundings {
  /** Whether it names a connection of this client, the present one or one before. */
  readonly isOwn: (connectionId: string | undefined) => boolean;
  /** The node ended the watch, the application was told. */
  readonly ended: (watch: number) => void;
  /** They only grow. */
  readonly counters: Counters;
}

export class Follower {
  readonly watch: number;
  readonly terms: Terms;
  readonly cursor: Cursor;
  /** The application has enough for the moment. */
  isPaused = false;
  /** The subscription, as it runs now, serves it. */
  isFollowing = false;
  /** The application was told that nothing more comes. */
  isOver = false;
  /** The number of the last subscription that served it. */
  turn = 0;
  /** Events that the application was handed. */
  handedCount = 0;
  /** With `delta`. */
  whole: Whole | undefined;
  readonly #surroundings: Surroundings;

  constructor(watch: number, terms: Terms, surroundings: Surroundings) {
    this.watch = watch;
    this.terms = terms;
    this.cursor = new Cursor(terms);
    this.#surroundings = surroundings;
  }

  subscribed(answer: wire.Watched, out: Effects): void {
    this.isFollowing = true;
    this.#hand(this.cursor.subscribed(answer), out);
  }

  /** `false`: publications are missing before the batch. */
  take(batch: wire.EventBatch, out: Effects): boolean {
    const taken = this.cursor.take(batch);
    if (taken === "gap") return false;
    this.#surroundings.counters.duplicates += taken.duplicates;
    return this.#hand(taken.events, out);
  }

  /** The node cannot continue its place. */
  gone(error: FanfareError, out: Effects): void {
    this.#hand(this.cursor.gone(error), out);
  }

  /** Nothing more comes. */
  end(error: FanfareError, out: Effects): void {
    this.isOver = true;
    this.#surroundings.ended(this.watch);
    out.push({ do: "end", watch: this.watch, error });
  }

  /** The subscription is over. */
  lost(): void {
    this.cursor.lost();
    this.isFollowing = false;
  }

  /** `false`: something is missing, a snapshot has to follow. */
  #hand(taken: readonly CursorEvent[], out: Effects): boolean {
    const { counters, isOwn } = this.#surroundings;
    // Without `delta` there are no patches.
    const all = this.whole ? this.whole(taken, out) : (taken as readonly TopicEvent[]);
    if (!all) return false;
    const gone = all.find((event) => event.type === "gone");
    if (gone) counters.gones++;
    if (gone && this.terms.onGone === "close") {
      this.end(gone.error, out);
      return true;
    }
    const isWanted = (event: TopicEvent) => {
      return this.terms.echo !== false || !("connectionId" in event && isOwn(event.connectionId));
    };
    const events = all.filter(isWanted);
    counters.events += events.length;
    this.handedCount += events.length;
    if (events.length > 0) out.push({ do: "deliver", watch: this.watch, events });
    return true;
  }
}
