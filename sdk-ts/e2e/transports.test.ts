/** The chat in a real window while what lies between it and the node blocks first one transport, then another. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { BreakableProxy } from "../test/real/harness/proxy.js";
import { launch } from "./harness/browser.js";
import { Stage } from "./harness/stage.js";
import { publish, storedTexts } from "./harness/topic.js";

/** How long someone takes between two messages. */
const PAUSE_MS = 25;

const TRANSPORTS = {
  websocket: /^GET \/v1\/ws .*^upgrade: websocket/ims,
  sse: /^POST \/v1\/sse\//i,
  poll: /^GET \/v1\/topics\/[^ ]*watch=true[^ ]*timeout=\d+ms/i,
} as const;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

/** Someone else, who writes all the time. Resolves with the number of messages once told to stop. */
function writing(url: string): () => Promise<number> {
  let isOver = false;
  let count = 0;
  const done = (async () => {
    while (!isOver) {
      await publish(url, "chat:lobby", `there ${count++}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return count;
  })();
  return () => {
    isOver = true;
    return done;
  };
}

/** Notes what passes the proxy and blocks what it is told to. */
class Gate {
  readonly #proxy: BreakableProxy;
  #passed = new Set<keyof typeof TRANSPORTS>();
  #waiting: { readonly name: keyof typeof TRANSPORTS; readonly resolve: () => void } | undefined;
  holdsStreams = false;

  constructor(proxy: BreakableProxy) {
    this.#proxy = proxy;
    proxy.buffers = (head) => {
      for (const [name, pattern] of Object.entries(TRANSPORTS)) {
        if (pattern.test(head)) this.#pass(name as keyof typeof TRANSPORTS);
      }
      // A proxy that holds back what does not end.
      return this.holdsStreams && /^POST \/v1\/sse/i.test(head);
    };
  }

  get held(): number {
    return this.#proxy.buffered;
  }

  set refusesWebSockets(refuses: boolean) {
    this.#proxy.refuses = (head) => refuses && TRANSPORTS.websocket.test(head);
  }

  cut(): void {
    this.#passed.clear();
    this.#proxy.cutAll();
  }

  /** Waits until the transport is used, since the last cut. */
  async passes(name: keyof typeof TRANSPORTS): Promise<void> {
    if (this.#passed.has(name)) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { name, resolve };
    });
  }

  #pass(name: keyof typeof TRANSPORTS): void {
    this.#passed.add(name);
    if (this.#waiting?.name === name) this.#waiting.resolve();
  }
}

/** Runs in the page: notes when it shows anything but a connection, and says what a browser says of another network. */
const watchForTrouble = `
  globalThis.troubles = [];
  const sign = document.querySelector("#connection");
  new MutationObserver(() => {
    if (sign.dataset.tone !== "connected") globalThis.troubles.push(sign.dataset.tone);
  }).observe(sign, { attributes: true });
  dispatchEvent(new Event("online"));
`;

test("the_chat_goes_on_over_sse_then_long_polls_then_websockets_and_loses_and_doubles_nothing", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  const gate = new Gate(proxy);
  const window = await stage.open({ name: "Ada", colour: "coral" }, proxy.url);
  await gate.passes("websocket");
  const stop = writing(stage.node.url);
  const own: string[] = [];
  const say = async () => {
    own.push(`here ${own.length}`);
    await window.say(own.at(-1) ?? "");
  };
  await say();
  await window.reads("there 5");

  gate.refusesWebSockets = true;
  gate.cut();
  await say();
  await gate.passes("sse");
  await window.isConnected();
  await say();
  await window.reads(own.at(-1) ?? "");

  gate.holdsStreams = true;
  gate.cut();
  await say();
  await gate.passes("poll");
  assert.ok(gate.held > 0, "a stream was tried, and held back");
  await window.isConnected();
  for (let index = 0; index < 5; index++) await say();
  const isStored = (texts: readonly string[]) => {
    const stored = [...document.querySelectorAll('.message[data-delivery="stored"]')];
    const shown = stored.map(
      (item) => item.querySelector(".message-text")?.firstChild?.textContent,
    );
    return texts.every((text) => shown.includes(text));
  };
  await window.page.waitForFunction(isStored, own);
  await publish(stage.node.url, "chat:lobby", "Over long polls.");
  await window.reads("Over long polls.");
  await window.screenshot("long-poll");

  gate.refusesWebSockets = false;
  gate.holdsStreams = false;
  await window.page.evaluate(watchForTrouble);
  await gate.passes("websocket");
  await say();
  await window.page.waitForFunction(isStored, own);
  const count = await stop();
  await publish(stage.node.url, "chat:lobby", "The end.");
  await window.reads("The end.");
  const troubles = await window.page.evaluate(() => Reflect.get(globalThis, "troubles"));
  assert.deepEqual(troubles, [], "on the way up nobody notices");

  const stored = await storedTexts(stage.node.url, "chat:lobby");
  assert.equal(stored.length, count + own.length + 2, "each was stored once");
  await window.shows(...stored);
  const there = stored.filter((text) => text.startsWith("there"));
  assert.deepEqual(
    there,
    Array.from({ length: count }, (_, index) => `there ${index}`),
  );
  assert.deepEqual(
    stored.filter((text) => text.startsWith("here")),
    own,
  );
  assert.equal(await window.hasBreak(), false);
});
