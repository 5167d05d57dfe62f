/** The chat demo in real windows against a real node. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { RealNode } from "../test/real/harness/node.js";
import { launch } from "./harness/browser.js";
import type { ChatWindow } from "./harness/chat-window.js";
import { Stage } from "./harness/stage.js";
import { publish, storedTexts } from "./harness/topic.js";

const ada = { name: "Ada", colour: "coral" } as const;
const bo = { name: "Bo", colour: "teal" } as const;

/** How a node ends. */
const ENDS = {
  stopped: async (node: RealNode) => assert.equal(await node.stop(), 0),
  killed: (node: RealNode) => node.kill(),
} as const;

/** What a connection carries before it is cut, or up to twice that: the handshake and a few messages. */
const CUT_BYTES = 2_000;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("two_windows_chat_in_both_directions_in_one_order", async (t) => {
  const stage = await Stage.set(t, browser);
  const left = await stage.open(ada);
  const right = await stage.open(bo);
  await left.say("Hello, is anyone there?");
  await right.shows("Hello, is anyone there?");
  await right.say("I am.");
  await left.shows("Hello, is anyone there?", "I am.");
  await left.say("Good.\nTwo lines.");
  const all = ["Hello, is anyone there?", "I am.", "Good.\nTwo lines."];
  await right.shows(...all);
  await left.shows(...all);
  assert.deepEqual(await storedTexts(stage.node.url, "chat:lobby"), all);
  await left.page.reload();
  await left.shows(...all);
});

test("typing_is_shown_and_ends_with_the_message_or_by_itself", async (t) => {
  const stage = await Stage.set(t, browser);
  const left = await stage.open(ada);
  const right = await stage.open(bo);
  const sign = right.page.locator("#typing");
  await left.type("Wait, ");
  await right.reads("Ada is typing");
  assert.equal(
    await left.page.locator("#typing").isVisible(),
    false,
    "nobody is told of their own",
  );
  await left.page.locator("#text").press("Enter");
  await sign.waitFor({ state: "hidden" });
  await right.shows("Wait,");
  await left.type("I had an idea");
  await sign.waitFor({ state: "visible" });
  // Nobody says so: the key expires at the node.
  await sign.waitFor({ state: "hidden" });
});

test("what_is_written_offline_is_sent_once_and_nothing_is_missed", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  const away = await stage.open(ada, proxy.url);
  const there = await stage.open(bo);
  await away.say("before");
  await there.shows("before");

  await away.setOffline(true);
  proxy.budget = () => 0;
  proxy.cutAll();
  await away.isLost();
  for (const text of ["there 1", "there 2", "there 3"]) await there.say(text);
  await there.shows("before", "there 1", "there 2", "there 3");
  for (const text of ["away 1", "away 2"]) await away.say(text);
  await away.waits(2);
  await away.reads("2 messages wait to be sent.");
  await away.screenshot("offline");

  proxy.budget = () => Number.POSITIVE_INFINITY;
  await away.setOffline(false);
  const all = ["before", "there 1", "there 2", "there 3", "away 1", "away 2"];
  await away.shows(...all);
  await there.shows(...all);
  assert.deepEqual(await storedTexts(stage.node.url, "chat:lobby"), all);
});

test("over_a_network_that_cuts_within_frames_nothing_is_missed_or_doubled", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  const shaky = await stage.open(ada, proxy.url);
  const steady = await stage.open(bo);
  let connections = 0;
  proxy.budget = () => CUT_BYTES + ((connections++ * 613) % CUT_BYTES);
  proxy.cutAll();
  for (let index = 0; index < 15; index++) {
    await shaky.say(`shaky ${index}`);
    await steady.say(`steady ${index}`);
    await shaky.reads(`steady ${index}`);
  }
  const own = (name: string, texts: readonly string[]) =>
    texts.filter((text) => text.startsWith(name));
  const expected = (name: string) => Array.from({ length: 15 }, (_, index) => `${name} ${index}`);
  await steady.page.waitForFunction(() => {
    return document.querySelectorAll('.message[data-delivery="stored"]').length === 30;
  });
  const stored = await storedTexts(stage.node.url, "chat:lobby");
  assert.deepEqual(own("shaky", stored), expected("shaky"));
  assert.deepEqual(own("steady", stored), expected("steady"));
  await shaky.shows(...stored);
  await steady.shows(...stored);
  assert.ok(proxy.cuts >= 3, `the network was cut ${proxy.cuts} times`);
});

for (const [ended, end] of Object.entries(ENDS)) {
  test(`after_the_node_was_${ended}_and_started_again_nothing_is_missed_or_doubled`, async (t) => {
    const stage = await Stage.set(t, browser);
    const left = await stage.open(ada);
    const right = await stage.open(bo);
    const all: string[] = [];
    const say = async (window: ChatWindow, text: string) => {
      all.push(text);
      await window.say(text);
    };
    await say(left, "old");
    await right.shows(...all);
    for (const round of [1, 2]) {
      // On its way when the node ends, or just stored: nobody can tell.
      await say(left, `in flight ${round}`);
      await end(stage.node);
      for (const window of [left, right]) await window.isLost();
      await say(left, `written in between ${round}`);
      await stage.node.start();
      for (const window of [left, right]) await window.shows(...all);
      await say(right, `after ${round}`);
      for (const window of [left, right]) await window.shows(...all);
    }
    assert.deepEqual(await storedTexts(stage.node.url, "chat:lobby"), all);
    for (const window of [left, right]) assert.equal(await window.hasBreak(), false);
    // Who types is not kept, so that room begins anew: it goes on all the same.
    await right.type("And so it goes");
    await left.reads("Bo is typing");
    await left.page.reload();
    await left.shows(...all);
  });
}

