/**
 * A TCP proxy that breaks: each connection may carry so many bytes in each direction and is then cut,
 * wherever in a frame that is.
 */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class BreakableProxy {
  cuts = 0;
  /** Bytes that the next connection may carry in one direction before it is cut. */
  budget: () => number = () => Number.POSITIVE_INFINITY;
  /** Whether a connection is refused, by what it says first. */
  refuses: (head: string) => boolean = () => false;
  refused = 0;
  /** Whether an answer is held back until it has ended, by what its request says first, as some proxies do. */
  buffers: (head: string) => boolean = () => false;
  /** Answers that were held back. */
  buffered = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((client) => this.#join(client, connect(target, "127.0.0.1")));
  }

  /** In front of a port of this machine. */
  static async start(target: number): Promise<BreakableProxy> {
    const proxy = new BreakableProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || !address) throw new Error("the proxy does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** All connections, now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  dispose(): void {
    this.#server.close();
    this.cutAll();
  }

  #join(client: Socket, node: Socket): void {
    const cut = () => {
      client.destroy();
      node.destroy();
    };
    // Of the request that is being answered. What ends by itself names its length.
    let isHeld = false;
    client.on("data", (bytes) => {
      const head = bytes.toString("latin1");
      if (!/^(GET|POST|OPTIONS) /.test(head)) return;
      isHeld = this.buffers(head);
      if (isHeld) this.buffered++;
    });
    client.once("data", (bytes) => {
      if (!this.refuses(bytes.toString("latin1"))) return;
      this.refused++;
      client.removeAllListeners("data");
      client.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      node.destroy();
    });
    for (const [from, to] of [
      [client, node],
      [node, client],
    ] as const) {
      let left = this.budget();
      this.#sockets.add(from);
      from.on("error", cut);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.end();
      });
      from.on("data", (bytes) => {
        const isEndless =
          from === node && isHeld && !/^content-length:/im.test(bytes.toString("latin1"));
        if (isEndless) return;
        to.write(bytes.subarray(0, left));
        left -= bytes.length;
        if (left > 0) return;
        this.cuts++;
        cut();
      });
    }
  }
}
