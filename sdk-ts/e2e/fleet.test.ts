/** The fleet with devices that really drive: the map is the filter, and what a device is told it does. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch } from "./harness/browser.js";
import { DESK, LivePage, PHONE } from "./harness/live-page.js";

const feed = ["--devices", "200", "--rate", "400"] as const;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("the_view_follows_the_map", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "fleet", feed });
  const { page } = live;
  await live.figure("shown-count", (count) => count > 150);
  const wide = await region(live);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await page.getByRole("button", { name: "Zoom in" }).click();
  const few = await live.figure("shown-count", (count) => count > 0 && count < 120);
  const near = await changedRegion(live, wide);
  assert.ok(near[0] > wide[0] && near[2] < wide[2] && near[1] > wide[1] && near[3] < wide[3]);
  for (const { lat } of await live.runCurl()) {
    assert.ok(Number(lat) >= near[0] && Number(lat) <= near[2], `${lat} in ${near}`);
  }

  await page.locator("#map").focus();
  for (let each = 0; each < 3; each++) await page.keyboard.press("ArrowRight");
  const east = await changedRegion(live, near);
  assert.ok(east[1] > near[1]);

  const box = await page.locator("#map").boundingBox();
  assert.ok(box);
  await page.mouse.move(box.x + 400, box.y + 300);
  await page.mouse.down();
  await page.mouse.move(box.x + 400, box.y + 500, { steps: 8 });
  await page.mouse.up();
  const north = await changedRegion(live, east);
  assert.ok(north[0] > east[0]);

  await live.pick("Everywhere");
  await live.figure("shown-count", (count) => count === 200 && count > few);
  assert.doesNotMatch(await live.curl(), /geo\.within/);
});

test("only_alerts_are_shown_if_one_wants_only_those", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "fleet", feed });
  await live.pick("Everywhere");
  await live.figure("shown-count", (count) => count === 200);
  await live.page.getByLabel("Alerts only").check();
  await live.figure("shown-count", (count) => count > 0 && count < 100);
  await live.page.locator("#devices .state:not(.alert)").waitFor({ state: "detached" });
  for (const { alert } of await live.runCurl()) assert.notEqual(alert, "");
});

test("a_device_does_what_it_is_told", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "fleet", feed });
  const { page } = live;
  await live.pick("Everywhere");
  await live.figure("shown-count", (count) => count === 200);
  const device = page.locator("#devices button").filter({ hasText: "driving" }).first();
  await device.focus();
  await page.keyboard.press("Enter");
  const status = page.locator("#device-status");
  await status.waitFor();
  await page.getByRole("button", { name: "Halt" }).click();
  await page.getByText(/Stored after \d+ ms as/).waitFor();
  await status.filter({ hasText: "halted" }).waitFor();
  await page.locator("#device-speed").filter({ hasText: /^0 km/ }).waitFor();
  await page.getByRole("button", { name: "Flash lights" }).click();
  await live.screenshot("fleet-device");
  await page.getByRole("button", { name: "Go on" }).click();
  await status.filter({ hasText: "driving" }).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await status.waitFor({ state: "hidden" });
});

test("the_pace_is_the_nodes_work", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "fleet", feed });
  await live.pick("Everywhere");
  const all = await live.figure("bytes-rate", (rate) => rate > 20_000);
  await live.pick("5 s");
  await live.figure("bytes-rate", (rate) => rate < all * 0.6);
  assert.match(await live.curl(), /interval=5s$/);
});

test("a_fleet_that_is_not_there_is_told_with_what_sends_it_out", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "fleet" });
  await live.page.getByText("fanfare demo-feed fleet").waitFor();
  await live.screenshot("fleet-empty");
});

const looks = {
  "fleet-light": { ...DESK, colorScheme: "light" },
  "fleet-dark": { ...DESK, colorScheme: "dark" },
  "fleet-phone": { ...PHONE, colorScheme: "dark" },
} as const;

for (const [name, options] of Object.entries(looks)) {
  test(`the_fleet_fits_the_window_${name}`, async (t) => {
    const live = await LivePage.open(t, browser, { ...options, demo: "fleet", feed });
    await live.figure("shown-count", (count) => count > 20);
    await live.figure("bytes-rate", (rate) => rate > 2_000);
    await live.fits();
    await live.screenshot(name);
  });
}

/** South, west, north, east, as the page asks for them. */
async function region(live: LivePage): Promise<readonly [number, number, number, number]> {
  const [, numbers = ""] = /box\(([^)]+)\)/.exec(await live.curl()) ?? [];
  const [south = NaN, west = NaN, north = NaN, east = NaN] = numbers.split(",").map(Number);
  return [south, west, north, east];
}

async function changedRegion(live: LivePage, before: readonly number[]) {
  const was = before.map((degrees) => degrees.toFixed(4)).join(", ");
  await live.page.waitForFunction((was) => {
    return !document.getElementById("curl-text")?.textContent?.includes(was);
  }, was);
  return region(live);
}
