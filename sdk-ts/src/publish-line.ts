/**
 * The publications of one topic that wait for their answer, in order. Several are in flight; a line
 * that was cut or refused is repeated from its head under the same producer sequences, so that the
 * topic stores each publication once and in order.
 */

import { type Backoff, backoffMs } from "./backoff.js";
import { Code } from "./code.js";
import type { FanfareError } from "./error.js";
import type * as wire from "./generated/messages.js";

/** Well below the 256 results that a topic remembers of each producer. */
const IN_FLIGHT_MAX = 64;
/** For how long a topic remembers a silent producer (`idempotency.window_ms`). */
const WINDOW_MS = 120_000;

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
  sequence: number;
  isInFlight: boolean;
  /** When it was sent first, unless it was refused since. */
  sentAt?: number;
  /** It may still take effect as it was sent before. */
  isRepeated: boolean;
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

  add(publication: Publication): void {
    const sequence = this.#nextSequence++;
    this.#items.add({ ...publication, sequence, isInFlight: false, isRepeated: false });
  }

  /** The next that may be sent now; it counts as sent. */
  next(now: number): { readonly item: Item; readonly payload: wire.Publish } | undefined {
    const item = this.#firstWaiting();
    if (!item || !this.#isExpected(now, item)) return undefined;
    // Until an answer proves that the topic knows the producer it would also take the second
    // publication without the first, so the first goes alone.
    const inFlightMax = now < this.#knownUntil ? IN_FLIGHT_MAX : 1;
    if (now < this.#notBefore || this.#inFlightCount >= inFlightMax) return undefined;
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
    if (error.class === "retry") this.#isUnsure = item.isRepeated = true;
    else delete item.sentAt;
    if (error.code === Code.OUT_OF_SEQUENCE) this.#expected = error.expected;
    else this.#wait(now, error.retryAfterMs);
  }

  /** The connection is gone. */
  lost(): void {
    for (const item of this.#items) {
      if (!item.isInFlight) continue;
      item.isInFlight = false;
      item.isRepeated = true;
    }
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

  /** Whether the topic, by what it last said, would take it; once nothing is in flight that is made so. */
  #isExpected(now: number, { sequence }: Item): boolean {
    const expected = this.#expected;
    // Before the expected one lies what may be stored: its repetition is answered.
    if (expected === undefined || sequence < expected) return true;
    if (sequence > expected && this.#inFlightCount > 0) return false;
    this.#expected = undefined;
    // A topic that began anew takes what comes first. Repeated as it is, the line is told what was stored.
    if (sequence > expected && !this.#isUnsure) this.#renumber(now, expected);
    return true;
  }

  /** One before the head was refused for good without using up its sequence; nothing after it was stored. */
  #renumber(now: number, expected: number): void {
    // What an older connection may still bring must not fit in under its old number.
    const isNew = [...this.#items].some(({ isRepeated }) => isRepeated);
    if (isNew) this.#producer = this.#chance.id();
    this.#nextSequence = isNew ? 1 : expected;
    for (const item of this.#items) {
      item.sequence = this.#nextSequence++;
      item.isRepeated = false;
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
