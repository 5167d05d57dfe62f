import assert from "node:assert/strict";
import { test } from "node:test";
import { FanfareError, type TopicEvent } from "../../../src/index.js";
import { Chat, ROOMS_MAX } from "../model/chat.js";
import { Room } from "../model/room.js";

function put(offset: number, author = "bo"): TopicEvent {
  const data = { text: `text ${offset}`, author: { id: author, name: author } };
  return { type: "put", resourceVersion: `e.${offset}`, time: offset, data };
}

function snapshotEnd(offset: number, limited = false): TopicEvent {
  return { type: "snapshot-end", resourceVersion: `e.${offset}`, ...(limited && { limited }) };
}

function gone(name: string): TopicEvent {
  return {
    type: "gone",
    error: new FanfareError({ code: 3_302, name, message: "", class: "resync" }),
  };
}

function take(room: Room, ...events: readonly TopicEvent[]): Room {
  for (const event of events) room.take(event);
  return room;
}

test("the_snapshot_of_the_first_visit_is_not_unread", () => {
  const room = take(new Room("lobby", "me"), put(1), put(2), snapshotEnd(2));
  assert.equal(room.unreadCount("me"), 0);
  take(room, put(3), put(4, "me"));
  assert.equal(room.unreadCount("me"), 1, "one's own words are known");
});

test("an_empty_room_counts_from_its_first_message", () => {
  const room = take(new Room("lobby", "me"), snapshotEnd(0), put(1));
  assert.equal(room.unreadCount("me"), 1);
});

test("the_next_visit_counts_from_where_the_last_one_stopped", () => {
  const room = take(new Room("lobby", "me", "e.1"), put(1), put(2), put(3), snapshotEnd(3));
  assert.equal(room.unreadCount("me"), 2);
  room.open("me");
  room.read();
  assert.equal(room.newFrom, "e.2");
  assert.equal(room.unreadCount("me"), 0);
  assert.equal(room.readTo, "e.3");
  room.settle();
  assert.equal(room.newFrom, undefined);
});

test("after_a_new_epoch_everything_is_unread", () => {
  const room = take(new Room("lobby", "me"), put(1), snapshotEnd(1));
  room.read();
  take(room, gone("EPOCH_CHANGED"), { ...put(1), resourceVersion: "f.1" } as TopicEvent);
  assert.equal(room.unreadCount("me"), 1);
  assert.equal(room.timeline.break, "began-anew");
});

test("a_place_before_the_history_says_that_messages_were_missed", () => {
  const room = take(new Room("lobby", "me"), put(1), snapshotEnd(1), gone("GONE"));
  assert.equal(room.timeline.break, "missed");
});

test("opening_a_room_beyond_the_limit_lets_the_oldest_go_but_no_default", () => {
  const chat = new Chat("key", "first");
  const evicted = Array.from({ length: ROOMS_MAX }, (_, index) => chat.enter(`room-${index}`));
  assert.equal(chat.rooms.size, ROOMS_MAX);
  assert.equal(evicted.find((room) => room)?.name, "first");
  assert.ok(chat.rooms.has("lobby"));
});

test("a_room_with_words_that_wait_is_kept", () => {
  const chat = new Chat("key", "first");
  chat.open.timeline.say({ id: "a", author: { id: "", name: "Me", colour: "blue" }, text: "" }, 0);
  for (let index = 0; index < ROOMS_MAX; index++) chat.enter(`room-${index}`);
  assert.ok(chat.rooms.has("first"));
  assert.equal(chat.situation.waitingCount, 1);
});
