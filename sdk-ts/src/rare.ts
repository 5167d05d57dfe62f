/**
 * Watches of another kind than most, beyond what `extras.ts` does for the session: those that are kept
 * between two visits, that poll, that end with the snapshot, and that slow down while nobody looks.
 * Loaded by the first of them; so nothing of the rest is imported here but types.
 */

import type { Driver, Sink } from "./driver.js";
import type { FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import { Extras, shown } from "./extras.js";
import type { Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { slowWhenHidden } from "./hidden.js";
import type { Keeper } from "./persist.js";
import type { View } from "./subscription.js";
import type { Persisted } from "./watches.js";

/** A watch of which something is kept, as long as it shows this view. */
interface Kept {
  readonly keeper: Keeper;
  readonly view: View;
}

export class Rare extends Extras {
  readonly #driver: Driver;
  readonly #Failure: typeof FanfareError;
  /** Serves those that poll. */
  #poller: Driver | undefined;
  /** The numbers that they have there. */
  readonly #polling = new Map<number, number>();
  readonly #kept = new Map<number, Kept>();
  readonly #persisted = { restored: 0, saved: 0, failed: 0 };
  #isPersisting = false;

  constructor(driver: Driver, Failure: typeof FanfareError) {
    super(driver.session.watches, Failure);
    this.#driver = driver;
    this.#Failure = Failure;
  }

  override get stats(): { readonly persisted?: Persisted } {
    return this.#isPersisting ? { persisted: { ...this.#persisted } } : {};
  }

  override add(watch: number, view: View, terms: Terms): void {
    const { mode, persist } = terms;
    const sink = this.#driver.sinks.get(watch);
    if (!sink) return;
    if (mode === "once") {
      this.#endWithSnapshot(watch, sink);
      this.#begin(watch, view, withoutStart(terms));
    } else if (persist) void this.#persist(watch, view, terms);
    else this.#begin(watch, view, terms);
  }

  override async update(watch: number, view: View): Promise<void> {
    const other = this.#polling.get(watch);
    if (other === undefined) await super.update(watch, view);
    else await this.#poller?.extra((extra) => extra.update(other, view));
    const kept = this.#kept.get(watch);
    if (!kept || shown(kept.view) === shown(view)) return;
    // The next visit begins with the first view again, from where that one got.
    kept.keeper.stop();
    this.#kept.delete(watch);
  }

  override took(watch: number, count: number): boolean {
    const other = this.#polling.get(watch);
    if (other === undefined) return super.took(watch, count);
    this.#poller?.took(other, count);
    return false;
  }

  override told(watch: number, wish: "pause" | "resume" | "remove"): void {
    if (wish === "remove") this.#kept.get(watch)?.keeper.leave();
    const other = this.#polling.get(watch);
    if (other !== undefined) this.#poller?.tell(other, wish);
    if (wish !== "remove") return;
    this.#polling.delete(watch);
    this.#kept.delete(watch);
  }

  override fail(error: FanfareError | undefined): void {
    super.fail(error);
    // Those that poll have a session of their own: it ends with the client.
    if (!error) this.#poller?.close();
  }

  #begin(watch: number, view: View, terms: Terms): void {
    const { mode, whenHidden } = terms;
    if (mode === "poll") {
      this.#poll(watch, view, terms);
    } else {
      super.add(watch, view, terms);
      if (whenHidden) slowWhenHidden(this.#driver, watch, whenHidden.interval);
    }
  }

  #poll(watch: number, view: View, { mode, persist, ...terms }: Terms): void {
    const { options, session, sinks } = this.#driver;
    // Its class comes this way, so that it is not loaded a second time.
    this.#poller ??= new (this.#driver.constructor as typeof Driver)({
      ...options,
      fallback: undefined,
      transport: async () => {
        const [{ overPoll }, json] = await Promise.all([
          import("./transport/poll.js"),
          options.json(),
        ]);
        return overPoll(json, { isQuiet: true });
      },
    });
    const isWanted = (event: TopicEvent) => {
      const isOwn = "connectionId" in event && session.watches.own.has(event.connectionId ?? "");
      return terms.echo !== false || !isOwn;
    };
    const other = this.#poller.watch(view, terms, {
      push(events) {
        const wanted = events.filter(isWanted);
        if (wanted.length > 0) sinks.get(watch)?.push(wanted);
      },
      end: (error) => {
        this.#polling.delete(watch);
        const sink = sinks.get(watch);
        sinks.delete(watch);
        sink?.end(error);
      },
    });
    this.#polling.set(watch, other);
  }

  #endWithSnapshot(watch: number, sink: Sink): void {
    const driver = this.#driver;
    driver.sinks.set(watch, {
      push(events) {
        const end = events.findIndex(({ type }) => type === "snapshot-end");
        sink.push(end < 0 ? events : events.slice(0, end + 1));
        if (end < 0) return;
        driver.tell(watch, "remove");
        sink.end();
      },
      end: (error) => sink.end(error),
    });
  }

  async #persist(watch: number, view: View, terms: Terms): Promise<void> {
    this.#isPersisting = true;
    const driver = this.#driver;
    try {
      const { persist } = await import("./persist.js");
      const begun = await persist(driver, watch, view, terms, {
        counters: this.#persisted,
        through: () => this.#through(watch),
        ended: () => this.#kept.delete(watch),
      });
      // It may have been left meanwhile.
      if (!driver.sinks.has(watch)) return begun.keeper?.stop();
      const { start, whole, keeper } = begun;
      if (keeper) this.#kept.set(watch, { keeper, view: whole });
      await driver.extra(() => this.#begin(watch, whole, { ...terms, ...start }));
    } catch (error) {
      const sink = driver.sinks.get(watch);
      driver.sinks.delete(watch);
      const message = `the storage could not be used: ${error}`;
      sink?.end(new this.#Failure({ code: 0, name: "DISCONNECTED", message, class: "retry" }));
    }
  }

  /** How far a watch got, whoever serves it. */
  #through(watch: number): wire.ResourceVersion | undefined {
    const other = this.#polling.get(watch);
    const driver = other === undefined ? this.#driver : this.#poller;
    const served = driver?.session.watches.byWatch.get(other ?? watch);
    return served?.follower.cursor.through;
  }
}

/** The snapshot is all that it shows. */
function withoutStart({ from, resourceVersion, ...terms }: Terms): Terms {
  return terms;
}
