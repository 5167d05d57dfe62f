/** Which transport carries a connection, over sockets and a clock moved by hand. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { json } from "../src/codec/json.js";
import { FanfareError } from "../src/error.js";
import { Link } from "../src/transport/link.js";
import type { SocketEvents, Transport } from "../src/transport/transport.js";
import { World } from "./harness/world.js";

/** Long enough that what failed is forgotten. */
const LONG_MS = 61_000;

/** A link with two transports, whose sockets the test plays. */
class Bench {
  readonly world = new World();
  readonly happened: string[] = [];
  readonly link: Link;
  #events: SocketEvents | undefined;

  constructor(token = async (): Promise<string | undefined> => undefined) {
    const transport = (name: string) => async (): Promise<Transport> => ({
      codec: json,
      open: (_url, events) => {
        this.happened.push(name);
        this.#events = events;
        return { send: () => {}, close: () => {} };
      },
    });
    const transports = [transport("websocket"), transport("sse")];
    const { platform } = this.world;
    this.link = new Link(
      { url: "ws://node/v1/ws", transports, platform, token },
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

  hears(message: string): void {
    this.#events?.received(message);
  }
}

describe("a link", () => {
  test("takes_the_next_transport_at_once_where_the_first_does_not_open", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends();
    assert.equal(await bench.now(), "websocket sse");
    bench.opens();
    assert.equal(await bench.now(), "opened");
  });

  test("remembers_for_a_while_what_stood_in_and_then_tries_the_first_again", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends();
    await bench.now();
    bench.opens();
    bench.ends();
    assert.equal(await bench.now(), "opened DISCONNECTED");
    await bench.open();
    assert.equal(await bench.now(), "sse");
    bench.opens();
    bench.world.now += LONG_MS;
    bench.ends();
    await bench.now();
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("where_none_opens_it_is_the_node_and_the_first_is_tried_again", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends();
    await bench.now();
    bench.ends();
    assert.equal(await bench.now(), "DISCONNECTED");
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("one_that_hangs_and_is_given_up_gives_way_too", async () => {
    const bench = new Bench();
    await bench.open();
    bench.link.close();
    await bench.open();
    assert.equal(await bench.now(), "websocket sse");
    bench.link.close();
    await bench.open();
    assert.equal(await bench.now(), "websocket");
  });

  test("a_refusal_of_the_node_is_told_and_not_tried_elsewhere", async () => {
    const bench = new Bench();
    await bench.open();
    bench.ends(3526, "ORIGIN_NOT_ALLOWED: pages of this origin may not connect");
    assert.equal(await bench.now(), "websocket ORIGIN_NOT_ALLOWED");
  });

  test("one_that_was_open_is_lost_and_not_replaced", async () => {
    const bench = new Bench();
    await bench.open();
    bench.opens();
    bench.ends();
    assert.equal(await bench.now(), "websocket opened DISCONNECTED");
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
