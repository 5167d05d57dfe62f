/** What a watch with `persist` keeps in a real browser: a reload shows it at once and goes on from there. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch } from "./harness/browser.js";
import { screenshotPath } from "./harness/screenshot.js";
import { openScript } from "./harness/script-page.js";
import { Stage } from "./harness/stage.js";
import { publish, storedTexts } from "./harness/topic.js";

/** The page notes what it is told, and where the connection stood then. */
const SCRIPT = `
  import { Fanfare } from "../src/index.js";
  const client = new Fanfare("/", { backoff: { baseMs: 20, maxMs: 100 } });
  const told = [];
  Object.assign(globalThis, { client, told });
  const root = document.querySelector("#root");
  client.topic("chat:kept").on("event", (event) => {
    const { type, data, error } = event;
    told.push({ type, text: data?.text, error: error?.name, status: client.state.status });
    if (type === "gone") root.textContent = "";
    if (type === "put") root.textContent += data.text + "\\n";
  }, { persist: true });
`;

interface Told {
  readonly type: string;
  readonly text?: string;
  readonly status: string;
}

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

async function toldBy(page: Page): Promise<readonly Told[]> {
  return page.evaluate(() => Reflect.get(globalThis, "told"));
}

async function reads(page: Page, text: string): Promise<void> {
  await page.locator("#root", { hasText: text }).waitFor();
}

async function statsOf(page: Page): Promise<Record<string, unknown>> {
  return page.evaluate(() => Reflect.get(globalThis, "client").stats());
}

/** Waits until what the page shows is written. */
async function isSaved(page: Page, count: number): Promise<void> {
  await page.waitForFunction((count) => {
    const { persisted } = Reflect.get(globalThis, "client").stats();
    return (persisted?.saved ?? 0) >= count;
  }, count);
}

/** Waits until it is in the browser's storage. `waitForFunction` would not wait for a promise. */
async function isKept(page: Page, text: string): Promise<void> {
  await page.evaluate(async (text) => {
    const open = indexedDB.open("fanfare");
    await new Promise((resolve) => {
      open.onsuccess = resolve;
    });
    for (let isThere = false; !isThere; ) {
      const rows = open.result.transaction("views").objectStore("views").getAll();
      await new Promise((resolve) => {
        rows.onsuccess = resolve;
      });
      isThere = JSON.stringify(rows.result).includes(text);
      await new Promise(requestAnimationFrame);
    }
    open.result.close();
  }, text);
}

async function contextOf(stop: (close: () => Promise<void>) => void): Promise<BrowserContext> {
  const context = await browser.newContext();
  stop(() => context.close());
  return context;
}

test("a_reload_shows_at_once_what_was_shown_and_resumes_exactly", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "one", "two");
  const page = await openScript(context, proxy.url, SCRIPT);
  await reads(page, "two");
  await publish(stage.node.url, "chat:kept", "three");
  await reads(page, "three");
  await isKept(page, "three");

  // While nobody is there, and while the node cannot be reached.
  await page.goto("about:blank");
  await publish(stage.node.url, "chat:kept", "four");
  proxy.refuses = () => true;
  proxy.cutAll();
  await page.goto(`${proxy.url}/e2e/page.html`);
  await reads(page, "three");
  assert.ok(
    (await toldBy(page)).every(({ status }) => status !== "connected"),
    "before there is a connection",
  );
  assert.equal((await page.locator("#root").textContent())?.trim(), "one\ntwo\nthree");
  await page.screenshot({ path: screenshotPath("persisted") });

  proxy.refuses = () => false;
  await reads(page, "four");
  await publish(stage.node.url, "chat:kept", "five");
  await reads(page, "five");
  const told = await toldBy(page);
  const texts = told.flatMap(({ type, text }) => (type === "put" ? [text] : []));
  assert.deepEqual(texts, ["one", "two", "three", "four", "five"], "nothing missing or doubled");
  assert.deepEqual(texts, await storedTexts(stage.node.url, "chat:kept"));
  const stats = await statsOf(page);
  assert.equal(stats["resumes"], 1);
  assert.equal(stats["snapshots"], 0);
  assert.equal(stats["gones"], 0);
  assert.deepEqual(Object(stats["persisted"])["restored"], 1);
});

test("reloads_in_the_middle_of_publications_miss_and_double_nothing", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  let isOver = false;
  let count = 0;
  const writing = (async () => {
    while (!isOver) await publish(stage.node.url, "chat:kept", `text ${count++}`);
  })();
  const page = await openScript(context, stage.node.url, SCRIPT);
  for (let round = 0; round < 5; round++) {
    await reads(page, `text ${count}`);
    await isSaved(page, 1);
    await page.reload();
  }
  isOver = true;
  await writing;
  await publish(stage.node.url, "chat:kept", "the end");
  await reads(page, "the end");
  const stored = await storedTexts(stage.node.url, "chat:kept");
  const texts = (await toldBy(page)).flatMap(({ type, text }) => (type === "put" ? [text] : []));
  assert.deepEqual(texts, stored.slice(-texts.length), "in order, without a hole");
  assert.equal((await statsOf(page))["resumes"], 1);
});

