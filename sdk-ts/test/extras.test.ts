/** Another view, a credit, and patches, without a socket: rules W8, W16, W17 and W18. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effects } from "../src/effect.js";
import { FanfareError, localError } from "../src/error.js";
import { Extras } from "../src/extras.js";
import type { Terms } from "../src/follower.js";
import type * as wire from "../src/generated/messages.js";
import type { Ask, Subscription, View } from "../src/subscription.js";
import { Watches } from "../src/watches.js";
import { failure } from "./harness/model-node.js";

const CHEAP: View = { topic: "t", filter: "data.price < 10" };
const DEAR: View = { topic: "t", filter: "data.price > 10" };

/** The watches of a client, and a node that the test plays. */
class Bench {
  readonly watches = new Watches({ backoff: { baseMs: 100, maxMs: 1_000 }, random: () => 0.5 });
  readonly extras = new Extras(this.watches, FanfareError);
  readonly out: Effects = [];

  constructor() {
    this.watches.extra = this.extras;
  }

  #asked: { subscription?: Subscription; ask: Ask }[] = [];

  watch(watch: number, view: View = CHEAP, terms: Terms = {}): void {
    this.extras.add(watch, view, terms);
  }

  want(watch: number, view: View): void {
    this.extras.want(watch, view, (error) => {
      const ticket = watch + 100;
      this.out.push(error ? { do: "reject", ticket, error } : { do: "resolve", ticket, value: "" });
    });
  }

  /** What the node is asked now, in short. */
  asks(): string[] {
    this.#asked = [...this.watches.asks(0, this.out)];
    return this.#asked.map(({ ask }) => {
      const { type, payload } = ask;
      if (type === "GRANT") return `GRANT ${payload.events}`;
      if (type === "UNSUBSCRIBE" || type === "HISTORY") return type;
      return `${type} ${payload.filter} ${payload.resourceVersion ?? ""}`.trim();
    });
  }

  /** The node takes the last request that was asked. */
  answer(view: number, resumed = false, resourceVersion = "a.0"): void {
    const { subscription, ask } = this.#asked.at(-1) ?? assert.fail("nothing was asked");
    assert.ok(subscription);
    const answer = { view, topic: "t", resumed, resourceVersion };
    if (ask.type === "SUBSCRIBE") this.watches.subscribed(subscription, answer, this.out);
    else this.extras.updated(subscription, answer, undefined, this.out);
  }

  refuse(name: string, code: number): void {
    const { subscription } = this.#asked.at(-1) ?? assert.fail("nothing was asked");
    assert.ok(subscription);
    const error = Object.assign(localError("CLOSED", name, "terminal"), { code, name });
    const { payload } = failure(code, name);
    this.extras.updated(subscription, payload as unknown as wire.Watched, error, this.out);
  }

  events(view: number, after: number, ...events: readonly Partial<wire.Event>[]): void {
    const whole = events.map((event, index) => {
      return { type: "put", time: 0, resourceVersion: `a.${after + index + 1}`, ...event } as const;
    });
    const through = `a.${after + events.length}`;
    this.watches.take(0, { view, after: `a.${after}`, through, events: whole }, this.out);
  }

  /** One watch, live at `a.1`. */
  live(terms: Terms = {}): this {
    this.watch(1, CHEAP, terms);
    this.asks();
    this.answer(5);
    this.events(5, 0, { key: "a", data: 1 });
    const end = [{ type: "snapshot-end" as const, resourceVersion: "a.1" }];
    this.watches.take(0, { view: 5, after: "a.1", through: "a.1", events: end }, this.out);
    this.out.length = 0;
    return this;
  }

  /** What happened since the last call, in short. */
  happened(): string {
    const words = this.out.splice(0).flatMap((effect) => {
      if (effect.do === "resolve") return [`resolved ${effect.ticket}`];
      if (effect.do === "reject") return [`rejected ${effect.ticket} ${effect.error.name}`];
      if (effect.do === "end") return [`end ${effect.watch} ${effect.error?.name}`];
      if (effect.do !== "deliver") return [];
      return effect.events.map((event) => {
        const what = event.type === "put" ? JSON.stringify(event.data) : event.type;
        return `${effect.watch}:${what}`;
      });
    });
    return words.join(" ");
  }
}

