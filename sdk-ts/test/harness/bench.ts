/** A client on a fake platform and a model node, with a network that only moves when it is told to. */

import { Client, type FanfareOptions } from "../../src/client.js";
import { json } from "../../src/codec/json.js";
import { ModelNode } from "./model-node.js";
import { type FakeSocket, World } from "./world.js";

export class Bench {
  readonly world = new World();
  readonly node = new ModelNode();
  readonly #seen = new Set<FakeSocket>();

  client(options: FanfareOptions = {}): Client {
    const parts = { codec: json, platform: this.world.platform, json: async () => json };
    return new Client("http://node", { transports: ["websocket"], ...options }, parts);
  }

  /** Everything that is on its way arrives, and what that brings about too. */
  async flush(): Promise<void> {
    for (let isQuiet = false; !isQuiet; ) {
      await this.world.settle();
      isQuiet = true;
      for (const socket of this.world.sockets) {
        if (this.#seen.has(socket)) continue;
        this.#seen.add(socket);
        this.node.connect(socket);
        isQuiet = false;
      }
      for (const connection of this.node.connections) {
        while (this.node.take(connection)) isQuiet = false;
      }
      this.node.spread();
      for (const connection of this.node.connections) {
        while (connection.arrive()) isQuiet = false;
      }
    }
  }

  /** Someone else publishes. */
  publish(topic: string, ...values: readonly unknown[]): void {
    const { head } = this.node.topic(topic);
    for (const [index, data] of values.entries()) {
      const producer = { id: "someone", sequence: head + index };
      this.node.topic(topic).publish({ topic, data, producer }, "elsewhere");
    }
  }
}
