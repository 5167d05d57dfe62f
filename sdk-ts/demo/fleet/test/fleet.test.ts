import assert from "node:assert/strict";
import { test } from "node:test";
import { Device, type Report } from "../model/fleet.js";

function report(more: Partial<Report>): Report {
  return {
    name: "Van 3",
    kind: "van",
    lat: 52.5,
    lon: 13.4,
    heading: 0,
    speed: 30,
    battery: 50,
    street: "Lark Row",
    status: "driving",
    alert: "",
    flash: false,
    ...more,
  };
}

test("a_device_glides_to_where_it_is_and_turns_the_shorter_way_round", () => {
  const device = new Device("van-003");
  device.take(report({ heading: 350 }));
  assert.deepEqual(device.place, [52.5, 13.4]);
  device.take(report({ lat: 52.501, heading: 10 }));
  device.glide(100);
  assert.ok(device.place[0] > 52.5 && device.place[0] < 52.501);
  assert.ok(device.heading > 350 && device.heading < 370, `${device.heading}`);
  for (let frame = 0; frame < 300; frame++) device.glide(16);
  assert.ok(Math.abs(device.place[0] - 52.501) < 1e-6);
  assert.ok(Math.abs(device.heading - 370) < 0.1);
});

test("what_no_device_can_drive_is_no_glide", () => {
  const device = new Device("van-003");
  device.take(report({}));
  device.take(report({ lat: 52.6 }));
  assert.deepEqual(device.place, [52.6, 13.4]);
});