describe("another view", () => {
  test("a_watch_alone_takes_its_view_along_and_goes_on_where_the_cursor_is_kept", () => {
    const bench = new Bench().live();
    bench.want(1, DEAR);
    assert.deepEqual(bench.asks(), ["UPDATE_VIEW data.price > 10"]);
    bench.events(5, 1, { key: "a", data: 2 });
    bench.answer(6, true, "a.2");
    bench.events(5, 2, { key: "a", data: "of a view that is no more" });
    bench.events(6, 2, { key: "a", data: 12 });
    assert.deepEqual(bench.asks(), []);
    assert.equal(bench.happened(), "1:2 1:12 resolved 101");
    bench.watches.lost();
    assert.deepEqual(bench.asks(), ["SUBSCRIBE data.price > 10 a.3"]);
  });

  test("where_a_snapshot_follows_the_watch_is_told_to_start_over", () => {
    const bench = new Bench().live({ onGone: "close" });
    bench.want(1, DEAR);
    bench.asks();
    bench.answer(6, false, "a.1");
    bench.events(6, 0, { key: "b", data: 12, resourceVersion: "a.1" });
    bench.asks();
    assert.equal(bench.happened(), "1:gone 1:12 resolved 101");
    assert.equal(bench.watches.counters.gones, 0);
  });

  test("a_refused_change_rejects_and_leaves_the_view_as_it_was", () => {
    const bench = new Bench().live();
    bench.want(1, DEAR);
    bench.asks();
    bench.refuse("BAD_FILTER", 3517);
    bench.events(5, 1, { key: "a", data: 2 });
    assert.deepEqual(bench.asks(), []);
    assert.equal(bench.happened(), "rejected 101 BAD_FILTER 1:2");
  });

  test("a_cut_on_the_way_asks_for_the_change_once_the_old_view_goes_on", () => {
    const bench = new Bench().live();
    bench.want(1, DEAR);
    bench.asks();
    bench.watches.lost();
    assert.deepEqual(bench.asks(), ["SUBSCRIBE data.price < 10 a.1"]);
    bench.answer(5, true, "a.1");
    assert.deepEqual(bench.asks(), ["UPDATE_VIEW data.price > 10"]);
    bench.answer(6, true, "a.1");
    bench.asks();
    assert.equal(bench.happened(), "resolved 101");
  });

  test("only_the_last_of_several_changes_is_asked_for", () => {
    const bench = new Bench().live();
    bench.want(1, { topic: "t", filter: "one" });
    bench.asks();
    bench.want(1, { topic: "t", filter: "two" });
    bench.want(1, DEAR);
    assert.deepEqual(bench.asks(), [], "one at a time");
    bench.extras.updated(
      bench.watches.byView.get(5) ?? assert.fail(),
      { view: 6, topic: "t", resumed: true },
      undefined,
      bench.out,
    );
    assert.deepEqual(bench.asks(), ["UPDATE_VIEW data.price > 10"]);
  });

  test("one_of_several_moves_and_the_others_stay", () => {
    const bench = new Bench().live();
    bench.watch(2);
    bench.want(1, DEAR);
    assert.deepEqual(bench.asks().sort(), ["SUBSCRIBE data.price > 10", "UNSUBSCRIBE"].sort());
    assert.equal(bench.happened(), "1:gone resolved 101");
    bench.answer(6);
    bench.events(6, 0, { key: "b", data: 12 });
    assert.equal(bench.happened(), "1:12");
  });

  test("a_change_to_a_view_that_is_open_joins_it", () => {
    const bench = new Bench().live();
    bench.watch(2, DEAR);
    bench.asks();
    bench.answer(6);
    bench.want(1, DEAR);
    assert.deepEqual(bench.asks(), ["UNSUBSCRIBE"]);
    assert.equal(bench.happened(), "1:gone resolved 101");
    assert.equal(bench.watches.byKey.get(bench.watches.keyOf(DEAR))?.followers.size, 2);
  });

  test("a_change_of_pace_alone_keeps_the_place_of_a_watch_that_moves", () => {
    const bench = new Bench().live();
    bench.watch(2);
    bench.want(1, { ...CHEAP, interval: "1s" });
    bench.asks();
    assert.equal(bench.happened(), "resolved 101");
  });

  test("who_joins_the_old_or_the_new_view_meanwhile_gets_what_was_asked_for", () => {
    const bench = new Bench().live();
    bench.want(1, DEAR);
    bench.asks();
    bench.watch(2, CHEAP);
    bench.watch(3, DEAR);
    assert.deepEqual(bench.asks(), []);
    bench.extras.updated(
      bench.watches.byView.get(5) ?? assert.fail(),
      { view: 6, topic: "t", resumed: true, resourceVersion: "a.1" },
      undefined,
      bench.out,
    );
    bench.asks();
    const { byKey } = bench.watches;
    assert.deepEqual([...(byKey.get(bench.watches.keyOf(CHEAP))?.followers.keys() ?? [])], [2]);
    assert.deepEqual([...(byKey.get(bench.watches.keyOf(DEAR))?.followers.keys() ?? [])], [1, 3]);
  });

  test("whoever_waits_is_told_when_the_watch_or_the_client_ends", () => {
    const bench = new Bench().live();
    bench.want(1, DEAR);
    bench.watches.remove(1);
    bench.asks();
    assert.equal(bench.happened(), "resolved 101");
    bench.want(1, DEAR);
    assert.equal(bench.happened(), "rejected 101 CLOSED");
    const other = new Bench().live();
    other.want(1, DEAR);
    other.watches.fail(undefined, other.out);
    assert.match(other.happened(), /rejected 101 CLOSED/);
  });
});

