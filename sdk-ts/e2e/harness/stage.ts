/** What a test plays on; everything is taken down after it, also when it fails. */

import type { TestContext } from "node:test";
import type { Browser } from "playwright-core";
import { RealNode } from "../../test/real/harness/node.js";
import { BreakableProxy } from "../../test/real/harness/proxy.js";
import { ChatWindow, type WindowOptions } from "./chat-window.js";

export class Stage {
  readonly node: RealNode;
  readonly #test: TestContext;
  readonly #browser: Browser;

  private constructor(test: TestContext, browser: Browser, node: RealNode) {
    this.#test = test;
    this.#browser = browser;
    this.node = node;
    test.after(() => node.dispose());
  }

  /** A node of its own for each test. */
  static async set(test: TestContext, browser: Browser): Promise<Stage> {
    return new Stage(test, browser, await RealNode.start());
  }

  /** A way to the node that can be cut. */
  async proxy(): Promise<BreakableProxy> {
    const proxy = await BreakableProxy.start(this.node.port);
    this.#test.after(() => proxy.dispose());
    return proxy;
  }

  /** The chat in a new window; at the end of the test nothing in it may ever have been doubled. */
  async open(options: WindowOptions, url = this.node.url): Promise<ChatWindow> {
    const window = await ChatWindow.open(this.#browser, url, options);
    this.#test.after(() => window.close());
    return window;
  }
}
