/** Down to what gets through and up again, over sockets and a clock moved by hand. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json } from "../src/codec/json.js";
import { Ladder } from "../src/transport/ladder.js";
import type { Socket, SocketEvents, Transport, TransportName } from "../src/transport/transport.js";
import { World } from "./harness/world.js";

const NAMES: readonly TransportName[] = ["websocket", "sse", "poll"];
/** Longer than a transport may take to carry a word. */
const SILENT_MS = 5_000;
/** After it those above are tried, and what failed is forgotten. */
const LONG_MS = 60_000;

/** A ladder whose sockets the test plays; of each the latest. */
class Bench {
  readonly world = new World();
  readonly happened: string[] = [];
  readonly ladder: Ladder;
  readonly #sockets = new Map<TransportName, SocketEvents>();
  socket: Socket | undefined;

  constructor(at = 0) {
    const rungs = NAMES.map((name) => async () => this.#transport(name));
    this.ladder = new Ladder(rungs, this.world.platform, at);
  }

  #transport(name: TransportName): Transport {
    return {
      name,
      codec: json,
      open: (_url, events) => {
        this.happened.push(name);
        this.#sockets.set(name, events);
        return {
          send: (message) => this.happened.push(`${message}>${name}`),
          close: () => this.happened.push(`-${name}`),
        };
      },
    };
  }

  async open(): Promise<void> {
    this.socket = this.ladder.open("ws://node/v1/ws", {
      opened: () => this.happened.push("opened"),
      received: (message) => this.happened.push(String(message)),
      closed: (code) => this.happened.push(`closed ${code}`),
    });
    await this.world.settle();
  }

  opens(name: TransportName): void {
    this.#sockets.get(name)?.opened();
  }

  says(name: TransportName, message = "hello"): void {
    this.#sockets.get(name)?.received(message);
  }

  ends(name: TransportName, code = 1006): void {
    this.#sockets.get(name)?.closed(code, "");
  }

  /** Open and heard. */
  carries(name: TransportName): void {
    this.opens(name);
    this.says(name);
  }

  /** What happened since the last call. */
  async now(): Promise<string> {
    await this.world.settle();
    return this.happened.splice(0).join(" ");
  }

  /** A session that the long poll carries. */
  static async low(): Promise<Bench> {
    const bench = new Bench();
    await bench.open();
    for (const name of ["websocket", "sse"] as const) {
      bench.ends(name);
      await bench.world.settle();
    }
    bench.carries("poll");
    await bench.now();
    return bench;
  }
}

