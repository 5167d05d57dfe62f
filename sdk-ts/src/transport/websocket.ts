/** A session over a WebSocket: any of the two codecs, a frame for each message. */

import type { Codec } from "../codec/codec.js";
import type { WebSocketClass } from "./platform.js";
import type { Transport } from "./transport.js";

/** The part of the standard `WebSocket` that is used. */
export interface WebSocketLike {
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

const NORMAL_CLOSURE = 1000;

export function overWebSocket(WebSocket: WebSocketClass, codec: Codec): Transport {
  return {
    name: "websocket",
    codec,
    open(url, events) {
      // Its own types differ from platform to platform in what is not used here.
      const socket = new WebSocket(url, codec.subprotocol) as WebSocketLike;
      socket.binaryType = "arraybuffer";
      socket.onopen = () => events.opened();
      socket.onmessage = ({ data }) => events.received(data);
      socket.onclose = ({ code, reason }) => events.closed(code, reason);
      // Says nothing that `onclose`, which follows, would not; unheard, it would end a Node.js process.
      socket.onerror = () => {};
      return {
        send: (message) => socket.send(message),
        close() {
          socket.onopen = socket.onmessage = socket.onclose = null;
          socket.close(NORMAL_CLOSURE);
        },
      };
    },
  };
}

/** Where the sockets of a node are: `http` and `ws` mean the same, as does a page's own origin, `/`. */
export function socketUrl(url: string): string {
  const { protocol, host, pathname, search } = new URL(url, globalThis.location?.href);
  const base = pathname.replace(/\/?(v1\/ws)?$/, "");
  return `${protocol.replace("http", "ws")}//${host}${base}/v1/ws${search}`;
}
