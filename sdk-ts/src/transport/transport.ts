/** What carries a session: messages in order, both ways, until it ends. */

import type { Codec } from "../codec/codec.js";

/** By name, in the order in which they are tried unless the application says otherwise. */
export type TransportName = "websocket" | "sse" | "poll";

export interface Transport {
  readonly name: TransportName;
  readonly codec: Codec;
  /** `url` is the one of the WebSocket. */
  open(url: string, events: SocketEvents): Socket;
}

/** Gets one: its code, or the platform's part of it, may have to be loaded. */
export type TransportLoader = () => Promise<Transport>;

export interface Socket {
  send(message: string | Uint8Array<ArrayBuffer>): void;
  /** Nothing more is heard of it, whatever it still does. */
  close(): void;
}

export interface SocketEvents {
  /** Again, when something better took over: what was said before counts no more. */
  opened(): void;
  received(message: unknown): void;
  /** Once, also when it never opened. A code of the catalogue, or one of the WebSocket's own. */
  closed(code: number, reason: string): void;
}
