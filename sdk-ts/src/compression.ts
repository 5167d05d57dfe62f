/**
 * Compressed batches for browsers, for who asks for them: `new Fanfare(url, { transports: [compressed, "sse"] })`.
 * Apart from the rest, which others need not load.
 */

import { protobuf } from "./codec/protobuf.js";
import { compressed as inflating } from "./transport/compressed.js";
import { standard } from "./transport/standard.js";
import type { Transport } from "./transport/transport.js";
import { overWebSocket } from "./transport/websocket.js";

/** A WebSocket whose batches of 1 KiB and more come compressed. Binary, whatever the entry point. */
export async function compressed(): Promise<Transport> {
  return inflating(overWebSocket(await standard.webSocket(), protobuf));
}
