/** The code of the README, run as it stands against a real node. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { RealNode } from "./harness/node.js";

const ROOT = new URL("../../", import.meta.url);

describe("the README", () => {
  test("its_snippets_print_what_they_say", async (context) => {
    const node = await RealNode.start();
    context.after(() => node.dispose());
    const readme = readFileSync(new URL("README.md", ROOT), "utf8");
    const snippets = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code ?? "");
    const program = snippets
      .join("\n")
      .replace('"@fanfare/client"', '"./src/index.node.js"')
      .replace("http://localhost:8000", node.url);
    const expected = [...program.matchAll(/\/\/ prints (.*)/g)].map(([, line]) => line);

    const file = fileURLToPath(new URL("readme.tmp.ts", ROOT));
    writeFileSync(file, program);
    context.after(() => rmSync(file));
    const run = promisify(execFile)(process.execPath, ["--import", "tsx", file], {
      timeout: 30_000,
    });
    const { stdout } = await run;
    // What a listener prints and what the program prints meanwhile come in no particular order.
    assert.deepEqual(stdout.trim().split("\n").sort(), expected.sort());
    assert.ok(expected.length > 5, "snippets were found");
  });
});
