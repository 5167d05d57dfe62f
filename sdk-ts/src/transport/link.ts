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

/** For so long after it had to stand in, a transport is tried before the others: each try may be a wait. */
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
  /** The transport to try next. */
  #at = 0;
  /** Until when it is that one and not the first. */
  #standInUntil = 0;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  async open(): Promise<void> {
    const attempt = ++this.#attempt;
    const { platform, token } = this.#options;
    if (platform.now() > this.#standInUntil) this.#at = 0;
    try {
      await this.#try(attempt, await token());
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(failure(error));
    }
  }

  send(envelope: Envelope): void {
    if (this.#outbox.push(envelope) === 1) queueMicrotask(() => this.#flush());
  }

  close(): void {
    this.#attempt++;
    this.#socket?.close();
    this.#socket = undefined;
    this.#outbox = [];
  }

  /** Whether it fails or hangs, the next one has its turn; one that opened is the next again. */
  async #try(attempt: number, token: string | undefined): Promise<void> {
    const { platform, transports, url } = this.#options;
    const at = transports[this.#at] ? this.#at : 0;
    const load = transports[at];
    if (!load || attempt !== this.#attempt) return;
    this.#at = at + 1;
    this.#standInUntil = platform.now() + STAND_IN_MS;
    let isOpen = false;
    const closed = (error: FanfareError) => {
      // An error of the catalogue is the node's own: another way to it would end there too.
      if (isOpen || error.code !== 0 || !transports[this.#at]) return this.#lost(error);
      this.close();
      void this.#try(this.#attempt, token);
    };
    try {
      const { codec, open } = await load();
      if (attempt !== this.#attempt) return;
      this.#codec = codec;
      this.#socket = open(url, {
        opened: () => {
          isOpen = true;
          this.#at = at;
          this.#events.opened(token);
        },
        received: (message) => this.#received(message),
        closed: (code, reason) => closed(closeError(code, reason)),
      });
    } catch (error) {
      if (attempt === this.#attempt) closed(failure(error));
    }
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
      this.#lost(failure(error));
    }
  }

  #lost(error: FanfareError): void {
    this.close();
    this.#events.lost(error);
  }
}

function closeError(code: number, reason: string): FanfareError {
  // Codes of the catalogue; the others are the WebSocket's own and say only that it is over.
  const isOurs = code >= 3000 && code < 4000;
  if (!isOurs) return failure(`closed with ${code}`);
  const [name, ...message] = reason.split(": ");
  return fromCode(code, message.join(": "), name);
}

/** No connection for the moment, or no part of this code that comes over one; with garbage it is over, too. */
export function failure(error: unknown): FanfareError {
  if (error instanceof FanfareError) return error;
  return localError("DISCONNECTED", `the connection failed: ${error}`, "retry");
}
