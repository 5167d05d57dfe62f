import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, curlOf } from "../request.js";

const node = "http://localhost:8000/";

test("a_view_is_told_as_the_line_that_gets_it", () => {
  const view = { filter: 'key in ["A", "B"]', fields: ["bid", "ask"], interval: "100ms" } as const;
  const line = [
    "curl -NG http://localhost:8000/v1/topics/ticks:market",
    "-H 'Accept: text/event-stream'",
    "-d watch=true",
    `--data-urlencode 'filter=key in ["A", "B"]'`,
    "-d fields=bid,ask",
    "-d interval=100ms",
  ];
  assert.equal(curlOf(node, "ticks:market", view), line.join(" \\\n  "));
  const code = [
    'client.topic("ticks:market").watch({',
    '  filter: "key in [\\"A\\", \\"B\\"]",',
    '  fields: ["bid","ask"],',
    '  interval: "100ms",',
    "})",
  ];
  assert.equal(codeOf("ticks:market", view), code.join("\n"));
});

test("what_a_shell_would_take_as_its_own_is_quoted", () => {
  const line = curlOf(node, "a", { filter: "key == 'it'" });
  assert.ok(line.includes(`--data-urlencode 'filter=key == '\\''it'\\'''`), line);
});

test("a_whole_topic_needs_no_options", () => {
  assert.equal(codeOf("fleet:devices", {}), 'client.topic("fleet:devices").watch()');
  assert.ok(curlOf(node, "fleet:devices", {}).endsWith("-d watch=true"));
});
