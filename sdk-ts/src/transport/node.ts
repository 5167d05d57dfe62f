/** The platform in Node.js, where older versions have no `WebSocket` of their own. */

import type { Platform } from "./platform.js";
import { standard } from "./standard.js";

export const node: Platform = {
  ...standard,

  async webSocket() {
    if (globalThis.WebSocket) return standard.webSocket();
    const { WebSocket } = await import("ws").catch(() => {
      throw new Error("this Node.js has no WebSocket: install the package `ws`, or use Node.js 22");
    });
    return WebSocket;
  },
};
