/** The chat in a window of its own, as someone sees and uses it. */

import assert from "node:assert/strict";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { screenshotPath } from "./screenshot.js";

/** Long enough for a reconnect with its backoff on a busy machine; conditions are met far earlier. */
const PATIENCE_MS = 30_000;

export interface WindowOptions extends BrowserContextOptions {
  readonly name: string;
  readonly colour: string;
  readonly room?: string;
}

export class ChatWindow {
  readonly page: Page;
  readonly #context: BrowserContext;
  readonly #isTouch: boolean;
  /** What the page complained about. */
  readonly #complaints: string[] = [];

  private constructor(context: BrowserContext, page: Page, isTouch: boolean) {
    this.#context = context;
    this.#isTouch = isTouch;
    this.page = page;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    page.on("console", (message) => {
      // That the network fails is what these tests are about.
      const isNetwork = /ERR_|WebSocket|Failed to load/.test(message.text());
      if (message.type() === "error" && !isNetwork) this.#complaints.push(message.text());
    });
  }

  /** Opens the page of the node at `url` and introduces oneself. */
  static async open(browser: Browser, url: string, options: WindowOptions): Promise<ChatWindow> {
    const { name, colour, room = "lobby", ...rest } = options;
    const context = await browser.newContext({ locale: "en-GB", ...rest });
    await context.addInitScript({ content: watchForDoubles });
    const window = new ChatWindow(context, await context.newPage(), rest.hasTouch === true);
    await window.page.goto(`${url}/demo/chat/#${room}`);
    await window.page.locator("#introduction-name").fill(name);
    await window.page.locator(`.swatch input[value="${colour}"]`).check();
    await window.page.getByRole("button", { name: "Start chatting" }).click();
    await window.isConnected();
    return window;
  }

  async say(text: string): Promise<void> {
    await this.page.locator("#text").fill(text);
    // On glass, Enter makes a new line.
    if (this.#isTouch) await this.page.locator("#send").tap();
    else await this.page.locator("#text").press("Enter");
  }

  /** Presses the keys of a text without sending it. */
  async type(text: string): Promise<void> {
    await this.page.locator("#text").pressSequentially(text);
  }

  async isConnected(): Promise<void> {
    await this.page.locator('#connection[data-tone="connected"]').waitFor();
  }

  async isLost(): Promise<void> {
    await this.page.locator('#connection[data-tone="lost"]').waitFor();
  }

  /** As the browser says it, and so that nothing is sent or heard. */
  async setOffline(isOffline: boolean): Promise<void> {
    await this.#context.setOffline(isOffline);
  }

  /** The messages on the page, from the top. */
  async texts(): Promise<readonly string[]> {
    return this.page.locator(".message-text").evaluateAll((items) => {
      return items.map((item) => item.firstChild?.textContent ?? "");
    });
  }

  /** Waits until exactly these messages are there, all of them stored. */
  async shows(...expected: readonly string[]): Promise<void> {
    const arrived = this.page.waitForFunction((expected) => {
      const items = [
        ...document.querySelectorAll('.message[data-delivery="stored"] .message-text'),
      ];
      const isAll = document.querySelectorAll(".message").length === items.length;
      const texts = items.map((item) => item.firstChild?.textContent);
      return isAll && JSON.stringify(texts) === JSON.stringify(expected);
    }, expected);
    await arrived.catch(async () => assert.deepEqual(await this.texts(), expected));
  }

  /** Waits until so many messages wait to be sent. */
  async waits(count: number): Promise<void> {
    await this.page.waitForFunction((count) => {
      return document.querySelectorAll('.message[data-delivery="sending"]').length === count;
    }, count);
  }

  /** Waits for a text anywhere on the page. */
  async reads(text: string): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Whether it says that something of the history is not there. */
  async hasBreak(): Promise<boolean> {
    return (await this.page.locator(".notice-break").count()) > 0;
  }

  async screenshot(name: string): Promise<void> {
    // Nothing is to look as if it were pointed at.
    await this.page.mouse.move(0, 0);
    await this.page.screenshot({ path: screenshotPath(name), animations: "disabled" });
  }

  /** Fails when a message was ever there twice, if only for a moment, or the page complained. */
  async close(): Promise<void> {
    const doubles = await this.page.evaluate(() => Reflect.get(globalThis, "doubles"));
    await this.#context.close();
    assert.deepEqual(doubles, [], "messages that were there twice");
    assert.deepEqual(this.#complaints, [], "what the page complained about");
  }
}

/** Runs in the page. Tests write every text once, so that any text that is there twice is a fault. */
const watchForDoubles = `
  globalThis.doubles = [];
  new MutationObserver(() => {
    const texts = [...document.querySelectorAll(".message-text")].map((item) => item.firstChild?.textContent);
    globalThis.doubles.push(...texts.filter((text, index) => texts.indexOf(text) !== index));
  }).observe(document, { childList: true, subtree: true });
`;
