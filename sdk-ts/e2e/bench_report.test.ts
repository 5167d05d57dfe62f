/** Reports of `fanfare bench`, opened from disk as whoever is sent one does. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launch } from "./harness/browser.js";
import { screenshotPath } from "./harness/screenshot.js";

const desk = { viewport: { width: 1280, height: 900 } };
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};

const looks: Readonly<Record<string, BrowserContextOptions>> = {
  light: { ...desk, colorScheme: "light" },
  dark: { ...desk, colorScheme: "dark" },
  "phone-light": { ...phone, colorScheme: "light" },
  "phone-dark": { ...phone, colorScheme: "dark" },
};

/** Of a run that went well, one that did not, one of memory, two beside each other, and many. */
const reports = ["fanout", "spoilt", "idle", "pair", "peers"];

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

for (const [look, options] of Object.entries(looks)) {
  for (const name of reports) {
    test(`the_report_${name}_can_be_read_${look}`, async (t) => {
      const page = await open(t, name, options);
      await page.screenshot({ path: screenshotPath(`report-${name}-${look}`), fullPage: true });
      const { width, inner } = await page.evaluate(() => {
        return { width: document.documentElement.scrollWidth, inner: innerWidth };
      });
      assert.equal(width, inner, "something sticks out to the side");
      assert.deepEqual(await emptyDrawings(page), []);
      assert.deepEqual(await faintTexts(page), []);
    });
  }
}

test("pointing_at_a_plot_of_the_report_tells_the_values_there", async (t) => {
  const page = await open(t, "peers", { ...desk, colorScheme: "light" });
  const plot = page.locator(".plot svg[role=img]").first();
  const shown = plot.locator(".reading text:visible");
  assert.equal(await shown.count(), 0);
  await plot.hover({ position: { x: 110, y: 100 } });
  assert.equal(await shown.count(), 1);
  assert.match(
    (await shown.textContent()) ?? "",
    /^\d.* s● fanfare 0\.1\.0 \d.*M● fanfare 0\.1\.0, namespace chat /,
  );
  await page.screenshot({ path: screenshotPath("report-reading") });
});

test("the_report_can_be_printed_from_a_dark_desk", async (t) => {
  const page = await open(t, "fanout", { ...desk, colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  const text = await page.evaluate(() => getComputedStyle(document.documentElement).color);
  assert.ok(Number(text.match(/\d+/)?.[0]) < 64, `text is ${text}`);
});

/** The page, which asks for nothing but itself and complains of nothing, also until the test ends. */
async function open(t: TestContext, name: string, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options);
  const file = pathToFileURL(reportPath(name)).href;
  const requests: string[] = [];
  const complaints: string[] = [];
  const page = await context.newPage();
  page.on("request", (request) => {
    if (!request.url().startsWith("data:")) requests.push(request.url());
  });
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  t.after(async () => {
    await context.close();
    assert.deepEqual(requests, [file]);
    assert.deepEqual(complaints, []);
  });
  await page.goto(file);
  return page;
}

/** The Rust tests leave them beside the binary. */
function reportPath(name: string): string {
  const binary = process.env["FANFARE_BIN"];
  if (!binary) throw new Error("name the binary in FANFARE_BIN: the reports are beside it");
  const path = join(dirname(binary), "bench-report", `${name}.html`);
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`cargo test sample_pages\``);
  return path;
}

/** Titles of plots and bars that show nothing. */
function emptyDrawings(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const figures = [...document.querySelectorAll("figure")];
    if (figures.length === 0) return ["there is none"];
    const empty = figures.filter((figure) => {
      const parts = [...figure.querySelectorAll(".curves path, .bars rect:not(.rail)")];
      const widths = parts.map((part) => part.getBoundingClientRect().width);
      return Math.max(0, ...widths) < 100 || widths.includes(0);
    });
    return empty.map((figure) => figure.querySelector("h3")?.textContent ?? "untitled");
  });
}

/** Texts whose colour has less than 4.5:1 against what is behind them. */
async function faintTexts(page: Page): Promise<string[]> {
  const texts = await page.evaluate(() => {
    const found: { text: string; ink: string; ground: string }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent?.trim();
      const element = walker.currentNode.parentElement;
      if (!element?.checkVisibility() || !text) continue;
      const { color, fill } = getComputedStyle(element);
      let behind: Element | null = element;
      let ground = "";
      while (behind && /^(|rgba\(0, 0, 0, 0\))$/.test(ground)) {
        ground = getComputedStyle(behind).backgroundColor;
        behind = behind.parentElement;
      }
      found.push({ text, ink: element instanceof SVGElement ? fill : color, ground });
    }
    return found;
  });
  assert.ok(texts.length > 20, `only ${texts.length} texts`);
  const faint = texts.filter(({ ink, ground }) => contrast(ink, ground) < 4.5);
  return [...new Set(faint.map(({ text, ink, ground }) => `${text}: ${ink} on ${ground}`))];
}

/** Of two colours `rgb(…)`, as WCAG 2 defines it. */
function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const channels = (colour.match(/^rgb\((\d+), (\d+), (\d+)\)$/) ?? []).slice(1).map(Number);
  assert.equal(channels.length, 3, colour);
  const [red = 0, green = 0, blue = 0] = channels
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
