/**
 * All ways to a node, the best first, for where the first does not get through. Goes down to the next
 * one when one does not open, or opens and says nothing, as behind a proxy that holds back what streams;
 * and up again while the session goes on: what is better is opened beside what carries it, and takes
 * over once it is there. Loaded when it is needed.
 */

import type { Codec } from "../codec/codec.js";
import type { Platform } from "./platform.js";
import type {
  Socket,
  SocketEvents,
  Transport,
  TransportLoader,
  TransportName,
} from "./transport.js";

/** How long one may take to open, and to carry the first word of the node. The last has the time of the handshake. */
const SPEAK_MS = 5_000;
/** For so long after it had to stand in, a transport is tried before the others: each try may be a wait. */
const STAND_IN_MS = 60_000;
/** How long one that stands in carries a session before those above are tried beside it. */
const RETURN_MS = 60_000;
/** That wait doubles as long as they fail, up to this: a network rarely changes its mind. */
const RETURN_MS_MAX = 600_000;

/** What ended without a word of the node, in the numbers of the WebSocket. */
const ABNORMAL_CLOSURE = 1006;

/** What a client has of them. */
export interface Ways {
  /** The best first. */
  readonly names: readonly (TransportName | TransportLoader)[];
  readonly websocket: TransportLoader;
  readonly json: () => Promise<Codec>;
  readonly platform: Platform;
}

const ladders = new WeakMap<Ways, Ladder>();

/** The one of a client. A WebSocket that stands first was tried already. */
export function ladder(ways: Ways): Ladder {
  const { names, websocket, json, platform } = ways;
  const all: Readonly<Record<TransportName, TransportLoader>> = {
    websocket,
    sse: async () => (await import("./sse.js")).overSse(await json()),
    poll: async () => (await import("./poll.js")).overPoll(await json()),
  };
  const rungs = names.map((name) => (typeof name === "string" ? all[name] : name));
  const made = ladders.get(ways) ?? new Ladder(rungs, platform, names[0] === "websocket" ? 1 : 0);
  ladders.set(ways, made);
  return made;
}

export class Ladder implements Transport {
  readonly rungs: readonly TransportLoader[];
  readonly platform: Platform;
  readonly codec: Codec = {
    subprotocol: "",
    encode: (envelopes) => this.#used?.codec.encode(envelopes) ?? [],
    decode: (message) => this.#used?.codec.decode(message) ?? [],
  };
  /** What carries the session, or did last. */
  #used: Transport | undefined;
  /** The rung to try next. */
  #at: number;
  /** Until when it is that one and not the first. */
  #standInUntil: number;
  /** Where the node was heard last. */
  #heldAt = 0;
  /** In a row: those above were tried in vain. */
  #failures = 0;

  constructor(rungs: readonly TransportLoader[], platform: Platform, at: number) {
    this.rungs = rungs;
    this.platform = platform;
    this.#at = at;
    this.#standInUntil = platform.now() + STAND_IN_MS;
  }

  get name(): TransportName {
    return this.#used?.name ?? "websocket";
  }

