import assert from "node:assert/strict";
import { test } from "node:test";
import { SYMBOLS_MAX, Watchlist } from "../model/watchlist.js";

test("a_symbol_is_added_as_people_write_it", () => {
  const list = new Watchlist();
  assert.equal(list.add(" abcd "), true);
  assert.ok(list.mine.has("ABCD"));
  for (const text of ["", "two words", 'quo"te', "farTooLongForIt"]) {
    assert.equal(list.add(text), false, text);
  }
});

test("a_list_grows_no_longer_than_a_filter_may", () => {
  const list = new Watchlist();
  for (let each = 0; each < 2 * SYMBOLS_MAX; each++) list.add(`A${each}`);
  assert.equal(list.mine.size, SYMBOLS_MAX);
});

test("each_choice_is_a_filter_and_all_of_it_is_none", () => {
  const list = new Watchlist();
  assert.match(list.view.filter ?? "", /^key in \["FANF", /);
  list.choice = "sector";
  list.sector = "Health";
  assert.equal(list.view.filter, 'data.sector == "Health"');
  list.choice = "movers";
  assert.equal(list.view.filter, "data.change >= 4.0 || data.change <= -4.0");
  list.choice = "all";
  assert.deepEqual(Object.keys(list.view), ["fields"]);
  list.pace = "1s";
  list.columns = "depth";
  assert.equal(list.view.interval, "1s");
  assert.ok(list.view.fields?.includes("asks") && !list.view.fields.includes("volume"));
});
