/** The client as an application uses it, over a network moved by hand. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { FanfareError } from "../src/error.js";
import type { TopicEvent } from "../src/event.js";
import type { HistoryPage } from "../src/topic.js";
import { Bench } from "./harness/bench.js";

function short(event: TopicEvent): unknown {
  return event.type === "put" ? event.data : event.type;
}

describe("connecting", () => {
  test("connect_resolves_when_the_node_welcomes_us_and_the_states_are_told", async () => {
    const bench = new Bench();
    const client = bench.client();
    const states: string[] = [];
    client.on("state", ({ status }) => states.push(status));
    const connected = client.connect();
    await bench.flush();
    await connected;
    assert.deepEqual(states, ["connecting", "connected"]);
    assert.equal(client.state, client.state, "the same object until it changes");
  });

  test("the_socket_is_opened_where_the_node_has_it_with_the_subprotocol", async () => {
    const bench = new Bench();
    void bench.client().connect();
    await bench.flush();
    assert.equal(bench.world.socket.url, "ws://node/v1/ws");
    assert.equal(bench.world.socket.protocol, "fanfare.v1.json");
  });

  /** S1. */
  test("the_node_is_told_who_we_are", async () => {
    const { version } = JSON.parse(
      readFileSync(new URL("../package.json", import.meta.url), "utf8"),
    );
    for (const [given, told] of [
      [undefined, `fanfare-client-ts/${version}`],
      ["my-app/1.0", "my-app/1.0"],
    ]) {
      const bench = new Bench();
      void bench.client(given ? { client: given } : {}).connect();
      await bench.world.settle();
      bench.world.socket.accept();
      await bench.world.settle();
      assert.equal(JSON.parse(String(bench.world.socket.sent[0])).payload.client, told);
    }
  });

  test("the_token_is_fetched_anew_for_each_connection", async () => {
    const bench = new Bench();
    let count = 0;
    const client = bench.client({ token: async () => `token-${++count}` });
    void client.connect();
    await bench.world.settle();
    bench.world.socket.accept();
    await bench.world.settle();
    assert.match(String(bench.world.socket.sent[0]), /token-1/);
    bench.world.socket.drop();
    await bench.world.advance(1_000);
    bench.world.socket.accept();
    await bench.world.settle();
    assert.match(String(bench.world.socket.sent[0]), /token-2/);
  });

  test("a_token_that_cannot_be_had_is_tried_again", async () => {
    const bench = new Bench();
    let count = 0;
    const token = async () => {
      if (++count === 1) throw new Error("the issuer is away");
      return "token";
    };
    const client = bench.client({ token });
    void client.connect();
    await bench.flush();
    const { state } = client;
    assert.match(state.status === "waiting" ? state.error.message : "", /the issuer is away/);
    await bench.world.advance(1_000);
    await bench.flush();
    assert.equal(client.state.status, "connected");
  });

  /** S10, X5. */
  test("a_close_for_good_rejects_with_its_code", async () => {
    const bench = new Bench();
    const client = bench.client();
    const connected = client.connect();
    await bench.world.settle();
    bench.world.socket.drop(3526, "ORIGIN_NOT_ALLOWED: pages of this origin may not connect");
    await assert.rejects(connected, (error: FanfareError) => {
      assert.equal(error.code, 3526);
      assert.equal(error.name, "ORIGIN_NOT_ALLOWED");
      assert.equal(error.message, "pages of this origin may not connect");
      assert.equal(error.class, "terminal");
      return true;
    });
  });

  test("waking_up_reconnects_at_once", async () => {
    const bench = new Bench();
    const client = bench.client({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
    void client.connect();
    await bench.flush();
    bench.world.socket.drop();
    await bench.flush();
    assert.equal(client.state.status, "waiting");
    await bench.world.wake();
    await bench.flush();
    assert.equal(client.state.status, "connected");
  });

  /** E9: what follows garbage cannot be known to be whole. */
  test("garbage_costs_a_reconnect_and_nothing_else", async () => {
    const bench = new Bench();
    const client = bench.client();
    const seen: unknown[] = [];
    client.topic("t").on("event", (event) => seen.push(short(event)));
    await bench.flush();
    for (const garbage of ["{", '{"type":"EVENT"}', '{"type":"EVENT","payload":{"view":1}}']) {
      bench.world.socket.deliver(garbage);
      await bench.world.advance(1_000);
      await bench.flush();
    }
    bench.publish("t", "after");
    await bench.flush();
    assert.deepEqual(seen, ["snapshot-end", "after"]);
  });

  test("a_closed_client_leaves_no_timer_and_no_socket_behind", async () => {
    const bench = new Bench();
    const client = bench.client();
    void client.connect();
    await bench.flush();
    client.close();
    assert.equal(bench.world.timerCount, 0);
    assert.equal(bench.world.socket.isLive, false);
    await assert.rejects(client.topic("t").publish(1), { name: "CLOSED" });
    await assert.rejects(client.connect(), { name: "CLOSED" });
    assert.deepEqual(await client.topic("t").watch().next(), { done: true, value: undefined });
  });

  test("a_socket_that_was_given_up_while_it_was_on_its_way_is_not_used", async () => {
    const bench = new Bench();
    let give = (_: string) => {};
    const token = () => {
      return new Promise<string>((resolve) => {
        give = resolve;
      });
    };
    const client = bench.client({ token });
    void client.connect().catch(() => {});
    client.close();
    give("late");
    await bench.flush();
    assert.deepEqual(bench.world.sockets, []);
  });
});