describe("a ladder", () => {
  test("goes_down_to_what_opens", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends("websocket");
    await bench.world.settle();
    bench.ends("sse");
    assert.equal(await bench.now(), "websocket -websocket sse -sse poll");
    bench.carries("poll");
    assert.equal(await bench.now(), "opened hello");
    assert.equal(bench.ladder.name, "poll");
    bench.socket?.send("x");
    assert.equal(await bench.now(), "x>poll");
  });

  test("goes_down_from_what_opens_and_says_nothing_within_a_bounded_time", async () => {
    const bench = new Bench(1);
    await bench.open();
    bench.opens("sse");
    assert.equal(await bench.now(), "sse opened");
    await bench.world.advance(SILENT_MS);
    assert.equal(await bench.now(), "-sse poll");
    bench.says("sse");
    assert.equal(await bench.now(), "", "what was given up is not heard");
  });

  test("goes_down_from_what_does_not_open_within_that_time", async () => {
    const bench = new Bench(1);
    await bench.open();
    await bench.world.advance(SILENT_MS);
    assert.equal(await bench.now(), "sse -sse poll");
  });

  test("a_refusal_of_the_node_is_told_and_not_tried_elsewhere", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends("websocket", 3526);
    assert.equal(await bench.now(), "websocket -websocket closed 3526");
  });

  test("where_none_opens_it_is_the_node_and_the_first_is_tried_again", async () => {
    const bench = new Bench();
    await bench.open();
    for (const name of NAMES) {
      bench.ends(name);
      await bench.world.settle();
    }
    assert.match(await bench.now(), /closed 1006$/);
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("remembers_for_a_while_what_stood_in", async () => {
    const bench = await Bench.low();
    bench.ends("poll");
    assert.equal(await bench.now(), "-poll closed 1006");
    await bench.open();
    assert.equal(await bench.now(), "poll");
    bench.ends("poll");
    await bench.now();
    bench.world.now += LONG_MS + 1;
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("one_that_hangs_and_is_given_up_gives_way", async () => {
    const bench = new Bench();
    await bench.open();
    bench.socket?.close();
    await bench.open();
    assert.equal(await bench.now(), "websocket -websocket sse");
  });

  test("goes_up_beside_what_carries_the_session_once_something_better_is_there", async () => {
    const bench = await Bench.low();
    await bench.world.advance(LONG_MS);
    assert.equal(await bench.now(), "websocket");
    bench.socket?.send("x");
    bench.says("poll", "y");
    assert.equal(await bench.now(), "x>poll y", "it goes on meanwhile");
    bench.opens("websocket");
    assert.equal(await bench.now(), "-poll opened");
    bench.socket?.send("x");
    bench.says("websocket");
    assert.equal(await bench.now(), "x>websocket hello");
    await bench.world.advance(10 * LONG_MS);
    assert.equal(await bench.now(), "", "there is nothing better");
  });

  test("goes_up_to_the_next_best_and_from_there_on", async () => {
    const bench = await Bench.low();
    await bench.world.advance(LONG_MS);
    bench.ends("websocket");
    await bench.world.settle();
    bench.carries("sse");
    assert.equal(await bench.now(), "websocket -websocket sse -poll opened hello");
    await bench.world.advance(LONG_MS);
    bench.ends("websocket");
    assert.equal(await bench.now(), "websocket -websocket", "only what is above");
  });

  test("waits_longer_each_time_that_those_above_fail", async () => {
    const bench = await Bench.low();
    const fail = async () => {
      for (const name of ["websocket", "sse"] as const) {
        bench.ends(name);
        await bench.world.settle();
      }
    };
    await bench.world.advance(LONG_MS);
    await fail();
    assert.equal(await bench.now(), "websocket -websocket sse -sse");
    await bench.world.advance(2 * LONG_MS - 1);
    assert.equal(await bench.now(), "");
    await bench.world.advance(1);
    await fail();
    assert.equal(await bench.now(), "websocket -websocket sse -sse");
    await bench.world.advance(3 * LONG_MS);
    assert.equal(await bench.now(), "");
  });

  test("goes_up_at_once_when_the_network_changes", async () => {
    const bench = await Bench.low();
    await bench.world.wake();
    assert.equal(await bench.now(), "websocket");
    bench.carries("websocket");
    assert.equal(await bench.now(), "-poll opened hello");
  });

  test("goes_down_again_where_what_took_over_says_nothing", async () => {
    const bench = await Bench.low();
    await bench.world.wake();
    bench.opens("websocket");
    assert.equal(await bench.now(), "websocket -poll opened");
    await bench.world.advance(SILENT_MS);
    assert.equal(await bench.now(), "-websocket sse");
    bench.carries("sse");
    assert.equal(await bench.now(), "opened hello");
  });

  test("what_ends_while_something_better_is_tried_ends_the_session", async () => {
    const bench = await Bench.low();
    await bench.world.wake();
    bench.ends("poll");
    assert.equal(await bench.now(), "websocket -websocket -poll closed 1006");
    bench.opens("websocket");
    assert.equal(await bench.now(), "");
  });

  test("a_session_that_was_left_leaves_no_timer", async () => {
    const bench = await Bench.low();
    bench.socket?.close();
    assert.equal(bench.world.timerCount, 0);
    await bench.world.wake();
    assert.equal(await bench.now(), "-poll");
  });
});
