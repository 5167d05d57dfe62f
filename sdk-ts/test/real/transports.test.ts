/** From one transport to another in the middle of things, against a real node behind a proxy that blocks. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { Client, type FanfareOptions } from "../../src/client.js";
import { json } from "../../src/codec/json.js";
import { protobuf } from "../../src/codec/protobuf.js";
import { node as platform } from "../../src/transport/node.js";
import type { TransportName } from "../../src/transport/transport.js";
import { seeded, seeds } from "../harness/random.js";
import { connect } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";
import { take } from "./harness/take.js";

/** What a wait for something better lasts at least; tests do not wait for it. */
const LONG_MS = 60_000;
/** How long a transport may say nothing. */
const SILENT_MS = 5_000;

/** Changes of the network's mind. */
const STEPS = 25;

const isUpgrade = (head: string) => /^upgrade: websocket/im.test(head);
const isStream = (head: string) => /^POST \/v1\/sse /.test(head);

let node: RealNode;

before(async () => {
  node = await RealNode.start();
});

after(() => node.dispose());

/** A client whose network can be told to have changed, and for which a long wait is short. */
class Hasty extends Client {
  readonly wake: () => void;

  constructor(url: string, options: FanfareOptions = {}) {
    const wakers = new Set<() => void>();
    const after: typeof platform.after = (ms, run) => {
      return platform.after(ms === SILENT_MS || ms >= LONG_MS ? ms / 20 : ms, run);
    };
    const onWake = (run: () => void) => {
      wakers.add(run);
      return () => wakers.delete(run);
    };
    const backoff = { baseMs: 5, maxMs: 50 };
    const hasty = { ...platform, after, onWake };
    const parts = { codec: protobuf, platform: hasty, json: async () => json };
    super(url, { backoff, ...options }, parts);
    this.wake = () => {
      for (const wake of wakers) wake();
    };
  }

  /** Resolves once the transport carries the session. */
  async goesOver(transport: TransportName): Promise<void> {
    while (this.state.status !== "connected" || this.stats().transport !== transport) {
      await new Promise<void>((resolve) => {
        const stop = this.on("state", () => {
          stop();
          resolve();
        });
      });
    }
  }
}

async function stage(context: TestContext) {
  const proxy = await BreakableProxy.start(node.port);
  const client = new Hasty(proxy.url);
  const direct = connect(context, "protobuf", node.url);
  context.after(() => {
    client.close();
    proxy.dispose();
  });
  return { proxy, client, direct };
}

/** Publishes numbers, one after the other answered, until it is told to stop. */
function publishing(topic: { publish(data: string): Promise<unknown> }, name: string) {
  let isOver = false;
  let count = 0;
  const done = (async () => {
    while (!isOver) await topic.publish(`${name} ${count++}`);
    return count;
  })();
  return () => {
    isOver = true;
    return done;
  };
}

