/** Compressed batches: the examples of the protocol, and their place among what is not compressed. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { json } from "../src/codec/json.js";
import { compressed } from "../src/transport/compressed.js";
import type { SocketEvents, Transport } from "../src/transport/transport.js";

interface Example {
  readonly name: string;
  readonly compression: string;
  readonly message: string;
  readonly plain?: string;
  readonly code?: string;
}

const file = new URL("../../protocol/conformance/batches.json", import.meta.url);
const examples: readonly Example[] = JSON.parse(readFileSync(file, "utf8"));
const ours = examples.filter(({ compression }) => compression === "deflate-raw");

/** A socket that the test plays, and what is heard of it. */
class Bench {
  readonly heard: unknown[] = [];
  readonly transport: Transport;
  readonly socket;
  #events: SocketEvents | undefined;
  #heard = () => {};

  constructor(bytesMax?: number) {
    const plain: Transport = {
      name: "websocket",
      codec: json,
      open: (_url, events) => {
        this.#events = events;
        return { send: () => {}, close: () => {} };
      },
    };
    this.transport = compressed(plain, bytesMax);
    this.socket = this.transport.open("ws://node/v1/ws", {
      opened: () => {},
      received: (message) => this.#hear(message),
      closed: (code) => this.#hear(code),
    });
  }

  says(message: unknown): void {
    this.#events?.received(message);
  }

  closes(code: number): void {
    this.#events?.closed(code, "");
  }

  /** Resolves once so much was heard. */
  async until(count: number): Promise<void> {
    while (this.heard.length < count) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  #hear(what: unknown): void {
    this.heard.push(what instanceof ArrayBuffer ? new TextDecoder().decode(what) : what);
    this.#heard();
  }
}

function packed(text: string): ArrayBuffer {
  return buffer(Buffer.concat([Buffer.of(0), deflateRawSync(text)]));
}

function buffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

describe("a transport with compressed batches", () => {
  for (const { name, message, plain, code } of ours) {
    test(`reads_or_refuses_as_the_example_says: ${name}`, async () => {
      const bench = new Bench(4_096);
      bench.says(buffer(Buffer.from(message, "hex")));
      await bench.until(1);
      const [heard] = bench.heard;
      if (plain !== undefined) assert.equal(heard, plain);
      else {
        assert.ok(heard instanceof Error, name);
        assert.equal(heard.message.includes("FRAME_TOO_LARGE"), code === "FRAME_TOO_LARGE");
        // The link gives the connection up, and resumes.
        assert.throws(() => bench.transport.codec.decode(heard), heard);
      }
    });
  }

  test("has_examples_of_both_kinds", () => {
    assert.ok(ours.some(({ plain }) => plain) && ours.some(({ code }) => code));
  });

  test("keeps_the_order_however_long_it_takes_to_inflate", async () => {
    const bench = new Bench();
    const expected: string[] = [];
    for (let n = 0; n < 30; n++) {
      const text = `${n} `.repeat(n % 3 === 0 ? 50_000 : 500);
      bench.says(n % 5 === 4 ? text : packed(text));
      expected.push(text);
    }
    bench.closes(1006);
    await bench.until(31);
    assert.deepEqual(bench.heard, [...expected, 1006]);
  });

  test("does_not_make_plain_messages_wait_for_nothing", () => {
    const bench = new Bench();
    bench.says("at once");
    assert.deepEqual(bench.heard, ["at once"]);
  });

  test("says_nothing_more_once_it_was_closed_or_a_batch_was_broken", async () => {
    const bench = new Bench();
    bench.says(packed("given up"));
    bench.socket.close();
    const other = new Bench();
    other.says(buffer(Buffer.of(0, 0xff, 0xff)));
    other.says(packed("behind what is broken"));
    other.says("and this");
    await other.until(1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(other.heard.length, 1);
    assert.deepEqual(bench.heard, []);
  });

  test("asks_for_it_where_the_session_connects_and_nowhere_else", () => {
    const { codec } = new Bench().transport;
    const envelopes = [
      { type: "CONNECT", id: 1, payload: { client: "c", features: { appPing: true } } },
      { type: "PING", id: 2, payload: {} },
    ] as const;
    const text = [...codec.encode(envelopes)].join("\n");
    const [connect, ping] = text.split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(connect.payload.features, { compression: ["deflate-raw"], appPing: true });
    assert.deepEqual(ping, { type: "PING", id: 2, payload: {} });
  });
});
