/** The platform as browsers have it, and all others that follow the web's standards. */

import type { Platform } from "./platform.js";

/** Moments at which a socket that seems open may be long dead, and a wait for the next is waste. */
const WAKE_EVENTS = ["online", "offline", "pageshow", "visibilitychange"];

/** `setTimeout` fires at once beyond this. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const standard: Platform = {
  webSocket: async () => WebSocket,

  now: () => Date.now(),

  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, TIMER_MS_MAX));
    return () => clearTimeout(timer);
  },

  random: () => Math.random(),

  id: () => crypto.getRandomValues(new Uint32Array(4)).join("-"),

  onWake(run) {
    const wake = ({ type }: Event) => {
      if (type !== "visibilitychange" || !document.hidden) run();
    };
    // Not every place has events.
    const each = (verb: "addEventListener" | "removeEventListener") => {
      for (const name of WAKE_EVENTS) globalThis[verb]?.(name, wake);
    };
    each("addEventListener");
    return () => each("removeEventListener");
  },
};