  open(url: string, events: SocketEvents): Socket {
    if (this.platform.now() > this.#standInUntil || !this.rungs[this.#at]) this.#at = 0;
    return new Climb(this, url, events, this.#at);
  }

  /** Whether it fails or hangs, the one after it has its turn. */
  tries(at: number): void {
    this.#at = at + 1;
    this.#standInUntil = this.platform.now() + STAND_IN_MS;
  }

  uses(transport: Transport): void {
    this.#used = transport;
  }

  /** The node was heard over it: it is the next again. */
  holds(at: number): void {
    if (at === 0 || at < this.#heldAt) this.#failures = 0;
    this.#at = this.#heldAt = at;
  }

  /** Milliseconds until those above are tried; longer each time. */
  patience(): number {
    return Math.min(RETURN_MS_MAX, RETURN_MS * 2 ** this.#failures++);
  }
}

/** A socket over one of the transports. */
interface Hold {
  readonly at: number;
  readonly socket: Socket;
}

/** One session's way, over as many transports as it takes. */
class Climb implements Socket {
  readonly #ladder: Ladder;
  readonly #url: string;
  readonly #events: SocketEvents;
  /** What carries the session. */
  #hold: Hold | undefined;
  /** What is being opened, alone or beside it. */
  #trial: Socket | undefined;
  #isClosed = false;
  #cancelTimer = () => {};
  #stopListening = () => {};

  constructor(ladder: Ladder, url: string, events: SocketEvents, at: number) {
    this.#ladder = ladder;
    this.#url = url;
    this.#events = events;
    void this.#try(at);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.#hold?.socket.send(message);
  }

  close(): void {
    this.#isClosed = true;
    this.#rest();
    this.#trial?.close();
    this.#hold?.socket.close();
  }

  /** Tries this one; if it does not carry the node's word, the next. */
  async #try(at: number): Promise<void> {
    const { rungs } = this.#ladder;
    const rung = rungs[at];
    // Up to here there is nothing better than what is there.
    if (!rung || at === this.#hold?.at) return this.#stay();
    if (!this.#hold) this.#ladder.tries(at);
    let isOver = false;
    let isHeard = false;
    const end = (code: number, reason: string) => {
      if (isOver || this.#isClosed) return;
      isOver = true;
      this.#ended(at, isHeard, code, reason);
    };
    if (rungs[at + 1]) this.#after(SPEAK_MS, () => end(ABNORMAL_CLOSURE, "it says nothing"));
    try {
      const transport = await rung();
      if (isOver || this.#isClosed) return;
      if (!this.#hold) this.#ladder.uses(transport);
      const socket = transport.open(this.#url, {
        opened: () => {
          if (!isOver && !this.#isClosed) this.#takeOver(transport, { at, socket });
        },
        received: (message) => {
          // What is said to one that is not ours yet is no word to the session.
          if (isOver || (this.#hold && this.#hold.at !== at)) return;
          if (!isHeard) this.#settle(at);
          isHeard = true;
          this.#events.received(message);
        },
        closed: end,
      });
      this.#trial = socket;
    } catch {
      end(ABNORMAL_CLOSURE, "");
    }
  }

  /** It opened: the session begins on it, or goes on. */
  #takeOver(transport: Transport, hold: Hold): void {
    this.#hold?.socket.close();
    this.#trial = undefined;
    this.#hold = hold;
    this.#ladder.tries(hold.at);
    this.#ladder.uses(transport);
    this.#events.opened();
  }

  /** It carries the node's word. */
  #settle(at: number): void {
    this.#rest();
    this.#ladder.holds(at);
    this.#stay();
  }

  #ended(at: number, isHeard: boolean, code: number, reason: string): void {
    this.#trial?.close();
    this.#trial = undefined;
    const isHeld = this.#hold?.at === at;
    if (isHeld) {
      this.#hold?.socket.close();
      this.#hold = undefined;
    }
    // An error of the catalogue is the node's own: another way to it would end there too.
    const isOurs = code >= 3000 && code < 4000;
    const isInVain = isHeard || isOurs || !this.#ladder.rungs[at + 1];
    if (this.#hold && !isHeld) void this.#try(isOurs ? this.#hold.at : at + 1);
    else if (isInVain) {
      this.close();
      this.#events.closed(code, reason);
    } else void this.#try(at + 1);
  }

  /** Waits for the moment to try those above, or for a word that the network changed. */
  #stay(): void {
    this.#rest();
    if (!this.#hold?.at || this.#isClosed) return;
    const climb = () => {
      this.#rest();
      void this.#try(0);
    };
    this.#after(this.#ladder.patience(), climb);
    this.#stopListening = this.#ladder.platform.onWake(climb);
  }

  #after(ms: number, run: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#ladder.platform.after(ms, run);
  }

  #rest(): void {
    this.#cancelTimer();
    this.#stopListening();
    this.#stopListening = () => {};
  }
}
