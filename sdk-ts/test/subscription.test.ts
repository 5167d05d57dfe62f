/** One view for several watches: rules W5, W8, W11 and W19. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effects } from "../src/effect.js";
import { fromCode } from "../src/error.js";
import { Follower, type Surroundings, type Terms } from "../src/follower.js";
import { Code } from "../src/generated/codes.js";
import type * as wire from "../src/generated/messages.js";
import { Subscription } from "../src/subscription.js";

const VIEW = 5;

/** A subscription, the watches on it, and what they got. */
class Bench {
  readonly subscription = new Subscription(
    "t",
    { topic: "t" },
    { baseMs: 100, maxMs: 1_000 },
    () => 0.5,
  );
  readonly out: Effects = [];
  now = 0;
  readonly #surroundings: Surroundings = {
    isOwn: (connectionId) => connectionId === "own",
    ended: () => {},
    counters: {
      connections: 0,
      events: 0,
      duplicates: 0,
      gones: 0,
      gaps: 0,
      resumes: 0,
      snapshots: 0,
      published: 0,
    },
  };

  watch(watch: number, terms: Terms = {}): Follower {
    const follower = new Follower(watch, terms, this.#surroundings);
    this.subscription.add(follower);
    return follower;
  }

  /** What the node is asked now, in short. */
  ask(): string | undefined {
    const ask = this.subscription.next(this.now);
    if (ask?.type !== "SUBSCRIBE") return ask?.type;
    return ask.payload.resourceVersion ?? ask.payload.from;
  }

  answer(resumed: boolean, resourceVersion = "a.0"): void {
    this.subscription.subscribed({ view: VIEW, topic: "t", resumed, resourceVersion }, this.out);
  }

  /** The node sends the publications in (after, through] of the epoch `a`. */
  events(after: number, through: number, ...more: wire.Event[]): "gap" | undefined {
    const events: wire.Event[] = [];
    for (let offset = after + 1; offset <= through; offset++) {
      events.push({ type: "put", resourceVersion: `a.${offset}`, time: 0, data: offset });
    }
    const batch = { view: VIEW, after: `a.${after}`, through: `a.${through}` };
    return this.subscription.take(this.now, { ...batch, events: [...events, ...more] }, this.out);
  }

  /** A stream's snapshot of everything up to here. */
  snapshot(through: number): void {
    this.answer(false, `a.${through}`);
    this.events(0, through, { type: "snapshot-end", resourceVersion: `a.${through}` });
  }

  /** What a watch got: offsets, other events by their type, `end`. */
  got(watch: number): string {
    const words = this.out.flatMap((effect) => {
      if (effect.do === "end" && effect.watch === watch) return [`end ${effect.error?.name}`];
      if (effect.do !== "deliver" || effect.watch !== watch) return [];
      return effect.events.map((event) => (event.type === "put" ? String(event.data) : event.type));
    });
    return words.join(" ");
  }
}

describe("one watch", () => {
  test("it_is_opened_once_and_ended_when_the_watch_goes", () => {
    const bench = new Bench();
    assert.equal(bench.ask(), undefined);
    bench.watch(1);
    assert.equal(bench.ask(), "snapshot");
    assert.equal(bench.ask(), undefined);
    bench.snapshot(2);
    assert.equal(bench.got(1), "1 2 snapshot-end");
    bench.subscription.remove(1);
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.subscription.isOver, true);
  });

  test("after_a_cut_it_goes_on_from_its_cursor", () => {
    const bench = new Bench();
    bench.watch(1);
    bench.ask();
    bench.snapshot(2);
    bench.subscription.lost();
    assert.equal(bench.ask(), "a.2");
  });

  /** W8: a client that sees a gap opens the view anew. */
  test("a_gap_is_filled_by_opening_the_view_anew_from_the_cursor", () => {
    const bench = new Bench();
    bench.watch(1);
    bench.ask();
    bench.snapshot(2);
    assert.equal(bench.events(3, 4), "gap");
    assert.equal(bench.events(4, 5), undefined, "one gap is told once");
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.ask(), "a.2");
    bench.answer(true, "a.2");
    bench.events(2, 5);
    assert.equal(bench.got(1), "1 2 snapshot-end 3 4 5");
  });

  test("gaps_in_a_row_are_repaired_with_backoff", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "a.2" });
    for (let time = 0; time < 3; time++) {
      bench.now = bench.subscription.deadline;
      bench.ask();
      bench.answer(true, "a.2");
      bench.events(7, 8);
      assert.equal(bench.ask(), "UNSUBSCRIBE");
      bench.subscription.closed();
    }
    assert.ok(bench.subscription.deadline > bench.now);
  });

  /** W11. */
  test("a_place_that_is_gone_is_told_and_a_snapshot_follows", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "a.2" });
    bench.ask();
    bench.subscription.refused(0, fromCode(Code.GONE), bench.out);
    assert.equal(bench.ask(), "snapshot");
    bench.snapshot(9);
    assert.match(bench.got(1), /^gone 1 .* 9 snapshot-end$/);
  });

  test("a_watch_that_asked_to_be_closed_instead_ends_with_the_error", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "a.2", onGone: "close" });
    bench.ask();
    bench.answer(false, "a.2");
    const error = { code: 3301, name: "GONE", message: "", class: "resync" };
    bench.events(2, 2, { type: "gone", error });
    assert.equal(bench.got(1), "end GONE");
    assert.equal(bench.ask(), "UNSUBSCRIBE");
  });

  /** X3. */
  test("a_refusal_for_good_ends_it_and_one_for_now_is_repeated", () => {
    const bench = new Bench();
    bench.watch(1);
    bench.ask();
    bench.subscription.refused(0, fromCode(Code.UNAVAILABLE), bench.out);
    assert.equal(bench.ask(), undefined);
    bench.now = bench.subscription.deadline;
    assert.equal(bench.ask(), "snapshot");
    bench.subscription.refused(0, fromCode(Code.FORBIDDEN, "", "FORBIDDEN"), bench.out);
    assert.equal(bench.got(1), "end FORBIDDEN");
    assert.equal(bench.subscription.isOver, true);
  });

  /** P13. */
  test("without_echo_what_this_client_published_is_left_out", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "a.2", echo: false });
    bench.ask();
    bench.answer(true, "a.2");
    const own: wire.Event = { type: "put", resourceVersion: "a.3", data: 3, connectionId: "own" };
    const other: wire.Event = { type: "put", resourceVersion: "a.4", data: 4, connectionId: "c" };
    bench.subscription.take(
      0,
      { view: VIEW, after: "a.2", through: "a.4", events: [own, other] },
      bench.out,
    );
    assert.equal(bench.got(1), "4");
  });
});

