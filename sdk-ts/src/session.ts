/**
 * What survives a reconnect: the watches, the publications without an answer, and what to do with
 * each thing that a node says. Pure: told the time and what happened, it appends what is to be done
 * to `out`; the client performs it. The machines that it plugs together know nothing of each other.
 */

import type { Backoff } from "./backoff.js";
import { Code } from "./code.js";
import { Connection, type ConnectionState } from "./connection.js";
import type { Effects } from "./effect.js";
import type { Envelope } from "./envelope.js";
import { closedError, disconnected, type FanfareError, fromCode, fromWire } from "./error.js";
import type { Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { Publisher, type Sent } from "./publish.js";
import type { Publication } from "./publish-line.js";
import { Requests } from "./request.js";
import type { SessionStats } from "./stats.js";
import type { Subscription, View } from "./subscription.js";
import { type Asked, type Page, Watches } from "./watches.js";

export interface SessionOptions {
  /** Name and version of the program, for the node's logs. */
  readonly client: string;
  /** Publications without an answer, of all topics together. */
  readonly publishQueueMax: number;
  readonly backoff: Backoff;
  /** Whether a refused token can be replaced by another. */
  readonly canRefresh: boolean;
  /** In [0, 1). */
  readonly random: () => number;
  /** A text that nobody else ever gets. */
  readonly id: () => string;
}

/** What a request was for. */
type Purpose =
  | { readonly of: "CONNECT" }
  | { readonly of: "REFRESH" }
  | { readonly of: "PING" }
  | { readonly of: "SUBSCRIBE"; readonly subscription: Subscription }
  | { readonly of: "UPDATE_VIEW"; readonly subscription: Subscription }
  | { readonly of: "UNSUBSCRIBE"; readonly subscription: Subscription }
  | { readonly of: "PUBLISH"; readonly sent: Sent }
  | { readonly of: "HISTORY"; readonly page: Page };

export class Session {
  readonly #options: SessionOptions;
  readonly #connection: Connection;
  readonly #requests = new Requests<Purpose>();
  readonly #publisher: Publisher;
  readonly #watches: Watches;
  /** When the socket opened. */
  #openedAt = 0;
  /** What the node said of the connection before it closed it. */
  #reason: FanfareError | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#connection = new Connection(options);
    this.#publisher = new Publisher(options, options.publishQueueMax);
    this.#watches = new Watches(options);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  get watches(): Watches {
    return this.#watches;
  }

  get stats(): SessionStats {
    return {
      state: this.state,
      watches: this.#watches.count,
      ...this.#watches.counters,
      publishing: this.#publisher.count,
      inFlight: this.#requests.inFlightCount,
    };
  }

  /** The next moment at which `tick` has something to do. */
  deadline(now: number): number {
    const { deadline } = this.#connection;
    if (!this.#connection.isReady) return deadline;
    return Math.min(deadline, this.#watches.deadline, this.#publisher.deadline(now));
  }

  // What the application wants.

  connect(now: number, out: Effects): void {
    this.#connection.open(now, out);
  }

  watch(now: number, watch: number, view: View, terms: Terms, out: Effects): void {
    this.#watches.add(watch, view, terms);
    this.advance(now, out);
  }

  /** The application cannot take more events for the moment, can again, or wants no more. */
  tell(now: number, watch: number, wish: "pause" | "resume" | "remove", out: Effects): void {
    this.#watches[wish](watch);
    this.advance(now, out);
  }

  /** Resolves with the version. */
  publish(now: number, topic: string, publication: Publication, out: Effects): void {
    this.#publisher.add(topic, publication, out);
    this.advance(now, out);
  }

  /** Everything ends: watches without an error, what waits for an answer with `CLOSED`. */
  close(now: number, out: Effects): void {
    out.push({ do: "close" });
    this.#connection.close(out);
    this.#forget();
    this.advance(now, out);
  }

  // What happens to the socket, and time.

  /** A socket is open; if there was one, it takes over. */
  opened(now: number, token: string | undefined, out: Effects): void {
    this.#forget();
    this.#openedAt = now;
    const payload = {
      ...(token !== undefined && { token }),
      client: this.#options.client,
      features: { appPing: true },
    };
    this.#requests.send("CONNECT", payload, {}, out);
  }

  /** The token that `refresh` asked for. */
  refreshed(token: string, out: Effects): void {
    if (this.#connection.isReady) this.#requests.send("REFRESH", { token }, {}, out);
  }

  /** The socket is gone, or could not be opened. */
  lost(now: number, error: FanfareError, out: Effects): void {
    // What the node said in full just before it closed is worth more than the close code.
    const reason = this.#reason?.code === error.code ? this.#reason : error;
    this.#forget();
    this.#connection.lost(now, reason, out);
    if (this.state.status === "failed") this.#giveUp(reason, reason, out);
    this.advance(now, out);
  }

  /** The page woke up, or the network changed. */
  wake(now: number, out: Effects): void {
    if (this.#connection.wake(now, out)) this.#ping(now, out);
  }

  tick(now: number, out: Effects): void {
    switch (this.#connection.due(now)) {
      case "open":
        this.#connection.open(now, out);
        break;
      case "ping":
        this.#ping(now, out);
        break;
      case "refresh":
        this.#connection.refreshed(now);
        out.push({ do: "refresh" });
        break;
      case "leave":
        this.#drop(now, fromCode(Code.GOING_AWAY), out);
        break;
      case "late":
        this.#drop(now, disconnected("the node is silent"), out);
        break;
    }
    this.advance(now, out);
  }

  // What the node says.

  received(now: number, envelope: Envelope, out: Effects): void {
    this.#connection.heard(now);
    switch (envelope.type) {
      case "EVENT":
        this.#watches.take(now, envelope.payload, out);
        break;
      case "VIEW":
        this.#watches.changed(now, envelope.payload, out);
        break;
      case "GOAWAY":
        this.#connection.leave(now, envelope.payload.withinMs);
        break;
      case "PING":
        out.push({ do: "send", envelope: { type: "PONG", id: envelope.id ?? 0, payload: {} } });
        break;
      default:
        this.#answered(now, envelope, out);
    }
    this.advance(now, out);
  }

  #answered(now: number, envelope: Envelope, out: Effects): void {
    const { type, id = 0, payload } = envelope;
    const error = type === "ERROR" ? fromWire(payload) : undefined;
    if (id === 0) this.#reason = error;
    const purpose = this.#requests.answered(id, out);
    if (error?.class === "refresh" && this.#options.canRefresh) out.push({ do: "refresh" });
    switch (purpose?.of) {
      case "CONNECT":
        if (error) this.#drop(now, error, out);
        else this.#welcomed(now, payload as wire.Connected, out);
        break;
      case "REFRESH":
        if (!error) this.#connection.refreshed(now, (payload as wire.Refreshed).expiresAt);
        break;
      case "SUBSCRIBE":
        if (error) this.#watches.refused(now, purpose.subscription, error, out);
        // The answer to one view, flat as its question.
        else this.#watches.subscribed(purpose.subscription, payload as wire.Watched, out);
        break;
      case "UPDATE_VIEW":
        this.#watches.extra?.updated(purpose.subscription, payload as wire.Watched, error, out);
        break;
      case "UNSUBSCRIBE":
        this.#watches.unsubscribed(purpose.subscription);
        break;
      case "PUBLISH":
        if (error) this.#publisher.refused(now, purpose.sent, error, out);
        else {
          this.#watches.counters.published++;
          this.#publisher.published(now, purpose.sent, payload as wire.Published, out);
        }
        break;
      case "HISTORY":
        purpose.page.settle(payload as wire.HistoryPage, error);
        break;
    }
  }

  #welcomed(now: number, answer: wire.Connected, out: Effects): void {
    const { counters } = this.#watches;
    counters.rttMs = now - this.#openedAt;
    counters.connections++;
    if (answer.limits) this.#requests.limitTo(answer.limits.requestsInFlightMax);
    this.#watches.welcomed(answer.connectionId);
    this.#connection.connected(now, answer, out);
    this.#publisher.connected(now, answer.limits?.frameBytesMax, out);
  }

  /** What was said on the connection counts no more. */
  #forget(): void {
    this.#reason = undefined;
    for (const purpose of this.#requests.lost()) {
      if (purpose.of === "HISTORY") purpose.page.isAsked = false;
    }
    this.#watches.lost();
    this.#publisher.lost();
  }

  /** Says all that may be said now, what is watched before what is published. */
  advance(now: number, out: Effects): void {
    const { status } = this.state;
    if (status === "closed") {
      this.#giveUp(undefined, closedError(), out);
      return;
    }
    const isNeeded = this.#watches.isNeeded || this.#publisher.count > 0;
    if (isNeeded && (status === "idle" || status === "failed")) this.#connection.open(now, out);
    if (!this.#connection.isReady) return;
    for (const { ask, ...purpose } of this.#watches.asks(now, out)) {
      const { type, payload } = ask;
      if (type === "GRANT") out.push({ do: "send", envelope: { type, payload } });
      else this.#requests.send(type, payload, purpose as Asked, out);
    }
    while (this.#requests.hasRoom) {
      const next = this.#publisher.next(now);
      if (!next) break;
      this.#requests.send("PUBLISH", next.payload, next, out);
    }
  }

  #ping(now: number, out: Effects): void {
    this.#connection.pinged(now);
    this.#requests.send("PING", {}, {}, out);
  }

  #drop(now: number, error: FanfareError, out: Effects): void {
    out.push({ do: "close" });
    this.lost(now, error, out);
  }

  #giveUp(watchError: FanfareError | undefined, error: FanfareError, out: Effects): void {
    this.#watches.fail(watchError, out);
    this.#publisher.fail(error, out);
  }
}
