/** The client as the application holds it: one connection to a node, shared by all its topics. */

import { BACKOFF, type Backoff } from "./backoff.js";
import type { Codec } from "./codec/codec.js";
import type { ConnectionState } from "./connection.js";
import { Driver, type Stats } from "./driver.js";
import { closedError } from "./error.js";
import { QUEUE_COUNT_MAX } from "./publish.js";
import { Topic } from "./topic.js";
import type { Platform, WebSocketClass } from "./transport/platform.js";
import type { TransportLoader, TransportName } from "./transport/transport.js";
import { overWebSocket, socketUrl } from "./transport/websocket.js";

/** Said to the node where the application gives no name of its own. */
const CLIENT_NAME = "fanfare-client-ts/0.1.0";

const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "poll"];

export interface FanfareOptions {
  /** A token, or where to get one: asked before each connection and before the old one expires. */
  readonly token?: string | (() => Promise<string>);
  /** Name and version of the program, for the node's logs: `my-app/1.0`. */
  readonly client?: string;
  /** How long to wait between attempts to connect, and before repeating what was refused for now. */
  readonly backoff?: Partial<Backoff>;
  /** Publications that may wait for their answer (1,000); one more is refused with `QUEUE_FULL`. */
  readonly publishQueueMax?: number;
  /**
   * What may carry the connection, the best first: by default `["websocket", "sse", "poll"]`, where `sse`
   * is an event stream with POSTs, for where WebSockets are blocked, and `poll` long polls with POSTs, for
   * where streams are held back too. In the place of a name may
   * stand what loads one, as `compressed` of `@fanfare/client/compression` does.
   */
  readonly transports?: readonly (TransportName | TransportLoader)[];
  /** Instead of the platform's. */
  readonly WebSocket?: WebSocketClass;
}

/** What differs between the entry points. */
export interface Parts {
  readonly codec: Codec;
  readonly platform: Platform;
  /** Loads what all transports but the WebSocket speak. */
  readonly json: () => Promise<Codec>;
}

export class Client {
  readonly #driver: Driver;

  /** `url` is the node's: `http://localhost:8000`, or `/` for the origin of the page. */
  constructor(url: string, options: FanfareOptions, { codec, platform, json }: Parts) {
    const { token, backoff, WebSocket } = options;
    const websocket = async () => overWebSocket(WebSocket ?? (await platform.webSocket()), codec);
    const { transports = TRANSPORTS } = options;
    const ways = { names: transports, websocket, json, platform };
    const fallback = async () => (await import("./transport/ladder.js")).ladder(ways);
    this.#driver = new Driver({
      url: socketUrl(url),
      transport: transports[0] === "websocket" ? websocket : fallback,
      fallback: transports[1] && fallback,
      platform,
      json,
      client: options.client ?? CLIENT_NAME,
      backoff: { ...BACKOFF, ...backoff },
      publishQueueMax: options.publishQueueMax ?? QUEUE_COUNT_MAX,
      canRefresh: typeof token === "function",
      token: async () => (typeof token === "function" ? token() : token),
    });
  }

  /** Where the connection stands; the same object until it changes. */
  get state(): ConnectionState {
    return this.#driver.state;
  }

  /** Calls `listener` with each new state. Returns the function that ends it. */
  on(_name: "state", listener: (state: ConnectionState) => void): () => void {
    return this.#driver.onState(() => listener(this.state));
  }

  /** Connects now instead of when something needs it. Resolves once connected, rejects when that is hopeless. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const { state } = this;
        if (state.status === "connected") resolve();
        else if (state.status === "failed") reject(state.error);
        else if (state.status === "closed") reject(closedError());
        else return;
        stop();
      };
      const stop = this.#driver.onState(settle);
      this.#driver.connect();
      settle();
    });
  }

  /** A topic by its name. Costs nothing until something is done with it. */
  topic<T = unknown>(name: string): Topic<T> {
    return new Topic(this.#driver, name);
  }

  /** What happened so far. */
  stats(): Stats {
    return this.#driver.stats;
  }

  /** Ends all watches, refuses what waits for an answer with `CLOSED`, and closes the connection, for good. */
  close(): void {
    this.#driver.close();
  }
}
