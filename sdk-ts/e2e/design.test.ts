/** How the pages look and can be used: screenshots for people, and what a machine can tell of it. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { launch } from "./harness/browser.js";
import type { WindowOptions } from "./harness/chat-window.js";
import { converse, startTyping } from "./harness/conversation.js";
import { screenshotPath } from "./harness/screenshot.js";
import { Stage } from "./harness/stage.js";
import { publish } from "./harness/topic.js";

const mira = { name: "Mira", colour: "amber" } as const;
const desk = { viewport: { width: 1180, height: 760 } };
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

const looks: Readonly<Record<string, WindowOptions>> = {
  light: { ...mira, ...desk, colorScheme: "light" },
  dark: { ...mira, ...desk, colorScheme: "dark" },
  "phone-light": { ...mira, ...phone, colorScheme: "light" },
  "phone-dark": { ...mira, ...phone, colorScheme: "dark" },
};

for (const [name, options] of Object.entries(looks)) {
  test(`the_chat_fits_the_window_${name}`, async (t) => {
    const stage = await Stage.set(t, browser);
    await converse(stage.node.url, "chat:lobby");
    const window = await stage.open(options);
    await window.reads("We could just take it a bit slower.");
    await window.say("Slower is fine with me: 96 instead of 104.");
    await window.page.locator(".message-own").waitFor();
    await startTyping(stage.node.url, "lobby");
    await window.reads("Dot is typing");
    await publish(stage.node.url, "chat:music", "One", "Two");
    await window.page.locator('[data-room="music"] .badge').waitFor({ state: "attached" });
    await window.screenshot(name);
    await fits(window.page);
    const ground = await window.page.evaluate(() => getComputedStyle(document.body).color);
    const isLightText = Number(ground.match(/\d+/)?.[0]) > 128;
    assert.equal(isLightText, options.colorScheme === "dark", `text is ${ground}`);
  });
}

test("an_empty_room_says_what_to_do", async (t) => {
  const stage = await Stage.set(t, browser);
  const window = await stage.open({ ...mira, ...desk, room: "empty" });
  await window.reads("It is quiet here");
  const second = window.page.getByRole("link", { name: "Open as someone else" });
  assert.match((await second.getAttribute("href")) ?? "", /^\?guest#empty$/);
  await window.screenshot("empty");
});

test("a_guest_in_the_same_browser_is_someone_else", async (t) => {
  const stage = await Stage.set(t, browser);
  const window = await stage.open({ ...mira, ...desk });
  const guest = await window.page.context().newPage();
  await guest.goto(`${stage.node.url}/demo/chat/?guest#lobby`);
  await guest.locator("#introduction-name").waitFor();
  await guest.screenshot({ path: screenshotPath("introduction") });
  await guest.locator("#introduction-name").fill("Guest");
  await guest.keyboard.press("Enter");
  await guest.locator("#text").fill("Is this you?");
  await guest.keyboard.press("Enter");
  await window.shows("Is this you?");
  assert.equal(await window.page.locator(".message-own").count(), 0);
  assert.equal(await guest.locator(".message-own").count(), 1);
});

test("the_drawer_of_a_phone_takes_the_focus_and_gives_it_back", async (t) => {
  const stage = await Stage.set(t, browser);
  const { page } = await stage.open({ ...mira, ...phone });
  const toggle = page.getByRole("button", { name: "Rooms" });
  await toggle.tap();
  await page.locator("#sidebar[data-open]").waitFor();
  await page
    .locator("#sidebar")
    .evaluate((item) => Promise.all(item.getAnimations().map((a) => a.finished)));
  await page.screenshot({ path: screenshotPath("phone-drawer") });
  assert.equal(await focused(page), "lobby");
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "open-sidebar");
  await toggle.tap();
  await page.locator('[data-room="music"]').tap();
  await page.waitForURL(/#music$/);
  await page.locator("#sidebar:not([data-open])").waitFor({ state: "attached" });
});

test("the_theme_can_be_chosen_and_is_kept", async (t) => {
  const stage = await Stage.set(t, browser);
  const window = await stage.open({ ...mira, ...desk, colorScheme: "light" });
  const background = () =>
    window.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await window.page.getByRole("button", { name: "Dark theme" }).click();
  const dark = await background();
  assert.notEqual(dark, light);
  await window.page.reload();
  assert.equal(await background(), dark);
});

test("the_page_of_demos_leads_to_each_of_them", async (t) => {
  const stage = await Stage.set(t, browser);
  const page = await browser.newPage({ ...desk, colorScheme: "dark" });
  t.after(() => page.close());
  await page.goto(`${stage.node.url}/demo/`);
  await page.screenshot({ path: screenshotPath("demos") });
  await fits(page);
  for (const name of ["Chat", "Ticker", "Fleet"]) {
    await page.getByRole("heading", { name, exact: true }).click();
    await page.waitForURL(`${stage.node.url}/demo/${name.toLowerCase()}/`);
    await page.goBack();
  }
});

/** Nothing sticks out to the side. */
async function fits(page: Page): Promise<void> {
  const { width, inner } = await page.evaluate(() => {
    return { width: document.documentElement.scrollWidth, inner: innerWidth };
  });
  assert.equal(width, inner);
}

/** What has the focus: its id, or the room that it leads to. */
async function focused(page: Page): Promise<string | null> {
  return page.evaluate(() => {
    const { id, dataset } = document.activeElement as HTMLElement;
    return id || (dataset["room"] ?? null);
  });
}
