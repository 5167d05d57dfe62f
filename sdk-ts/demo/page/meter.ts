/** What a page receives: events, and bytes as they cross the socket, compressed or not. */

import type { WebSocketClass } from "../../src/transport/platform.js";

/** Seconds that a plot shows. */
export const SECONDS_MAX = 60;

/** One whole second. */
export interface Second {
  readonly events: number;
  readonly bytes: number;
}

export class Meter {
  /** The last whole seconds, the latest at the end. */
  readonly seconds: Second[] = [];
  #second = 0;
  #events = 0;
  #bytes = 0;

  event(): void {
    this.#events++;
  }

  bytes(count: number): void {
    this.#bytes += count;
  }

  /** To be called at least once a second; `now` in milliseconds. Returns whether a second has ended. */
  tick(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (this.#second === 0) this.#second = second;
    const ended = Math.min(second - this.#second, SECONDS_MAX);
    if (ended <= 0) return false;
    // A page that slept was told of what it slept through in one go.
    const share = { events: this.#events / ended, bytes: this.#bytes / ended };
    for (let each = 0; each < ended; each++) this.seconds.push(share);
    this.seconds.splice(0, this.seconds.length - SECONDS_MAX);
    [this.#second, this.#events, this.#bytes] = [second, 0, 0];
    return true;
  }

  /** A second, averaged over the last few. */
  get rate(): Second {
    const last = this.seconds.slice(-3);
    const mean = (of: (second: Second) => number) =>
      last.reduce((sum, second) => sum + of(second), 0) / Math.max(last.length, 1);
    return { events: mean(({ events }) => events), bytes: mean(({ bytes }) => bytes) };
  }
}

/** The browser's WebSocket, whose messages are counted. */
export function countedSocket(meter: Meter): WebSocketClass {
  return class extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      this.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer | string>) => {
        meter.bytes(typeof data === "string" ? data.length : data.byteLength);
      });
    }
  };
}

/** `1.4 MB`, `230 kB`, `85 B`: in thousands, as networks count. */
export function shownBytes(bytes: number): string {
  if (bytes >= 999_500) return `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB`;
  if (bytes >= 999.5) return `${(bytes / 1e3).toFixed(bytes < 9.95e3 ? 1 : 0)} kB`;
  return `${Math.round(bytes)} B`;
}

/** `4,012`, `37`, `0.4`. */
export function shownCount(count: number): string {
  if (count > 0 && count < 9.95) return count.toFixed(1);
  return Math.round(count).toLocaleString("en");
}
