/** What is said when, without a socket: rules S1 to S11, W1 and P14. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect, Effects } from "../src/effect.js";
import type { Envelope } from "../src/envelope.js";
import { FanfareError, localError } from "../src/error.js";
import { Extras } from "../src/extras.js";
import type * as wire from "../src/generated/messages.js";
import { Session, type SessionOptions } from "../src/session.js";
import { failure } from "./harness/model-node.js";

const CUT = localError("DISCONNECTED", "cut", "retry");
const LIMITS = {
  frameBytesMax: 1_048_576,
  publicationBytesMax: 262_144,
  subscriptionsMax: 1_000,
  requestsInFlightMax: 4,
};

/** A session, what it wants done, and a node that the test plays. */
class Bench {
  readonly session: Session;
  now = 0;
  #out: Effects = [];

  constructor(options: Partial<SessionOptions> = {}) {
    this.session = new Session({
      client: "test/1",
      publishQueueMax: 10,
      backoff: { baseMs: 100, maxMs: 1_000 },
      canRefresh: false,
      random: () => 0.5,
      id: () => "p",
      ...options,
    });
  }

  /** What was wanted since the last call. */
  done(): readonly Effect[] {
    return this.#out.splice(0);
  }

  /** What was said since the last call. */
  said(): readonly Envelope[] {
    return this.done().flatMap((effect) => (effect.do === "send" ? [effect.envelope] : []));
  }

  /** The same in short. */
  words(): string {
    return this.said()
      .map(({ type }) => type)
      .join(" ");
  }

