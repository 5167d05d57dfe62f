import assert from "node:assert/strict";
import { test } from "node:test";
import { Meter, SECONDS_MAX, shownBytes, shownCount } from "../meter.js";

test("what_came_is_counted_by_whole_seconds", () => {
  const meter = new Meter();
  meter.tick(10_000);
  for (let each = 0; each < 5; each++) meter.event();
  meter.bytes(300);
  assert.equal(meter.tick(10_900), false);
  assert.equal(meter.tick(11_000), true);
  assert.deepEqual(meter.seconds, [{ events: 5, bytes: 300 }]);
  assert.deepEqual(meter.rate, { events: 5, bytes: 300 });
});

test("what_came_while_the_page_slept_is_spread_over_that_time", () => {
  const meter = new Meter();
  meter.tick(10_000);
  meter.bytes(400);
  meter.tick(14_000);
  assert.deepEqual(
    meter.seconds.map(({ bytes }) => bytes),
    [100, 100, 100, 100],
  );
});

test("no_more_than_a_minute_is_kept_however_long_it_slept", () => {
  const meter = new Meter();
  meter.tick(10_000);
  meter.tick(9_000_000);
  meter.tick(9_001_000);
  assert.equal(meter.seconds.length, SECONDS_MAX);
});

test("figures_are_short", () => {
  const bytes = [0, 85, 999, 1_000, 9_940, 31_400, 999_400, 999_600, 4_210_000, 41_000_000];
  const shown = [
    "0 B",
    "85 B",
    "999 B",
    "1.0 kB",
    "9.9 kB",
    "31 kB",
    "999 kB",
    "1.0 MB",
    "4.2 MB",
    "41 MB",
  ];
  assert.deepEqual(bytes.map(shownBytes), shown);
  assert.deepEqual([0, 0.4, 37, 4_012].map(shownCount), ["0", "0.4", "37", "4,012"]);
});
