/** One topic's publications on their way: rules P8, P9 and P14. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FanfareError, fromCode, fromWire } from "../src/error.js";
import { Code } from "../src/generated/codes.js";
import { type Item, isUncertain, PublishLine } from "../src/publish-line.js";

/** Chance is always in the middle; producers are `p1`, `p2`, … */
function line(count: number): PublishLine {
  let producers = 0;
  const made = new PublishLine("t", {
    backoff: { baseMs: 100, maxMs: 1_000 },
    random: () => 0.5,
    id: () => `p${++producers}`,
  });
  for (let ticket = 1; ticket <= count; ticket++)
    made.add({ ticket, body: { data: ticket }, bytes: 1 });
  return made;
}

/** Everything that may be sent now. */
function send(from: PublishLine, now = 0): Item[] {
  const items = [];
  for (let next = from.next(now); next; next = from.next(now)) items.push(next.item);
  return items;
}

/** Tickets with their sequences. */
function shown(items: readonly Item[]): string {
  return items.map(({ ticket, sequence }) => `${ticket}:${sequence}`).join(" ");
}

/** As `count`, after the first proved that the topic knows the producer. */
function proven(count: number): PublishLine {
  const made = line(count);
  for (const item of send(made)) made.published(0, item);
  return made;
}

/** Takes out what must not be repeated. */
function uncertain(from: PublishLine, now: number): readonly Item[] {
  return from.takeOut((item) => isUncertain(item, now));
}

function expecting(expected: number): FanfareError {
  const name = "OUT_OF_SEQUENCE";
  return fromWire({ code: Code.OUT_OF_SEQUENCE, name, message: "", class: "", expected });
}

describe("a line", () => {
  test("the_first_publication_goes_alone_and_then_many_are_in_flight", () => {
    const made = line(4);
    const first = send(made);
    assert.equal(shown(first), "1:1");
    made.published(0, first[0] as Item);
    assert.equal(shown(send(made)), "2:2 3:3 4:4");
  });

  test("what_may_be_stored_is_asked_for_before_a_line_gets_other_numbers", () => {
    // 2 was refused for good; the topic, asked for 3, expects 2, then begins anew and takes 4.
    const made = proven(4);
    const [second, third, fourth] = send(made) as [Item, Item, Item];
    made.dropped(second);
    made.refused(0, third, expecting(2));
    made.refused(0, fourth, fromCode(Code.UNAVAILABLE));
    const again = send(made, 1_000);
    assert.equal(shown(again), "3:3 4:4", "under the numbers that they may be stored under");
    made.refused(1_000, again[0] as Item, expecting(5));
    made.published(1_000, again[1] as Item);
    assert.equal(send(made, 2_000).length, 1);
  });

  test("no_more_are_in_flight_than_a_topic_remembers", () => {
    assert.equal(send(proven(500)).length, 64);
  });

  /** P9: a silent producer is forgotten, and then a second publication would be taken without the first. */
  test("after_long_silence_the_first_goes_alone_again", () => {
    const made = proven(1);
    made.add({ ticket: 8, body: {}, bytes: 0 });
    made.add({ ticket: 9, body: {}, bytes: 0 });
    assert.equal(shown(send(made, 60_000)), "8:2");
  });

  /** P9, P14. */
  test("a_cut_repeats_all_that_has_no_answer_in_order_under_the_same_sequences", () => {
    const made = proven(4);
    const [second, third] = send(made);
    made.published(0, third as Item);
    made.lost();
    assert.equal(shown(send(made)), "2:2");
    made.published(0, second as Item);
    assert.equal(shown(send(made)), "4:4");
  });
});

