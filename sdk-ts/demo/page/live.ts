/**
 * A page that shows one view of a topic, and what it costs: opens the view, changes it while it
 * lives, stalls it when asked to, and shows connection, figures and request beside it.
 */

import {
  type ConnectionState,
  Fanfare,
  FanfareError,
  type TopicEvent,
  type ViewOptions,
  type Watch,
} from "../../src/index.js";
import { byId, setText } from "./dom.js";
import { countedSocket, Meter, shownBytes, shownCount } from "./meter.js";
import { Plot } from "./plot.js";
import { codeOf, curlOf } from "./request.js";

/** How often figures are drawn: a figure that changes faster cannot be read. */
const FIGURES_MS = 500;

/** What the page does with what comes. */
export interface Shown<T> {
  readonly topic: string;
  take(event: TopicEvent<T>): void;
  /** Of what there is at the moment, for the figures. */
  readonly count: number;
}

export class Live<T> {
  readonly client: Fanfare;
  readonly #node: string;
  readonly #shown: Shown<T>;
  readonly #meter = new Meter();
  readonly #plot = new Plot(byId("plot", HTMLCanvasElement));
  #view: ViewOptions = {};
  #watch: Watch<T> | undefined;
  /** Resolves when the page takes events again; absent while it does. */
  #stall: { readonly since: number; readonly end: Promise<void>; go(): void } | undefined;
  #delayMs: number | undefined;

  /** `client` is what the node is told that this is. */
  constructor(client: string, shown: Shown<T>) {
    // The node that served the page, also behind a proxy that puts it below a path.
    this.#node = new URL("../..", location.href).href;
    this.client = new Fanfare(this.#node, { client, WebSocket: countedSocket(this.#meter) });
    this.#shown = shown;
    this.client.on("state", (state) => showConnection(state));
    byId("stall", HTMLButtonElement).addEventListener("click", () => this.#toggleStall());
    for (const name of ["curl", "code"]) this.#copies(name);
    setInterval(() => this.#figures(), FIGURES_MS);
  }

  /** Shows this from now on. */
  show(view: ViewOptions): void {
    if (this.#watch && JSON.stringify(view) === JSON.stringify(this.#view)) return;
    this.#view = view;
    setText(byId("curl-text", HTMLElement), curlOf(this.#node, this.#shown.topic, view));
    setText(byId("code-text", HTMLElement), codeOf(this.#shown.topic, view));
    this.#plot.mark();
    if (this.#watch) {
      this.#watch.update(view).then(
        () => this.#fail(undefined),
        (error: unknown) => this.#fail(error),
      );
    } else {
      void this.#follow();
    }
  }

  async #follow(): Promise<void> {
    const watch = this.client.topic<T>(this.#shown.topic).watch(this.#view);
    this.#watch = watch;
    try {
      for await (const event of watch) {
        await this.#stall?.end;
        this.#meter.event();
        if (event.type === "put") this.#delayMs = Math.max(0, Date.now() - event.time);
        this.#shown.take(event);
      }
    } catch (error) {
      this.#watch = undefined;
      this.#fail(error);
    }
  }

  /** A reader that takes nothing: the SDK tells the node to stop, and goes on from its cursor. */
  #toggleStall(): void {
    if (this.#stall) {
      this.#stall.go();
      this.#stall = undefined;
    } else {
      let go = () => {};
      const end = new Promise<void>((resolve) => {
        go = resolve;
      });
      this.#stall = { since: Date.now(), end, go };
    }
    this.#figures();
  }

  #figures(): void {
    const now = Date.now();
    if (this.#meter.tick(now)) this.#plot.shift();
    const { events, bytes } = this.#meter.rate;
    setText(byId("events-rate", HTMLElement), shownCount(events));
    setText(byId("bytes-rate", HTMLElement), shownBytes(bytes));
    setText(byId("shown-count", HTMLElement), shownCount(this.#shown.count));
    const delay = this.#delayMs === undefined ? "–" : `${Math.round(this.#delayMs)} ms`;
    setText(byId("delay", HTMLElement), delay);
    this.#plot.draw(this.#meter.seconds);
    setText(byId("peak", HTMLElement), shownBytes(this.#plot.peak));
    const button = byId("stall", HTMLButtonElement);
    button.setAttribute("aria-pressed", String(this.#stall !== undefined));
    const seconds = this.#stall ? Math.floor((now - this.#stall.since) / 1_000) : 0;
    setText(button, this.#stall ? `Go on (${seconds} s)` : "Stall");
  }

  #fail(error: unknown): void {
    const note = byId("failure", HTMLElement);
    note.hidden = error === undefined;
    if (error === undefined) return;
    const reason =
      error instanceof FanfareError ? `${error.name}: ${error.message}` : String(error);
    setText(note, reason);
  }

  #copies(name: string): void {
    const button = byId(`${name}-copy`, HTMLButtonElement);
    button.addEventListener("click", () => {
      const text = byId(`${name}-text`, HTMLElement).textContent ?? "";
      const say = (word: string) => {
        setText(button, word);
        setTimeout(() => setText(button, "Copy"), 1_500);
      };
      navigator.clipboard.writeText(text).then(
        () => say("Copied"),
        () => say("Select it"),
      );
    });
  }
}

function showConnection(state: ConnectionState): void {
  const pill = byId("connection", HTMLElement);
  const isFirst = state.status === "connecting" && state.attempt === 0;
  pill.dataset["tone"] =
    state.status === "connected" ? "connected" : isFirst ? "connecting" : "lost";
  const words = {
    idle: "Connecting",
    connecting: isFirst ? "Connecting" : "Reconnecting",
    connected: "Connected",
    waiting: "Reconnecting",
    failed: "Refused",
    closed: "Disconnected",
  };
  setText(byId("connection-text", HTMLElement), words[state.status]);
}
