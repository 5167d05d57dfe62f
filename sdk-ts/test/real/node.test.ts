/** What the SDK does with a real node, feature by feature, in both encodings. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect, ENCODINGS, type Encoding } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";
import { short, take } from "./harness/take.js";

let node: RealNode;

before(async () => {
  node = await RealNode.start();
});

after(() => node.dispose());

for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
  describe(`over ${encoding}`, () => {
    test("a_watch_has_the_snapshot_and_then_what_is_published", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`chat:${encoding}-live`);
      const version = await topic.publish({ text: "before" }, { attributes: { tone: "calm" } });
      const watch = topic.watch();
      const { value: first } = await watch.next();
      assert.ok(first?.type === "put");
      assert.deepEqual(first.data, { text: "before" });
      assert.deepEqual(first.attributes, { tone: "calm" });
      assert.equal(first.resourceVersion, version);
      assert.ok(Math.abs(first.time - Date.now()) < 60_000);
      assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
      await topic.publish("after");
      assert.deepEqual(await take(watch, 1), ["after"]);
      client.close();
      assert.equal((await watch.next()).done, true);
    });

    test("a_snapshot_is_limited_and_says_so", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`chat:${encoding}-limited`);
      for (let number = 1; number <= 5; number++) await topic.publish(number);
      const watch = topic.watch({ limit: 2 });
      assert.deepEqual(await take(watch, 2), [4, 5]);
      const { value: end } = await watch.next();
      assert.equal(end?.type === "snapshot-end" && end.limited, true);
    });

    test("bytes_stay_bytes", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`chat:${encoding}-bytes`);
      await topic.publish(new Uint8Array([0, 255, 16, 128]));
      const { value } = await topic.watch().next();
      assert.ok(value?.type === "put" && value.data instanceof Uint8Array);
      assert.deepEqual([...value.data], [0, 255, 16, 128]);
    });

    test("resuming_a_version_gives_exactly_what_followed", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic<number>(`chat:${encoding}-resume`);
      const versions = [];
      for (let number = 1; number <= 5; number++) versions.push(await topic.publish(number));
      const watch = topic.watch({ resourceVersion: versions[2] ?? "" });
      assert.deepEqual(await take(watch, 2), [4, 5]);
    });

    test("two_watches_of_one_topic_share_a_view_and_each_has_everything", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`chat:${encoding}-shared`);
      await topic.publish(1);
      const first = topic.watch();
      assert.deepEqual(await take(first, 2), [1, "snapshot-end"]);
      const second = topic.watch();
      await topic.publish(2);
      assert.deepEqual(await take(first, 1), [2]);
      const seen = await take(second, 3);
      assert.deepEqual(
        seen.filter((event) => event !== "snapshot-end"),
        [1, 2],
      );
      await topic.publish(3);
      assert.deepEqual(await take(first, 1), [3]);
      assert.deepEqual(await take(second, 1), [3]);
    });

    test("keys_are_put_deleted_and_conflict", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`ticks:${encoding}-keys`);
      const first = await topic.publish(1, { key: "a" });
      const second = await topic.publish(2, { key: "a", ifVersion: first });
      const conflict = topic.publish(3, { key: "a", ifVersion: first });
      const next = topic.publish(4, { key: "b" });
      await assert.rejects(conflict, {
        name: "VERSION_CONFLICT",
        class: "terminal",
        current: second,
      });
      await next;
      await topic.delete("a");
      assert.deepEqual(await take(topic.watch(), 2), [4, "snapshot-end"]);
      await assert.rejects(topic.publish("no key"), { name: "WRONG_KIND" });
    });

    test("a_key_expires", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic(`typing:${encoding}-room`);
      const watch = topic.watch();
      await take(watch, 1);
      await topic.publish(true, { key: "ada", ttl: "50ms" });
      assert.deepEqual(await take(watch, 2), [true, "delete"]);
    });

    test("history_is_paged_in_both_directions", async (context) => {
      const client = connect(context, encoding, node.url);
      const topic = client.topic<number>(`chat:${encoding}-history`);
      for (let number = 1; number <= 5; number++) await topic.publish(number);
      const first = await topic.history({ limit: 3 });
      assert.deepEqual(first.items.map(short), [1, 2, 3]);
      assert.ok(first.continue);
      const second = await topic.history({ limit: 3, after: first.continue });
      assert.deepEqual(second.items.map(short), [4, 5]);
      assert.equal(second.continue, undefined);
      const newest = await topic.history({ limit: 2, reverse: true });
      assert.deepEqual(newest.items.map(short), [5, 4]);
    });

    test("without_echo_only_others_are_heard", async (context) => {
      const client = connect(context, encoding, node.url);
      const other = connect(context, encoding, node.url);
      const name = `chat:${encoding}-echo`;
      const watch = client.topic(name).watch({ echo: false, from: "latest" });
      await client.topic(name).publish("own");
      await other.topic(name).publish("other");
      assert.deepEqual(await take(watch, 1), ["other"]);
    });

    test("what_a_node_does_not_take_is_told_with_its_code", async (context) => {
      const client = connect(context, encoding, node.url);
      await assert.rejects(client.topic("no topic").publish(1), { name: "BAD_TOPIC", code: 3504 });
      const watch = client.topic("no topic").watch();
      await assert.rejects(watch.next(), { name: "BAD_TOPIC", class: "terminal" });
      await client.topic(`chat:${encoding}-fine`).publish("the connection lives on");
      assert.equal(client.stats().connections, 1);
    });

    test("a_cut_is_survived_without_a_word_to_the_watch", async (context) => {
      const proxy = await BreakableProxy.start(node.port);
      context.after(() => proxy.dispose());
      const client = connect(context, encoding, proxy.url);
      const direct = connect(context, encoding, node.url);
      const name = `chat:${encoding}-cut`;
      const watch = client.topic(name).watch();
      assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
      proxy.cutAll();
      await direct.topic(name).publish("missed");
      assert.deepEqual(await take(watch, 1), ["missed"]);
      assert.equal(client.stats().connections, 2);
    });
  });
}
