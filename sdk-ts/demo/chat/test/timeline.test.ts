import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../model/message.js";
import { MESSAGES_MAX, Timeline } from "../model/timeline.js";

const ada = { id: "ada", name: "Ada", colour: "coral" } as const;
const bo = { id: "bo", name: "Bo", colour: "teal" } as const;

function message(offset: number, members: Partial<Message> = {}): Message {
  return { version: `e.${offset}`, author: bo, text: `text ${offset}`, time: offset, ...members };
}

function said(id: string) {
  return { id, author: ada, text: `said ${id}` };
}

/** Every text on the page, in its order. */
function texts({ messages, outgoing }: Timeline): readonly string[] {
  return [...messages, ...outgoing].map(({ text }) => text);
}

/** A timeline that has begun, with what was said in it. */
function begun(...ids: readonly string[]): Timeline {
  const timeline = new Timeline();
  timeline.snapshotEnded(false);
  for (const id of ids) timeline.say(said(id), 0);
  return timeline;
}

test("messages_stand_in_the_order_of_the_watch", () => {
  const timeline = begun();
  for (const offset of [1, 2, 3]) timeline.put(message(offset));
  assert.deepEqual(texts(timeline), ["text 1", "text 2", "text 3"]);
});

test("a_version_that_comes_again_is_there_once", () => {
  const timeline = begun();
  timeline.put(message(1));
  timeline.put(message(1));
  assert.deepEqual(texts(timeline), ["text 1"]);
});

test("what_is_said_stands_at_the_end_until_it_comes_back", () => {
  const timeline = begun("a");
  timeline.put(message(1));
  assert.deepEqual(texts(timeline), ["text 1", "said a"]);
  assert.equal(timeline.sendingCount, 1);
});

test("an_answer_before_the_event_does_not_show_it_twice", () => {
  const timeline = begun("a");
  timeline.accepted("a", "e.2");
  assert.equal(timeline.sendingCount, 0);
  timeline.put(message(1));
  assert.deepEqual(texts(timeline), ["text 1", "said a"]);
  timeline.put(message(2, said("a")));
  assert.deepEqual(texts(timeline), ["text 1", "said a"]);
  assert.equal(timeline.outgoing.length, 0);
});

test("an_event_before_the_answer_does_not_show_it_twice", () => {
  const timeline = begun("a");
  timeline.put(message(1, said("a")));
  assert.deepEqual(texts(timeline), ["said a"]);
  timeline.accepted("a", "e.1");
  assert.deepEqual(texts(timeline), ["said a"]);
  assert.equal(timeline.outgoing.length, 0);
});

test("an_event_that_lost_its_id_is_known_by_its_version", () => {
  const timeline = begun("a");
  timeline.accepted("a", "e.1");
  timeline.put(message(1, { text: "said a" }));
  assert.deepEqual(texts(timeline), ["said a"]);
});

test("the_id_of_someone_else_takes_nothing_away", () => {
  const timeline = begun("a");
  timeline.put(message(1, { id: "a", author: bo }));
  assert.deepEqual(texts(timeline), ["text 1", "said a"]);
});

test("a_failed_message_stays_and_may_be_said_again", () => {
  const timeline = begun("a");
  timeline.refused("a", "full");
  assert.equal(timeline.sendingCount, 0);
  assert.deepEqual(timeline.retry("a"), said("a"));
  assert.equal(timeline.sendingCount, 1);
  assert.equal(timeline.retry("a"), undefined, "it is on its way");
});

test("a_failed_message_that_was_stored_after_all_is_there_once", () => {
  const timeline = begun("a");
  timeline.refused("a", "uncertain");
  timeline.retry("a");
  timeline.put(message(1, said("a")));
  timeline.put(message(2, said("a")));
  timeline.accepted("a", "e.2");
  assert.deepEqual(texts(timeline), ["said a"]);
});

test("a_discarded_message_is_gone", () => {
  const timeline = begun("a");
  timeline.refused("a", "full");
  timeline.discard("a");
  assert.deepEqual(texts(timeline), []);
});

test("gone_forgets_what_was_delivered_and_keeps_what_waits", () => {
  const timeline = begun("sent", "waiting");
  timeline.put(message(1));
  timeline.accepted("sent", "e.2");
  timeline.gone("began-anew");
  assert.deepEqual(texts(timeline), ["said waiting"]);
  assert.equal(timeline.isLoaded, false);
  assert.equal(timeline.break, "began-anew");
  timeline.put({ ...message(1), version: "f.1" });
  timeline.snapshotEnded(false);
  assert.deepEqual(texts(timeline), ["text 1", "said waiting"]);
});

test("history_comes_before_the_first_message", () => {
  const timeline = new Timeline();
  timeline.put(message(3));
  timeline.snapshotEnded(true);
  assert.equal(timeline.older, "there");
  assert.equal(timeline.askOlder(), "e.3");
  assert.equal(timeline.askOlder(), undefined, "one page at a time");
  timeline.prepend("e.3", [message(1), message(2)], false);
  assert.deepEqual(texts(timeline), ["text 1", "text 2", "text 3"]);
  assert.equal(timeline.older, "none");
});

test("a_page_of_history_that_comes_after_gone_is_ignored", () => {
  const timeline = new Timeline();
  timeline.put(message(3));
  timeline.snapshotEnded(true);
  timeline.askOlder();
  timeline.gone("began-anew");
  timeline.prepend("e.3", [message(1), message(2)], true);
  assert.deepEqual(texts(timeline), []);
  assert.equal(timeline.older, "none");
});

test("a_page_that_failed_may_be_asked_for_again", () => {
  const timeline = new Timeline();
  timeline.put(message(3));
  timeline.snapshotEnded(true);
  timeline.askOlder();
  timeline.olderFailed("e.3");
  assert.equal(timeline.older, "failed");
  assert.equal(timeline.askOlder(), "e.3");
});

test("beyond_the_limit_the_oldest_make_place_and_can_be_fetched_again", () => {
  const timeline = begun();
  for (let offset = 1; offset <= MESSAGES_MAX + 2; offset++) timeline.put(message(offset));
  assert.equal(timeline.messages.length, MESSAGES_MAX);
  assert.equal(timeline.askOlder(), "e.3");
  timeline.prepend("e.3", [message(1), message(2)], false);
  assert.deepEqual(texts(timeline).slice(0, 3), ["text 1", "text 2", "text 3"]);
});
