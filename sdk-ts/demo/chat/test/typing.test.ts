import assert from "node:assert/strict";
import { test } from "node:test";
import { localError } from "../../../src/error.js";
import type { TopicEvent } from "../../../src/index.js";
import { TYPING_SIGN_MS, TYPING_TTL_MS, Typing, TypingSign } from "../model/typing.js";

function put(key: string): TopicEvent {
  return { type: "put", resourceVersion: "e.1", time: 0, key, data: { id: key, name: key } };
}

function remove(key: string): TopicEvent {
  return { type: "delete", resourceVersion: "e.2", time: 0, key };
}

function sentence(...events: readonly TopicEvent[]): string {
  const typing = new Typing("me");
  for (const event of events) typing.take(event);
  return typing.sentence;
}

test("those_who_type_are_named", () => {
  assert.equal(sentence(), "");
  assert.equal(sentence(put("Ada")), "Ada is typing");
  assert.equal(sentence(put("Ada"), put("Ada")), "Ada is typing");
  assert.equal(sentence(put("Ada"), put("Bo")), "Ada and Bo are typing");
  assert.equal(sentence(put("A"), put("B"), put("C")), "A, B and C are typing");
  assert.equal(sentence(put("A"), put("B"), put("C"), put("D")), "Several people are typing");
});

test("who_stops_is_no_longer_named", () => {
  assert.equal(sentence(put("Ada"), put("Bo"), remove("Ada")), "Bo is typing");
});

test("nobody_is_told_of_their_own_typing", () => {
  assert.equal(sentence(put("me")), "");
});

test("a_lost_place_forgets_all", () => {
  const gone: TopicEvent = { type: "gone", error: localError("DISCONNECTED", "", "retry") };
  assert.equal(sentence(put("Ada"), gone), "");
});

test("signs_are_repeated_while_one_types_and_not_more_often", () => {
  const sign = new TypingSign();
  assert.equal(sign.typed(false, 0), "put");
  assert.equal(sign.typed(false, TYPING_SIGN_MS - 1), undefined);
  assert.equal(sign.typed(false, TYPING_SIGN_MS), "put");
  assert.equal(sign.typed(true, TYPING_SIGN_MS + 1), "delete");
  assert.equal(sign.typed(true, TYPING_SIGN_MS + 2), undefined);
  assert.equal(sign.typed(false, TYPING_SIGN_MS + 3), "put");
});

test("a_sign_that_has_expired_is_not_taken_back", () => {
  const sign = new TypingSign();
  sign.typed(false, 0);
  assert.equal(sign.stopped(TYPING_TTL_MS), undefined);
});
