/** Against a real node through a network that breaks: every publication arrives once and in order. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Random, seeded, seeds } from "../harness/random.js";
import { connect, ENCODINGS, type Encoding } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";

/** Below the 1,000 publications that a namespace retains: a watch that is cut off for long loses nothing. */
const COUNT = 900;
/**
 * Bytes that a connection carries in one direction, each magnitude as likely as the others: from half
 * a handshake to more than the longest frame, or a watch would never get past that.
 */
const BUDGET_MIN = 200;
const BUDGET_MAX = 150_000;
const CUTS_MIN = 10;
/** Makes a publication some 200 bytes on the wire. */
const PADDING = { text: "x".repeat(100) };

/** A node behind a proxy that cuts each connection somewhere. */
async function brokenNetwork(context: TestContext, random: Random): Promise<BreakableProxy> {
  const node = await RealNode.start();
  context.after(() => node.dispose());
  const proxy = await BreakableProxy.start(node.port);
  context.after(() => proxy.dispose());
  proxy.budget = () => {
    return Math.floor(BUDGET_MIN * (BUDGET_MAX / BUDGET_MIN) ** random());
  };
  return proxy;
}

for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
  describe(`over ${encoding}`, () => {
    for (const seed of seeds(3)) {
      test(`every_publication_arrives_once_and_in_order, seed ${seed}`, async (context) => {
        const proxy = await brokenNetwork(context, seeded(seed));
        const publisher = connect(context, encoding, proxy.url);
        const watcher = connect(context, encoding, proxy.url);
        const numbers = Array.from({ length: COUNT }, (_, index) => index);
        const seen: unknown[] = [];
        const all = (async () => {
          for await (const event of watcher.topic("chat:storm").watch({ from: "beginning" })) {
            seen.push(event.type === "put" ? event.data : event.type);
            if (seen.length === COUNT) break;
          }
        })();
        const topic = publisher.topic("chat:storm");
        const versions = await Promise.all(
          numbers.map((number) => topic.publish(number, { attributes: PADDING })),
        );
        await all;
        assert.deepEqual(seen, numbers);
        const offsets = versions.map((version) => Number(version.split(".")[1]));
        assert.deepEqual(
          offsets,
          numbers.map((number) => number + 1),
          "stored once, in order",
        );
        assert.ok(proxy.cuts >= CUTS_MIN, `${proxy.cuts} cuts prove nothing`);
      });

      test(`the_values_of_a_state_agree, seed ${seed}`, async (context) => {
        const proxy = await brokenNetwork(context, seeded(seed));
        const publisher = connect(context, encoding, proxy.url);
        const watcher = connect(context, encoding, proxy.url);
        const values = new Map<string, unknown>();
        const all = (async () => {
          for await (const event of watcher.topic("ticks:storm").watch()) {
            if (event.type === "gone") values.clear();
            if (event.type === "put" && event.key) values.set(event.key, event.data);
            if (event.type === "delete" && event.key) values.delete(event.key);
            if (values.has("last")) break;
          }
        })();
        const topic = publisher.topic("ticks:storm");
        const expected = new Map<string, unknown>();
        const answers: Promise<string>[] = [];
        for (let number = 0; number < COUNT; number++) {
          const key = `key-${number % 40}`;
          if (number % 7 === 3) {
            expected.delete(key);
            answers.push(topic.delete(key));
          } else {
            expected.set(key, number);
            answers.push(topic.publish(number, { key, attributes: PADDING }));
          }
        }
        expected.set("last", true);
        answers.push(topic.publish(true, { key: "last" }));
        await Promise.all(answers);
        await all;
        assert.deepEqual(values, expected);
        assert.ok(proxy.cuts >= CUTS_MIN, `${proxy.cuts} cuts prove nothing`);
      });
    }
  });
}
