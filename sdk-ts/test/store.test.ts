/** A topic as a value that changes, and the hooks over it, without a network. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { FanfareProvider, useConnection, useTopic } from "../src/react.js";
import { type StoreOptions, type TopicStore, topicStore } from "../src/store.js";
import { Bench } from "./harness/bench.js";

/** A store with a listener that counts. */
function listening(bench: Bench, options: StoreOptions = {}) {
  const client = bench.client();
  const store = topicStore<string>(client, "t", options);
  const told = { count: 0 };
  const stop = store.subscribe(() => told.count++);
  return { client, store, told, stop };
}

function texts(store: TopicStore<string>): readonly string[] {
  return store.getSnapshot().items.map(({ data }) => data);
}

describe("a store", () => {
  test("adds_up_a_stream_and_tells_what_arrives_together_once", async () => {
    const bench = new Bench();
    bench.publish("t", "a", "b");
    const { store, told } = listening(bench);
    assert.equal(store.getSnapshot(), store.getSnapshot());
    assert.equal(store.getSnapshot().isReady, false);
    await bench.flush();
    assert.deepEqual(texts(store), ["a", "b"]);
    assert.equal(store.getSnapshot().isReady, true);
    const before = store.getSnapshot();
    const count = told.count;
    bench.publish("t", "c", "d");
    await bench.flush();
    assert.deepEqual(texts(store), ["a", "b", "c", "d"]);
    assert.equal(told.count, count + 1);
    assert.deepEqual(
      before.items.map(({ data }) => data),
      ["a", "b"],
      "what was handed out does not change",
    );
  });

  test("holds_the_last_of_a_stream_and_says_that_there_were_more", async () => {
    const bench = new Bench();
    const { store } = listening(bench, { itemsMax: 3 });
    bench.publish("t", "a", "b", "c");
    await bench.flush();
    assert.equal(store.getSnapshot().isLimited, false);
    bench.publish("t", "d", "e");
    await bench.flush();
    assert.deepEqual(texts(store), ["c", "d", "e"]);
    assert.equal(store.getSnapshot().isLimited, true);
  });

  test("is_one_for_equal_options_and_shares_its_watch", async () => {
    const bench = new Bench();
    const client = bench.client();
    const first = topicStore(client, "t", { limit: 5, where: { key: "a", "data.b": 1 } });
    const second = topicStore(client, "t", { where: { "data.b": 1, key: "a" }, limit: 5 });
    assert.equal(first, second);
    assert.notEqual(first, topicStore(client, "t", { limit: 6 }));
    assert.notEqual(first, topicStore(bench.client(), "t", { limit: 5 }));
    const stops = [first.subscribe(() => {}), second.subscribe(() => {})];
    await bench.flush();
    assert.equal(client.stats().watches, 1);
    for (const stop of stops) stop();
  });

  test("outlives_a_listener_that_comes_back_and_ends_some_time_after_the_last", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const bench = new Bench();
    bench.publish("t", "a");
    const { client, store, stop } = listening(bench);
    await bench.flush();
    stop();
    const stopAgain = store.subscribe(() => {});
    t.mock.timers.tick(10_000);
    assert.equal(client.stats().watches, 1);
    assert.deepEqual(texts(store), ["a"]);
    stopAgain();
    assert.equal(client.stats().watches, 1);
    t.mock.timers.tick(10_000);
    assert.equal(client.stats().watches, 0);
    assert.deepEqual(texts(store), []);
    assert.equal(store.isIdle, true);
  });

  test("tells_at_most_once_in_the_throttle_and_the_last_in_the_end", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
    const bench = new Bench();
    const { store, told } = listening(bench, { throttle: "100ms" });
    await bench.flush();
    const count = told.count;
    for (const text of ["a", "b", "c", "d"]) {
      bench.publish("t", text);
      await bench.flush();
    }
    assert.equal(told.count, count);
    t.mock.timers.tick(100);
    assert.equal(told.count, count + 1);
    assert.deepEqual(texts(store), ["a", "b", "c", "d"]);
  });

  test("says_why_nothing_more_comes", async () => {
    const bench = new Bench();
    const client = bench.client();
    const store = topicStore(client, "t", { resourceVersion: "other.1", onGone: "close" });
    store.subscribe(() => {});
    await bench.flush();
    assert.equal(store.getSnapshot().error?.name, "EPOCH_CHANGED");
  });
});

describe("the hooks", () => {
  function Room(): string {
    const { items, isReady } = useTopic("t", { limit: 5 });
    return `${items.length} ${isReady} ${useConnection().status}`;
  }

  test("render_on_a_server_without_a_watch", () => {
    const client = new Bench().client();
    const html = renderToString(createElement(FanfareProvider, { client }, createElement(Room)));
    assert.equal(html, "0 false idle");
    assert.equal(client.stats().watches, 0);
    assert.equal(client.state.status, "idle");
  });

  test("say_what_is_missing_without_a_provider", () => {
    assert.throws(() => renderToString(createElement(Room)), /FanfareProvider/);
  });
});