describe("several watches", () => {
  /** W5: a second subscription to the view would be ALREADY_SUBSCRIBED. */
  test("one_that_comes_later_gets_its_snapshot_and_the_first_misses_nothing", () => {
    const bench = new Bench();
    bench.watch(1);
    bench.ask();
    bench.snapshot(2);
    bench.watch(2);
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.events(2, 3);
    bench.subscription.closed();
    assert.equal(bench.ask(), "snapshot");
    bench.snapshot(5);
    assert.equal(bench.got(2), "1 2 3 4 5 snapshot-end");
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.ask(), "a.3", "the lowest place of both");
    bench.answer(true, "a.3");
    bench.events(3, 6);
    assert.equal(bench.got(1), "1 2 snapshot-end 3 4 5 6");
    assert.equal(bench.got(2), "1 2 3 4 5 snapshot-end 6");
    assert.equal(bench.ask(), undefined);
  });

  test("after_a_cut_all_go_on_together_from_the_lowest_place", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "a.4" });
    bench.watch(2, { resourceVersion: "a.2" });
    assert.equal(bench.ask(), "a.2");
    bench.answer(true, "a.2");
    bench.events(2, 5);
    assert.equal(bench.got(1), "5");
    assert.equal(bench.got(2), "3 4 5");
    assert.equal(bench.ask(), undefined);
  });

  test("watches_of_different_epochs_each_have_their_turn_until_they_agree", () => {
    const bench = new Bench();
    bench.watch(1, { resourceVersion: "old.7" });
    bench.watch(2, { resourceVersion: "a.2" });
    assert.equal(bench.ask(), "old.7");
    bench.answer(false, "old.7");
    assert.equal(bench.ask(), undefined, "its reason has not come yet");
    bench.events(2, 2, { type: "gone" });
    bench.events(2, 3, { type: "snapshot-end", resourceVersion: "a.3" });
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.ask(), "a.2");
    bench.answer(true, "a.2");
    bench.events(2, 4);
    assert.equal(bench.got(1), "gone 3 snapshot-end 4");
    assert.equal(bench.got(2), "3 4");
    assert.equal(bench.ask(), undefined);
  });

  test("one_that_rests_is_passed_over_and_later_gets_what_it_missed", () => {
    const bench = new Bench();
    const resting = bench.watch(1, { resourceVersion: "a.2" });
    bench.watch(2, { resourceVersion: "a.2" });
    bench.ask();
    bench.answer(true, "a.2");
    bench.events(2, 3);
    resting.isPaused = true;
    resting.lost();
    bench.events(3, 5);
    assert.equal(bench.ask(), undefined);
    resting.isPaused = false;
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.ask(), "a.3");
    bench.answer(true, "a.3");
    bench.events(3, 6);
    assert.equal(bench.got(1), "3 4 5 6");
    assert.equal(bench.got(2), "3 4 5 6");
  });

  test("one_that_rests_alone_costs_the_node_nothing", () => {
    const bench = new Bench();
    const resting = bench.watch(1, { resourceVersion: "a.2" });
    bench.ask();
    bench.answer(true, "a.2");
    resting.isPaused = true;
    resting.lost();
    assert.equal(bench.ask(), "UNSUBSCRIBE");
    bench.subscription.closed();
    assert.equal(bench.ask(), undefined);
  });
});
