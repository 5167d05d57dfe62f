/**
 * A topic as a value that changes, for whatever draws it: the last publications of a `stream`, the value
 * of each key of a `state` topic. Whoever asks for the same shares one watch, which lives as long as
 * someone listens. `@fanfare/client/store`; the hooks of `@fanfare/client/react` stand on it.
 */

import type { Client } from "./client.js";
import { parseDuration } from "./codec/duration.js";
import type { FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import { Fold, type Item } from "./fold.js";
import type { Duration } from "./generated/messages.js";
import type { WatchOptions } from "./topic.js";

/** Publications of a `stream` that are held unless the application says otherwise. */
const ITEMS_MAX = 1_000;
/** A watch outlives its last listener for so long: a page that is left often shows the same again. */
const LINGER_MS = 1_000;
/** Stores without a listener that are kept, of a client: they hold nothing yet. */
const IDLE_MAX = 100;

export interface StoreOptions extends Omit<WatchOptions, "credit"> {
  /** Of a `stream`: so many of the last publications are held; 1,000 unless given. */
  readonly itemsMax?: number;
  /** Listeners are told at most once in it; unless given, once for what arrives together. */
  readonly throttle?: Duration;
}

/** What a topic adds up to at a moment. Never changes; another one takes its place. */
export interface TopicView<T = unknown> {
  /** Of a `stream` the last publications, of a `state` topic the latest of each key; in the order of their versions. */
  readonly items: readonly Item<T>[];
  /** Of a `state` topic. */
  readonly byKey: ReadonlyMap<string, Item<T>>;
  /** The snapshot is complete. */
  readonly isReady: boolean;
  /** Older publications of the `stream` were left out. */
  readonly isLimited: boolean;
  /** Why nothing more comes. */
  readonly error?: FanfareError;
}

/** Before anything is known, and where there is no network: on a server that renders. */
export const EMPTY_VIEW: TopicView<never> = Object.freeze({
  items: [],
  byKey: new Map<string, never>(),
  isReady: false,
  isLimited: false,
});

export class TopicStore<T = unknown> {
  readonly #client: Client;
  readonly #name: string;
  readonly #options: StoreOptions;
  readonly #itemsMax: number;
  readonly #throttleMs: number;
  readonly #listeners = new Set<() => void>();
  #view: TopicView<T> = EMPTY_VIEW;
  /** What is shown. */
  #fold: Fold<T>;
  /** What takes its place once its snapshot is complete. */
  #next: Fold<T> | undefined;
  #error: FanfareError | undefined;
  #end: (() => void) | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;
  /** A look at what changed is on its way. */
  #isAsked = false;
  #lookedAt = 0;

  /** Applications get theirs from `topicStore()`. */
  constructor(client: Client, name: string, options: StoreOptions) {
    const { itemsMax = ITEMS_MAX, throttle = 0 } = options;
    this.#client = client;
    this.#name = name;
    this.#options = options;
    this.#itemsMax = itemsMax;
    this.#throttleMs = parseDuration(throttle);
    this.#fold = new Fold(itemsMax);
  }

  /** Whether nobody listens and nothing is held. */
  get isIdle(): boolean {
    return this.#end === undefined;
  }

  /** Calls `listener` after each change of the view. Returns the function that ends it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    // One that is handed in twice is called twice.
    const own = () => listener();
    this.#listeners.add(own);
    clearTimeout(this.#lingering);
    this.#end ??= this.#begin();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#lingering);
      this.#lingering = setTimeout(() => this.#close(), LINGER_MS);
    };
  };

  /** What there is now; the same object until it changes. */
  readonly getSnapshot = (): TopicView<T> => this.#view;

  #begin(): () => void {
    const { itemsMax, throttle, ...options } = this.#options;
    return this.#client.topic<T>(this.#name).on("event", (event) => this.#take(event), {
      ...options,
      onError: (error) => {
        this.#error = error;
        this.#ask();
      },
    });
  }

  #close(): void {
    this.#end?.();
    this.#end = undefined;
    this.#fold = new Fold(this.#itemsMax);
    this.#next = undefined;
    this.#error = undefined;
    this.#view = EMPTY_VIEW;
  }

  #take(event: TopicEvent<T>): void {
    // What is void is shown until there is something else to show.
    if (event.type === "gone") this.#next = new Fold(this.#itemsMax);
    else (this.#next ?? this.#fold).take([event]);
    if (this.#next?.isReady) {
      this.#fold = this.#next;
      this.#next = undefined;
    }
    if (!this.#next) this.#ask();
  }

  /** Has the change shown, now or when the throttle allows. */
  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const wait = this.#lookedAt + this.#throttleMs - Date.now();
    if (this.#throttleMs > 0 && wait > 0) setTimeout(() => this.#look(), wait);
    else queueMicrotask(() => this.#look());
  }

  #look(): void {
    this.#isAsked = false;
    this.#lookedAt = Date.now();
    if (this.isIdle) return;
    const fold = this.#fold;
    const { from = "snapshot", resourceVersion } = this.#options;
    const hasSnapshot = from === "snapshot" && resourceVersion === undefined;
    const items = fold.items.slice(fold.isKeyed ? 0 : -this.#itemsMax);
    this.#view = {
      items,
      byKey: new Map(fold.byKey),
      isReady: fold.isReady || !hasSnapshot,
      isLimited: fold.isLimited || items.length < fold.items.length,
      ...(this.#error && { error: this.#error }),
    };
    for (const listener of this.#listeners) listener();
  }
}

const stores = new WeakMap<Client, Map<string, TopicStore>>();

/** The store of a topic: the same for the same client and equal options. */
export function topicStore<T = unknown>(
  client: Client,
  name: string,
  options: StoreOptions = {},
): TopicStore<T> {
  const own = stores.get(client) ?? new Map<string, TopicStore>();
  stores.set(client, own);
  const key = storeKey(name, options);
  const store = own.get(key) ?? new TopicStore(client, name, options);
  own.set(key, store);
  if (own.size > IDLE_MAX) {
    for (const [key, other] of own) if (other.isIdle && other !== store) own.delete(key);
  }
  // Nothing checks that a topic holds what the application says.
  return store as unknown as TopicStore<T>;
}

/** Equal for equal parameters, in whatever order they are written. */
export function storeKey(name: string, options: StoreOptions): string {
  return JSON.stringify([name, options], (_, value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Forgets what watches with `persist` have kept for this page's origin: when someone logs out. */
export async function forgetPersisted(): Promise<void> {
  const storage = await import("./storage.js");
  await storage.forgetPersisted();
}

export type { Item } from "./fold.js";
