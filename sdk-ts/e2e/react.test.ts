/** The hooks with the real React in a real browser, in strict mode, which mounts everything twice. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch } from "./harness/browser.js";
import { screenshotPath } from "./harness/screenshot.js";
import { openScript } from "./harness/script-page.js";
import { Stage } from "./harness/stage.js";
import { publish } from "./harness/topic.js";

const SCRIPT = `
  import { createElement as h, StrictMode, useState } from "react";
  import { createRoot } from "react-dom/client";
  import { Fanfare } from "../src/index.js";
  import { FanfareProvider, useConnection, useTopic } from "../src/react.js";

  const client = new Fanfare("/");
  const renders = { count: 0 };
  Object.assign(globalThis, { client, renders });

  function Room({ id, name, throttle }) {
    renders.count++;
    const { items, isReady, topic } = useTopic(name, { limit: 20, throttle });
    return h("section", { id },
      h("ol", null, items.map(({ resourceVersion, data }) => h("li", { key: resourceVersion }, data.text))),
      isReady && h("button", { onClick: () => topic.publish({ text: "clicked" }) }, "Publish"));
  }

  function Page() {
    const { status } = useConnection();
    const [isShown, show] = useState(true);
    const [name, setName] = useState("chat:react");
    return h("main", null,
      h("p", { id: "status" }, status),
      h("button", { id: "toggle", onClick: () => show(!isShown) }, "Toggle"),
      h("button", { id: "other", onClick: () => setName("chat:other") }, "Other"),
      isShown && h(Room, { id: "left", name }),
      isShown && h(Room, { id: "right", name }));
  }

  createRoot(document.querySelector("#root")).render(
    h(StrictMode, null, h(FanfareProvider, { client }, h(Page))));
`;

let browser: Browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("components_draw_one_shared_watch_and_publish_to_it", async (t) => {
  const stage = await Stage.set(t, browser);
  const context = await browser.newContext();
  t.after(() => context.close());
  await publish(stage.node.url, "chat:react", "one", "two");
  await publish(stage.node.url, "chat:other", "elsewhere");
  const page = await openScript(context, stage.node.url, SCRIPT);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  const shows = (...texts: readonly string[]) => {
    return page.waitForFunction((texts) => {
      const shown = [...document.querySelectorAll("section")].map((section) =>
        JSON.stringify([...section.querySelectorAll("li")].map((item) => item.textContent)),
      );
      return shown.length === 2 && shown.every((list) => list === JSON.stringify(texts));
    }, texts);
  };
  const watches = () => page.evaluate(() => Reflect.get(globalThis, "client").stats().watches);

  await shows("one", "two");
  assert.equal(await page.locator("#status").textContent(), "connected");
  assert.equal(await watches(), 1, "for two components, each mounted twice");
  await page.locator("#left button").click();
  await shows("one", "two", "clicked");
  await page.screenshot({ path: screenshotPath("react") });

  await page.locator("#toggle").click();
  assert.equal(await page.locator("section").count(), 0);
  await page.locator("#toggle").click();
  await shows("one", "two", "clicked");
  await page.locator("#other").click();
  await shows("elsewhere");
  await page.waitForFunction(() => Reflect.get(globalThis, "client").stats().watches === 1);

  await page.locator("#toggle").click();
  await page.waitForFunction(() => Reflect.get(globalThis, "client").stats().watches === 0);
  assert.deepEqual(complaints, []);
});
