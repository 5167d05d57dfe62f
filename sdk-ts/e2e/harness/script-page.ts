/** A page of one script on the node's own origin, built for the test. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { BrowserContext, Page } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Opens it; `script` is TypeScript that imports from `../src`. A reload shows it again. */
export async function openScript(
  context: BrowserContext,
  url: string,
  script: string,
): Promise<Page> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    bundle: true,
    define: { "process.env.NODE_ENV": '"development"' },
    format: "esm",
    stdin: { contents: script, loader: "ts", resolveDir: `${root}e2e`, sourcefile: "page.ts" },
    write: false,
  });
  const page = await context.newPage();
  await page.route("**/e2e/page.html", (route) => {
    const look = "font: 16px system-ui; padding: 2rem; white-space: pre-line";
    const body = `<!doctype html><title>e2e</title><body style="${look}"><div id="root"></div><script type="module" src="page.js"></script>`;
    return route.fulfill({ contentType: "text/html", body });
  });
  await page.route("**/e2e/page.js", (route) => {
    return route.fulfill({
      contentType: "text/javascript",
      body: outputFiles[0]?.text ?? "",
    });
  });
  await page.goto(`${url}/e2e/page.html`);
  return page;
}
