import assert from "node:assert/strict";
import { test } from "node:test";
import type { Author } from "../model/author.js";
import { rowsOf } from "../model/rows.js";
import { Timeline } from "../model/timeline.js";

const noon = new Date(2025, 10, 21, 12).getTime();
const minute = 60_000;
const ada: Author = { id: "ada", name: "Ada", colour: "coral" };
const bo: Author = { id: "bo", name: "Bo", colour: "teal" };

/** Ada and Bo speak, each so many minutes after noon. */
function timeline(...talk: readonly (readonly [Author, number])[]): Timeline {
  const timeline = new Timeline();
  talk.forEach(([author, minutes], index) => {
    const time = noon + minutes * minute;
    timeline.put({ version: `e.${index}`, author, text: "", time });
  });
  timeline.snapshotEnded(false);
  return timeline;
}

/** Shows a row by a word; a message by its author, in capitals where a group begins. */
function words(timeline: Timeline, newFrom?: string): string {
  const rows = rowsOf(timeline, { id: "ada", newFrom });
  const word = rows.map((row) => {
    if (row.kind !== "message") return row.kind;
    return row.isFirst ? row.author.id.toUpperCase() : row.author.id;
  });
  return word.join(" ");
}

test("who_goes_on_speaking_is_named_once", () => {
  assert.equal(words(timeline([ada, 0], [ada, 1], [bo, 2], [ada, 3])), "start day ADA ada BO ADA");
});

test("after_a_silence_the_name_is_said_again", () => {
  assert.equal(words(timeline([ada, 0], [ada, 6])), "start day ADA ADA");
});

test("a_new_name_begins_a_group", () => {
  const renamed = { ...ada, name: "Lovelace" };
  assert.equal(words(timeline([ada, 0], [renamed, 1])), "start day ADA ADA");
});

test("each_day_has_its_head", () => {
  assert.equal(words(timeline([ada, -13 * 60], [ada, 0], [ada, 1])), "start day ADA day ADA ada");
});

test("what_is_new_is_marked_and_begins_a_group", () => {
  assert.equal(words(timeline([bo, 0], [bo, 1], [bo, 2]), "e.1"), "start day BO new BO bo");
});

test("a_room_without_a_message_has_no_rows", () => {
  assert.equal(words(timeline()), "");
});

test("what_is_being_sent_continues_the_group_and_keeps_its_key_once_stored", () => {
  const room = timeline([ada, 0]);
  const said = { id: "x", author: ada, text: "hi" };
  room.say(said, noon + minute);
  const [before] = rowsOf(room, { id: "ada", newFrom: undefined }).slice(-1);
  assert.equal(words(room), "start day ADA ada");
  room.put({ ...said, version: "e.9", time: noon + minute });
  const [after] = rowsOf(room, { id: "ada", newFrom: undefined }).slice(-1);
  assert.equal(before?.key, after?.key);
  assert.equal(words(room), "start day ADA ada");
});

test("a_break_stands_where_the_history_begins", () => {
  const room = timeline([ada, 0]);
  room.gone("began-anew");
  room.put({ version: "f.1", author: bo, text: "", time: noon });
  room.snapshotEnded(false);
  assert.equal(words(room), "break day BO");
});