describe("a session", () => {
  test("goes_down_to_long_polls_and_up_again_and_nothing_is_lost_or_doubled", async (context) => {
    const { proxy, client, direct } = await stage(context);
    const name = "chat:transports";
    const stopThere = publishing(direct.topic<string>(name), "there");
    const watch = client.topic<string>(name).watch({ from: "beginning" });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of watch) {
        assert.notEqual(event.type, "gone");
        if (event.type === "put") seen.push(event.data);
      }
    })();
    await client.goesOver("websocket");
    const stopHere = publishing(client.topic<string>(name), "here");

    proxy.refuses = isUpgrade;
    proxy.cutAll();
    await client.goesOver("sse");
    // A proxy that holds back what does not end.
    proxy.buffers = isStream;
    proxy.cutAll();
    await client.goesOver("poll");
    assert.ok(proxy.buffered > 0, "a stream was tried");
    const before = seen.length;
    while (seen.length < before + 50) await direct.topic("chat:other").publish(1);

    proxy.buffers = () => false;
    client.wake();
    await client.goesOver("sse");
    proxy.refuses = () => false;
    client.wake();
    await client.goesOver("websocket");
    const [there, here] = [await stopThere(), await stopHere()];
    const last = await direct.topic<string>(name).publish("end");
    while (!seen.includes("end")) await direct.topic("chat:other").publish(1);
    watch.close();
    await reading;

    const stored: string[] = [];
    for (let after: string | undefined, isMore = true; isMore; ) {
      const page = await direct
        .topic<string>(name)
        .history({ limit: 500, ...(after && { after }) });
      for (const item of page.items) if (item.type === "put") stored.push(item.data);
      after = page.continue;
      isMore = after !== undefined;
    }
    assert.equal(last.split(".")[1], String(there + here + 1), "each was stored once");
    assert.deepEqual(seen.slice(-stored.length), stored, "in the order in which it was stored");
    assert.equal(new Set(seen).size, there + here + 1, "none is missing or there twice");
    assert.equal(seen.length, there + here + 1);
    for (const who of ["there", "here"]) {
      const own = seen.filter((text) => text.startsWith(who));
      const inOrder = own.map((_, index) => `${who} ${index}`);
      assert.deepEqual(own, inOrder, "in the order of the calls");
    }
    assert.equal(client.stats().gones, 0);
  });

  for (const seed of seeds(2)) {
    test(`over_a_network_that_changes_its_mind_loses_and_doubles_nothing, seed ${seed}`, async (context) => {
      const { proxy, client, direct } = await stage(context);
      const random = seeded(seed);
      const name = `chat:mind-${seed}`;
      const watch = client.topic<string>(name).watch({ from: "beginning" });
      const seen: string[] = [];
      let noted = () => {};
      const reading = (async () => {
        for await (const event of watch) {
          assert.notEqual(event.type, "gone");
          if (event.type === "put") seen.push(event.data);
          noted();
        }
      })();
      const sees = async (isThere: () => boolean) => {
        while (!isThere()) {
          await new Promise<void>((resolve) => {
            noted = resolve;
          });
        }
      };
      const stopThere = publishing(direct.topic<string>(name), "there");
      const stopHere = publishing(client.topic<string>(name), "here");
      await client.goesOver("websocket");
      const ways = new Set<TransportName | undefined>(["websocket"]);
      client.on("state", ({ status }) => {
        if (status === "connected") ways.add(client.stats().transport);
      });
      for (let step = 0; step < STEPS; step++) {
        const [refuses, holds] = [random() < 0.7, random() < 0.5];
        proxy.refuses = (head) => refuses && isUpgrade(head);
        proxy.buffers = (head) => holds && isStream(head);
        if (random() < 0.7) proxy.cutAll();
        if (random() < 0.6) client.wake();
        const goal = seen.length + Math.floor(random() * 30);
        await sees(() => seen.length > goal);
      }
      const count = (await stopThere()) + (await stopHere());
      await direct.topic<string>(name).publish("end");
      await sees(() => seen.at(-1) === "end" || seen.includes("end"));
      watch.close();
      await reading;
      assert.equal(seen.length, count + 1, "none is missing");
      assert.equal(new Set(seen).size, count + 1, "none is there twice");
      for (const who of ["there", "here"]) {
        const own = seen.filter((text) => text.startsWith(who));
        assert.deepEqual(
          own,
          own.map((_, index) => `${who} ${index}`),
          "in the order of the calls",
        );
      }
      assert.ok(ways.size > 1, "one transport alone proves nothing");
    });
  }

  test("is_not_cut_for_the_application_when_something_better_takes_over", async (context) => {
    const { proxy, client } = await stage(context);
    proxy.refuses = (head) => isUpgrade(head) || isStream(head);
    await client.connect();
    await client.goesOver("poll");
    const states: string[] = [];
    client.on("state", ({ status }) => states.push(status));
    proxy.refuses = () => false;
    client.wake();
    await client.goesOver("websocket");
    assert.deepEqual(states, ["connected"]);
  });

  test("over_long_polls_its_own_are_left_out_where_echo_is_not_wanted", async (context) => {
    const client = connect(context, "json", node.url, { transports: ["poll"] });
    const direct = connect(context, "json", node.url);
    const topic = client.topic<number>("chat:echo");
    const watch = topic.watch({ echo: false });
    await take(watch, 1);
    for (let number = 0; number < 20; number++) await topic.publish(number);
    await direct.topic("chat:echo").publish("other");
    assert.deepEqual(await take(watch, 1), ["other"]);
  });

  test("over_long_polls_more_views_than_connections_are_all_served", async (context) => {
    const client = connect(context, "json", node.url, { transports: ["poll"] });
    const topics = Array.from({ length: 12 }, (_, index) => client.topic(`chat:many-${index}`));
    const watches = topics.map((topic) => topic.watch());
    await Promise.all(watches.map((watch) => take(watch, 1)));
    await Promise.all(topics.map((topic) => topic.publish(topic.name)));
    for (const [index, watch] of watches.entries()) {
      assert.deepEqual(await take(watch, 1), [`chat:many-${index}`]);
    }
  });

  test("over_long_polls_a_node_that_lets_them_wait_less_is_asked_more_often", async (context) => {
    const small = await RealNode.start("[limits]\nlong_poll_ms_max = 3000\n");
    context.after(() => small.dispose());
    const client = connect(context, "json", small.url, { transports: ["poll"] });
    const topic = client.topic<number>("chat:short");
    const watch = topic.watch();
    await take(watch, 1);
    await topic.publish(1);
    await topic.publish(2);
    assert.deepEqual(await take(watch, 2), [1, 2]);
  });

  test("over_long_polls_a_place_that_is_lost_is_told", async (context) => {
    const small = await RealNode.start('[[namespace]]\nname = "few"\nhistory_count = 5\n');
    context.after(() => small.dispose());
    const client = connect(context, "json", small.url, { transports: ["poll"] });
    const topic = client.topic<number>("few:a");
    const [first = ""] = await Promise.all(
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => topic.publish(n)),
    );
    const watch = topic.watch({ resourceVersion: first });
    assert.deepEqual(await take(watch, 7), ["gone", 4, 5, 6, 7, 8, "snapshot-end"]);
    const strict = topic.watch({ resourceVersion: first, onGone: "close" });
    await assert.rejects(strict.next(), { name: "GONE" });
  });
});
