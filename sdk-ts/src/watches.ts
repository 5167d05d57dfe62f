/** All watches of a client: which subscription serves each, and whose events a batch carries. */

import type { Backoff } from "./backoff.js";
import { Code } from "./code.js";
import type { Effects } from "./effect.js";
import { type FanfareError, fromCode } from "./error.js";
import { Follower, type Surroundings, type Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { NEVER } from "./never.js";
import { type Ask, Subscription, type View } from "./subscription.js";

/** Former connections whose events are known as our own: they come back for as long as a node retains them. */
const OWN_CONNECTIONS_MAX = 64;

export interface WatchesOptions {
  readonly backoff: Backoff;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What few watches ask for: it is loaded when it is needed, see `extras.ts`. */
export interface Extra {
  /** Comes before what the subscription asks for itself. */
  ask(subscription: Subscription, out: Effects): Ask | undefined;
  /** UPDATE_VIEW was answered, or refused. */
  updated(
    subscription: Subscription,
    answer: wire.Watched,
    error: FanfareError | undefined,
    out: Effects,
  ): void;
  /** As `Watches.add`, for a watch with `delta` or `credit`. */
  add(watch: number, view: View, terms: Terms): void;
  /** Shows a watch something else; resolves once it does, rejects where it does not. */
  update(watch: number, view: View): Promise<void>;
  /** The application took so many events of a watch with `credit`. */
  took(watch: number, count: number): void;
  /** The subscription serves one more. */
  joined(subscription: Subscription, follower: Follower, view: View): void;
  /** Nothing more comes. */
  fail(error: FanfareError | undefined): void;
}

/** A watch and what serves it. */
interface Served {
  readonly subscription: Subscription;
  readonly follower: Follower;
}

export class Watches {
  readonly #options: WatchesOptions;
  extra: Extra | undefined;
  readonly byKey = new Map<string, Subscription>();
  readonly byWatch = new Map<number, Served>();
  readonly byView = new Map<number, Subscription>();
  /** Those that may have something to ask. */
  readonly restless = new Set<Subscription>();
  readonly #ownConnections = new Set<string>();
  readonly #surroundings: Surroundings = {
    isOwn: (connectionId) => this.#ownConnections.has(connectionId ?? ""),
    ended: (watch) => this.byWatch.delete(watch),
    counters: { events: 0, duplicates: 0, gones: 0, gaps: 0 },
  };

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.byWatch.size;
  }

  get counters(): Surroundings["counters"] {
    return this.#surroundings.counters;
  }

  /** When `asks` may have something without anything happening before. */
  get deadline(): number {
    return Math.min(...[...this.restless].map(({ deadline }) => deadline));
  }

  add(watch: number, view: View, terms: Terms): void {
    this.join(new Follower(watch, terms, this.#surroundings), view);
  }

  /** Equal for equal parameters, in whatever order they were given. */
  keyOf(view: View): string {
    return JSON.stringify(Object.entries(view).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Has it served by the subscription of the view. */
  join(follower: Follower, view: View): void {
    const key = this.keyOf(view);
    const { backoff, random } = this.#options;
    const subscription = this.byKey.get(key) ?? new Subscription(key, view, backoff, random);
    subscription.add(follower);
    this.extra?.joined(subscription, follower, view);
    this.byKey.set(key, subscription);
    this.byWatch.set(follower.watch, { subscription, follower });
    this.restless.add(subscription);
  }

  remove(watch: number): void {
    const served = this.byWatch.get(watch);
    if (!served) return;
    this.byWatch.delete(watch);
    served.subscription.remove(watch);
    this.restless.add(served.subscription);
  }

  /** The application has enough for the moment. Not where it could not be continued: within a snapshot. */
  pause(watch: number): void {
    const served = this.byWatch.get(watch);
    if (!served?.follower.cursor.through) return;
    served.follower.isPaused = true;
    served.follower.lost();
    this.restless.add(served.subscription);
  }

  resume(watch: number): void {
    const served = this.byWatch.get(watch);
    if (!served) return;
    served.follower.isPaused = false;
    this.restless.add(served.subscription);
  }

  /** What to ask the node now; each counts as asked. */
  *asks(now: number, out: Effects): Iterable<{ subscription: Subscription; ask: Ask }> {
    for (const subscription of this.restless) {
      const ask = this.extra?.ask(subscription, out) ?? subscription.next(now);
      if (ask) yield { subscription, ask };
      if (subscription.deadline === NEVER) this.restless.delete(subscription);
      if (subscription.isOver) this.byKey.delete(subscription.key);
    }
  }

  /** A node welcomed the client under this name. */
  welcomed(connectionId: string): void {
    this.#ownConnections.add(connectionId);
    const [oldest] = this.#ownConnections;
    if (this.#ownConnections.size > OWN_CONNECTIONS_MAX && oldest !== undefined) {
      this.#ownConnections.delete(oldest);
    }
  }

  subscribed(subscription: Subscription, answer: wire.Watched, out: Effects): void {
    subscription.subscribed(answer, out);
    this.byView.set(answer.view, subscription);
    this.restless.add(subscription);
  }

  /** The node did not open it, or closed it by itself. */
  refused(now: number, subscription: Subscription, error: FanfareError, out: Effects): void {
    this.#unlist(subscription);
    subscription.refused(now, error, out);
    this.restless.add(subscription);
  }

  unsubscribed(subscription: Subscription): void {
    this.#unlist(subscription);
    subscription.closed();
    this.restless.add(subscription);
  }

  take(now: number, batch: wire.EventBatch, out: Effects): void {
    const subscription = this.byView.get(batch.view);
    if (!subscription) return;
    if (subscription.take(now, batch, out) === "gap") this.counters.gaps++;
    this.restless.add(subscription);
  }

  changed(now: number, { view, state, code }: wire.View, out: Effects): void {
    const subscription = this.byView.get(view);
    // A view that lags is served from the log: late, but whole.
    if (!subscription || state === "lagging" || state === "live") return;
    this.refused(now, subscription, fromCode(code ?? Code.LAGGED), out);
  }

  /** The connection is gone. */
  lost(): void {
    this.byView.clear();
    for (const subscription of this.byKey.values()) {
      subscription.lost();
      this.restless.add(subscription);
    }
  }

  /** Gives up all of them. */
  fail(error: FanfareError | undefined, out: Effects): void {
    this.extra?.fail(error);
    for (const watch of this.byWatch.keys()) {
      out.push({ do: "end", watch, ...(error && { error }) });
    }
    for (const all of [this.byKey, this.byWatch, this.byView, this.restless]) all.clear();
  }

  #unlist({ view }: Subscription): void {
    if (view !== undefined) this.byView.delete(view);
  }
}