describe("publishing", () => {
  test("what_is_published_while_offline_is_stored_in_order_once_there_is_a_connection", async () => {
    const bench = new Bench();
    const topic = bench.client().topic("t");
    const versions = Promise.all([1, 2, 3].map((data) => topic.publish(data)));
    await bench.flush();
    assert.deepEqual(await versions, ["e1.1", "e1.2", "e1.3"]);
    assert.deepEqual(
      bench.node.topic("t").log.map(({ data }) => data),
      [1, 2, 3],
    );
  });

  test("data_is_taken_as_it_is_when_it_is_published", async () => {
    const bench = new Bench();
    const data = { text: "hi" };
    const version = bench.client().topic("t").publish(data);
    data.text = "changed";
    await bench.flush();
    await version;
    assert.deepEqual(bench.node.topic("t").log[0]?.data, { text: "hi" });
  });

  test("the_envelopes_of_one_moment_leave_in_one_message", async () => {
    const bench = new Bench();
    const topic = bench.client().topic("t");
    void topic.publish(0);
    await bench.flush();
    for (let data = 1; data <= 5; data++) void topic.publish(data);
    await bench.world.settle();
    assert.equal(bench.world.socket.sent.length, 1);
  });

  test("a_key_is_deleted_by_a_publication_like_any_other", async () => {
    const bench = new Bench();
    const topic = bench.client().topic("t");
    void topic.publish("v", { key: "k" });
    const deleted = topic.delete("k");
    await bench.flush();
    assert.equal(await deleted, "e1.2");
    assert.deepEqual(bench.node.topic("t").values(), new Map());
  });

  test("data_that_is_no_json_rejects", async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    await assert.rejects(new Bench().client().topic("t").publish(circle), TypeError);
  });
});

