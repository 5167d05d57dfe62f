/** A view that is asked for instead of held: poll after poll, each from where the one before ended. */

import { parseDuration } from "../codec/duration.js";
import type * as wire from "../generated/messages.js";
import type { PollSession } from "./poll.js";
import type { Answer } from "./requests.js";

/** How often a quiet session asks unless it is told. */
const POLL_INTERVAL = "10s";
/** More often it would be cheaper for both ends to hold a connection. */
const POLL_MS_MIN = 100;

/** What changes how a view comes and not what it shows. */
const PACE: readonly string[] = ["interval", "debounce", "maxEventsPerSecond"];

/** What any node tells in one answer. */
const PAGE_MAX = 1_000;

/** What a poll is answered. */
export interface Polled {
  readonly events: readonly wire.Event[];
  /** The cursor of the next poll. */
  readonly resourceVersion: wire.ResourceVersion;
  readonly limited?: boolean;
}

/** The parameters of a view; `pollInterval`, which no node knows, makes it ask that often instead of waiting for an answer. */
export interface Polling extends wire.Watch {
  readonly pollInterval?: wire.Duration;
}

export class PolledView {
  readonly number: number;
  readonly topic: string;
  readonly #session: PollSession;
  readonly #start: Polling;
  /** Milliseconds between two polls, instead of waiting for an answer. */
  readonly #pollMs: number | undefined;
  /** Filter, fields and all else that each poll says. */
  readonly #lens: Readonly<Record<string, unknown>>;
  readonly #abort = new AbortController();
  #cursor: wire.ResourceVersion | undefined;
  /** Events that may yet be told; without a `credit` all. */
  #credit: number;
  #wake = () => {};
  #stopResting = () => {};
  /** With `onChange`: what was told last of each key. A node that reads from a cursor does not know. */
  readonly #last = new Map<string, string>();

  /** Throws on a `pollInterval` that is no duration. */
  constructor(session: PollSession, number: number, start: Polling) {
    const { topic, resourceVersion, from, limit, credit, pollInterval, ...lens } = start;
    this.#session = session;
    this.number = number;
    this.topic = topic;
    this.#start = start;
    const interval = pollInterval ?? (session.isQuiet ? POLL_INTERVAL : undefined);
    if (interval !== undefined) this.#pollMs = Math.max(POLL_MS_MIN, parseDuration(interval));
    // Between two polls nothing is kept that a patch could begin with; values are told whole.
    const { delta, view, ...rest } = lens as Record<string, unknown>;
    this.#lens = rest;
    this.#cursor = resourceVersion;
    this.#credit = credit ?? Number.POSITIVE_INFINITY;
  }

  /** Whether it goes on from a cursor. */
  get isResumed(): boolean {
    return this.#start.resourceVersion !== undefined;
  }

  get isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** The first poll, which is answered at once: the snapshot, or whether the cursor can be continued. */
  begin(): Promise<Answer<Polled>> {
    const { from, limit } = this.#start;
    const start = this.isResumed ? {} : { from, ...(from !== "beginning" && { limit }) };
    return this.#ask({ ...start, timeout: 0 }, 0);
  }

