/**
 * A session over requests that end, where neither WebSockets nor streams get through: a long poll for
 * each view, from the cursor that it has reached, and a POST for each publication, under its producer
 * sequence. It is a session for this side only: the node knows cursors and sequences, which is all that
 * it takes to lose and double nothing. Loaded when it is needed.
 */

import type { Codec } from "../codec/codec.js";
import type * as wire from "../generated/messages.js";
import { PolledView } from "./polled-view.js";
import { type Answer, type Problem, Requests } from "./requests.js";
import { Slots } from "./slots.js";
import type { Socket, SocketEvents, Transport } from "./transport.js";

/** Browsers open six connections to a node, for all their tabs together; publications need one too. */
const POLLS_MAX = 2;
/** A poll is answered by then, so that something is heard before silence would be asked about. */
const WAIT_MS = 15_000;
/** Where more views than `POLLS_MAX` take turns, each waits only so long for an event. */
const TURN_MS = 1_000;
/** Where something on the way cuts polls that wait, the time is halved down to this. */
const WAIT_MS_MIN = 1_000;
/** Versions that are known as our own, until their events come. */
const OWN_MAX = 1_000;

const ABNORMAL_CLOSURE = 1006;
const BAD_PARAMETER = 3503;
const NOT_SUPPORTED = 3519;
const NO_SUCH_VIEW = 3511;

/** What is asked of a session, and its parameters as they are on the wire. */
interface Request {
  readonly type: string;
  readonly id: number;
  readonly payload: wire.Watch &
    wire.Publish &
    wire.History & { readonly view: number; readonly token: string; readonly events: number };
}

export interface PollOptions {
  /** Nobody waits on the connection: it is not proved. */
  readonly isQuiet?: boolean;
}

/** `json` is the codec: requests and answers are text. */
export function overPoll(json: Codec, { isQuiet = false }: PollOptions = {}): Transport {
  const patience = { waitMs: WAIT_MS };
  return {
    name: "poll",
    codec: json,
    open: (url, events) => new PollSession(url, events, isQuiet, patience),
  };
}

export class PollSession implements Socket {
  readonly requests: Requests;
  readonly slots = new Slots(POLLS_MAX);
  readonly #events: SocketEvents;
  readonly isQuiet: boolean;
  readonly #patience: { waitMs: number };
  readonly #id = `poll-${Math.random().toString(36).slice(2)}`;
  readonly #views = new Map<number, PolledView>();
  readonly #own = new Set<wire.ResourceVersion>();
  #lastView = 0;
  /** The last of the publications: they keep their order. */
  #posts: Promise<void> = Promise.resolve();
  /** The one that is on its way. */
  #posting: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(url: string, events: SocketEvents, isQuiet: boolean, patience: { waitMs: number }) {
    this.requests = new Requests(url);
    this.#events = events;
    this.isQuiet = isQuiet;
    this.#patience = patience;
    queueMicrotask(() => this.#isClosed || events.opened());
  }

