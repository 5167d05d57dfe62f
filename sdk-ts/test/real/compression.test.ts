/** Compressed batches of a real node, beside a client that does not ask for them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compressed } from "../../src/compression.node.js";
import { connect, ENCODINGS, type Encoding } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";

const COUNT = 400;
/** Where the snapshot ends, and what comes is live. */
const SOME = 50;

describe("compressed batches", () => {
  for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
    test(`say_the_same_in_the_same_order: ${encoding}`, async (context) => {
      const node = await RealNode.start();
      context.after(() => node.dispose());
      const publish = async (from: number, to: number) => {
        const numbers = Array.from({ length: to - from }, (_, at) => from + at);
        const publications = numbers.map((n) => ({ data: { n, text: "a line ".repeat(10) } }));
        const body = JSON.stringify({ publications });
        const answer = await fetch(`${node.url}/v1/topics/chat:packed`, { method: "POST", body });
        assert.equal(answer.status, 200);
      };
      await publish(0, SOME);
      let behind = 2;
      const watch = async (transports?: [typeof compressed]) => {
        const client = connect(context, encoding, node.url, transports && { transports });
        const seen: unknown[] = [];
        for await (const event of client.topic<{ n: number }>("chat:packed").watch()) {
          if (event.type === "put") seen.push(event.data.n);
          if (event.type === "snapshot-end" && --behind === 0) {
            await publish(SOME, SOME + 1);
            await publish(SOME + 1, COUNT);
          }
          if (seen.length === COUNT) break;
        }
        return seen;
      };
      const [plain, packed] = await Promise.all([watch(), watch([compressed])]);
      assert.deepEqual(
        plain,
        Array.from({ length: COUNT }, (_, n) => n),
      );
      assert.deepEqual(packed, plain);
      const metrics = await (await fetch(`${node.url}/metrics`)).text();
      const bytes = (name: string) => {
        const line = `fanfare_compression_${name}_bytes_total{what="batches"} `;
        return Number(metrics.split(line)[1]?.split("\n")[0]);
      };
      assert.ok(bytes("packed") > 0 && bytes("packed") < bytes("plain") / 3, metrics);
    });
  }
});
