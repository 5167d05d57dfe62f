/**
 * One connection's interest in a view, shared by all watches with equal parameters: a node takes
 * each view once per connection. It runs from the lowest place of those watches, and the cursors of
 * the others drop what they have seen; one that needs a snapshot has a turn of its own before.
 */

import { type Backoff, backoffMs } from "./backoff.js";
import type { Cursor } from "./cursor.js";
import type { Effects } from "./effect.js";
import type { FanfareError } from "./error.js";
import type { Follower } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { NEVER } from "./never.js";
import { NONE, type Place, parseVersion } from "./resource-version.js";

/** What makes a view: all that changes its output, nothing of where it starts. */
export type View = Omit<wire.Watch, "resourceVersion" | "from" | "limit" | "onGone" | "credit">;

/** What to ask the node next. */
export type Ask =
  | { readonly type: "SUBSCRIBE"; readonly payload: wire.Watch }
  | { readonly type: "UPDATE_VIEW"; readonly payload: View & wire.UpdateView }
  | { readonly type: "HISTORY"; readonly payload: wire.History }
  | { readonly type: "GRANT"; readonly payload: wire.Grant }
  | { readonly type: "UNSUBSCRIBE"; readonly payload: wire.Unsubscribe };

export type SubscriptionState =
  | { readonly is: "closed" }
  /** `isResuming`: asked to go on from a place that the node may not know any more. */
  | { readonly is: "opening"; readonly isResuming: boolean }
  /** `isProven`: the node went on from that place, or said that it cannot. */
  | { readonly is: "open"; readonly view: number; isProven: boolean; hasGap: boolean }
  /** Asked to show something else, by `Extras`. */
  | { readonly is: "updating"; readonly view: number }
  | { readonly is: "closing"; readonly view: number };

export class Subscription {
  /** Equal for equal views. */
  key: string;
  /** What it asks the node for. */
  shown: View;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly followers = new Map<number, Follower>();
  state: SubscriptionState = { is: "closed" };
  /** Grows with each SUBSCRIBE. */
  turn = 0;
  /** Events since the last SUBSCRIBE. */
  receivedCount = 0;
  /** In a row: gaps, and refusals that may pass. */
  #failures = 0;
  #notBefore = 0;

  constructor(key: string, view: View, backoff: Backoff, random: () => number) {
    this.key = key;
    this.shown = view;
    this.#backoff = backoff;
    this.#random = random;
  }

  /** Whether no watch is left and the node knows of none. */
  get isOver(): boolean {
    return this.followers.size === 0 && this.state.is === "closed";
  }

  /** Its number at the node, while it has one. */
  get view(): number | undefined {
    return "view" in this.state ? this.state.view : undefined;
  }

  /** When to ask for what is `next` again, if nothing happens before. */
  get deadline(): number {
    return this.state.is === "closed" && this.#active().length > 0 ? this.#notBefore : NEVER;
  }

  add(follower: Follower): void {
    this.followers.set(follower.watch, follower);
  }

  remove(watch: number): void {
    this.followers.delete(watch);
  }

  /** What to ask the node now, if anything; it counts as asked. */
  next(now: number): Ask | undefined {
    const active = this.#active();
    const state = this.state;
    if (state.is === "closed" && active.length > 0 && now >= this.#notBefore) {
      const payload = this.#request(active);
      this.state = { is: "opening", isResuming: payload.resourceVersion !== undefined };
      return { type: "SUBSCRIBE", payload };
    }
    if (state.is !== "open") return undefined;
    // To serve one that is passed over, the others must have a place to come back to.
    const isPassingOver = active.some(({ isFollowing }) => !isFollowing);
    const mayMove = state.isProven && this.#following().every(({ cursor }) => cursor.through);
    if (active.length > 0 && !state.hasGap && !(isPassingOver && mayMove)) return undefined;
    this.state = { is: "closing", view: state.view };
    return { type: "UNSUBSCRIBE", payload: { view: state.view } };
  }

