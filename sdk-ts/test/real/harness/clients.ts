/** Clients that end with their test, also when it fails: an open one would keep the process alive. */

import type { TestContext } from "node:test";
import type { FanfareOptions } from "../../../src/client.js";
import { Fanfare as Binary } from "../../../src/index.node.js";
import { Fanfare as Json } from "../../../src/json.node.js";

/** Both encodings, by name. */
export const ENCODINGS = { protobuf: Binary, json: Json } as const;

export type Encoding = keyof typeof ENCODINGS;

/** Tests do not wait for what people would not notice. */
const IMPATIENT = { backoff: { baseMs: 5, maxMs: 50 } };

export function connect(
  context: TestContext,
  encoding: Encoding,
  url: string,
  options: FanfareOptions = {},
): Binary | Json {
  const client = new ENCODINGS[encoding](url, { ...IMPATIENT, ...options });
  context.after(() => client.close());
  return client;
}
