/** A browser's own `EventSource`, which knows nothing of Fanfare, over a network that cuts. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch } from "./harness/browser.js";
import { Stage } from "./harness/stage.js";
import { publish, storedTexts } from "./harness/topic.js";

const TOPIC = "chat:x";

/** What a connection carries before it is cut, or up to twice that: a few events. */
const CUT_BYTES = 900;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("an_unmodified_event_source_resumes_after_each_cut_and_neither_loses_nor_repeats", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  const page = await browser.newPage();
  t.after(() => page.close());
  await publish(stage.node.url, TOPIC, "kept 0", "kept 1");
  await page.goto(`${proxy.url}/demo/`);
  let connections = 0;
  proxy.budget = () => CUT_BYTES + ((connections++ * 311) % CUT_BYTES);
  proxy.cutAll();
  await watch(page, `/v1/topics/${TOPIC}?watch=true`);
  for (let batch = 0; batch < 12; batch++) {
    // The stream is compressed: what repeats itself would pass below the cuts.
    const text = () => Array.from({ length: 8 }, () => crypto.randomUUID()).join(" ");
    const texts = [text(), text(), text()] as const;
    await publish(stage.node.url, TOPIC, ...texts);
    await hears(page, texts[2]);
  }
  const heard = await heardBy(page);
  assert.deepEqual(
    heard.map(({ text }) => text),
    await storedTexts(stage.node.url, TOPIC),
  );
  const offsets = heard.map(({ id }) => Number(id.split(".")[1]));
  assert.deepEqual(
    offsets,
    Array.from({ length: 38 }, (_, index) => index + 1),
  );
  assert.ok(proxy.cuts >= 3, `the network was cut ${proxy.cuts} times`);
});

test("an_unmodified_event_source_resumes_over_restarts_of_the_node_exactly", async (t) => {
  const stage = await Stage.set(t, browser);
  const page = await browser.newPage();
  t.after(() => page.close());
  await publish(stage.node.url, TOPIC, "kept");
  await page.goto(`${stage.node.url}/demo/`);
  await watch(page, `/v1/topics/${TOPIC}?watch=true`);
  await hears(page, "kept");
  for (const round of [1, 2, 3]) {
    await publish(stage.node.url, TOPIC, `before ${round}`);
    if (round === 2) await stage.node.stop();
    else await stage.node.kill();
    await stage.node.start();
    await publish(stage.node.url, TOPIC, `after ${round}`);
    await hears(page, `after ${round}`);
  }
  const heard = await heardBy(page);
  assert.deepEqual(
    heard.map(({ text }) => text),
    await storedTexts(stage.node.url, TOPIC),
  );
  assert.equal(new Set(heard.map(({ id }) => id.split(".")[0])).size, 1, "one epoch");
});

interface Heard {
  readonly id: string;
  readonly text: string;
}

async function watch(page: Page, url: string): Promise<void> {
  await page.evaluate((url) => {
    Reflect.set(globalThis, "heard", []);
    new EventSource(url).addEventListener("put", ({ lastEventId, data }) => {
      Reflect.get(globalThis, "heard").push({ id: lastEventId, text: JSON.parse(data).data.text });
    });
  }, url);
}

async function hears(page: Page, text: string): Promise<void> {
  await page.waitForFunction((text) => {
    return Reflect.get(globalThis, "heard").some((heard: { text: string }) => heard.text === text);
  }, text);
}

async function heardBy(page: Page): Promise<readonly Heard[]> {
  return page.evaluate(() => Reflect.get(globalThis, "heard"));
}