test("what_was_read_before_the_node_was_killed_is_not_unread_on_the_next_visit", async (t) => {
  const stage = await Stage.set(t, browser);
  const window = await stage.open(ada);
  await publish(stage.node.url, "chat:lobby", "one", "two");
  await window.shows("one", "two");
  await window.page.goto("about:blank");
  await publish(stage.node.url, "chat:lobby", "three");
  await stage.node.kill();
  await stage.node.start();
  await window.page.goto(`${stage.node.url}/demo/chat/#music`);
  await window.page.waitForFunction(() => document.title === "(1) #music · Fanfare");
  await window.page.locator('[data-room="lobby"]').click();
  await window.shows("one", "two", "three");
  await window.page.locator(".separator-new").waitFor();
  assert.equal(await window.hasBreak(), false);
});

test("when_the_data_of_the_node_are_lost_both_windows_are_told_that_history_began_anew", async (t) => {
  const stage = await Stage.set(t, browser);
  const left = await stage.open(ada);
  const right = await stage.open(bo);
  await left.say("old");
  await right.shows("old");
  await stage.node.stop();
  stage.node.loseData();
  await left.isLost();
  await left.say("written in between");
  await left.waits(1);
  await stage.node.start();
  for (const window of [left, right]) {
    await window.reads("History began anew");
    await window.shows("written in between");
  }
  await right.say("new");
  await left.shows("written in between", "new");
  await right.shows("written in between", "new");
  await left.screenshot("began-anew");
});

test("rooms_are_deep_links_and_count_what_is_unread", async (t) => {
  const stage = await Stage.set(t, browser);
  const left = await stage.open({ ...ada, room: "Late%20Night" });
  assert.equal(await left.page.locator("#room").textContent(), "late-night");
  await left.page.locator("#new-room-name").fill("Music");
  await left.page.locator("#new-room-name").press("Enter");
  await left.page.waitForURL(/#music$/);
  await publish(stage.node.url, "chat:late-night", "one", "two");
  await left.page
    .locator('[data-room="late-night"] .badge')
    .getByText("2", { exact: false })
    .waitFor();
  await left.page.waitForFunction(() => document.title === "(2) #music · Fanfare");
  await left.page.locator('[data-room="late-night"]').click();
  await left.shows("one", "two");
  await left.page.locator(".separator-new").waitFor();
  await left.page.waitForFunction(() => document.title === "#late-night · Fanfare");
  await left.page.goBack();
  await left.reads("It is quiet here");
});

test("older_messages_come_as_one_scrolls_up_and_the_place_is_kept", async (t) => {
  const stage = await Stage.set(t, browser);
  const all = Array.from({ length: 120 }, (_, index) => `message ${index}`);
  await publish(stage.node.url, "chat:lobby", ...all);
  const window = await stage.open(ada);
  await window.page.waitForFunction(() => document.querySelectorAll(".message").length === 50);
  const scroller = window.page.locator("#scroller");
  const first = window.page.locator(".message-text", { hasText: /^message 70$/ });
  const topOf = () => first.evaluate((text) => Math.round(text.getBoundingClientRect().top));
  const before = await scroller.evaluate((item) => {
    item.scrollTo(0, 0);
    const text = [...document.querySelectorAll(".message-text")][0];
    return Math.round(text?.getBoundingClientRect().top ?? 0);
  });
  await window.page.waitForFunction(() => document.querySelectorAll(".message").length === 100);
  assert.equal(await topOf(), before, "nothing moved under the eyes");
  await scroller.evaluate((item) => item.scrollTo(0, 0));
  await window.shows(...all);
  await window.reads("The history of this room begins here.");
});

test("what_people_write_is_never_markup", async (t) => {
  const stage = await Stage.set(t, browser);
  const window = await stage.open({ ...ada, name: "<b>Ada" });
  const nasty = '<img src=x onerror="document.title=1"> javascript:alert(1) ';
  await window.say(`${nasty}https://example.org/?q=<b>`);
  await window.page.locator('.message[data-delivery="stored"]').waitFor();
  assert.equal(await window.page.locator(".message-text img, .message b, #profile b").count(), 0);
  const text = await window.page.locator(".message-text").textContent();
  assert.equal(text, `${nasty}https://example.org/?q=<b>`);
  const links = window.page.locator(".message-text a");
  assert.equal(await links.count(), 1);
  assert.equal(await links.getAttribute("href"), "https://example.org/?q=");
  assert.match((await links.getAttribute("rel")) ?? "", /noopener/);
});

test("where_websockets_are_blocked_the_chat_goes_on_over_sse_and_post", async (t) => {
  const stage = await Stage.set(t, browser);
  const proxy = await stage.proxy();
  proxy.refuses = (head) => /^upgrade: websocket/im.test(head);
  const blocked = await stage.open(ada, proxy.url);
  const there = await stage.open(bo);
  await blocked.say("Can you hear me?");
  await there.shows("Can you hear me?");
  await there.say("Over a stream and posts, yes.");
  const before = ["Can you hear me?", "Over a stream and posts, yes."];
  await blocked.shows(...before);
  assert.ok(proxy.refused > 0, "a WebSocket was tried");

  proxy.cutAll();
  await there.say("And now?");
  await blocked.say("As if nothing had been.");
  await blocked.isConnected();
  const stored = async () => [...(await storedTexts(stage.node.url, "chat:lobby"))].sort();
  await blocked.reads("And now?");
  await blocked.reads("As if nothing had been.");
  assert.deepEqual(await stored(), [...before, "And now?", "As if nothing had been."].sort());
  assert.deepEqual([...(await blocked.texts())], [...(await there.texts())]);
  await blocked.screenshot("websocket-blocked");
});