  /** Milliseconds that a poll may wait for an event. */
  get waitMs(): number {
    return this.#views.size > POLLS_MAX ? TURN_MS : this.#patience.waitMs;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    for (const line of String(message).split("\n")) {
      this.#take(JSON.parse(line)).catch(() => this.fail());
    }
  }

  close(): void {
    this.#isClosed = true;
    this.requests.close();
    for (const view of this.#views.values()) view.close();
    this.#views.clear();
  }

  /** No node answers. `waitedMs`: so long a poll had waited. */
  fail(waitedMs = 0): void {
    if (waitedMs > WAIT_MS_MIN) this.shorten();
    this.#end(ABNORMAL_CLOSURE);
  }

  /** Something on the way, or the node, does not let polls wait for so long. `false`: it is short enough. */
  shorten(): boolean {
    const { waitMs } = this.#patience;
    this.#patience.waitMs = Math.max(WAIT_MS_MIN, waitMs / 2);
    return this.#patience.waitMs < waitMs;
  }

  say(type: string, payload: object, id?: number): void {
    if (this.#isClosed) return;
    this.#events.received(JSON.stringify({ type, ...(id && { id }), payload }));
  }

  /** Resolves once the publication that is on its way is answered, which may be after its event. */
  get posted(): Promise<unknown> {
    return this.#posting;
  }

  /** A batch of a view. What this session published is told by its own name. */
  tell(batch: wire.EventBatch): void {
    const events = batch.events.map((event) => {
      const isOwn = this.#own.has(event.resourceVersion ?? "");
      return isOwn ? { ...event, connectionId: this.#id } : event;
    });
    this.say("EVENT", { ...batch, events });
  }

  /** The node ended a view. */
  dropped({ number }: PolledView, { code, name }: Problem): void {
    this.#views.delete(number);
    this.say("VIEW", { view: number, state: name === "GONE" ? "gone" : "closed", code });
  }

  async #take({ type, id, payload }: Request): Promise<void> {
    switch (type) {
      case "CONNECT": {
        this.requests.token = payload.token;
        return this.#answer(id, "CONNECTED", await this.#prove(), () => {
          return { connectionId: this.#id, nodeId: "" };
        });
      }
      case "REFRESH":
        this.requests.token = payload.token;
        return this.say("REFRESHED", {}, id);
      case "PING":
        return this.#answer(id, "PONG", await this.#prove(), () => ({}));
      case "SUBSCRIBE":
        return this.#subscribe(id, payload);
      case "UPDATE_VIEW":
        return this.#update(id, payload);
      case "UNSUBSCRIBE":
        return this.#unsubscribe(id, payload);
      case "GRANT":
        return this.#views.get(payload.view)?.grant(payload.events);
      case "PUBLISH":
        this.#posts = this.#posts.then(() => this.#publish(id, payload));
        return this.#posts;
      case "HISTORY": {
        const { topic, ...query } = payload;
        const path = ["topics", topic, "history"];
        const answer = await this.requests.ask<object>({ path, query: { ...query } });
        return this.#answer(id, "HISTORY_PAGE", answer, (page) => page);
      }
      case "PONG":
        return;
      default:
        return this.#refuse(id, NOT_SUPPORTED, "NOT_SUPPORTED", `\`${type}\` needs a connection`);
    }
  }

  /** Whether a node is there and talks to us. */
  async #prove(): Promise<Answer<unknown>> {
    if (this.isQuiet) return { value: {} };
    return this.requests.ask({ path: ["topics"], query: { limit: 1 } });
  }

  async #subscribe(id: number, payload: wire.Watch): Promise<void> {
    let view: PolledView;
    try {
      view = new PolledView(this, ++this.#lastView, payload);
    } catch (error) {
      return this.#refuse(id, BAD_PARAMETER, "BAD_PARAMETER", (error as RangeError).message);
    }
    this.#views.set(view.number, view);
    const first = await view.begin();
    if ("problem" in first) this.#views.delete(view.number);
    this.#answer(id, "SUBSCRIBED", first, ({ resourceVersion }) => {
      const { number, topic } = view;
      return { view: number, topic, resourceVersion, resumed: view.isResumed };
    });
    if (!("problem" in first)) void view.follow(first.value);
  }

  /** Another lens: of a `state` topic a snapshot follows, unless it only comes in another pace (W17). */
  async #update(id: number, payload: wire.Watch & { readonly view: number }): Promise<void> {
    const old = this.#views.get(payload.view);
    if (!old) return this.#refuse(id, NO_SUCH_VIEW, "NO_SUCH_VIEW", "it is not open");
    const isKept = old.showsSame(payload) || (await this.#isStream(old.topic));
    const view = old.succeededBy(++this.#lastView, payload, isKept);
    this.#views.set(view.number, view);
    const first = await view.begin();
    if ("problem" in first) {
      this.#views.delete(view.number);
      return this.#answer(id, "ERROR", first, () => ({}));
    }
    // What was told meanwhile is behind the cursor.
    if (view.isResumed) view.goOnFrom(old);
    old.close();
    this.#views.delete(old.number);
    const { number, topic, isResumed: resumed } = view;
    const { resourceVersion } = first.value;
    this.say("SUBSCRIBED", { view: number, topic, resourceVersion, resumed }, id);
    void view.follow(resumed ? undefined : first.value);
  }

  async #isStream(topic: string): Promise<boolean> {
    type Topics = { readonly items: readonly { readonly topic: string; readonly kind: string }[] };
    const query = { prefix: topic, limit: 1 };
    const answer = await this.requests.ask<Topics>({ path: ["topics"], query });
    const [first] = "value" in answer ? answer.value.items : [];
    return first?.topic === topic && first.kind === "stream";
  }

  #unsubscribe(id: number, { view }: { readonly view: number }): void {
    this.#views.get(view)?.close();
    this.#views.delete(view);
    this.say("UNSUBSCRIBED", { view }, id);
  }

  async #publish(id: number, { topic, ...body }: wire.Publish): Promise<void> {
    if (this.#isClosed) return;
    const asked = this.requests.ask<wire.Published>({ path: ["topics", topic], body });
    this.#posting = asked.catch(() => {});
    const answer = await asked;
    const { resourceVersion } = "value" in answer ? answer.value : {};
    if (resourceVersion) this.#own.add(resourceVersion);
    const [oldest] = this.#own;
    if (this.#own.size > OWN_MAX && oldest) this.#own.delete(oldest);
    this.#answer(id, "PUBLISHED", answer, (published) => published);
  }

  #answer<T>(id: number, type: string, answer: Answer<T>, say: (value: T) => object): void {
    if ("problem" in answer) this.say("ERROR", answer.problem, id);
    else this.say(type, say(answer.value), id);
  }

  #refuse(id: number, code: number, name: string, message: string): void {
    if (id) this.say("ERROR", { code, name, message, class: "terminal" }, id);
  }

  #end(code: number): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.closed(code, "");
  }
}
