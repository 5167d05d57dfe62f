/**
 * The shell around the session: performs its effects with a link, a timer and promises, and tells it
 * what happened. Owns no rule. What an effect brings about is done after those that wait already.
 */

import type { Codec } from "./codec/codec.js";
import type { Effect, Effects } from "./effect.js";
import { disconnected, FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import type { Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { guarded } from "./guard.js";
import { NEVER } from "./never.js";
import type { Body } from "./publish-line.js";
import { Session, type SessionOptions } from "./session.js";
import type { SessionStats } from "./stats.js";
import type { View } from "./subscription.js";
import { Link, type LinkOptions } from "./transport/link.js";
import type { Platform } from "./transport/platform.js";
import type { TransportName } from "./transport/transport.js";
import type { Extra, Persisted } from "./watches.js";

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
  /** Of messages from the node, over all connections; of text its characters. */
  readonly bytesReceived: number;
  /** Of watches with `persist`; left out while there is none. */
  readonly persisted?: Persisted;
}

export interface DriverOptions extends LinkOptions, Omit<SessionOptions, "random" | "id"> {
  readonly platform: Platform;
  /** Loads what all transports but the WebSocket speak. */
  readonly json: () => Promise<Codec>;
}

interface Ticket {
  resolve(value: wire.ResourceVersion): void;
  reject(error: FanfareError): void;
}

export class Driver {
  /** These three also for what is loaded when it is needed. */
  readonly options: DriverOptions;
  readonly session: Session;
  readonly #link: Link;
  readonly #tickets = new Map<number, Ticket>();
  readonly sinks = new Map<number, Sink>();
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
    this.options = options;
    this.session = session;
    this.#link = new Link(options, {
      opened: (token) => this.#step((now, out) => session.opened(now, token, out)),
      received: (envelope) => this.#step((now, out) => session.received(now, envelope, out)),
      lost: (error) => this.#step((now, out) => session.lost(now, error, out)),
    });
    this.#stopListening = onWake(() => this.#step((now, out) => session.wake(now, out)));
  }

  get state() {
    return this.session.state;
  }

  get stats(): Stats {
    const { stats, watches } = this.session;
    const { received: bytesReceived, transport } = this.#link;
    return { ...stats, ...watches.extra?.stats, transport, bytesReceived };
  }

  /** Runs it at each change of `state`, until the returned function is called. */
  onState(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect(): void {
    this.#step((now, out) => this.session.connect(now, out));
  }

  /** The number of the watch. */
  watch(view: View, terms: Terms, sink: Sink): number {
    const watch = ++this.#lastNumber;
    this.sinks.set(watch, sink);
    const { credit, mode, persist, whenHidden } = terms;
    if (!(view.delta || credit || mode || persist || whenHidden)) {
      this.#step((now, out) => this.session.watch(now, watch, view, terms, out));
    } else {
      const add = (extra: Extra) => {
        // It may have been left meanwhile.
        if (this.sinks.has(watch)) extra.add(watch, view, terms);
      };
      this.extra(add).catch((error) => this.#perform({ do: "end", watch, error }));
    }
    return watch;
  }

  /** Runs it with what few need and is not loaded by all. */
  async extra<T>(run: (extra: Extra) => T): Promise<Awaited<T>> {
    const { watches } = this.session;
    const { Rare } = await import("./rare.js").catch((error) => {
      throw disconnected(error);
    });
    watches.extra ??= new Rare(this, FanfareError);
    const { extra } = watches;
    let result!: T;
    this.#step((now, out) => {
      result = run(extra);
      this.session.advance(now, out);
    });
    return await result;
  }

  /** See `Session.tell`. */
  tell(watch: number, wish: "pause" | "resume" | "remove"): void {
    if (wish === "remove") this.sinks.delete(watch);
    this.session.watches.extra?.told(watch, wish);
    this.#step((now, out) => this.session.tell(now, watch, wish, out));
  }

  /** The application took so many events; the node may send as many more. */
  took(watch: number, count: number): void {
    if (!this.session.watches.extra?.took(watch, count)) return;
    this.#step((now, out) => this.session.advance(now, out));
  }

  /** `bytes`: at most so many on the wire. */
  publish(topic: string, body: Body, bytes: number): Promise<wire.ResourceVersion> {
    return new Promise((resolve, reject) => {
      const ticket = ++this.#lastNumber;
      this.#tickets.set(ticket, { resolve, reject });
      this.#step((now, out) => this.session.publish(now, topic, { ticket, body, bytes }, out));
    });
  }

  close(): void {
    this.#stopListening();
    this.#step((now, out) => this.session.close(now, out));
  }

  #step(step: (now: number, out: Effects) => void): void {
    step(this.options.platform.now(), this.#effects);
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
        guarded(() => this.sinks.get(effect.watch)?.push(effect.events));
        break;
      case "end": {
        const sink = this.sinks.get(effect.watch);
        this.sinks.delete(effect.watch);
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
    const token = await this.options.token().catch(() => undefined);
    if (token !== undefined) this.#step((_, out) => this.session.refreshed(token, out));
  }

  /** A timer that fires too early costs a look; setting it anew with each message would cost more. */
  #setTimer(): void {
    const { now, after } = this.options.platform;
    const deadline = this.session.deadline(now());
    if (deadline >= this.#timerAt && deadline !== NEVER) return;
    this.#cancelTimer();
    this.#timerAt = deadline;
    if (deadline === NEVER) return;
    this.#cancelTimer = after(deadline - now(), () => {
      this.#timerAt = NEVER;
      this.#step((now, out) => this.session.tick(now, out));
    });
  }
}
