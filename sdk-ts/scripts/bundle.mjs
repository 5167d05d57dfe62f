/**
 * Builds the pages that the binary embeds: `npm run bundle [-- --outdir DIR]`, by default into the
 * committed `engine/assets`. The same source builds to the same bytes everywhere: no dates, no
 * absolute paths, one version of esbuild.
 */

import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "demo");

const { values } = parseArgs({ options: { outdir: { type: "string" }, out: { type: "string" } } });
const assets = resolve(values.outdir ?? values.out ?? join(root, "../engine/assets"));
const out = join(assets, "demo");

/** Taken as they are. */
const STATIC = ["index.html", "icons.svg", "favicon.svg"];

/** A folder each: a page, a module and a style sheet of its name. */
const DEMOS = ["chat", "ticker", "fleet"];

/** The oldest browsers that have `light-dark()`, on which the colours rest. */
const TARGET = ["chrome123", "firefox120", "safari17.5"];

const common = {
  absWorkingDir: root,
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  minify: true,
  outbase: "demo",
  outdir: out,
  target: TARGET,
};

// What the source no longer builds must not stay.
await rm(out, { recursive: true, force: true });
await Promise.all(DEMOS.map((name) => mkdir(join(out, name), { recursive: true })));
await Promise.all([
  // What the SDK loads only when it needs it becomes files of their own.
  build({
    ...common,
    chunkNames: "parts/[name]-[hash]",
    format: "esm",
    splitting: true,
    entryPoints: DEMOS.map((name) => `demo/${name}/${name}.ts`),
  }),
  build({
    ...common,
    entryPoints: ["demo/index.css", ...DEMOS.map((name) => `demo/${name}/${name}.css`)],
  }),
  // Runs before the page is drawn, which a module does not.
  build({ ...common, format: "iife", entryPoints: ["demo/theme.ts"] }),
  ...[...STATIC, ...DEMOS.map((name) => `${name}/index.html`)].map((path) =>
    cp(join(source, path), join(out, path)),
  ),
]);

for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const bytes = await readFile(path);
  const gzipped = gzipSync(bytes, { level: 9 }).length;
  console.log(`${relative(assets, path)}: ${bytes.length} bytes, ${gzipped} gzipped`);
}
