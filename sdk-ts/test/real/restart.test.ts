/**
 * A node that ends and comes back, in both encodings: on its data every watch goes on as if nothing had
 * been; what has lost its history says so.
 */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { connect, ENCODINGS, type Encoding } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { short, take } from "./harness/take.js";

/** A node that the test may stop and start. */
async function ownNode(context: TestContext, configuration?: string): Promise<RealNode> {
  const own = await RealNode.start(configuration);
  context.after(() => own.dispose());
  return own;
}

/** How a node ends. */
const ENDS = {
  stopped: async (node: RealNode) => assert.equal(await node.stop(), 0),
  killed: (node: RealNode) => node.kill(),
} as const;

const BOARD = '[[namespace]]\nname = "board"\nkind = "state"\n';

const COUNT = 200;

/** `from` up to and without `to`. */
function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function epochOf(version: string): string {
  return version.split(".")[0] ?? "";
}

function offsetOf(version: string): number {
  return Number(version.split(".")[1]);
}

for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
  for (const [ended, end] of Object.entries(ENDS)) {
    describe(`a node that was ${ended}, over ${encoding}`, () => {
      /** V2, V6, W6, P9. */
      test("is_found_again_and_every_watch_goes_on_without_a_word", async (context) => {
        const node = await ownNode(context);
        const client = connect(context, encoding, node.url);
        const other = connect(context, encoding, node.url);
        const topic = client.topic<string>("chat:restarts");
        const watches = [topic.watch(), other.topic("chat:restarts").watch()];
        const first = await topic.publish("first");
        for (const watch of watches) {
          assert.deepEqual([...(await take(watch, 2))].sort(), ["first", "snapshot-end"]);
        }
        for (const [index, text] of ["second", "third", "fourth"].entries()) {
          await end(node);
          const offline = topic.publish(text);
          await node.start();
          assert.equal(await offline, `${epochOf(first)}.${index + 2}`);
          for (const watch of watches) assert.deepEqual(await take(watch, 1), [text]);
        }
        for (const { connections, gones, gaps, duplicates } of [client.stats(), other.stats()]) {
          assert.deepEqual({ gones, gaps, duplicates }, { gones: 0, gaps: 0, duplicates: 0 });
          assert.ok(connections >= 4, `${connections} connections`);
        }
        // Exactly what followed, or nothing.
        const strict = other.topic("chat:restarts");
        const resumed = strict.watch({ resourceVersion: first, onGone: "close" });
        assert.deepEqual(await take(resumed, 3), ["second", "third", "fourth"]);
      });

      /** P9, P14. */
      test("amid_traffic_loses_nothing_and_doubles_nothing", async (context) => {
        const node = await ownNode(context);
        const topic = connect(context, encoding, node.url).topic<number>("chat:traffic");
        const watcher = connect(context, encoding, node.url);
        const watch = watcher.topic<number>("chat:traffic").watch({ from: "beginning" });
        const answers = range(0, COUNT).map((number) => topic.publish(number));
        await answers[COUNT / 2];
        await end(node);
        answers.push(...range(COUNT, COUNT + 20).map((number) => topic.publish(number)));
        await node.start();
        const versions = await Promise.all(answers);
        assert.deepEqual(versions.map(offsetOf), range(1, COUNT + 21), "once each, in order");
        assert.equal(new Set(versions.map(epochOf)).size, 1, "in one epoch");
        assert.deepEqual(await take(watch, COUNT + 20), range(0, COUNT + 20));
        assert.equal(watcher.stats().gones, 0);
      });

      /** P8, W9, P11. */
      test("has_the_values_the_keys_and_the_history_that_it_had", async (context) => {
        const node = await ownNode(context, BOARD);
        const client = connect(context, encoding, node.url);
        const lobby = client.topic("chat:lobby");
        const stored = await lobby.publish("once", { idempotencyKey: "k-1" });
        const board = client.topic<number>("board:a");
        await board.publish(1, { key: "x" });
        await board.publish(2, { key: "y" });
        const x = await board.publish(3, { key: "x" });
        await board.delete("y");
        const z = await board.publish(4, { key: "z", ttl: "1s" });

        await end(node);
        await node.start();
        const { value: expired } = await board.watch({ resourceVersion: z }).next();
        assert.ok(expired?.type === "delete");
        assert.equal(expired.key, "z");
        const watch = board.watch();
        const { value } = await watch.next();
        assert.ok(value?.type === "put");
        assert.deepEqual([value.key, value.data, value.resourceVersion], ["x", 3, x]);
        assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
        assert.equal(await lobby.publish("once", { idempotencyKey: "k-1" }), stored);
        const { items } = await lobby.history();
        assert.deepEqual(items.map(short), ["once"]);
      });

      /** V2: `ticks` is declared `ephemeral` for the demos. */
      test("begins_its_ephemeral_topics_anew_and_says_so", async (context) => {
        const node = await ownNode(context);
        const client = connect(context, encoding, node.url);
        const [ticks, lobby] = [client.topic<number>("ticks:all"), client.topic("chat:lobby")];
        const before = await ticks.publish(1, { key: "tea" });
        await lobby.publish("kept");
        const [ticksWatch, lobbyWatch] = [ticks.watch(), lobby.watch()];
        assert.deepEqual(await take(ticksWatch, 2), [1, "snapshot-end"]);
        assert.deepEqual(await take(lobbyWatch, 2), ["kept", "snapshot-end"]);
        await end(node);
        const offline = ticks.publish(2, { key: "tea" });
        await node.start();
        const after = await offline;
        assert.notEqual(epochOf(after), epochOf(before));
        const { value: gone } = await ticksWatch.next();
        assert.ok(gone?.type === "gone");
        assert.equal(gone.error.name, "EPOCH_CHANGED");
        const rest = await take(ticksWatch, 2);
        assert.deepEqual([...rest].sort(), [2, "snapshot-end"]);
        await lobby.publish("goes on");
        assert.deepEqual(await take(lobbyWatch, 1), ["goes on"]);
      });
    });
  }

  describe(`a history that ended, over ${encoding}`, () => {
    /** V2, V6, W11. */
    test("with_the_data_of_its_node_is_told_to_every_watch", async (context) => {
      const node = await ownNode(context);
      const client = connect(context, encoding, node.url);
      const topic = client.topic("chat:lost");
      const watch = topic.watch();
      const before = await topic.publish("lost");
      assert.deepEqual([...(await take(watch, 2))].sort(), ["lost", "snapshot-end"]);
      await node.kill();
      node.loseData();
      const offline = topic.publish("written while it was away");
      await node.start();
      assert.notEqual(epochOf(await offline), epochOf(before));
      assert.deepEqual(await take(watch, 1), ["gone"]);
      const rest = await take(watch, 2);
      assert.deepEqual([...rest].sort(), ["snapshot-end", "written while it was away"]);
      const strict = topic.watch({ resourceVersion: before, onGone: "close" });
      await assert.rejects(strict.next(), { name: "EPOCH_CHANGED", class: "resync" });
    });

    /** V2, H5. */
    test("because_its_topic_was_deleted_is_told_to_every_watch", async (context) => {
      const node = await ownNode(context);
      const topic = connect(context, encoding, node.url).topic("chat:deleted");
      const watch = topic.watch();
      const before = await topic.publish("deleted");
      assert.deepEqual([...(await take(watch, 2))].sort(), ["deleted", "snapshot-end"]);
      const url = `${node.url}/v1/topics/chat:deleted`;
      assert.equal((await fetch(url, { method: "DELETE" })).status, 200);
      const after = await topic.publish("new");
      assert.notEqual(epochOf(after), epochOf(before));
      assert.deepEqual(await take(watch, 1), ["gone"]);
      const rest = await take(watch, 2);
      assert.deepEqual([...rest].sort(), ["new", "snapshot-end"]);
    });
  });
}
