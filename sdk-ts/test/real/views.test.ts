/** Views against a real node, in both encodings and over long polls: what is shown, how fast, and another one meanwhile. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { TopicEvent } from "../../src/event.js";
import type { Watch } from "../../src/watch.js";
import { connect } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";
import { take } from "./harness/take.js";

let node: RealNode;

before(async () => {
  node = await RealNode.start();
});

after(() => node.dispose());

interface Quote {
  readonly symbol: string;
  readonly price: number;
  readonly size?: number;
}

/** What a watch shows once it has taken so many events, by key. */
async function values(watch: Watch<Quote>, until: (event: TopicEvent<Quote>) => boolean) {
  const values: Record<string, unknown> = {};
  for (;;) {
    const { value: event } = await watch.next();
    assert.ok(event);
    if (event.type === "gone") for (const key of Object.keys(values)) delete values[key];
    if (event.type === "put") values[event.key ?? ""] = event.data;
    if (event.type === "delete") delete values[event.key ?? ""];
    if (until(event)) return values;
  }
}

/** In all of it a view shows the same. */
const WAYS = {
  protobuf: (context, url) => connect(context, "protobuf", url),
  json: (context, url) => connect(context, "json", url),
  poll: (context, url) => connect(context, "json", url, { transports: ["poll"] }),
} satisfies Record<string, (context: TestContext, url: string) => ReturnType<typeof connect>>;

const isEnd = (event: TopicEvent) => event.type === "snapshot-end";

