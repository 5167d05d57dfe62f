/** The ticker with a market that is really fed: what is asked for is shown, and less costs less. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch } from "./harness/browser.js";
import { DESK, LivePage, PHONE } from "./harness/live-page.js";

/** Less than by default: the tests share their machine. */
const feed = ["--symbols", "600", "--rate", "1500"] as const;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("fields_and_interval_are_seen_in_bytes_a_second", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker", feed });
  const { page } = live;
  await live.figure("shown-count", (count) => count === 12);
  const everyTick = await live.figure("events-rate", (rate) => rate > 40);
  const quotes = await live.figure("bytes-rate", (rate) => rate > 2_000);

  await live.pick("Order book");
  await page.locator(".book .bids li").first().waitFor();
  await live.figure("bytes-rate", (rate) => rate > quotes * 1.5);

  await live.pick("Price");
  await page.locator("tr[data-symbol=FANF]").waitFor();
  await live.figure("bytes-rate", (rate) => rate < quotes * 0.9);

  await live.pick("1 s");
  const slow = await live.figure("events-rate", (rate) => rate <= 12.5);
  assert.ok(slow < everyTick);
  await live.figure("bytes-rate", (rate) => rate < quotes * 0.4);
  assert.match(await live.curl(), /fields=name,last,change \\\n {2}-d interval=1s$/);
});

test("the_line_that_the_page_offers_gets_what_the_page_shows", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker", feed });
  await live.figure("shown-count", (count) => count === 12);
  const quotes = await live.runCurl();
  assert.ok(quotes.length >= 12);
  const members = ["ask", "bid", "change", "last", "name", "volume"];
  for (const quote of quotes) assert.deepEqual(Object.keys(quote).sort(), members);
});

test("a_watchlist_is_a_filter_that_changes_while_the_view_lives", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker", feed });
  const { page } = live;
  await live.figure("shown-count", (count) => count === 12);
  await page.getByRole("button", { name: "Remove HORN" }).click();
  await page.locator("tr[data-symbol=HORN]").waitFor({ state: "detached" });
  await page.getByLabel("Symbol to add").fill("horn");
  await page.keyboard.press("Enter");
  await page.locator("tr[data-symbol=HORN]").waitFor();

  await live.pick("Sector");
  await page.locator("#sector").selectOption("Health");
  await live.figure("shown-count", (count) => count > 12 && count < 300);
  assert.match(await live.curl(), /filter=data\.sector == "Health"/);
  await page.locator("tr[data-symbol=OBOE]").waitFor();
  await page.locator("tr[data-symbol=FANF]").waitFor({ state: "detached" });

  await live.pick("All");
  await live.figure("shown-count", (count) => count === 600);
  await page.getByText("500 more are received and not drawn.").waitFor();
  assert.doesNotMatch(await live.curl(), /filter/);
});

test("a_reader_that_stalls_gets_nothing_until_it_goes_on", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker", feed });
  const { page } = live;
  await live.pick("All");
  await live.figure("shown-count", (count) => count === 600);
  await live.figure("events-rate", (rate) => rate > 200);
  await page.getByRole("button", { name: "Stall" }).click();
  await live.figure("events-rate", (rate) => rate === 0);
  await live.figure("bytes-rate", (rate) => rate < 1_000);
  await page.getByRole("button", { name: /^Go on/ }).click();
  await live.figure("events-rate", (rate) => rate > 200);
  await live.figure("shown-count", (count) => count === 600);
});

test("a_node_that_was_started_again_has_its_market_back", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker", feed });
  await live.pick("All");
  await live.figure("shown-count", (count) => count === 600);
  await live.node.kill();
  await live.page.locator('#connection[data-tone="lost"]').waitFor();
  await live.node.start();
  await live.page.locator('#connection[data-tone="connected"]').waitFor();
  await live.figure("events-rate", (rate) => rate > 200);
  await live.figure("shown-count", (count) => count === 600);
});

test("an_empty_market_says_how_to_open_it", async (t) => {
  const live = await LivePage.open(t, browser, { ...DESK, demo: "ticker" });
  await live.page.getByText("fanfare demo-feed ticker").waitFor();
  await live.screenshot("ticker-empty");
});

const looks = {
  "ticker-light": { ...DESK, colorScheme: "light" },
  "ticker-dark": { ...DESK, colorScheme: "dark" },
  "ticker-phone": { ...PHONE, colorScheme: "light" },
} as const;

for (const [name, options] of Object.entries(looks)) {
  test(`the_ticker_fits_the_window_${name}`, async (t) => {
    const live = await LivePage.open(t, browser, { ...options, demo: "ticker", feed });
    await live.figure("shown-count", (count) => count === 12);
    await live.figure("bytes-rate", (rate) => rate > 2_000);
    await live.fits();
    await live.screenshot(name);
    await live.pick("Order book");
    await live.page.locator(".book .bids li").first().waitFor();
    await live.fits();
    await live.screenshot(`${name}-depth`);
  });
}
