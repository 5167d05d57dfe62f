/** The SDK for browsers: binary on the wire. */

import { Client, type FanfareOptions } from "./client.js";
import { protobuf } from "./codec/protobuf.js";
import { standard } from "./transport/standard.js";

export * from "./public.js";

/** A client of a node. */
export class Fanfare extends Client {
  /** `url` is the node's: `http://localhost:8000`, or `/` for the origin of the page. */
  constructor(url: string, options: FanfareOptions = {}) {
    super(url, options, {
      codec: protobuf,
      platform: standard,
      json: async () => (await import("./codec/json.js")).json,
    });
  }
}