for (const [way, open] of Object.entries(WAYS)) {
  describe(`over ${way}`, () => {
    test("where_and_filter_show_what_matches_and_fields_what_is_kept", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<Quote>(`chat:${way}-lens`);
      await topic.publish({ symbol: "A", price: 1, size: 7 }, { attributes: { tone: "calm" } });
      await topic.publish({ symbol: "B", price: 20, size: 8 });
      const options = { "data.symbol": "A", "attributes.tone": "calm" } as const;
      const equal = topic.watch({ where: options, fields: ["price"] });
      assert.deepEqual(await take(equal, 2), [{ price: 1 }, "snapshot-end"]);
      const dear = topic.watch({ filter: "data.price > 10", fields: ["symbol", "price"] });
      assert.deepEqual(await take(dear, 2), [{ symbol: "B", price: 20 }, "snapshot-end"]);
      const bad = topic.watch({ filter: "data.price >" });
      await assert.rejects(bad.next(), { name: "BAD_FILTER", class: "terminal" });
    });

    test("on_change_leaves_out_what_is_the_same_as_before", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<Quote>(`ticks:${way}-change`);
      const watch = topic.watch({ fields: ["price"], onChange: true });
      await take(watch, 1);
      for (const size of [1, 2, 3]) {
        await topic.publish({ symbol: "A", price: 1, size }, { key: "A" });
      }
      await topic.publish({ symbol: "A", price: 2 }, { key: "A" });
      assert.deepEqual(await take(watch, 2), [{ price: 1 }, { price: 2 }]);
    });

    test("an_interval_tells_the_latest_of_a_key", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<Quote>(`ticks:${way}-pace`);
      const watch = topic.watch({ interval: "300ms", debounce: "1ms" });
      await take(watch, 1);
      const count = 50;
      const prices = Array.from({ length: count }, (_, price) => price);
      await Promise.all(prices.map((price) => topic.publish({ symbol: "A", price }, { key: "A" })));
      let told = 0;
      await values(watch, (event) => {
        told++;
        return event.type === "put" && event.data.price === count - 1;
      });
      assert.ok(told < count / 2, `${told} of ${count}`);
    });

    test("a_delta_arrives_whole_also_over_a_cut", async (context) => {
      const proxy = await BreakableProxy.start(node.port);
      context.after(() => proxy.dispose());
      const client = open(context, proxy.url);
      const direct = open(context, node.url);
      const topic = direct.topic<Record<string, unknown>>(`ticks:${way}-delta`);
      const long = "x".repeat(200);
      await topic.publish({ price: 1, long }, { key: "A" });
      const watch = client.topic(topic.name).watch({ delta: true });
      assert.deepEqual(await take(watch, 2), [{ price: 1, long }, "snapshot-end"]);
      await topic.publish({ price: 2, long }, { key: "A" });
      assert.deepEqual(await take(watch, 1), [{ price: 2, long }]);
      proxy.cutAll();
      await topic.publish({ price: 3, long, more: true }, { key: "A" });
      assert.deepEqual(await take(watch, 1), [{ price: 3, long, more: true }]);
      await topic.publish({ price: 3, long }, { key: "A" });
      assert.deepEqual(await take(watch, 1), [{ price: 3, long }]);
      await topic.delete("A");
      assert.deepEqual(await take(watch, 1), ["delete"]);
    });

    test("a_reader_with_a_credit_is_never_sent_more_than_that_ahead", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<number>(`chat:${way}-credit`);
      const watch = topic.watch({ credit: 10, from: "beginning" });
      const numbers = Array.from({ length: 100 }, (_, index) => index);
      await Promise.all(numbers.map((number) => topic.publish(number)));
      const { watches } = client.stats();
      assert.equal(watches, 1);
      assert.ok(client.stats().events <= 10, `${client.stats().events} were sent`);
      for (const number of numbers) assert.deepEqual(await take(watch, 1), [number]);
    });

    test("an_update_of_a_stream_goes_on_from_its_place", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<Quote>(`chat:${way}-update`);
      const watch = topic.watch({ where: { "data.symbol": "A" }, fields: ["price"] });
      await topic.publish({ symbol: "A", price: 1 });
      const first = await take(watch, 2);
      assert.deepEqual([...first].sort(), [{ price: 1 }, "snapshot-end"]);
      await watch.update({ where: { "data.symbol": "B" } });
      await topic.publish({ symbol: "A", price: 2 });
      await topic.publish({ symbol: "B", price: 3 });
      assert.deepEqual(await take(watch, 1), [{ symbol: "B", price: 3 }]);
      await assert.rejects(watch.update({ filter: "nonsense(" }), { name: "BAD_FILTER" });
      await topic.publish({ symbol: "B", price: 4 });
      assert.deepEqual(await take(watch, 1), [{ symbol: "B", price: 4 }]);
    });

    test("an_update_of_a_state_shows_what_came_into_sight_and_lasts_over_a_cut", async (context) => {
      const proxy = await BreakableProxy.start(node.port);
      context.after(() => proxy.dispose());
      const client = open(context, proxy.url);
      const direct = open(context, node.url);
      const topic = direct.topic<Quote>(`ticks:${way}-update`);
      await topic.publish({ symbol: "A", price: 1 }, { key: "A" });
      await topic.publish({ symbol: "B", price: 20 }, { key: "B" });
      const watch = client.topic<Quote>(topic.name).watch({ filter: "data.price < 10" });
      assert.deepEqual(Object.keys(await values(watch, isEnd)), ["A"]);
      await watch.update({ filter: "data.price > 10" });
      assert.deepEqual(Object.keys(await values(watch, isEnd)), ["B"]);
      proxy.cutAll();
      await topic.publish({ symbol: "A", price: 5 }, { key: "A" });
      await topic.publish({ symbol: "C", price: 30 }, { key: "C" });
      const seen = await values(watch, (event) => event.type === "put" && event.key === "C");
      assert.deepEqual(seen, { C: { symbol: "C", price: 30 } });
      await watch.update({ filter: "data.price > 10", interval: "50ms" });
      await topic.publish({ symbol: "B", price: 2 }, { key: "B" });
      assert.deepEqual(await take(watch, 1), ["delete"]);
      assert.equal(client.stats().gones, 0);
    });

    test("one_of_two_equal_watches_changes_and_the_other_goes_on", async (context) => {
      const client = open(context, node.url);
      const topic = client.topic<Quote>(`ticks:${way}-two`);
      await topic.publish({ symbol: "A", price: 1 }, { key: "A" });
      await topic.publish({ symbol: "B", price: 20 }, { key: "B" });
      const cheap = { filter: "data.price < 10" };
      const [one, two] = [topic.watch(cheap), topic.watch(cheap)];
      await Promise.all([values(one, isEnd), values(two, isEnd)]);
      await one.update({ filter: "data.price > 10" });
      assert.deepEqual(Object.keys(await values(one, isEnd)), ["B"]);
      await topic.publish({ symbol: "C", price: 2 }, { key: "C" });
      assert.deepEqual(await take(two, 1), [{ symbol: "C", price: 2 }]);
    });
  });
}
