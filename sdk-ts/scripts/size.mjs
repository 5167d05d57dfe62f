/** What a browser loads, minified and gzipped, against the limits. */

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes, in thousands as users count them. */
const LIMITS = { "src/json.ts": 10_000, "src/index.ts": 14_000 };

for (const [entry, limit] of Object.entries(LIMITS)) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    minify: true,
    platform: "browser",
    target: "es2022",
    write: false,
  });
  const code = outputFiles[0].contents;
  const size = gzipSync(code, { level: 9 }).length;
  const verdict = size <= limit ? "ok" : "TOO LARGE";
  console.log(`${entry}: ${size} of ${limit} bytes gzipped, ${code.length} minified: ${verdict}`);
  if (size > limit) process.exitCode = 1;
}
