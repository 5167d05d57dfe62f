/**
 * Keeps what a watch has shown, and how far it got, in the browser's storage: the next visit shows that
 * at once and goes on from there, exactly. Both are written as one, so that they always fit together.
 * Loaded when it is needed. Where there is no storage, or it holds something else, a snapshot stands in.
 */

import type { Driver, Sink } from "./driver.js";
import type { TopicEvent } from "./event.js";
import { Fold, type Item } from "./fold.js";
import type { Persistence, Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { type Kept, keptViews } from "./storage.js";
import type { View } from "./subscription.js";
import type { Platform } from "./transport/platform.js";

/** Of what changes all the time only so much is written. */
const SAVE_MS = 500;
/** What is kept unless the application says otherwise: a few screens of chat, a page of quotes. */
const ITEMS_MAX = 1_000;
const BYTES_MAX = 1024 * 1024;

/** What happened so far; it counts on. */
interface Counters {
  restored: number;
  saved: number;
  failed: number;
}

/** What is to be known of a watch that is kept. */
export interface Keeping {
  readonly counters: Counters;
  /** How far it got. */
  through(): wire.ResourceVersion | undefined;
  /** It has ended by itself. */
  ended(): void;
}

/** Where the watch goes on, and the view without what cannot be continued from storage. */
export interface Begun {
  readonly start: Pick<wire.Watch, "resourceVersion">;
  readonly whole: View;
  /** Absent where there is no storage, or nobody watches any more. */
  readonly keeper?: Keeper;
}

/** Tells the watch what is kept of it, and keeps from now on what it is told. */
export async function persist(
  driver: Driver,
  watch: number,
  view: View,
  terms: Terms,
  keeping: Keeping,
): Promise<Begun> {
  const { counters } = keeping;
  // A patch needs the value before, which the node would not know to be here.
  const { delta, ...whole } = view;
  const options: Persistence = typeof terms.persist === "object" ? terms.persist : {};
  const { name = "", itemsMax = ITEMS_MAX, bytesMax = BYTES_MAX } = options;
  const key = JSON.stringify([
    driver.options.url,
    name,
    Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)),
    [terms.echo, terms.limit],
  ]);
  const storage = await keptViews().catch(() => undefined);
  const kept = await storage?.read(key).catch(() => {
    counters.failed++;
    return undefined;
  });
  if (!storage) counters.failed++;
  const sink = driver.sinks.get(watch);
  if (!sink) return { start: {}, whole };
  // A version that the application names is newer, or what it wants.
  const restored = terms.resourceVersion === undefined ? kept : undefined;
  const fold = new Fold(itemsMax);
  if (restored) {
    counters.restored++;
    fold.take(eventsOf(restored));
    sink.push(eventsOf(restored));
  }
  const begun = { start: restored ? { resourceVersion: restored.through } : {}, whole };
  // Whoever was told may have had enough.
  if (!storage || driver.sinks.get(watch) !== sink) return begun;
  const save = async (through: wire.ResourceVersion | undefined) => {
    const items = fold.isWhole ? within(fold, itemsMax, bytesMax) : undefined;
    const isLimited = fold.isLimited || items?.length !== fold.items.length;
    // A part of a fold that is no line is nothing to go on from.
    if (!through || !items) await storage.remove(key);
    else await storage.write({ key, through, items, isLimited });
    counters.saved++;
  };
  const keeper = new Keeper(driver.options.platform, keeping, sink, fold, (through) => {
    save(through).catch(() => counters.failed++);
  });
  driver.sinks.set(watch, keeper);
  return { ...begun, keeper };
}

/** Hands on what a watch is told, and has it written a moment later. */
export class Keeper implements Sink {
  readonly #platform: Platform;
  readonly #keeping: Keeping;
  readonly #sink: Sink;
  readonly #fold: Fold;
  readonly #save: (through: wire.ResourceVersion | undefined) => void;
  #isStopped = false;
  #cancel: (() => void) | undefined;
  readonly #leave = () => this.#saveNow();

  constructor(
    platform: Platform,
    keeping: Keeping,
    sink: Sink,
    fold: Fold,
    save: (through: wire.ResourceVersion | undefined) => void,
  ) {
    this.#platform = platform;
    this.#keeping = keeping;
    this.#sink = sink;
    this.#fold = fold;
    this.#save = save;
    // The last moment at which a page surely runs.
    globalThis.addEventListener?.("pagehide", this.#leave);
  }

  push(events: readonly TopicEvent[]): void {
    if (!this.#isStopped) {
      this.#fold.take(events);
      this.#cancel ??= this.#platform.after(SAVE_MS, () => this.#saveNow());
    }
    this.#sink.push(events);
  }

  end(error?: Parameters<Sink["end"]>[0]): void {
    this.stop();
    // What may no longer be seen is not kept.
    if (error?.class === "terminal") this.#save(undefined);
    this.#keeping.ended();
    this.#sink.end(error);
  }

  /** The watch is left: what it was told last is written. */
  leave(): void {
    this.#saveNow();
    this.stop();
  }

  /** What the watch is told from now on is not kept. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
    globalThis.removeEventListener?.("pagehide", this.#leave);
  }

  #saveNow(): void {
    if (!this.#cancel) return;
    this.#cancel();
    this.#cancel = undefined;
    this.#save(this.#keeping.through());
  }
}

/** What a watch is told that begins with it. */
function eventsOf({ items, through, isLimited }: Kept): readonly TopicEvent[] {
  const end: TopicEvent = {
    type: "snapshot-end",
    resourceVersion: through,
    ...(isLimited && { limited: true }),
  };
  return [...items, end];
}

/** The latest of a stream that fit, all keys of a state, or nothing. */
function within(fold: Fold, itemsMax: number, bytesMax: number): readonly Item[] | undefined {
  const items = fold.isKeyed ? fold.items : fold.items.slice(-itemsMax);
  let bytes = 0;
  let from = items.length;
  while (from > 0) {
    const item = items[from - 1];
    bytes += item?.data instanceof Uint8Array ? item.data.length : sizeOf(item);
    if (bytes > bytesMax) break;
    from--;
  }
  if (from > 0 && fold.isKeyed) return undefined;
  return items.slice(from);
}

function sizeOf(item: unknown): number {
  return JSON.stringify(item)?.length ?? 0;
}
