/**
 * What a browser loads, minified and gzipped, against the limits: the entry with all that it imports
 * at once. What is loaded only when it is needed is printed beside it.
 */

import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes, in thousands as users count them. */
const LIMITS = { "src/json.ts": 10_000, "src/index.ts": 14_000 };

for (const [entry, limit] of Object.entries(LIMITS)) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    chunkNames: "[name]-[hash]",
    format: "esm",
    metafile: true,
    minify: true,
    outdir: "out",
    platform: "browser",
    splitting: true,
    target: "es2022",
    write: false,
  });
  const code = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, o]) => [basename(path), o]));
  const main = [...outputs].find(([, { entryPoint }]) => entryPoint === entry)[0];
  const atOnce = new Set([main]);
  for (const name of atOnce) {
    for (const { path, kind } of outputs.get(name).imports) {
      if (kind === "import-statement") atOnce.add(basename(path));
    }
  }
  const gzipped = (name) => gzipSync(code.get(name), { level: 9 }).length;
  const size = [...atOnce].reduce((sum, name) => sum + gzipped(name), 0);
  const verdict = size <= limit ? "ok" : "TOO LARGE";
  console.log(
    `${entry}: ${size} of ${limit} bytes gzipped in ${[...atOnce].join(", ")}: ${verdict}`,
  );
  const later = [...code.keys()].filter((name) => !atOnce.has(name));
  for (const name of later) console.log(`  ${name}: ${gzipped(name)} bytes when it is needed`);
  if (size > limit) process.exitCode = 1;
}