describe("a line that is refused for now", () => {
  test("it_waits_until_all_came_back_and_goes_on_from_its_head", () => {
    const made = proven(4);
    const [second, third, fourth] = send(made) as [Item, Item, Item];
    made.refused(0, second, fromCode(Code.UNAVAILABLE));
    assert.equal(shown(send(made, 5_000)), "", "the others are still in flight");
    made.refused(0, third, expecting(2));
    made.refused(0, fourth, expecting(2));
    assert.equal(shown(send(made, 49)), "", "backoff");
    assert.equal(shown(send(made, 50)), "2:2 3:3 4:4");
  });

  /** X3. */
  test("retry_after_is_waited_for", () => {
    const made = proven(2);
    const [second] = send(made) as [Item];
    made.refused(0, second, {
      ...fromCode(Code.OVERLOADED),
      class: "wait",
      retryAfterMs: 700,
    } as FanfareError);
    assert.equal(shown(send(made, 699)), "");
    assert.equal(made.notBefore, 750);
  });
});

describe("a line with a hole", () => {
  /** A refusal at the door does not use up its sequence: P7, P9. */
  test("a_plug_takes_the_place_of_a_publication_refused_for_good_at_once", () => {
    const made = proven(4);
    const [second, third, fourth] = send(made) as [Item, Item, Item];
    made.dropped(second);
    made.refused(0, third, expecting(2));
    made.refused(0, fourth, expecting(2));
    const again = send(made);
    assert.equal(shown(again), "0:2 3:3 4:4");
    assert.deepEqual(again[0]?.body, { data: 0, ifVersion: "0.1" });
    made.add({ ticket: 5, body: {}, bytes: 0 });
    assert.equal(shown(send(made)), "5:5");
  });

  /** The node stores refusals that repeating would not mend as results of their sequence. */
  test("a_refusal_that_used_up_its_sequence_changes_nothing", () => {
    const made = proven(3);
    const [second, third] = send(made) as [Item, Item];
    made.dropped(second);
    made.published(0, third);
    assert.equal(made.isEmpty, true);
  });

  /** An old socket may yet bring `3:3` and `4:4`, so that they are safe under their own numbers only. */
  test("what_may_still_arrive_on_an_old_connection_keeps_its_number", () => {
    const made = proven(4);
    send(made);
    made.lost();
    const [second] = send(made) as [Item];
    made.dropped(second);
    const [third] = send(made) as [Item];
    made.refused(0, third, expecting(2));
    const [plug] = send(made) as [Item];
    assert.equal(shown([plug]), "0:2", "alone: the topic may have forgotten the producer");
    made.dropped(plug);
    assert.equal(made.next(0)?.payload.producer?.id, "p1");
    made.published(0, third);
    assert.equal(shown(send(made)), "4:4");
  });

  /** A topic that was set back by far: there is more to fill than may ever have been in flight. */
  test("behind_a_chasm_a_line_goes_on_under_another_producer", () => {
    const made = line(66);
    for (const item of made.takeOut(({ ticket }) => ticket < 66)) assert.ok(item);
    const [last] = send(made) as [Item];
    made.refused(0, last, expecting(1));
    assert.deepEqual(made.next(0)?.payload.producer, { id: "p2", sequence: 66 });
    assert.equal(made.next(0), undefined, "which goes alone");
  });

  test("a_topic_that_never_agrees_is_not_asked_in_a_loop", () => {
    const made = proven(2);
    for (let time = 0; time < 2; time++) {
      const sent = send(made, 10_000 * time);
      const expected = (sent[0] as Item).sequence - 1;
      for (const item of sent) made.refused(10_000 * time, item, expecting(expected));
    }
    assert.equal(send(made, 20_000).length, 0);
    assert.ok(made.notBefore > 20_000);
  });
});

describe("a line that was away for too long", () => {
  /** P9: a topic forgets a producer after two minutes of silence, and would store it twice. */
  test("what_may_have_been_stored_is_given_up_and_what_was_never_sent_is_not", () => {
    const made = line(2);
    send(made, 0);
    made.lost();
    assert.deepEqual(uncertain(made, 120_000), []);
    assert.equal(shown(uncertain(made, 120_001)), "1:1");
    assert.equal(shown(send(made, 120_001)), "2:2");
  });

  /** P14: a refusal means that nothing changed. */
  test("what_was_refused_since_is_safe_to_repeat", () => {
    const made = proven(2);
    const [second] = send(made, 0) as [Item];
    made.refused(1, second, fromCode(Code.OVERLOADED));
    made.lost();
    assert.deepEqual(uncertain(made, 500_000), []);
  });
});