describe("a credit", () => {
  test("is_granted_anew_by_halves_as_the_application_takes", () => {
    const bench = new Bench();
    bench.watch(1, CHEAP, { credit: 4, from: "latest" });
    bench.asks();
    bench.answer(5, false, "a.0");
    bench.events(5, 0, ...Array.from({ length: 4 }, () => ({ key: "a", data: 1 })));
    assert.deepEqual(bench.asks(), [], "nothing was taken yet");
    bench.extras.took(1, 1);
    assert.deepEqual(bench.asks(), []);
    bench.extras.took(1, 1);
    assert.deepEqual(bench.asks(), ["GRANT 2"]);
    bench.extras.took(1, 2);
    assert.deepEqual(bench.asks(), ["GRANT 2"]);
  });

  test("a_snapshot_beyond_it_is_not_granted_twice", () => {
    const bench = new Bench();
    bench.watch(1, CHEAP, { credit: 4 });
    bench.asks();
    bench.answer(5);
    bench.events(5, 0, ...Array.from({ length: 10 }, (_, n) => ({ key: `${n}`, data: n })));
    bench.asks();
    bench.extras.took(1, 10);
    assert.deepEqual(bench.asks(), ["GRANT 4"]);
  });
});

describe("delta", () => {
  test("a_patch_without_a_value_resyncs_by_a_snapshot", () => {
    const bench = new Bench();
    bench.watch(1, { topic: "t", delta: true }, { resourceVersion: "a.1" });
    bench.asks();
    bench.answer(5, true, "a.1");
    bench.events(5, 1, { type: "patch", key: "a", data: { n: 2 } });
    assert.equal(bench.happened(), "1:gone");
    assert.deepEqual(bench.asks(), ["UNSUBSCRIBE"]);
    bench.watches.unsubscribed(bench.watches.byView.get(5) ?? assert.fail());
    assert.deepEqual(bench.asks(), ["SUBSCRIBE undefined"]);
    bench.answer(5, false, "a.2");
    bench.events(5, 0, { key: "a", data: { n: 2, m: 1 }, resourceVersion: "a.2" });
    bench.events(5, 1, { type: "patch", key: "a", data: { n: 3 }, resourceVersion: "a.3" });
    assert.equal(bench.happened(), '1:{"n":2,"m":1} 1:{"n":3,"m":1}');
  });
});
