import assert from "node:assert/strict";
import { test } from "node:test";
import type { PutEvent } from "../../../src/index.js";
import { segmentsOf } from "../model/link.js";
import { readMessage } from "../model/message.js";
import { cleanRoomName, roomOfHash } from "../model/room-name.js";

/** The parts of a text, links in brackets. */
function marked(text: string): string {
  return segmentsOf(text)
    .map(({ text, href }) => (href === undefined ? text : `[${text}]`))
    .join("");
}

test("addresses_become_links_and_nothing_else_does", () => {
  assert.equal(marked("see https://a.example/x?y=1#z now"), "see [https://a.example/x?y=1#z] now");
  assert.equal(marked("http://a.example"), "[http://a.example]");
  assert.equal(
    marked("javascript:alert(1) ftp://a.example"),
    "javascript:alert(1) ftp://a.example",
  );
  assert.equal(marked("<https://a.example>"), "<[https://a.example]>");
  assert.equal(marked("https://"), "https://");
});

test("punctuation_after_an_address_is_not_part_of_it", () => {
  assert.equal(marked("https://a.example/x."), "[https://a.example/x].");
  assert.equal(marked("(https://a.example/x)"), "([https://a.example/x])");
  assert.equal(marked("https://a.example/x_(y)"), "[https://a.example/x_(y)]");
  assert.equal(
    marked("https://a.example, https://b.example!"),
    "[https://a.example], [https://b.example]!",
  );
});

test("the_segments_are_the_whole_text", () => {
  const text = "a https://b.example) c\nhttps://d.example...";
  assert.equal(
    segmentsOf(text)
      .map(({ text }) => text)
      .join(""),
    text,
  );
});

function read(data: unknown, publisher?: string) {
  const event = {
    type: "put",
    resourceVersion: "e.1",
    time: 7,
    data,
    ...(publisher && { publisher }),
  };
  return readMessage(event as PutEvent<unknown>);
}

test("whatever_is_published_can_be_shown", () => {
  assert.equal(read({ text: "hi" }).text, "hi");
  assert.equal(read("hi").text, "hi");
  assert.equal(read({ price: 7 }).text, '{"price":7}');
  assert.equal(read(null).text, "null");
  assert.equal(read(new Uint8Array(3)).text, "3 bytes");
  assert.equal(read({ text: "hi" }).author.name, "Someone");
  assert.equal(read({ text: "hi" }, "svc").author.name, "svc");
  assert.equal(read({ text: "hi", author: { name: "  A \n b " } }).author.name, "A b");
  assert.equal(read({ text: "hi", author: { name: "x".repeat(99) } }).author.name.length, 32);
  assert.notEqual(
    read({ text: "hi", author: { name: "A", colour: "red; x" } }).author.colour,
    "red; x",
  );
  assert.equal(read({ id: 7, text: "hi" }).id, undefined);
});

test("names_of_rooms_become_parts_of_topics", () => {
  assert.equal(cleanRoomName("  Late Night! "), "late-night");
  assert.equal(cleanRoomName("Café/Bar"), "cafe-bar");
  assert.equal(cleanRoomName("../:{x}"), "x");
  assert.equal(cleanRoomName("!?"), "");
  assert.equal(roomOfHash("#late%20night"), "late-night");
  assert.equal(roomOfHash("#%"), "");
  assert.equal(roomOfHash(""), "");
});
