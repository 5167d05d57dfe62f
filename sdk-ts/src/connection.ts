/**
 * When there is a socket and when the next one is opened. Knows the handshake, silence, the slot of
 * a draining node, the end of a token and backoff; nothing else of what is said on a connection.
 */

import { type Backoff, backoffMs } from "./backoff.js";
import { Code } from "./code.js";
import type { Effects } from "./effect.js";
import type { FanfareError } from "./error.js";
import type * as wire from "./generated/messages.js";
import { NEVER } from "./never.js";

/** Token, socket and CONNECTED within it: after that another attempt is the better bet. */
const HANDSHAKE_MS = 10_000;
/** A view that is quiet says so every 10 s; after twice that we ask. */
const SILENCE_MS = 20_000;
/** How long the answer to a ping may take. */
const PONG_MS = 10_000;
/** The same after sleep or a change of network, when the socket is probably dead and someone waits. */
const WAKE_PONG_MS = 3_000;
/** A token is renewed before this part of its life is left: enough for several tries. */
const REFRESH_SHARE = 0.2;

/** A connection that lived this long was a good one: the next trouble is a new trouble. */
const STABLE_MS = 1_000;

/** What the application sees of it. */
export type ConnectionState =
  /** Nothing needs a connection, or the node closed one that held nothing. */
  | { readonly status: "idle" }
  | { readonly status: "connecting"; readonly attempt: number }
  | { readonly status: "connected"; readonly connectionId: string; readonly nodeId: string }
  /** `error` is why the last attempt or connection ended. */
  | {
      readonly status: "waiting";
      readonly attempt: number;
      readonly retryInMs: number;
      readonly error: FanfareError;
    }
  /** Repeating will not mend `error`. What the application asks for next tries again all the same. */
  | { readonly status: "failed"; readonly error: FanfareError }
  /** The application closed the client. */
  | { readonly status: "closed" };

/** Moments are milliseconds since 1970. */
type Phase =
  | { readonly is: "idle" }
  /** From the decision to connect to CONNECTED. */
  | { readonly is: "opening"; readonly attempt: number; readonly until: number }
  | {
      readonly is: "open";
      readonly attempt: number;
      readonly since: number;
      heardAt: number;
      /** When the answer to a ping is due. */
      pongBy: number;
      /** Our slot for leaving a node that drains. */
      leaveAt: number;
      refreshAt: number;
    }
  | { readonly is: "waiting"; readonly attempt: number; readonly until: number }
  | { readonly is: "failed" }
  | { readonly is: "closed" };

/** What time has brought about; the session acts on it. */
export type Due = "open" | "ping" | "refresh" | "leave" | "late" | undefined;

export interface ConnectionOptions {
  readonly backoff: Backoff;
  /** Whether a refused token can be replaced by another. */
  readonly canRefresh: boolean;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #phase: Phase = { is: "idle" };
  #state: ConnectionState = { status: "idle" };

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether the node takes requests: it does not before CONNECTED and while it drains. */
  get isReady(): boolean {
    return this.#phase.is === "open" && this.#phase.leaveAt === NEVER;
  }

  /** When to ask what is `due`. */
  get deadline(): number {
    const phase = this.#phase;
    switch (phase.is) {
      case "opening":
      case "waiting":
        return phase.until;
      case "open": {
        const proveBy = phase.pongBy === NEVER ? phase.heardAt + SILENCE_MS : phase.pongBy;
        return Math.min(proveBy, phase.leaveAt, phase.refreshAt);
      }
      default:
        return NEVER;
    }
  }

  due(now: number): Due {
    const phase = this.#phase;
    if (now < this.deadline) return undefined;
    if (phase.is === "waiting") return "open";
    if (phase.is !== "open" || now >= phase.pongBy) return "late";
    if (now >= phase.leaveAt) return "leave";
    return now >= phase.refreshAt ? "refresh" : "ping";
  }