  /** Tells the first answer, and asks on until it is closed. */
  async follow(first?: Polled): Promise<void> {
    if (first) await this.#tell(first);
    try {
      let count = first?.events.length ?? 0;
      for (;;) {
        await this.#rest(count);
        if (this.isClosed) return;
        const answer = await this.#poll();
        if (this.isClosed) return;
        if ("problem" in answer) {
          if (answer.problem.parameter === "timeout" && this.#session.shorten()) continue;
          this.#session.dropped(this, answer.problem);
          return;
        }
        count = answer.value.events.length;
        await this.#tell(answer.value);
      }
    } catch {
      // Only of the network: `#poll` says so to the session, which ends.
    }
  }

  /** The client takes more. */
  grant(events: number): void {
    this.#credit += events;
    this.#wake();
  }

  /** Whether another lens only comes in another pace. */
  showsSame(lens: Polling): boolean {
    return shown(this.#start) === shown({ ...lens, topic: this.topic });
  }

  /** The same watch through another lens, from the same cursor or from a snapshot. */
  succeededBy(number: number, lens: Polling, isKept: boolean): PolledView {
    const { topic } = this;
    const { limit = this.#start.limit, ...rest } = lens;
    const { pollInterval } = this.#start;
    return new PolledView(this.#session, number, {
      ...rest,
      topic,
      ...(limit && { limit }),
      ...(isKept && this.#cursor && { resourceVersion: this.#cursor }),
      ...(Number.isFinite(this.#credit) && { credit: this.#credit }),
      ...(pollInterval !== undefined && { pollInterval }),
    });
  }

  /** From what another view has told. */
  goOnFrom(view: PolledView): void {
    this.#cursor = view.#cursor;
  }

  close(): void {
    this.#abort.abort();
    this.#stopResting();
    this.#wake();
  }

  async #poll(): Promise<Answer<Polled>> {
    const { slots, waitMs } = this.#session;
    await slots.enter();
    const wait = this.#pollMs === undefined ? waitMs : 0;
    const since = Date.now();
    try {
      if (this.isClosed) throw new Error("closed while it waited for its turn");
      const limit = Number.isFinite(this.#credit) ? Math.min(this.#credit, PAGE_MAX) : undefined;
      return await this.#ask({ timeout: `${Math.floor(wait)}ms`, limit }, wait);
    } catch (error) {
      if (!this.isClosed) this.#session.fail(wait && Date.now() - since);
      throw error;
    } finally {
      slots.leave();
    }
  }

  #ask(query: Readonly<Record<string, unknown>>, waitMs: number): Promise<Answer<Polled>> {
    const { signal } = this.#abort;
    const resourceVersion = this.#cursor;
    return this.#session.requests.ask({
      path: ["topics", this.topic],
      query: { watch: true, ...this.#lens, resourceVersion, ...query },
      waitMs,
      signal,
    });
  }

  async #tell({ events, resourceVersion: through, limited }: Polled): Promise<void> {
    if (events.length > 0) await this.#session.posted;
    // What took its place goes on from its cursor.
    if (this.isClosed) return;
    const after = this.#cursor ?? before(events, through);
    this.#cursor = through;
    this.#credit = Math.max(0, this.#credit - events.length);
    const { number: view } = this;
    const changes = this.#start.onChange ? events.filter((event) => this.#isChange(event)) : events;
    this.#session.tell({
      view,
      after,
      through,
      events: changes,
      ...(limited && { limited }),
    });
  }

  #isChange({ type, key, ...event }: wire.Event): boolean {
    if (key === undefined) return true;
    if (type === "delete") this.#last.delete(key);
    if (type !== "put") return true;
    const value = JSON.stringify([event.data, Reflect.get(event, "dataBase64"), event.attributes]);
    if (this.#last.get(key) === value) return false;
    this.#last.set(key, value);
    return true;
  }

  /** Until the pace, the interval and the credit allow the next poll. */
  async #rest(count: number): Promise<void> {
    const { interval = 0, debounce = 0, maxEventsPerSecond } = this.#start;
    let ms = count > 0 ? Math.max(parseDuration(interval), parseDuration(debounce)) : 0;
    if (maxEventsPerSecond) ms = Math.max(ms, (count / maxEventsPerSecond) * 1_000);
    if (this.#pollMs !== undefined) ms = Math.max(this.#pollMs, parseDuration(interval));
    if (ms > 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#stopResting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    while (this.#credit === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The version before a snapshot, or before all that is retained. */
function before(events: readonly wire.Event[], through: wire.ResourceVersion): string {
  const [first] = events;
  const [epoch, offset] = (first?.resourceVersion ?? through).split(".");
  // A fold has items of any age, and its versions are no line.
  const isLine = first?.type === "put" && first.key === undefined;
  return isLine ? `${epoch}.${Number(offset) - 1}` : `${epoch}.0`;
}

/** Equal for lenses that show the same, in whatever pace. */
function shown({ resourceVersion, from, limit, credit, pollInterval, ...lens }: Polling): string {
  const { view, delta, ...rest } = lens as Record<string, unknown>;
  const members = Object.entries(rest).filter(([name]) => !PACE.includes(name));
  return JSON.stringify(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
