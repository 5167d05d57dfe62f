/**
 * A platform whose clock, chance and network are moved by hand. Nothing arrives before `flush`, no
 * timer fires before `advance`, so that a test says what happens in which order.
 */

import type { Platform, WebSocketClass } from "../../src/transport/platform.js";
import type { WebSocketLike } from "../../src/transport/websocket.js";
import { type Random, seeded } from "./random.js";

/** The client's end of a connection, and what the other end does with it. */
export class FakeSocket implements WebSocketLike {
  binaryType = "blob";
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly url: string;
  readonly protocol: string;
  /** Said by the client and not yet taken by the other end. */
  readonly sent: (string | Uint8Array<ArrayBuffer>)[] = [];
  /** Neither end has ended it. */
  isLive = true;

  constructor(url: string, protocol: string) {
    this.url = url;
    this.protocol = protocol;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(message);
  }

  close(): void {
    this.isLive = false;
  }

  /** The other end accepts. */
  accept(): void {
    if (this.isLive) this.onopen?.();
  }

  /** Something arrives at the client. */
  deliver(message: string | ArrayBuffer): void {
    if (this.isLive) this.onmessage?.({ data: message });
  }

  /** The connection breaks, or is closed by the other end with a code. */
  drop(code = 1006, reason = ""): void {
    if (!this.isLive) return;
    this.isLive = false;
    this.onclose?.({ code, reason });
  }
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class World {
  now = 1_763_715_600_000;
  readonly random: Random;
  /** Every socket that was ever opened. */
  readonly sockets: FakeSocket[] = [];
  readonly #timers = new Set<Timer>();
  readonly #wakers = new Set<() => void>();
  #lastId = 0;

  constructor(seed = 1) {
    this.random = seeded(seed);
  }

  get platform(): Platform {
    const { sockets } = this;
    const WebSocket: WebSocketClass = class extends FakeSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        sockets.push(this);
      }
    };
    return {
      webSocket: async () => WebSocket,
      now: () => this.now,
      after: (ms, run) => {
        const timer = { at: this.now + Math.max(ms, 0), run };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
      random: this.random,
      id: () => `id-${++this.#lastId}`,
      onWake: (run) => {
        this.#wakers.add(run);
        return () => this.#wakers.delete(run);
      },
    };
  }

  /** The latest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened yet");
    return socket;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Lets promises and what they bring about run their course. */
  async settle(): Promise<void> {
    await new Promise(setImmediate);
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.settle();
    for (let timer = this.#nextTimer(until); timer; timer = this.#nextTimer(until)) {
      this.now = Math.max(this.now, timer.at);
      this.#timers.delete(timer);
      timer.run();
      await this.settle();
    }
    this.now = until;
  }

  /** The page comes back. */
  async wake(): Promise<void> {
    for (const waker of this.#wakers) waker();
    await this.settle();
  }

  #nextTimer(until: number): Timer | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= until);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}
