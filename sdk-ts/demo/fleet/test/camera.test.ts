import assert from "node:assert/strict";
import { test } from "node:test";
import type { Box } from "../model/town.js";
import { Camera } from "../view/camera.js";

const town: Box = [52.48, 13.33, 52.54, 13.46];

function camera(): Camera {
  const made = new Camera();
  [made.width, made.height] = [800, 600];
  made.fit(town, 20);
  return made;
}

function near(a: number, b: number, message?: string): void {
  assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}: ${message}`);
}

test("all_of_a_box_is_seen_and_its_middle_is_in_the_middle", () => {
  const [south, west, north, east] = camera().within(20);
  assert.ok(south <= 52.48 + 1e-9 && west <= 13.33 + 1e-9);
  assert.ok(north >= 52.54 - 1e-9 && east >= 13.46 - 1e-9);
  near((south + north) / 2, 52.51);
});

test("a_point_leads_back_to_its_place", () => {
  const made = camera();
  const [x, y] = made.point([52.5, 13.4]);
  const [lat, lon] = made.place(x, y);
  near(lat, 52.5);
  near(lon, 13.4);
});

test("what_is_under_the_pointer_stays_there_while_the_map_is_zoomed", () => {
  const made = camera();
  const before = made.place(120, 450);
  made.zoom(3, 120, 450);
  const after = made.place(120, 450);
  assert.ok(Math.abs(before[0] - after[0]) < 1e-4 && Math.abs(before[1] - after[1]) < 1e-4);
});