describe("watching", () => {
  test("a_watch_is_iterated_and_left_with_break", async () => {
    const bench = new Bench();
    const client = bench.client();
    bench.publish("t", "a", "b");
    const seen: unknown[] = [];
    const done = (async () => {
      for await (const event of client.topic("t").watch()) {
        seen.push(short(event));
        if (seen.length === 4) break;
      }
    })();
    await bench.flush();
    bench.publish("t", "c", "d");
    await bench.flush();
    await done;
    await bench.flush();
    assert.deepEqual(seen, ["a", "b", "snapshot-end", "c"]);
    assert.equal(client.stats().watches, 0);
    assert.equal(bench.node.connections[0]?.views.size, 0);
  });

  test("a_reader_that_is_slow_costs_bounded_memory_and_misses_nothing", async () => {
    const bench = new Bench();
    bench.node.frameEventsMax = 50;
    const watch = bench.client().topic<number>("t").watch({ from: "latest" });
    await bench.flush();
    const all = Array.from({ length: 5_000 }, (_, index) => index);
    for (let at = 0; at < all.length; at += 100) {
      bench.publish("t", ...all.slice(at, at + 100));
      await bench.flush();
    }
    assert.equal(bench.node.connections[0]?.views.size, 0, "the subscription rests");
    const seen: unknown[] = [];
    while (seen.length < all.length) {
      const next = watch.next();
      await bench.flush();
      const { value } = await next;
      if (value) seen.push(short(value));
    }
    assert.deepEqual(seen, all);
  });

  test("without_echo_own_events_stay_out_also_those_of_a_connection_before", async () => {
    const bench = new Bench();
    const client = bench.client({ backoff: { baseMs: 1, maxMs: 1 } });
    const seen: unknown[] = [];
    client.topic("t").on("event", (event) => seen.push(short(event)), { echo: false });
    await bench.flush();
    void client.topic("t").publish("own");
    await bench.world.settle();
    // The node stores it, and the connection breaks before its event arrives.
    for (const connection of bench.node.connections) bench.node.take(connection);
    bench.world.socket.drop();
    await bench.world.advance(10);
    await bench.flush();
    bench.publish("t", "other");
    await bench.flush();
    assert.deepEqual(seen, ["snapshot-end", "other"]);
  });

  test("a_fault_of_a_listener_is_uncaught_and_stops_nothing", async (context) => {
    const bench = new Bench();
    const faults: unknown[] = [];
    context.mock.method(globalThis, "queueMicrotask", (run: () => void) => {
      void Promise.resolve()
        .then(run)
        .catch((fault) => faults.push(fault));
    });
    const seen: unknown[] = [];
    bench
      .client()
      .topic("t")
      .on("event", (event) => {
        seen.push(short(event));
        if (seen.length === 1) throw new Error("of the application");
      });
    bench.publish("t", "a", "b");
    await bench.flush();
    assert.deepEqual(seen, ["a", "b", "snapshot-end"]);
    assert.equal(faults.length, 1);
  });

  test("a_watch_that_cannot_go_on_throws_what_the_node_said", async () => {
    const bench = new Bench();
    bench.publish("t", 1, 2, 3);
    bench.node.topic("t").forgotten = 2;
    const options = { resourceVersion: "e1.0", onGone: "close" } as const;
    const client = bench.client();
    const next = client.topic("t").watch(options).next();
    const told: string[] = [];
    const onError = (error: FanfareError) => told.push(error.name);
    client.topic("t").on("event", () => {}, { ...options, onError });
    const thrown = assert.rejects(next, { name: "GONE", class: "resync", oldest: "e1.2" });
    await bench.flush();
    await thrown;
    assert.deepEqual(told, ["GONE"]);
  });

  test("over_a_restart_it_goes_on_without_a_word", async () => {
    const bench = new Bench();
    const client = bench.client({ backoff: { baseMs: 1, maxMs: 1 } });
    const seen: unknown[] = [];
    client.topic("t").on("event", (event) => seen.push(short(event)));
    bench.publish("t", "kept");
    await bench.flush();
    bench.node.restart();
    bench.publish("t", "missed");
    await bench.world.advance(10);
    await bench.flush();
    assert.deepEqual(seen, ["kept", "snapshot-end", "missed"]);
    const { connections, gones } = client.stats();
    assert.deepEqual({ connections, gones }, { connections: 2, gones: 0 });
  });

  test("a_topic_that_began_anew_is_told_and_then_the_new_snapshot", async () => {
    const bench = new Bench();
    const client = bench.client({ backoff: { baseMs: 1, maxMs: 1 } });
    const seen: unknown[] = [];
    client.topic("t").on("event", (event) => seen.push(short(event)));
    bench.publish("t", "deleted");
    await bench.flush();
    bench.node.deleteAll();
    bench.publish("t", "new");
    bench.world.socket.drop();
    await bench.world.advance(10);
    await bench.flush();
    assert.deepEqual(seen, ["deleted", "snapshot-end", "gone", "new", "snapshot-end"]);
    assert.equal(client.stats().gones, 1);
  });
});

describe("reading", () => {
  test("a_page_of_history_has_items_and_the_head", async () => {
    const bench = new Bench();
    bench.publish("t", "a", "b");
    let page: HistoryPage<unknown> | undefined;
    void bench
      .client()
      .topic("t")
      .history({ limit: 10 })
      .then((answer) => {
        page = answer;
      });
    // What few need is loaded first.
    while (!page) await bench.flush();
    const { items, resourceVersion } = page;
    assert.deepEqual(items.map(short), ["a", "b"]);
    assert.equal(resourceVersion, "e1.2");
  });

  test("what_happened_is_counted", async () => {
    const bench = new Bench();
    const client = bench.client();
    client.topic("t").on("event", () => {});
    void client.topic("t").publish(1);
    await bench.flush();
    const { state, bytesReceived, lagMs, rttMs, ...counts } = client.stats();
    assert.equal(state.status, "connected");
    assert.ok(bytesReceived > 100, `${bytesReceived}`);
    assert.deepEqual([lagMs, rttMs], [undefined, 0], "by a clock that stands still");
    assert.deepEqual(counts, {
      connections: 1,
      watches: 1,
      events: 2,
      duplicates: 0,
      gones: 0,
      gaps: 0,
      published: 1,
      resumes: 0,
      snapshots: 1,
      publishing: 0,
      inFlight: 0,
      transport: "websocket",
    });
  });
});
