/**
 * The one connection that a client has at a time, with the token fetched for it, and envelopes instead
 * of bytes. Envelopes of one moment leave together. Decides no more than what carries it: when to
 * open and to close is told.
 */

import type { Codec } from "../codec/codec.js";
import type { Envelope } from "../envelope.js";
import { FanfareError, fromCode, localError } from "../error.js";
import type { Platform } from "./platform.js";
import type { Socket, Transport } from "./transport.js";

/** For so long after a transport had to stand in, those before it are not tried: each try is a wait. */
const STAND_IN_MS = 60_000;

export interface LinkOptions {
  /** Of the WebSocket. */
  readonly url: string;
  /** In the order in which they are tried. */
  readonly transports: readonly (() => Promise<Transport>)[];
  /** A token for the next connection. */
  readonly token: () => Promise<string | undefined>;
  readonly platform: Platform;
}

export interface LinkEvents {
  opened(token: string | undefined): void;
  received(envelope: Envelope): void;
  /** The socket ended by itself, or could not be opened. */
  lost(error: FanfareError): void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  #socket: Socket | undefined;
  #codec: Codec | undefined;
  /** Tells attempts that were given up while they were on their way. */
  #attempt = 0;
  #outbox: Envelope[] = [];
  /** Which transport is tried, or carries. */
  #at = 0;
  /** It led to the node. */
  #isProven = true;
  /** When the first is tried again. */
  #standInUntil = 0;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  async open(): Promise<void> {
    const attempt = ++this.#attempt;
    const { platform, token } = this.#options;
    if (platform.now() >= this.#standInUntil) this.#at = 0;
    try {
      await this.#try(attempt, await token());
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(unreachable(error));
    }
  }

  send(envelope: Envelope): void {
    if (this.#outbox.push(envelope) === 1) queueMicrotask(() => this.#flush());
  }

  close(): void {
    // One that hangs is as good as one that fails.
    if (!this.#isProven) this.#pass();
    this.#drop();
  }

  async #try(attempt: number, token: string | undefined): Promise<void> {
    const { url, transports } = this.#options;
    const load = transports[this.#at];
    if (attempt !== this.#attempt || !load) return;
    const closed = (error: FanfareError) => {
      const isLast = this.#at + 1 >= transports.length;
      // An error of the catalogue is the node's: another way to it would end there too.
      if (this.#isProven || isLast || error.code !== 0) return this.#lost(error);
      this.#drop();
      this.#pass();
      void this.#try(++this.#attempt, token);
    };
    this.#isProven = false;
    try {
      const { codec, open } = await load();
      if (attempt !== this.#attempt) return;
      this.#codec = codec;
      this.#socket = open(url, {
        opened: () => {
          this.#isProven = true;
          this.#events.opened(token);
        },
        received: (message) => this.#received(message),
        closed: (code, reason) => closed(closeError(code, reason)),
      });
    } catch (error) {
      if (attempt === this.#attempt) closed(unreachable(error));
    }
  }

  /** To the next transport, at last to the first again. */
  #pass(): void {
    this.#at = (this.#at + 1) % this.#options.transports.length;
    this.#standInUntil = this.#options.platform.now() + STAND_IN_MS;
  }

  #flush(): void {
    const envelopes = this.#outbox;
    this.#outbox = [];
    for (const message of this.#codec?.encode(envelopes) ?? []) this.#socket?.send(message);
  }

  #received(message: unknown): void {
    const attempt = this.#attempt;
    try {
      for (const envelope of this.#codec?.decode(message) ?? []) {
        if (attempt === this.#attempt) this.#events.received(envelope);
      }
    } catch (error) {
      // What else it holds is lost: the next connection resumes before it.
      this.#lost(localError("DISCONNECTED", `the node sent garbage: ${error}`, "retry"));
    }
  }

  #drop(): void {
    this.#attempt++;
    this.#isProven = true;
    this.#socket?.close();
    this.#socket = undefined;
    this.#outbox = [];
  }

  #lost(error: FanfareError): void {
    // Where none of them leads to the node, it is the node, and the first is as good as before.
    if (!this.#isProven) this.#at = 0;
    this.#drop();
    this.#events.lost(error);
  }
}

function closeError(code: number, reason: string): FanfareError {
  // Codes of the catalogue; the others are the WebSocket's own and say only that it is over.
  const isOurs = code >= 3000 && code < 4000;
  if (!isOurs) return localError("DISCONNECTED", `the connection ended (${code})`, "retry");
  const [, name, message] = /^([A-Z_]+)(?:: (.*))?$/.exec(reason) ?? [];
  return fromCode(code, message ?? reason, name);
}

/** What is not to be had at the moment: a connection, or a part of this code. */
export function unreachable(error: unknown): FanfareError {
  if (error instanceof FanfareError) return error;
  return localError("DISCONNECTED", `the node cannot be reached: ${error}`, "retry");
}
