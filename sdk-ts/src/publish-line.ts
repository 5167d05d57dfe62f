/**
 * The publications of one topic that wait for their answer, in order. Several are in flight; a line
 * that was cut or refused is repeated from its head under the same producer sequences, so that the
 * topic stores each publication once and in order. One that is refused for good without using up its
 * sequence leaves a hole, and what an older connection may still bring is safe under its own number
 * only: plugs fill the hole.
 */

import { type Backoff, backoffMs } from "./backoff.js";
import { Code } from "./code.js";
import type { FanfareError } from "./error.js";
import type * as wire from "./generated/messages.js";

/** Well below the 256 results that a topic remembers of each producer. */
const IN_FLIGHT_MAX = 64;
/** For how long a topic remembers a silent producer (`idempotency.window_ms`). */
const WINDOW_MS = 120_000;
/**
 * Uses up a sequence and changes nothing: every topic refuses it for good and remembers that, as `0.0`
 * is the only version of the epoch 0 (P7, P9). Nobody has this ticket.
 */
const PLUG = { ticket: 0, bytes: 0, body: { data: 0, ifVersion: "0.1" } };

/** Whether the topic may have stored it and forgotten that it did. */
export function isUncertain({ sentAt }: Item, now: number): boolean {
  return sentAt !== undefined && now - sentAt > WINDOW_MS;
}

/** What a publication says besides its topic and its producer. */
export type Body = Omit<wire.Publish, "topic" | "producer" | "publications">;

/** A publication that the application wants stored. */
export interface Publication {
  readonly ticket: number;
  readonly body: Body;
  /** At most so many on the wire. */
  readonly bytes: number;
}

/** The same on its way. */
export interface Item extends Publication {
  readonly sequence: number;
  isInFlight: boolean;
  /** When it was sent first, unless it was refused since. */
  sentAt?: number;
}

/** How a line gets what is not decided. */
export interface Chance {
  readonly backoff: Backoff;
  /** In [0, 1). */
  readonly random: () => number;
  /** Unique among all producers of all time. */
  readonly id: () => string;
}

export class PublishLine {
  readonly topic: string;
  readonly #chance: Chance;
  /** In order; those in flight come first, unless the line has to be repeated. */
  readonly #items = new Set<Item>();
  #producer: string;
  #nextSequence = 1;
  #inFlightCount = 0;
  /** The topic knows the producer until then, so that it refuses what overtakes. */
  #knownUntil = 0;
  /** Nothing is sent before. */
  #notBefore = 0;
  #refusals = 0;
  /** What the topic said it expects instead of what it got. */
  #expected: number | undefined;
  /** One of those last in flight may be stored: what was expected before is no word of it. */
  #isUnsure = false;

  constructor(topic: string, chance: Chance) {
    this.topic = topic;
    this.#chance = chance;
    this.#producer = chance.id();
  }

  /** Whether nothing waits for an answer. */
  get isEmpty(): boolean {
    return this.#items.size === 0;
  }

  /** Whether something waits to be sent. */
  get isWaiting(): boolean {
    return this.#items.size > this.#inFlightCount;
  }

  /** When it may be sent. */
  get notBefore(): number {
    return this.#notBefore;
  }

  add(publication: Publication, sequence: number = this.#nextSequence++): void {
    this.#items.add({ ...publication, sequence, isInFlight: false });
  }

  /** The next that may be sent now; it counts as sent. */
  next(now: number): { readonly item: Item; readonly payload: wire.Publish } | undefined {
    const item = this.#firstExpected(now);
    // Until an answer proves that the topic knows the producer it would also take the second
    // publication without the first, so the first goes alone.
    const inFlightMax = now < this.#knownUntil ? IN_FLIGHT_MAX : 1;
    if (!item || now < this.#notBefore || this.#inFlightCount >= inFlightMax) return undefined;
    if (!this.#inFlightCount++) this.#isUnsure = false;
    item.isInFlight = true;
    item.sentAt ??= now;
    const producer = { id: this.#producer, sequence: item.sequence };
    return { item, payload: { topic: this.topic, ...item.body, producer } };
  }

  /** The topic stored it. */
  published(now: number, item: Item): void {
    this.dropped(item);
    this.#refusals = 0;
    this.#knownUntil = now + WINDOW_MS / 2;
  }

  /** It was refused for good. */
  dropped(item: Item): void {
    this.#landed(item);
    this.#items.delete(item);
  }

  /** Refused for now: the line waits until all that is in flight came back, then goes on from its head. */
  refused(now: number, item: Item, error: FanfareError): void {
    this.#landed(item);
    // Only a refusal is sure to have changed nothing; trouble of the node means maybe (P14).
    if (error.class === "retry") this.#isUnsure = true;
    else delete item.sentAt;
    if (error.code === Code.OUT_OF_SEQUENCE) this.#expected = error.expected;
    else this.#wait(now, error.retryAfterMs);
  }

  /** The connection is gone. */
  lost(): void {
    for (const item of this.#items) item.isInFlight = false;
    this.#inFlightCount = 0;
    this.#knownUntil = 0;
    this.#notBefore = 0;
    this.#expected = undefined;
  }

  /** Takes out what shall not be sent, while nothing is in flight. */
  takeOut(isUnwanted: (item: Item) => boolean): readonly Item[] {
    const taken = [...this.#items].filter(isUnwanted);
    for (const item of taken) this.#items.delete(item);
    return taken;
  }

  /** The first that waits, once the topic, by what it last said, would take it; when nothing is in flight that is made so. */
  #firstExpected(now: number): Item | undefined {
    const item = this.#firstWaiting();
    const expected = this.#expected;
    // Before the expected one lies what may be stored: its repetition is answered.
    if (!item || expected === undefined || item.sequence < expected) return item;
    if (item.sequence > expected && this.#inFlightCount > 0) return undefined;
    this.#expected = undefined;
    // A topic that began anew takes what comes first. Repeated as it is, the line is told what was stored.
    if (item.sequence > expected && !this.#isUnsure) this.#plug(now, expected, item.sequence);
    return this.#firstWaiting();
  }

  /** Those before the head were refused for good without using up their sequences; nothing after them was stored. */
  #plug(now: number, expected: number, head: number): void {
    if (head - expected > IN_FLIGHT_MAX) {
      // More than an older connection may bring: the topic was set back, and does not know another producer.
      this.#producer = this.#chance.id();
      this.#knownUntil = 0;
    } else {
      const items = [...this.#items];
      this.#items.clear();
      while (expected < head) this.add(PLUG, expected++);
      for (const item of items) this.#items.add(item);
    }
    // Once is how it goes; again without a success in between would be a quarrel.
    if (++this.#refusals > 1) this.#wait(now);
  }

  #wait(now: number, retryAfterMs = 0): void {
    const { backoff, random } = this.#chance;
    const jitter = backoffMs(backoff, this.#refusals++, random());
    this.#notBefore = Math.max(this.#notBefore, now + retryAfterMs + jitter);
  }

  #landed(item: Item): void {
    item.isInFlight = false;
    this.#inFlightCount--;
  }

  /** Nothing while a hole is before what is still in flight. */
  #firstWaiting(): Item | undefined {
    let ahead = this.#inFlightCount;
    for (const item of this.#items) {
      if (!item.isInFlight) return ahead === 0 ? item : undefined;
      ahead--;
    }
    return undefined;
  }
}