  do(verb: (session: Session, now: number, out: Effects) => void): void {
    verb(this.session, this.now, this.#out);
  }

  /** Asks for a page, as the client does once that part is loaded. */
  page(): Promise<wire.HistoryPage> {
    const { watches } = this.session;
    watches.extra ??= new Extras(watches, FanfareError);
    const page = watches.extra.history({ topic: "t" });
    this.do((session, now, out) => session.advance(now, out));
    return page;
  }

  hear(envelope: Envelope): void {
    this.do((session, now, out) => session.received(now, envelope, out));
  }

  /** A socket opens and the node welcomes us. */
  welcome(answer: Partial<wire.Connected> = {}): void {
    this.do((session, _, out) => session.opened(0, "token", out));
    const id = this.said().at(-1)?.id ?? 0;
    const payload = { connectionId: "c-1", nodeId: "1", limits: LIMITS, ...answer };
    this.hear({ type: "CONNECTED", id, payload });
  }

  /** Connected, with nothing to do. */
  connected(answer: Partial<wire.Connected> = {}): this {
    this.do((session, now, out) => session.connect(now, out));
    this.welcome(answer);
    this.done();
    return this;
  }

  watch(watch: number, terms = {}): void {
    this.do((session, now, out) => session.watch(now, watch, { topic: "t" }, terms, out));
  }

  publish(ticket: number): void {
    this.do((session, now, out) =>
      session.publish(now, "t", { ticket, body: { data: ticket }, bytes: 1 }, out),
    );
  }

  lose(error = CUT): void {
    this.do((session, now, out) => session.lost(now, error, out));
  }

  /** Time passes up to the next deadline. */
  pass(): void {
    this.now = this.session.deadline(this.now);
    this.do((session, now, out) => session.tick(now, out));
  }
}

function published(id: number | undefined, offset: number): Envelope {
  return { type: "PUBLISHED", id: id ?? 0, payload: { resourceVersion: `a.${offset}` } };
}

describe("connecting", () => {
  test("nothing_is_opened_before_something_needs_it", () => {
    const bench = new Bench();
    assert.equal(bench.session.deadline(0), Number.POSITIVE_INFINITY);
    bench.watch(1);
    assert.deepEqual(
      bench.done().map((effect) => effect.do),
      ["state", "open"],
    );
  });

  /** S1, S2. */
  test("the_first_words_are_connect_with_the_wish_for_limits_and_pings", () => {
    const bench = new Bench();
    bench.do((session, now, out) => session.connect(now, out));
    bench.do((session, _, out) => session.opened(0, "t.o.k", out));
    assert.deepEqual(bench.said(), [
      {
        type: "CONNECT",
        id: 1,
        payload: { token: "t.o.k", client: "test/1", features: { appPing: true } },
      },
    ]);
  });

  test("nothing_else_is_said_before_the_welcome_and_watches_come_first", () => {
    const bench = new Bench();
    bench.publish(1);
    bench.watch(1);
    bench.do((session, now, out) => session.opened(now, undefined, out));
    assert.equal(bench.words(), "CONNECT");
    bench.hear({ type: "CONNECTED", id: 1, payload: { connectionId: "c", nodeId: "1" } });
    assert.equal(bench.words(), "SUBSCRIBE PUBLISH");
  });

  /** S1: UNAUTHORIZED is for good. */
  test("a_refused_connect_ends_everything_with_the_reason", () => {
    const bench = new Bench();
    bench.watch(7);
    bench.publish(8);
    bench.do((session, now, out) => session.opened(now, undefined, out));
    bench.done();
    bench.hear({ ...failure(3507, "UNAUTHORIZED"), id: 1 });
    const done = bench.done();
    assert.ok(done.some((effect) => effect.do === "close"));
    assert.ok(done.some((effect) => effect.do === "end" && effect.watch === 7));
    assert.ok(done.some((effect) => effect.do === "reject" && effect.ticket === 8));
    assert.equal(bench.session.state.status, "failed");
  });

  /** S10: the close code has the number, the frame before it the rest. */
  test("what_the_node_said_before_it_closed_is_the_reason", () => {
    const bench = new Bench().connected();
    bench.hear(failure(3404, "TOO_MANY_CONNECTIONS", { retryAfterMs: 9_000 }));
    bench.lose({ ...CUT, code: 3404, class: "wait" } as typeof CUT);
    const { state } = bench.session;
    assert.equal(state.status === "waiting" && state.error.name, "TOO_MANY_CONNECTIONS");
    assert.ok(state.status === "waiting" && state.retryInMs >= 9_000);
  });

  /** S7: a complaint about one frame is no reason for a cut that comes later. */
  test("an_old_complaint_is_not_the_reason_of_a_cut", () => {
    const bench = new Bench().connected();
    bench.hear(failure(3500, "MALFORMED"));
    bench.lose();
    assert.equal(bench.session.state.status, "waiting");
  });
});

describe("requests", () => {
  /** S5. */
  test("no_more_wait_for_their_answer_than_the_node_takes", () => {
    const bench = new Bench().connected();
    bench.publish(1);
    const [first] = bench.said();
    bench.hear(published(first?.id, 1));
    for (let ticket = 2; ticket <= 9; ticket++) bench.publish(ticket);
    const sent = bench.said();
    assert.equal(sent.length, 4);
    bench.watch(1);
    assert.equal(bench.words(), "");
    bench.hear(published(sent[0]?.id, 2));
    assert.equal(bench.words(), "SUBSCRIBE", "what is watched goes before what is published");
    bench.hear(published(sent[1]?.id, 3));
    assert.equal(bench.words(), "PUBLISH");
  });

  test("publications_beyond_the_queue_are_refused_at_once", () => {
    const bench = new Bench();
    for (let ticket = 1; ticket <= 11; ticket++) bench.publish(ticket);
    const [rejected, ...others] = bench.done().filter((effect) => effect.do === "reject");
    assert.equal(rejected?.ticket, 11);
    assert.equal(rejected.error.name, "QUEUE_FULL");
    assert.equal(rejected.error.class, "wait");
    assert.deepEqual(others, []);
    assert.equal(bench.session.stats.publishing, 10);
  });

  test("pages_beyond_what_may_wait_are_refused_at_once", async () => {
    const bench = new Bench();
    for (let page = 1; page <= 1_000; page++) void bench.page();
    await assert.rejects(bench.page(), { name: "QUEUE_FULL", class: "wait" });
  });

  test("a_page_of_history_is_asked_for_again_on_the_next_connection", async () => {
    const bench = new Bench().connected();
    const asked = bench.page();
    assert.equal(bench.words(), "HISTORY");
    bench.lose();
    bench.pass();
    bench.welcome();
    const [history] = bench.said();
    assert.equal(history?.type, "HISTORY");
    const page = { topic: "t", items: [], resourceVersion: "a.0" };
    bench.hear({ type: "HISTORY_PAGE", id: history.id ?? 0, payload: page });
    assert.deepEqual(await asked, page);
    bench.hear({ type: "HISTORY_PAGE", id: history.id ?? 0, payload: page });
    assert.equal(bench.words(), "", "it is asked for once");
  });

  test("a_page_of_history_needs_a_connection", () => {
    const bench = new Bench();
    void bench.page();
    assert.deepEqual(bench.session.state, { status: "connecting", attempt: 0 });
  });

  test("a_request_that_is_refused_rejects_with_what_the_node_said", async () => {
    const bench = new Bench().connected();
    const asked = bench.page();
    const [history] = bench.said();
    bench.hear({ ...failure(3301, "GONE", { oldest: "a.9" }), id: history?.id ?? 0 });
    await assert.rejects(asked, { name: "GONE", class: "resync", oldest: "a.9" });
  });

  /** E3: the id says what is answered. */
  test("answers_to_nothing_are_ignored", () => {
    const bench = new Bench().connected();
    bench.hear(published(99, 1));
    bench.hear({ type: "SUBSCRIBED", id: 98, payload: {} });
    assert.deepEqual(bench.done(), []);
  });
});

describe("publications that are too large", () => {
  /** L1: the node would close the connection, and we would send it again on the next. */
  test("what_no_frame_holds_is_refused_here_also_when_the_node_takes_less_than_others", () => {
    const bench = new Bench();
    const publish = (ticket: number, bytes: number) => {
      bench.do((session, now, out) => {
        session.publish(now, "t", { ticket, body: { data: ticket }, bytes }, out);
      });
    };
    const refused = () => {
      return bench.done().flatMap((effect) => {
        return effect.do === "reject" ? [`${effect.ticket} ${effect.error.name}`] : [];
      });
    };
    publish(1, 1_048_577);
    assert.deepEqual(refused(), ["1 FRAME_TOO_LARGE"]);
    publish(2, 65_537);
    publish(3, 65_536);
    assert.deepEqual(refused(), []);
    bench.do((session, now, out) => session.opened(now, undefined, out));
    const limits = { ...LIMITS, frameBytesMax: 65_536 };
    bench.hear({ type: "CONNECTED", id: 1, payload: { connectionId: "c", nodeId: "1", limits } });
    assert.deepEqual(refused(), ["2 FRAME_TOO_LARGE"]);
    publish(4, 65_537);
    assert.deepEqual(refused(), ["4 FRAME_TOO_LARGE"]);
  });
});

describe("leaving and closing", () => {
  /** S9. */
  test("after_goaway_nothing_new_is_asked_and_at_our_slot_we_connect_anew", () => {
    const bench = new Bench().connected();
    bench.watch(1, { resourceVersion: "a.3" });
    bench.done();
    bench.hear({ type: "GOAWAY", payload: { withinMs: 1_000 } });
    bench.publish(1);
    assert.deepEqual(bench.done(), []);
    bench.pass();
    assert.equal(bench.now, 500);
    assert.ok(bench.done().some((effect) => effect.do === "close"));
    bench.pass();
    assert.equal(bench.now, 500, "without backoff");
    bench.welcome();
    assert.equal(bench.words(), "SUBSCRIBE PUBLISH");
  });

  test("closing_ends_watches_without_an_error_and_refuses_what_waits", async () => {
    const bench = new Bench().connected();
    bench.watch(1);
    bench.publish(2);
    const page = bench.page();
    bench.done();
    bench.do((session, now, out) => session.close(now, out));
    const done = bench.done();
    const tickets = done.flatMap((effect) => (effect.do === "reject" ? [effect.ticket] : []));
    assert.deepEqual(tickets, [2], "also what is in flight");
    await assert.rejects(page, { name: "CLOSED" });
    assert.equal(bench.session.stats.inFlight, 0);
    assert.ok(done.some((effect) => effect.do === "end" && effect.error === undefined));
    assert.ok(done.some((effect) => effect.do === "reject" && effect.error.name === "CLOSED"));
    bench.publish(3);
    const [rejected] = bench.done();
    assert.ok(rejected?.do === "reject" && rejected.error.name === "CLOSED");
    assert.equal(bench.session.deadline(0), Number.POSITIVE_INFINITY);
  });

  /** S11. */
  test("an_idle_connection_comes_back_when_something_needs_it", () => {
    const bench = new Bench().connected();
    bench.lose({ ...CUT, code: 3524, class: "terminal" } as typeof CUT);
    assert.equal(bench.session.state.status, "idle");
    bench.done();
    bench.publish(1);
    assert.ok(bench.done().some((effect) => effect.do === "open"));
  });
});

describe("tokens", () => {
  /** S3. */
  test("a_token_is_renewed_on_the_living_connection", () => {
    const bench = new Bench({ canRefresh: true }).connected({ expiresAt: 10_000 });
    bench.pass();
    assert.equal(bench.now, 8_000);
    assert.deepEqual(bench.done(), [{ do: "refresh" }]);
    bench.do((session, _, out) => session.refreshed("new", out));
    const [refresh] = bench.said();
    assert.deepEqual(refresh?.payload, { token: "new" });
    bench.hear({ type: "REFRESHED", id: refresh?.id ?? 0, payload: { expiresAt: 100_000 } });
    assert.equal(bench.session.state.status, "connected");
  });

  /** X3: `refresh` means a new token first. */
  test("a_request_refused_for_its_token_brings_a_new_one", () => {
    const bench = new Bench({ canRefresh: true }).connected();
    bench.watch(1);
    const [subscribe] = bench.said();
    bench.hear({ ...failure(3200, "TOKEN_EXPIRED"), id: subscribe?.id ?? 0 });
    assert.deepEqual(bench.done(), [{ do: "refresh" }]);
    bench.pass();
    assert.equal(bench.words(), "SUBSCRIBE");
  });
});

describe("signs of life", () => {
  /** S8. */
  test("a_ping_of_the_node_is_answered_under_its_id", () => {
    const bench = new Bench().connected();
    bench.hear({ type: "PING", id: 77, payload: {} });
    assert.deepEqual(bench.said(), [{ type: "PONG", id: 77, payload: {} }]);
  });

  test("a_node_that_does_not_answer_our_ping_is_left", () => {
    const bench = new Bench().connected();
    bench.pass();
    assert.equal(bench.words(), "PING");
    bench.pass();
    assert.equal(bench.now, 30_000);
    assert.equal(bench.session.state.status, "waiting");
  });

  test("waking_up_asks_the_node_at_once", () => {
    const bench = new Bench().connected();
    bench.do((session, now, out) => session.wake(now, out));
    assert.equal(bench.words(), "PING");
    assert.equal(bench.session.deadline(0), 3_000);
  });
});
