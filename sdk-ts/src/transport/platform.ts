/** What the SDK needs of the place where it runs: sockets, a clock, chance and a word when the page wakes. */

/** The standard `WebSocket`, or one like it, as `ws` has. */
export type WebSocketClass = new (url: string, subprotocol: string) => object;

export interface Platform {
  webSocket(): Promise<WebSocketClass>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs it once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** In [0, 1). */
  random(): number;
  /** A text that nobody else ever gets. */
  id(): string;
  /** Runs it whenever the page comes back or the network changes, until the returned function is called. */
  onWake(run: () => void): () => void;
}
