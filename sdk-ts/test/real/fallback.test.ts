/** Sessions where WebSockets are blocked, over SSE and POST (H11 to H13) and over long polls, against a real node. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { FanfareOptions } from "../../src/client.js";
import { seeded, seeds } from "../harness/random.js";
import { connect, ENCODINGS, type Encoding } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";
import { take } from "./harness/take.js";

/** Publications of a chat, and how often it is cut meanwhile at least. */
const COUNT = 200;
const CUTS_MIN = 5;

let node: RealNode;

before(async () => {
  node = await RealNode.start();
});

after(() => node.dispose());

/** What stands in for a WebSocket. */
const STAND_INS = ["sse", "poll"] as const;

const sse: FanfareOptions = { transports: ["sse"] };

const isUpgrade = (head: string) => /^upgrade: websocket/im.test(head);

/** A way to the node on which WebSockets are refused for as long as the test likes. */
async function blocked(context: TestContext): Promise<BreakableProxy> {
  const proxy = await BreakableProxy.start(node.port);
  context.after(() => proxy.dispose());
  proxy.refuses = isUpgrade;
  return proxy;
}

for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
  describe(`over ${encoding}`, () => {
    for (const name of STAND_INS) {
      test(`everything_goes_over_${name}`, async (context) => {
        const client = connect(context, encoding, node.url, { transports: [name] });
        const topic = client.topic<unknown>(`chat:${encoding}-all-${name}`);
        const watch = topic.watch();
        assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
        await topic.publish({ text: "hi" });
        await topic.publish(new Uint8Array([0, 255, 16]));
        const [text, bytes] = await take(watch, 2);
        assert.deepEqual(text, { text: "hi" });
        assert.deepEqual([...(bytes as Uint8Array)], [0, 255, 16]);
        assert.equal((await topic.history({ limit: 1 })).items.length, 1);
        const refused = client.topic("no topic").publish(1);
        await assert.rejects(refused, { name: "BAD_TOPIC", code: 3504 });
        assert.equal(client.stats().connections, 1);
      });

      test(`publications_of_one_moment_keep_their_order_over_${name}`, async (context) => {
        const client = connect(context, encoding, node.url, { transports: [name] });
        const topic = client.topic<number>(`chat:${encoding}-order-${name}`);
        const numbers = Array.from({ length: 300 }, (_, index) => index);
        await Promise.all(numbers.map((number) => topic.publish(number)));
        assert.deepEqual(await take(topic.watch({ from: "beginning" }), numbers.length), numbers);
      });
    }

    test("where_websockets_are_refused_it_stands_in_and_gives_way_again", async (context) => {
      const proxy = await blocked(context);
      const client = connect(context, encoding, proxy.url);
      const topic = client.topic<string>(`chat:${encoding}-fallback`);
      const watch = topic.watch();
      assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
      assert.equal(proxy.refused, 1);
      await topic.publish("over sse");
      assert.deepEqual(await take(watch, 1), ["over sse"]);

      proxy.cutAll();
      await topic.publish("again");
      assert.deepEqual(await take(watch, 1), ["again"]);
      assert.equal(proxy.refused, 1, "what failed is remembered for a while");

      proxy.refuses = (head) => head.includes("/v1/sse");
      proxy.cutAll();
      await topic.publish("over a websocket");
      assert.deepEqual(await take(watch, 1), ["over a websocket"]);
    });

    test("a_node_that_is_away_is_found_again_over_a_websocket", async (context) => {
      const proxy = await blocked(context);
      proxy.refuses = () => true;
      const client = connect(context, encoding, proxy.url);
      const watch = client.topic(`chat:${encoding}-away`).watch();
      while (client.state.status !== "waiting") {
        await new Promise<void>((resolve) => {
          const stop = client.on("state", () => {
            stop();
            resolve();
          });
        });
      }
      const heads: string[] = [];
      proxy.refuses = (head) => {
        heads.push(head);
        return false;
      };
      assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
      assert.match(heads[0] ?? "", /^GET \/v1\/ws /);
    });

    for (const name of STAND_INS) {
      for (const seed of seeds(2)) {
        test(`a_chat_over_${name}_and_cuts_loses_and_doubles_nothing, seed ${seed}`, async (context) => {
          const proxy = await blocked(context);
          const random = seeded(seed);
          proxy.budget = () => Math.floor(1_500 * 40 ** random());
          const publisher = connect(context, encoding, proxy.url, {
            transports: ["websocket", name],
          });
          const watcher = connect(context, encoding, proxy.url, {
            transports: ["websocket", name],
          });
          const chat = `chat:${encoding}-cuts-${name}-${seed}`;
          const numbers = Array.from({ length: COUNT }, (_, index) => index);
          const watch = watcher.topic(chat).watch({ from: "beginning" });
          const all = take(watch, COUNT);
          const topic = publisher.topic(chat);
          const noise = seeded(seed);
          // What is alike is compressed on its way, and would pass before the proxy cuts.
          const text = () => Array.from({ length: 30 }, () => noise().toString(36)).join("");
          await Promise.all(
            numbers.map((number) => topic.publish(number, { attributes: { text: text() } })),
          );
          assert.deepEqual(await all, numbers);
          const { items } = await connect(context, encoding, node.url)
            .topic(chat)
            .history({ limit: COUNT + 1 });
          assert.equal(items.length, COUNT, "stored once");
          assert.ok(proxy.cuts >= CUTS_MIN, `${proxy.cuts} cuts prove nothing`);
        });
      }
    }
  });
}

describe("the node's refusal", () => {
  test("is_told_in_full", async (context) => {
    const small = await RealNode.start("[limits]\nconnections_max = 1\n");
    context.after(() => small.dispose());
    const first = connect(context, "json", small.url, sse);
    await first.connect();
    const second = connect(context, "json", small.url, sse);
    void second.connect().catch(() => {});
    while (second.state.status !== "waiting") {
      await new Promise<void>((resolve) => {
        const stop = second.on("state", () => {
          stop();
          resolve();
        });
      });
    }
    assert.equal(second.state.error.name, "TOO_MANY_CONNECTIONS");
  });
});
