/**
 * The one connection that a client has at a time, with the token fetched for it, and envelopes instead
 * of bytes. Envelopes of one moment leave together. Decides no more than what carries it: when to
 * open and to close is told.
 */

import type { Envelope } from "../envelope.js";
import { disconnected, type FanfareError, fromCode } from "../error.js";
import type { Platform } from "./platform.js";
import type { Socket, Transport, TransportName } from "./transport.js";

export interface LinkOptions {
  /** Of the WebSocket. */
  readonly url: string;
  /** What is tried first. */
  readonly transport: () => Promise<Transport>;
  /** Goes other ways too, once that one does not get through. */
  readonly fallback?: (() => Promise<Transport>) | undefined;
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
  #transport: Transport | undefined;
  /** Tells attempts that were given up while they were on their way. */
  #attempt = 0;
  #outbox: Envelope[] = [];
  /** Nothing was heard over the first transport. */
  #isBlocked = false;
  /** Bytes of messages; of text the characters. */
  received = 0;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  async open(): Promise<void> {
    const attempt = ++this.#attempt;
    try {
      await this.#try(attempt, await this.#options.token());
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(disconnected(error));
    }
  }

  /** What carries the connection. */
  get transport(): TransportName | undefined {
    return this.#transport?.name;
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

  /** Whether the first fails, hangs or says nothing, the others have their turn. */
  async #try(attempt: number, token: string | undefined): Promise<void> {
    if (attempt !== this.#attempt) return;
    const { fallback, transport, url } = this.#options;
    const others = this.#isBlocked ? fallback : undefined;
    // Where they cannot be loaded it is the network, and the first is as good.
    this.#isBlocked = !others;
    const closed = (error: FanfareError) => {
      // An error of the catalogue is the node's own: another way to it would end there too.
      if (others || error.code || !fallback || fallback === transport || !this.#isBlocked)
        return this.#lost(error);
      this.close();
      void this.open();
    };
    try {
      const loaded = await (others ?? transport)();
      if (attempt !== this.#attempt) return;
      this.#isBlocked = true;
      this.#transport = loaded;
      this.#socket = loaded.open(url, {
        opened: () => {
          this.#outbox = [];
          this.#events.opened(token);
        },
        received: (message) => {
          this.#isBlocked = !!others;
          this.#received(message);
        },
        closed: (code, reason) => closed(closeError(code, reason)),
      });
    } catch (error) {
      if (attempt === this.#attempt) closed(disconnected(error));
    }
  }

  #flush(): void {
    const envelopes = this.#outbox;
    this.#outbox = [];
    for (const message of this.#transport?.codec.encode(envelopes) ?? [])
      this.#socket?.send(message);
  }

  #received(message: unknown): void {
    const attempt = this.#attempt;
    const { byteLength, length } = message as Record<"byteLength" | "length", number>;
    this.received += byteLength ?? length;
    try {
      for (const envelope of this.#transport?.codec.decode(message) ?? []) {
        if (attempt === this.#attempt) this.#events.received(envelope);
      }
    } catch (error) {
      // What else it holds is lost: the next connection resumes before it.
      this.#lost(disconnected(error));
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
  if (!isOurs) return disconnected(`closed with ${code}`);
  const [name, message] = reason.split(/: (.*)/s);
  return fromCode(code, message, name);
}