  /** Something needs a connection. */
  open(now: number, out: Effects): void {
    const phase = this.#phase;
    if (phase.is === "opening" || phase.is === "open" || phase.is === "closed") return;
    const attempt = phase.is === "waiting" ? phase.attempt : 0;
    this.#phase = { is: "opening", attempt, until: now + HANDSHAKE_MS };
    this.#show({ status: "connecting", attempt }, out);
    out.push({ do: "open" });
  }

  connected(now: number, { connectionId, nodeId, expiresAt }: wire.Connected, out: Effects): void {
    const attempt = this.#phase.is === "opening" ? this.#phase.attempt : 0;
    const refreshAt = this.#refreshAt(now, expiresAt);
    const never = { pongBy: NEVER, leaveAt: NEVER };
    this.#phase = { is: "open", attempt, since: now, heardAt: now, ...never, refreshAt };
    this.#show({ status: "connected", connectionId, nodeId }, out);
  }

  /** The node said something. */
  heard(now: number): void {
    if (this.#phase.is !== "open") return;
    this.#phase.heardAt = now;
    this.#phase.pongBy = NEVER;
  }

  /** A ping is on its way. */
  pinged(now: number): void {
    if (this.#phase.is === "open") this.#phase.pongBy = Math.min(this.#phase.pongBy, now + PONG_MS);
  }

  /** A token is being fetched, or one is in place that ends at `expiresAt`. */
  refreshed(now: number, expiresAt?: number): void {
    if (this.#phase.is === "open") this.#phase.refreshAt = this.#refreshAt(now, expiresAt);
  }

  /** GOAWAY. A random moment within, so that not everyone arrives elsewhere at once. */
  leave(now: number, withinMs: number): void {
    if (this.#phase.is === "open") {
      this.#phase.leaveAt = now + this.#options.random() * withinMs;
    }
  }

  /** The page woke or the network changed. Whether the connection has to be proved with a ping. */
  wake(now: number, out: Effects): boolean {
    if (this.#phase.is === "waiting") this.open(now, out);
    if (this.#phase.is !== "open") return false;
    this.#phase.pongBy = Math.min(this.#phase.pongBy, now + WAKE_PONG_MS);
    return true;
  }

  /** The socket is gone, or never was. What comes next depends on the class of the reason. */
  lost(now: number, error: FanfareError, out: Effects): void {
    const { backoff, canRefresh, random } = this.#options;
    const phase = this.#phase;
    if (phase.is !== "opening" && phase.is !== "open") return;
    if (error.code === Code.IDLE) {
      this.#end({ status: "idle" }, out);
      return;
    }
    if (error.class === "terminal" || (error.class === "refresh" && !canRefresh)) {
      this.#end({ status: "failed", error }, out);
      return;
    }
    const wasStable = phase.is === "open" && now - phase.since >= STABLE_MS;
    const attempt = wasStable ? 0 : phase.attempt + 1;
    const slot = phase.is === "open" && phase.leaveAt !== NEVER ? phase.leaveAt : undefined;
    const jitter = backoffMs(backoff, attempt, random());
    const until = Math.max(now, slot ?? now + (error.retryAfterMs ?? 0) + jitter);
    this.#phase = { is: "waiting", attempt, until };
    this.#show({ status: "waiting", attempt, retryInMs: until - now, error }, out);
  }

  /** The application is done with it. */
  close(out: Effects): void {
    this.#end({ status: "closed" }, out);
  }

  /** There is no connection, and none is on its way. */
  #end(state: ConnectionState & { status: "idle" | "failed" | "closed" }, out: Effects): void {
    this.#phase = { is: state.status };
    this.#show(state, out);
  }

  #refreshAt(now: number, expiresAt = NEVER): number {
    return this.#options.canRefresh ? now + (expiresAt - now) * (1 - REFRESH_SHARE) : NEVER;
  }

  #show(state: ConnectionState, out: Effects): void {
    this.#state = state;
    out.push({ do: "state", state });
  }
}
