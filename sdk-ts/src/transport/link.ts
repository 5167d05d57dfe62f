/**
 * The one socket that a client has at a time, with the token fetched for it, and envelopes instead of
 * bytes. Envelopes of one moment leave together. Decides nothing: when to open and to close is told.
 */

import type { Codec } from "../codec/codec.js";
import type { Envelope } from "../envelope.js";
import { FanfareError, fromCode, localError } from "../error.js";
import type { WebSocketClass } from "./platform.js";
import { openSocket, type Socket } from "./websocket.js";

export interface LinkOptions {
  /** Of the WebSocket. */
  readonly url: string;
  readonly codec: Codec;
  readonly webSocket: () => Promise<WebSocketClass>;
  /** A token for the next connection. */
  readonly token: () => Promise<string | undefined>;
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
  /** Tells attempts that were given up while they were on their way. */
  #attempt = 0;
  #outbox: Envelope[] = [];

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  async open(): Promise<void> {
    const attempt = ++this.#attempt;
    const { url, codec, token: fetchToken, webSocket } = this.#options;
    try {
      const [token, WebSocket] = await Promise.all([fetchToken(), webSocket()]);
      if (attempt !== this.#attempt) return;
      this.#socket = openSocket(WebSocket, url, codec.subprotocol, {
        opened: () => this.#events.opened(token),
        received: (message) => this.#received(message),
        closed: (code, reason) => this.#lost(closeError(code, reason)),
      });
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(openError(error));
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

  #flush(): void {
    const envelopes = this.#outbox;
    this.#outbox = [];
    for (const message of this.#options.codec.encode(envelopes)) this.#socket?.send(message);
  }

  #received(message: unknown): void {
    const attempt = this.#attempt;
    try {
      for (const envelope of this.#options.codec.decode(message)) {
        if (attempt === this.#attempt) this.#events.received(envelope);
      }
    } catch (error) {
      // What else it holds is lost: the next connection resumes before it.
      this.#lost(localError("DISCONNECTED", `the node sent garbage: ${error}`, "retry"));
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
  if (isOurs) return fromCode(code, reason.replace(/^[A-Z_]+: /, ""));
  return localError("DISCONNECTED", `the connection ended (${code})`, "retry");
}

function openError(error: unknown): FanfareError {
  if (error instanceof FanfareError) return error;
  return localError("DISCONNECTED", `the connection could not be opened: ${error}`, "retry");
}
