/**
 * All publications that wait for their answer, by topic. Bounded in number and size, also while
 * there is no connection; what does not fit is refused to the caller at once.
 */

import { Code } from "./code.js";
import type { Effects } from "./effect.js";
import { type FanfareError, fromCode, localError } from "./error.js";
import type * as wire from "./generated/messages.js";
import {
  type Chance,
  type Item,
  isUncertain,
  type Publication,
  PublishLine,
} from "./publish-line.js";

/** Publications of all topics together; a second of typing in a storm, not a database. */
export const QUEUE_COUNT_MAX = 1_000;
/** What they are on the wire: what a phone can spare. */
const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** What a node takes in one message unless CONNECTED says otherwise (L1). */
const FRAME_BYTES_MAX = 1024 * 1024;
/** Lines without a publication that are kept, so that their topics need not learn a new producer. */
const LINES_MAX = 1_000;

/** So many wait already. */
export function queueFull(count: number): FanfareError {
  return localError("QUEUE_FULL", `${count} wait already`, "wait");
}

/** What an answer is about. */
export interface Sent {
  readonly line: PublishLine;
  readonly item: Item;
}

export class Publisher {
  readonly #chance: Chance;
  readonly #countMax: number;
  readonly #lines = new Map<string, PublishLine>();
  /** Lines with something to send, those that waited longest first. */
  readonly #waiting = new Set<PublishLine>();
  #count = 0;
  #bytes = 0;
  #frameBytesMax = FRAME_BYTES_MAX;

  constructor(chance: Chance, countMax: number) {
    this.#chance = chance;
    this.#countMax = countMax;
  }

  /** Publications without an answer. */
  get count(): number {
    return this.#count;
  }

  /** When the next line that was refused may go on. */
  deadline(now: number): number {
    const moments = [...this.#waiting].map(({ notBefore }) => notBefore);
    return Math.min(...moments.filter((moment) => moment > now));
  }

  add(topic: string, publication: Publication, out: Effects): void {
    const { ticket, bytes } = publication;
    if (this.#count >= this.#countMax || this.#bytes + bytes > QUEUE_BYTES_MAX) {
      out.push({ do: "reject", ticket, error: queueFull(this.#count) });
    } else if (bytes > this.#frameBytesMax) {
      out.push({ do: "reject", ticket, error: fromCode(Code.FRAME_TOO_LARGE) });
    } else {
      const line = this.#lines.get(topic) ?? this.#open(topic);
      line.add(publication);
      this.#waiting.add(line);
      this.#count++;
      this.#bytes += bytes;
    }
  }

  /** The next to send, of all topics in turn; nothing when none may be sent now. */
  next(now: number): { readonly sent: Sent; readonly payload: wire.Publish } | undefined {
    for (const line of this.#waiting) {
      const next = line.next(now);
      if (!next) continue;
      // To the end of the row, if it has more.
      this.#waiting.delete(line);
      if (line.isWaiting) this.#waiting.add(line);
      return { sent: { line, item: next.item }, payload: next.payload };
    }
    return undefined;
  }

  published(now: number, { line, item }: Sent, answer: wire.Published, out: Effects): void {
    line.published(now, item);
    this.#release(item);
    out.push({ do: "resolve", ticket: item.ticket, value: answer.resourceVersion as string });
  }

  refused(now: number, { line, item }: Sent, error: FanfareError, out: Effects): void {
    if (mayPass(item, error)) {
      line.refused(now, item, error);
      this.#waiting.add(line);
    } else {
      line.dropped(item);
      this.#reject(item, error, out);
    }
  }

  /** The connection is gone: what was in flight is repeated on the next one. */
  lost(): void {
    for (const line of this.#lines.values()) {
      line.lost();
      if (line.isWaiting) this.#waiting.add(line);
    }
  }

  /** A connection is there: gives up what must not go over it. */
  connected(now: number, frameBytesMax: number = FRAME_BYTES_MAX, out: Effects): void {
    this.#frameBytesMax = frameBytesMax;
    const message = "it may be stored or not";
    this.#takeOut(
      (item) => isUncertain(item, now),
      localError("UNCERTAIN", message, "terminal"),
      out,
    );
    // The node would close the connection, again and again.
    this.#takeOut(({ bytes }) => bytes > frameBytesMax, fromCode(Code.FRAME_TOO_LARGE), out);
  }

  /** Gives up everything. */
  fail(error: FanfareError, out: Effects): void {
    this.#takeOut(() => true, error, out);
    this.#lines.clear();
    this.#waiting.clear();
  }

  #takeOut(isUnwanted: (item: Item) => boolean, error: FanfareError, out: Effects): void {
    for (const line of this.#lines.values()) {
      for (const item of line.takeOut(isUnwanted)) this.#reject(item, error, out);
    }
  }

  #open(topic: string): PublishLine {
    if (this.#lines.size >= LINES_MAX) {
      for (const [topic, line] of this.#lines) if (line.isEmpty) this.#lines.delete(topic);
    }
    const line = new PublishLine(topic, this.#chance);
    this.#lines.set(topic, line);
    return line;
  }

  #reject(item: Item, error: FanfareError, out: Effects): void {
    this.#release(item);
    out.push({ do: "reject", ticket: item.ticket, error });
  }

  #release({ ticket, bytes }: Item): void {
    // A plug of the line was never counted.
    if (ticket) this.#count--;
    this.#bytes -= bytes;
  }
}

/** Whether the same publication may yet be accepted. */
function mayPass(item: Item, error: FanfareError): boolean {
  // A sequence before the expected one was overtaken: stored now, it would be out of order.
  if (error.code === Code.OUT_OF_SEQUENCE) return (error.expected ?? 0) < item.sequence;
  return error.class !== "terminal" && error.class !== "resync";
}