test("what_is_kept_is_bounded_and_never_a_part_of_a_state", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "one", "two", "three", "four");
  for (const key of ["a", "b", "c"]) {
    const body = JSON.stringify({ key, data: { text: key } });
    await fetch(`${stage.node.url}/v1/topics/ticks:kept`, { method: "POST", body });
  }
  const bounded = SCRIPT.replace("persist: true", "persist: { itemsMax: 2 }");
  const stream = await openScript(context, stage.node.url, bounded);
  await reads(stream, "four");
  await isKept(stream, "four");
  await stream.reload();
  await reads(stream, "four");
  const texts = (await toldBy(stream)).map(({ type, text }) => text ?? type);
  assert.deepEqual(texts, ["three", "four", "snapshot-end"]);
  assert.equal((await statsOf(stream))["resumes"], 1);

  const state = await openScript(
    context,
    stage.node.url,
    bounded.replace("chat:kept", "ticks:kept"),
  );
  await reads(state, "c");
  await isSaved(state, 1);
  await state.reload();
  await reads(state, "c");
  assert.equal((await statsOf(state))["snapshots"], 1);
});

test("a_topic_that_began_anew_is_told_and_what_was_kept_is_void", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "old");
  const page = await openScript(context, stage.node.url, SCRIPT);
  await reads(page, "old");
  await isSaved(page, 1);
  await page.goto("about:blank");
  await stage.node.stop();
  stage.node.loseData();
  await stage.node.start();
  await publish(stage.node.url, "chat:kept", "new");
  await page.goto(`${stage.node.url}/e2e/page.html`);
  await reads(page, "new");
  const told = await toldBy(page);
  assert.deepEqual(
    told.map(({ type, text }) => text ?? type),
    ["old", "snapshot-end", "gone", "new", "snapshot-end"],
  );
});

test("what_a_watch_that_is_left_was_told_last_is_kept_and_nothing_more_is_asked_for", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "one", "two");
  const script = SCRIPT.replace("client.topic", "const stop = client.topic").replace(
    "told.push",
    'if (data?.text === "two") stop();\n    told.push',
  );
  const page = await openScript(context, stage.node.url, script);
  await reads(page, "two");
  await isKept(page, "two");
  await page.reload();
  // It is left as soon as it was told what was kept.
  await reads(page, "two");
  await publish(stage.node.url, "chat:kept", "three");
  const watches = await page.evaluate(async () => {
    const client = Reflect.get(globalThis, "client");
    for await (const _ of client.topic("chat:kept").watch({ mode: "once" }));
    return client.stats().watches;
  });
  assert.equal(watches, 0);
  const texts = (await toldBy(page)).flatMap(({ type, text }) => (type === "put" ? [text] : []));
  assert.deepEqual(texts, ["one", "two"]);
});

test("what_a_watch_that_polls_was_told_is_kept_too", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "one");
  const script = SCRIPT.replace("persist: true", 'persist: true, mode: "poll", pollInterval: "1h"');
  const page = await openScript(context, stage.node.url, script);
  await reads(page, "one");
  await isKept(page, "one");
  await publish(stage.node.url, "chat:kept", "two");
  await page.reload();
  await reads(page, "two");
  const told = (await toldBy(page)).map(({ type, text }) => text ?? type);
  assert.deepEqual(told, ["one", "snapshot-end", "two"]);
});

test("what_another_view_shows_is_not_kept_as_of_the_first", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await contextOf((close) => t.after(close));
  await publish(stage.node.url, "chat:kept", "one");
  const script = SCRIPT.replace(
    /client\.topic\("chat:kept"\)\.on\("event", (.*), (\{ persist: true \})\);/s,
    `
    const watch = client.topic("chat:kept").watch($2);
    Object.assign(globalThis, { watch });
    const listener = $1;
    for await (const event of watch) listener(event);
  `,
  );
  const page = await openScript(context, stage.node.url, script);
  await reads(page, "one");
  await isKept(page, "one");
  await page.evaluate(async () => {
    await Reflect.get(globalThis, "watch").update({ filter: 'data.text != "two"' });
  });
  await publish(stage.node.url, "chat:kept", "two", "three");
  await reads(page, "three");
  await page.reload();
  await reads(page, "three");
  const texts = (await toldBy(page)).flatMap(({ type, text }) => (type === "put" ? [text] : []));
  assert.deepEqual(texts, ["one", "two", "three"]);
});

for (const [name, spoil] of Object.entries({
  corrupt: `
    const open = indexedDB.open("fanfare");
    await new Promise((resolve) => { open.onsuccess = resolve; });
    const rows = open.result.transaction("views", "readwrite").objectStore("views");
    const all = rows.getAll();
    await new Promise((resolve) => { all.onsuccess = resolve; });
    for (const row of all.result) rows.put({ ...row, items: "spoilt" });
    await new Promise((resolve) => { rows.transaction.oncomplete = resolve; });
    open.result.close();
  `,
  unavailable: `
    const open = indexedDB.open("fanfare", 99);
    await new Promise((resolve) => { open.onsuccess = resolve; });
    open.result.close();
  `,
})) {
  test(`storage_that_is_${name}_is_passed_over_for_a_snapshot`, async (t) => {
    const stage = await Stage.set(t, browser);
    const context = await contextOf((close) => t.after(close));
    await publish(stage.node.url, "chat:kept", "one");
    const page = await openScript(context, stage.node.url, SCRIPT);
    await reads(page, "one");
    await isSaved(page, 1);
    await page.evaluate(`(async () => { ${spoil} })()`);
    await page.reload();
    await reads(page, "one");
    const told = await toldBy(page);
    assert.deepEqual(
      told.map(({ type, text }) => text ?? type),
      ["one", "snapshot-end"],
    );
    const { persisted, snapshots } = await statsOf(page);
    assert.equal(snapshots, 1);
    assert.deepEqual(Object(persisted)["restored"], 0);
    assert.ok(Object(persisted)["failed"] >= 1);
  });
}
