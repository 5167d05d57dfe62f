/** The one connection of a client, over sockets that the test plays. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json } from "../src/codec/json.js";
import { FanfareError } from "../src/error.js";
import { Link } from "../src/transport/link.js";
import type { SocketEvents, Transport } from "../src/transport/transport.js";
import { World } from "./harness/world.js";

const HELLO = '{"type":"PONG","id":1}';

/** A link with a first transport and what stands in for it. */
class Bench {
  readonly world = new World();
  readonly happened: string[] = [];
  readonly link: Link;
  /** Whether what stands in can be loaded. */
  isAway = false;
  #events: SocketEvents | undefined;

  constructor(token = async (): Promise<string | undefined> => undefined, isAllOne = false) {
    const transport = (name: "websocket" | "sse") => async (): Promise<Transport> => {
      if (name === "sse" && this.isAway) throw new Error("nothing can be loaded");
      return {
        name,
        codec: json,
        open: (_url, events) => {
          this.happened.push(name);
          this.#events = events;
          const send = (message: unknown) => this.happened.push(JSON.parse(String(message)).type);
          return { send, close: () => {} };
        },
      };
    };
    const { platform } = this.world;
    const first = transport("websocket");
    const ways = { transport: first, fallback: isAllOne ? first : transport("sse") };
    this.link = new Link(
      { url: "ws://node/v1/ws", ...ways, platform, token },
      {
        opened: () => this.happened.push("opened"),
        received: ({ type }) => this.happened.push(type),
        lost: ({ name }) => this.happened.push(name),
      },
    );
  }

  /** What happened since the last call. */
  async now(): Promise<string> {
    await this.world.settle();
    return this.happened.splice(0).join(" ");
  }

  async open(): Promise<void> {
    void this.link.open();
    await this.world.settle();
  }

  opens(): void {
    this.#events?.opened();
  }

  ends(code = 1006, reason = ""): void {
    this.#events?.closed(code, reason);
  }

  hears(message = HELLO): void {
    this.#events?.received(message);
  }
}

describe("a link", () => {
  test("takes_the_other_ways_at_once_where_the_first_does_not_open_and_keeps_to_them", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends();
    assert.equal(await bench.now(), "websocket sse");
    bench.opens();
    bench.hears();
    bench.ends();
    assert.equal(await bench.now(), "opened PONG DISCONNECTED");
    await bench.open();
    assert.equal(await bench.now(), "sse", "they know the first too");
    assert.equal(bench.link.transport, "sse");
  });

  test("takes_the_other_ways_where_the_first_opens_and_says_nothing", async () => {
    const bench = new Bench();
    await bench.open();
    bench.opens();
    bench.link.close();
    await bench.open();
    assert.equal(await bench.now(), "websocket opened sse");
  });

  test("what_tries_all_ways_by_itself_is_not_tried_twice_at_once", async () => {
    const bench = new Bench(undefined, true);
    for (let round = 0; round < 3; round++) {
      await bench.open();
      bench.ends();
      assert.equal(await bench.now(), "websocket DISCONNECTED");
    }
  });

  test("where_no_way_opens_that_is_told_once", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends();
    await bench.now();
    bench.ends();
    assert.equal(await bench.now(), "DISCONNECTED");
  });

  test("where_the_other_ways_cannot_be_loaded_the_first_is_tried_again", async () => {
    const bench = new Bench();
    bench.isAway = true;
    await bench.open();
    bench.ends();
    assert.equal(await bench.now(), "websocket DISCONNECTED");
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("one_that_hangs_and_is_given_up_gives_way_too", async () => {
    const bench = new Bench();
    await bench.open();
    bench.link.close();
    await bench.open();
    assert.equal(await bench.now(), "websocket sse");
  });

  test("a_refusal_of_the_node_is_told_and_not_tried_elsewhere", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends(3526, "ORIGIN_NOT_ALLOWED: pages of this origin may not connect");
    assert.equal(await bench.now(), "websocket ORIGIN_NOT_ALLOWED");
  });

  test("one_that_was_heard_is_lost_and_not_replaced", async () => {
    const bench = new Bench();
    await bench.open();
    bench.opens();
    bench.hears();
    bench.ends();
    assert.equal(await bench.now(), "websocket opened PONG DISCONNECTED");
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("what_waits_to_be_said_is_not_said_to_what_takes_over", async () => {
    const bench = new Bench();
    await bench.open();
    bench.opens();
    bench.link.send({ type: "PING", id: 1, payload: {} });
    bench.opens();
    bench.link.send({ type: "CONNECT", id: 2, payload: {} });
    assert.equal(await bench.now(), "websocket opened opened CONNECT");
  });

  test("a_token_that_cannot_be_had_opens_nothing", async () => {
    const error = new FanfareError({ code: 0, name: "X", message: "", class: "retry" });
    const bench = new Bench(() => Promise.reject(error));
    await bench.open();
    assert.equal(await bench.now(), "X");
  });

  test("what_a_transport_hears_before_it_opens_is_heard", async () => {
    const bench = new Bench();
    await bench.open();
    bench.hears('{"type":"ERROR","payload":{}}');
    assert.equal(await bench.now(), "websocket ERROR");
  });
});
