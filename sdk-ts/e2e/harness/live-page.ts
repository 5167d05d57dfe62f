/** A page of a demo that shows live data, and what is fed to it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { RealNode } from "../../test/real/harness/node.js";
import { DemoFeed } from "./feed.js";
import { screenshotPath } from "./screenshot.js";

const PATIENCE_MS = 30_000;

/** The windows that such a page is looked at in. */
export const DESK = { viewport: { width: 1280, height: 800 } };
export const PHONE = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};

export interface LiveOptions extends BrowserContextOptions {
  readonly demo: "ticker" | "fleet";
  /** Arguments of the feed; without them there is none. */
  readonly feed?: readonly string[];
}

export class LivePage {
  readonly node: RealNode;
  readonly page: Page;
  readonly #complaints: string[] = [];

  private constructor(node: RealNode, page: Page) {
    this.node = node;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    page.on("console", (message) => {
      const isNetwork = /ERR_|WebSocket/.test(message.text());
      if (message.type() === "error" && !isNetwork) this.#complaints.push(message.text());
    });
  }

  /** On a node of its own; all is taken down after the test, and nothing may have complained. */
  static async open(test: TestContext, browser: Browser, options: LiveOptions): Promise<LivePage> {
    const { demo, feed, ...rest } = options;
    const node = await RealNode.start();
    let started: DemoFeed | undefined;
    test.after(async () => {
      const status = await started?.stop();
      await node.dispose();
      if (started) assert.equal(status, 0, "the feed ends cleanly");
    });
    if (feed) started = await DemoFeed.start(node.url, demo, ...feed);
    const context = await browser.newContext({ locale: "en-GB", ...rest });
    test.after(() => context.close());
    const live = new LivePage(node, await context.newPage());
    test.after(() => assert.deepEqual(live.#complaints, [], "what the page complained about"));
    await live.page.goto(`${node.url}/demo/${demo}/`);
    await live.page.locator('#connection[data-tone="connected"]').waitFor();
    return live;
  }

  /** Waits until a figure of the page is as it should be. */
  async figure(id: string, isRight: (value: number) => boolean): Promise<number> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const text = (await this.page.locator(`#${id}`).textContent()) ?? "";
      const value = number(text);
      if (isRight(value)) return value;
      assert.ok(Date.now() < deadline, `#${id} stays at ${text}`);
      // The page draws its figures twice a second.
      await this.page.waitForFunction(
        ([id, text]) => document.getElementById(id ?? "")?.textContent !== text,
        [id, text],
      );
    }
  }

  /** Chooses what a label says. */
  async pick(label: string): Promise<void> {
    await this.page.getByRole("radio", { name: label, exact: true }).check();
  }

  async curl(): Promise<string> {
    return (await this.page.locator("#curl-text").textContent()) ?? "";
  }

  /** The data of the first events that the line gets which the page offers. */
  async runCurl(): Promise<readonly Record<string, unknown>[]> {
    const line = `${await this.curl()} --silent --max-time 2`;
    const output = await promisify(execFile)("sh", ["-c", line], { maxBuffer: 1 << 26 }).then(
      ({ stdout }) => stdout,
      // Of its own accord it would never end.
      (error: { readonly code: number; readonly stdout: string }) => {
        assert.equal(error.code, 28, error.stdout);
        return error.stdout;
      },
    );
    const lines = output.split("\n").filter((line) => line.startsWith("data: "));
    const events = lines.map((line) => JSON.parse(line.slice("data: ".length)));
    return events.filter(({ type }) => type === "put").map(({ data }) => data);
  }

  async screenshot(name: string): Promise<void> {
    await this.page.mouse.move(0, 0);
    await this.page.screenshot({ path: screenshotPath(name) });
  }

  /** Nothing sticks out to the side. */
  async fits(): Promise<void> {
    const { width, inner } = await this.page.evaluate(() => {
      return { width: document.documentElement.scrollWidth, inner: innerWidth };
    });
    assert.equal(width, inner);
  }
}

/** `1.4 MB` as a number. */
function number(text: string): number {
  const factors: Readonly<Record<string, number>> = { kB: 1e3, MB: 1e6 };
  const [, digits = "", unit = ""] = /^([\d.,]+)\s*(\w*)/.exec(text) ?? [];
  return Number(digits.replaceAll(",", "")) * (factors[unit] ?? 1);
}
