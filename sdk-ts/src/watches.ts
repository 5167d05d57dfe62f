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

/** What became of the watches that are kept between two visits. */
export interface Persisted {
  /** Shown at once and resumed from storage. */
  readonly restored: number;
  /** Written to storage. */
  readonly saved: number;
  /** Times that storage was not there, could not be read or would not take it: a snapshot stood in. */
  readonly failed: number;
}

/** A page of history that a caller waits for. */
export interface Page {
  readonly payload: wire.History;
  /** On the present connection. */
  isAsked: boolean;
  settle(page: wire.HistoryPage | undefined, error: FanfareError | undefined): void;
}

/** What a request is for, by its type. */
export interface Asked {
  readonly subscription: Subscription;
  readonly page: Page;
}

/** What few watches ask for: it is loaded when it is needed, see `rare.ts`. */
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
  /** The application has enough of a watch for the moment, can take more again, or wants no more. */
  told(watch: number, wish: "pause" | "resume" | "remove"): void;
  /** Those without an answer. */
  readonly pages: ReadonlySet<Page>;
  history(payload: wire.History): Promise<wire.HistoryPage>;
  readonly stats: { readonly persisted?: Persisted };
  /** As `Watches.add`, for a watch of another kind than most. */
  add(watch: number, view: View, terms: Terms): void;
  /** Shows a watch something else; resolves once it does, rejects where it does not. */
  update(watch: number, view: View): Promise<void>;
  /** The application took so many events of a watch. Whether it has a `credit`. */
  took(watch: number, count: number): boolean;
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
  /** The names of this client's connections, the present one and former ones. */
  readonly own = new Set<string>();
  readonly #surroundings: Surroundings = {
    isOwn: (connectionId) => this.own.has(connectionId ?? ""),
    ended: (watch) => this.byWatch.delete(watch),
    counters: {
      connections: 0,
      events: 0,
      duplicates: 0,
      gones: 0,
      gaps: 0,
      resumes: 0,
      snapshots: 0,
      published: 0,
    },
  };

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.byWatch.size;
  }

  /** Whether something needs a connection. */
  get isNeeded(): boolean {
    return this.count + (this.extra?.pages.size ?? 0) > 0;
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
  *asks(now: number, out: Effects): Iterable<Partial<Asked> & { ask: Ask }> {
    for (const page of this.extra?.pages ?? []) {
      if (page.isAsked) continue;
      page.isAsked = true;
      yield { page, ask: { type: "HISTORY", payload: page.payload } };
    }
    for (const subscription of this.restless) {
      const ask = this.extra?.ask(subscription, out) ?? subscription.next(now);
      if (ask) yield { subscription, ask };
      if (subscription.deadline === NEVER) this.restless.delete(subscription);
      if (subscription.isOver) this.byKey.delete(subscription.key);
    }
  }

  /** A node welcomed the client under this name. */
  welcomed(connectionId: string): void {
    this.own.add(connectionId);
    const [oldest = ""] = this.own;
    if (this.own.size > OWN_CONNECTIONS_MAX) this.own.delete(oldest);
  }

  subscribed(subscription: Subscription, answer: wire.Watched, out: Effects): void {
    this.counters[answer.resumed ? "resumes" : "snapshots"]++;
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
    const { time } = batch.events.at(-1) ?? {};
    if (time) this.counters.lagMs = now - time;
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