  subscribed(answer: wire.Watched, out: Effects): void {
    const isResuming = this.state.is === "opening" && this.state.isResuming;
    const isProven = answer.resumed || !isResuming;
    this.state = { is: "open", view: answer.view, isProven, hasGap: false };
    for (const follower of this.#served()) follower.subscribed(answer, out);
    this.#prune();
  }

  /** The node did not open it, or closed it by itself. */
  refused(now: number, error: FanfareError, out: Effects): void {
    for (const follower of this.#served()) {
      if (error.class === "terminal") follower.end(error, out);
      else if (error.class === "resync") follower.gone(error, out);
    }
    this.#prune();
    this.closed();
    this.#delay(now, error.class === "resync" ? undefined : (error.retryAfterMs ?? 0));
  }

  take(now: number, batch: wire.EventBatch, out: Effects): "gap" | undefined {
    let isComplete = true;
    this.receivedCount += batch.events.length;
    for (const follower of this.#following()) isComplete = follower.take(batch, out) && isComplete;
    this.#prune();
    // While it closes, what still comes is welcome and what is missing comes later.
    if (this.state.is !== "open" || this.state.hasGap) return undefined;
    if (isComplete) {
      this.state.isProven = true;
      this.#failures = 0;
      return undefined;
    }
    this.state.hasGap = true;
    this.#delay(now);
    return "gap";
  }

  /** The node ended it, because it was asked to or by itself. */
  closed(): void {
    for (const follower of this.followers.values()) follower.lost();
    this.state = { is: "closed" };
  }

  /** The connection is gone, and with it all that the node knew. */
  lost(): void {
    this.closed();
    this.#failures = 0;
    this.#notBefore = 0;
  }

  /** Those whose turn it is: one without a place alone, else all of one epoch from their lowest place. */
  #request(active: readonly Follower[]): wire.Watch {
    const hasPlace = ({ cursor }: Follower) => (cursor.through === undefined ? 0 : 1);
    const inTurn = [...active].sort((a, b) => hasPlace(a) - hasPlace(b) || a.turn - b.turn);
    const { cursor, terms } = inTurn[0] as Follower;
    const together = inTurn.filter((follower) => isSameLine(follower.cursor, cursor));
    const lowest = together.reduce((a, b) => (isBehind(b.cursor, a.cursor) ? b : a));
    this.turn++;
    for (const follower of together) follower.turn = this.turn;
    this.receivedCount = 0;
    const { limit, credit } = terms;
    return {
      ...this.shown,
      ...lowest.cursor.start,
      ...(limit && { limit }),
      ...(credit && { credit }),
    };
  }

  #active(): readonly Follower[] {
    return [...this.followers.values()].filter(({ isPaused }) => !isPaused);
  }

  /** Those that the present subscription is for, whether or not it was answered. */
  #served(): readonly Follower[] {
    return this.#active().filter(({ turn }) => turn === this.turn);
  }

  #following(): readonly Follower[] {
    return this.#active().filter(({ isFollowing }) => isFollowing);
  }

  #prune(): void {
    for (const { isOver, watch } of this.followers.values()) if (isOver) this.remove(watch);
  }

  /** A first gap is repaired at once; all else, and gaps in a row, with backoff. */
  #delay(now: number, retryAfterMs?: number): void {
    const isFirstGap = retryAfterMs === undefined && this.#failures === 0;
    const jitter = isFirstGap ? 0 : backoffMs(this.#backoff, this.#failures, this.#random());
    this.#notBefore = now + (retryAfterMs ?? 0) + jitter;
    this.#failures++;
  }
}

function isSameLine(a: Cursor, b: Cursor): boolean {
  if (a === b) return true;
  return !!a.through && !!b.through && placeOf(a).epoch === placeOf(b).epoch;
}

function isBehind(a: Cursor, b: Cursor): boolean {
  return a !== b && placeOf(a).offset < placeOf(b).offset;
}

function placeOf({ through }: Cursor): Place {
  return parseVersion(through ?? NONE);
}
