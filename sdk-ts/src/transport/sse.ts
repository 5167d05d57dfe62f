/**
 * A session over an event stream and POSTs (H11 to H13), where WebSockets are blocked. One POST at a
 * time, so that they keep their order; one that fails ends the session, which resumes on the next.
 * Loaded when it is needed, so nothing is imported here but types.
 */

import type { Codec } from "../codec/codec.js";
import type { Socket, SocketEvents, Transport } from "./transport.js";

/** What ended without a word of the node, in the numbers of the WebSocket. */
const ABNORMAL_CLOSURE = 1006;

/** `json` is the codec: both ways are text. */
export function overSse(json: Codec): Transport {
  return { name: "sse", codec: json, open: (url, events) => new Session(url, events) };
}

class Session implements Socket {
  readonly #events: SocketEvents;
  readonly #url: URL;
  readonly #abort = new AbortController();
  #session = "";
  /** Not yet on their way. */
  #outbox: string[] = [];
  #isPosting = false;
  #isClosed = false;
  /** What the node said of the connection last. */
  #code = ABNORMAL_CLOSURE;

  constructor(url: string, events: SocketEvents) {
    this.#events = events;
    this.#url = new URL(url.replace(/^ws/, "http"));
    this.#url.pathname = this.#url.pathname.replace(/ws$/, "sse");
    this.#run().catch(() => this.#end());
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.#outbox.push(String(message));
    if (!this.#isPosting) this.#post().catch(() => this.#end());
  }

  close(): void {
    this.#isClosed = true;
    this.#abort.abort();
  }

  /** The stream, from its beginning to its end. */
  async #run(): Promise<void> {
    const answer = await this.#fetch(this.#url, "");
    if (answer.status !== 200 || !answer.body) {
      await this.#refused(answer);
      return;
    }
    const reader = answer.body.getReader();
    const utf8 = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const events = (text + utf8.decode(value, { stream: true })).split("\n\n");
      text = events.pop() ?? "";
      for (const event of events) this.#take(event);
    }
    this.#end();
  }

  #take(event: string): void {
    if (this.#isClosed) return;
    const lines = event.split("\n");
    const data = lines.flatMap((line) => (line.startsWith("data:") ? [line.slice(5)] : []));
    if (data.length === 0) return;
    const text = data.join("\n");
    if (lines.includes("event: session")) {
      this.#session = JSON.parse(text).session;
      this.#events.opened();
    } else {
      this.#note(text);
      this.#events.received(text);
    }
  }

  async #post(): Promise<void> {
    this.#isPosting = true;
    for (let lines = this.#outbox.shift(); lines && !this.#isClosed; lines = this.#outbox.shift()) {
      const url = new URL(this.#url);
      url.pathname += `/${this.#session}`;
      url.search = "";
      const answer = await this.#fetch(url, lines);
      if (answer.status === 202) continue;
      await this.#refused(answer);
      return;
    }
    this.#isPosting = false;
  }

  #fetch(url: URL, body: string): Promise<Response> {
    const headers = { "content-type": "text/plain", accept: "text/event-stream" };
    const { signal } = this.#abort;
    return fetch(url, { method: "POST", body, headers, signal, cache: "no-store" });
  }

  /** The problem is what on a WebSocket would be an error of the connection. */
  async #refused(answer: Response): Promise<void> {
    const payload: unknown = await answer.json().catch(() => undefined);
    const isProblem = typeof payload === "object" && payload !== null && "code" in payload;
    if (isProblem && !this.#isClosed) {
      const text = JSON.stringify({ type: "ERROR", payload });
      this.#note(text);
      this.#events.received(text);
    }
    this.#end();
  }

  /** There is no close frame: an error of the connection says why it ends. */
  #note(text: string): void {
    if (!text.includes('"ERROR"')) return;
    const { type, id, payload } = JSON.parse(text);
    if (type === "ERROR" && !id) this.#code = payload.code;
  }

  #end(): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.closed(this.#code, "");
  }
}
