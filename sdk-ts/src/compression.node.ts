/**
 * Compressed batches for Node.js, for who asks for them: `new Fanfare(url, { transports: [compressed, "sse"] })`.
 * Apart from the rest, which others need not load.
 */

import { protobuf } from "./codec/protobuf.js";
import { compressed as inflating } from "./transport/compressed.js";
import { node } from "./transport/node.js";
import type { WebSocketClass } from "./transport/platform.js";
import type { Transport } from "./transport/transport.js";
import { overWebSocket } from "./transport/websocket.js";

/**
 * A WebSocket whose batches of 1 KiB and more come compressed. Binary, whatever the entry point. Over the
 * platform's `WebSocket`, unless another one is given.
 */
export async function compressed(WebSocket?: WebSocketClass): Promise<Transport> {
  return inflating(overWebSocket(WebSocket ?? (await node.webSocket()), protobuf));
}
