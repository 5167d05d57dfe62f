/**
 * The shell around the session: performs its effects with a link, a timer and promises, and tells it
 * what happened. Owns no rule. What an effect brings about is done after those that wait already.
 */

import type { Effect, Effects } from "./effect.js";
import { FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import type { Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { guarded } from "./guard.js";
import { NEVER } from "./never.js";
import type { Body } from "./publish-line.js";
import { Session, type SessionOptions } from "./session.js";
import type { SessionStats } from "./stats.js";
import type { View } from "./subscription.js";
import { failure, Link, type LinkOptions } from "./transport/link.js";
import type { Platform } from "./transport/platform.js";
import type { TransportName } from "./transport/transport.js";
import type { Extra } from "./watches.js";

/** What takes the events of a watch. */
export interface Sink {
  push(events: readonly TopicEvent[]): void;
  /** Nothing more comes; without an error because the client was closed. */
  end(error?: FanfareError): void;
}

/** What happened so far; see `SessionStats`. */
export interface Stats extends SessionStats {
  /** What carries the connection, or did last. */
  readonly transport: TransportName | undefined;
}

export interface DriverOptions extends LinkOptions, Omit<SessionOptions, "random" | "id"> {
  readonly platform: Platform;
}

interface Ticket {
  resolve(value: unknown): void;
  reject(error: FanfareError): void;
}

export class Driver {
  readonly #options: DriverOptions;
  readonly #session: Session;
  readonly #link: Link;
  readonly #tickets = new Map<number, Ticket>();
  readonly #sinks = new Map<number, Sink>();
  readonly #listeners = new Set<() => void>();
  readonly #effects: Effects = [];
  readonly #stopListening: () => void;
  #isPerforming = false;
  #lastNumber = 0;
  #timerAt = NEVER;
  #cancelTimer = () => {};

  constructor(options: DriverOptions) {
    const { random, id, onWake } = options.platform;
    const session = new Session({ ...options, random, id });
    this.#options = options;
    this.#session = session;
    this.#link = new Link(options, {
      opened: (token) => this.#step((_, out) => session.opened(token, out)),
      received: (envelope) => this.#step((now, out) => session.received(now, envelope, out)),
      lost: (error) => this.#step((now, out) => session.lost(now, error, out)),
    });
    this.#stopListening = onWake(() => this.#step((now, out) => session.wake(now, out)));
  }

  get state() {
    return this.#session.state;
  }

  get stats(): Stats {
    return { ...this.#session.stats, transport: this.#link.transport };
  }

  /** Runs it at each change of `state`, until the returned function is called. */
  onState(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect(): void {
    this.#step((now, out) => this.#session.connect(now, out));
  }

  /** The number of the watch. */
  watch(view: View, terms: Terms, sink: Sink): number {
    const watch = ++this.#lastNumber;
    this.#sinks.set(watch, sink);
    if (!view.delta && !terms.credit) {
      this.#step((now, out) => this.#session.watch(now, watch, view, terms, out));
    } else {
      const add = (extra: Extra) => {
        // It may have been left meanwhile.
        if (this.#sinks.has(watch)) extra.add(watch, view, terms);
      };
      this.extra(add).catch((error) => this.#perform({ do: "end", watch, error }));
    }
    return watch;
  }

  /** Runs it with what few need and is not loaded by all. */
  async extra<T>(run: (extra: Extra) => T): Promise<Awaited<T>> {
    const { watches } = this.#session;
    const { Extras } = await import("./extras.js").catch((error) => {
      throw failure(error);
    });
    watches.extra ??= new Extras(watches, FanfareError);
    const { extra } = watches;
    let result!: T;
    this.#step((now, out) => {
      result = run(extra);
      this.#session.advance(now, out);
    });
    return await result;
  }

  /** See `Session.tell`. */
  tell(watch: number, wish: "pause" | "resume" | "remove"): void {
    if (wish === "remove") this.#sinks.delete(watch);
    this.#step((now, out) => this.#session.tell(now, watch, wish, out));
  }

  /** `bytes`: at most so many on the wire. */
  publish(topic: string, body: Body, bytes: number): Promise<wire.ResourceVersion> {
    return this.#ask((now, ticket, out) => {
      this.#session.publish(now, topic, { ticket, body, bytes }, out);
    });
  }

  history(payload: wire.History): Promise<wire.HistoryPage> {
    return this.#ask((now, ticket, out) => this.#session.history(now, payload, ticket, out));
  }

  close(): void {
    this.#stopListening();
    this.#step((now, out) => this.#session.close(now, out));
  }

  /** `T` is what the session resolves such a ticket with. */
  #ask<T>(ask: (now: number, ticket: number, out: Effects) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const ticket = ++this.#lastNumber;
      this.#tickets.set(ticket, { resolve: (value) => resolve(value as T), reject });
      this.#step((now, out) => ask(now, ticket, out));
    });
  }

  #step(step: (now: number, out: Effects) => void): void {
    step(this.#options.platform.now(), this.#effects);
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
      this.#perform(effect);
    }
    this.#isPerforming = false;
    this.#setTimer();
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case "open":
        void this.#link.open();
        break;
      case "close":
        this.#link.close();
        break;
      case "send":
        this.#link.send(effect.envelope);
        break;
      case "refresh":
        void this.#refresh();
        break;
      case "state":
        for (const listener of this.#listeners) guarded(listener);
        break;
      case "deliver":
        guarded(() => this.#sinks.get(effect.watch)?.push(effect.events));
        break;
      case "end": {
        const sink = this.#sinks.get(effect.watch);
        this.#sinks.delete(effect.watch);
        guarded(() => sink?.end(effect.error));
        break;
      }
      case "resolve":
        this.#take(effect.ticket)?.resolve(effect.value);
        break;
      case "reject":
        this.#take(effect.ticket)?.reject(effect.error);
        break;
    }
  }

  #take(ticket: number): Ticket | undefined {
    const taken = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return taken;
  }

  async #refresh(): Promise<void> {
    // Without a new token the old one runs out, and the next connection asks again.
    const token = await this.#options.token().catch(() => undefined);
    if (token !== undefined) this.#step((_, out) => this.#session.refreshed(token, out));
  }

  /** A timer that fires too early costs a look; setting it anew with each message would cost more. */
  #setTimer(): void {
    const { now, after } = this.#options.platform;
    const deadline = this.#session.deadline(now());
    if (deadline >= this.#timerAt && deadline !== NEVER) return;
    this.#cancelTimer();
    this.#timerAt = deadline;
    if (deadline === NEVER) return;
    this.#cancelTimer = after(deadline - now(), () => {
      this.#timerAt = NEVER;
      this.#step((now, out) => this.#session.tick(now, out));
    });
  }
}
