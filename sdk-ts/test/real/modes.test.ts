/** How a watch gets what it is told, against a real node: held, asked for, once, slower while hidden. */

import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { TopicEvent } from "../../src/event.js";
import { connect } from "./harness/clients.js";
import { RealNode } from "./harness/node.js";
import { BreakableProxy } from "./harness/proxy.js";
import { short, take } from "./harness/take.js";

let node: RealNode;

before(async () => {
  node = await RealNode.start();
});

after(() => node.dispose());

/** A way to the node that notes the requests which pass. */
async function noted(context: TestContext) {
  const proxy = await BreakableProxy.start(node.port);
  context.after(() => proxy.dispose());
  const heads: string[] = [];
  proxy.buffers = (head) => {
    heads.push(head.split("\r\n")[0] ?? "");
    return false;
  };
  return { proxy, heads };
}

/** A page that can be hidden, as far as the SDK looks at it. */
function pageOf(context: TestContext) {
  const page = Object.assign(new EventTarget(), { hidden: false });
  Object.assign(globalThis, { document: page });
  context.after(() => Reflect.deleteProperty(globalThis, "document"));
  const hide = (hidden: boolean) => {
    page.hidden = hidden;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  return { hide };
}

describe("a watch", () => {
  test("that_polls_asks_for_what_is_new_and_holds_no_connection", async (context) => {
    const { proxy, heads } = await noted(context);
    const client = connect(context, "protobuf", proxy.url);
    const direct = connect(context, "protobuf", node.url);
    const topic = direct.topic<string>("chat:poll");
    await topic.publish("before");
    const watch = client.topic(topic.name).watch({ mode: "poll", pollInterval: "50ms" });
    assert.deepEqual(await take(watch, 2), ["before", "snapshot-end"]);
    for (const text of ["one", "two", "three"]) {
      await topic.publish(text);
      assert.deepEqual(await take(watch, 1), [text]);
    }
    assert.equal(client.state.status, "idle");
    assert.ok(
      heads.every((head) => head.startsWith("GET /v1/topics")),
      heads.join("\n"),
    );
    // Over a cut it goes on from where it was.
    proxy.cutAll();
    await Promise.all(["four", "five"].map((text) => topic.publish(text)));
    assert.deepEqual(await take(watch, 2), ["four", "five"]);
    watch.close();
    assert.equal((await watch.next()).done, true);
  });

  test("that_polls_tells_what_a_client_published_itself_only_where_echo_is_wanted", async (context) => {
    const client = connect(context, "protobuf", node.url);
    const topic = client.topic<string>("chat:poll-echo");
    const options = { mode: "poll", pollInterval: "20ms" } as const;
    const quiet = topic.watch({ ...options, echo: false });
    const all = topic.watch(options);
    await Promise.all([take(quiet, 1), take(all, 1)]);
    await topic.publish("mine");
    await connect(context, "json", node.url).topic(topic.name).publish("another's");
    assert.deepEqual(await take(quiet, 1), ["another's"]);
    assert.deepEqual(await take(all, 2), ["mine", "another's"]);
  });

  test("that_polls_is_refused_what_is_wrong", async (context) => {
    const client = connect(context, "protobuf", node.url);
    const bad = client.topic("chat:poll").watch({ mode: "poll", filter: "data >" });
    await assert.rejects(bad.next(), { name: "BAD_FILTER" });
    for (const pollInterval of ["soon", -1]) {
      const never = client.topic("chat:poll").watch({ mode: "poll", pollInterval });
      await assert.rejects(never.next(), { name: "BAD_PARAMETER" });
    }
  });

  test("that_polls_without_any_interval_does_not_flood_the_node", async (context) => {
    const { proxy, heads } = await noted(context);
    const client = connect(context, "protobuf", proxy.url);
    const eager = client.topic("chat:poll-eager").watch({ mode: "poll", pollInterval: 0 });
    const clock = client.topic("chat:poll-clock").watch({ mode: "poll", pollInterval: "100ms" });
    await Promise.all([take(eager, 1), take(clock, 1)]);
    for (let n = 0; n < 3; n++) {
      await connect(context, "json", node.url).topic("chat:poll-clock").publish(n);
      await take(clock, 1);
    }
    const count = (topic: string) => heads.filter((head) => head.includes(topic)).length;
    const [often, seldom] = [count("chat%3Apoll-eager"), count("chat%3Apoll-clock")];
    assert.ok(often <= 2 * seldom + 2, `${often} against ${seldom}`);
  });

  test("that_polls_does_so_less_often_while_the_page_is_hidden", async (context) => {
    const { proxy, heads } = await noted(context);
    const { hide } = pageOf(context);
    const client = connect(context, "protobuf", proxy.url);
    const direct = connect(context, "json", node.url);
    const options = { mode: "poll", pollInterval: "100ms" } as const;
    const watch = client
      .topic("chat:poll-hidden")
      .watch({ ...options, whenHidden: { interval: "1h" } });
    const clock = client.topic("chat:poll-clock").watch({ ...options, from: "latest" });
    assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
    const ticks = async () => {
      for (let n = 0; n < 3; n++) {
        await direct.topic("chat:poll-clock").publish(n);
        await take(clock, 1);
      }
    };
    hide(true);
    await ticks();
    await direct.topic("chat:poll-hidden").publish("unseen");
    const asked = heads.length;
    await ticks();
    const since = heads.slice(asked).filter((head) => head.includes("poll-hidden"));
    assert.deepEqual(since, []);
    hide(false);
    assert.deepEqual(await take(watch, 1), ["unseen"]);
  });

  test("that_polls_ends_with_its_client", async (context) => {
    const client = connect(context, "protobuf", node.url);
    const watch = client.topic("chat:poll-end").watch({ mode: "poll", pollInterval: "20ms" });
    await take(watch, 1);
    client.close();
    assert.equal((await watch.next()).done, true);
  });

  for (const transport of ["websocket", "sse", "poll"] as const) {
    test(`once_ends_with_the_snapshot_over_${transport}`, async (context) => {
      const client = connect(context, "protobuf", node.url, { transports: [transport] });
      const topic = client.topic<number>(`ticks:once-${transport}`);
      await topic.publish(1, { key: "a" });
      await topic.publish(2, { key: "b" });
      const seen: unknown[] = [];
      for await (const event of topic.watch({ mode: "once" })) seen.push(short(event));
      assert.deepEqual(seen, [1, 2, "snapshot-end"]);
      assert.equal(client.stats().watches, 0);
      const heard: TopicEvent[] = [];
      await new Promise<void>((resolve) => {
        topic.on(
          "event",
          (event) => {
            heard.push(event);
            if (event.type === "snapshot-end") resolve();
          },
          { mode: "once" },
        );
      });
      await topic.publish(3, { key: "c" });
      await client.topic("chat:x").publish(1);
      assert.equal(heard.length, 3, "nothing after it");
    });
  }

  test("is_slower_while_the_page_is_hidden_and_itself_again_when_it_is_shown", async (context) => {
    const { hide } = pageOf(context);
    const client = connect(context, "protobuf", node.url);
    const topic = client.topic<number>("ticks:hidden");
    const watch = topic.watch({ whenHidden: { interval: "1h" } });
    assert.deepEqual(await take(watch, 1), ["snapshot-end"]);
    await topic.publish(1, { key: "a" });
    assert.deepEqual(await take(watch, 1), [1]);

    hide(true);
    const told: number[] = [];
    const reading = (async () => {
      for (;;) {
        const [value] = await take(watch, 1);
        told.push(Number(value));
        if (value === 50) return;
      }
    })();
    // One may pass before the node has changed the view, and one begins the interval.
    for (let value = 2; value <= 49; value++) await topic.publish(value, { key: "a" });
    const whileHidden = told.length;
    assert.ok(whileHidden < 25, `${whileHidden} of 48 were told`);
    hide(false);
    await topic.publish(50, { key: "a" });
    await reading;
    assert.equal(client.stats().gones, 0);
    watch.close();
    hide(true);
  });
});
