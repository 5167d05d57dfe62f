import assert from "node:assert/strict";
import { test } from "node:test";
import { Lens } from "../model/lens.js";

test("a_region_and_alerts_are_one_filter", () => {
  const lens = new Lens();
  assert.deepEqual(lens.view, {});
  lens.hasAlertsOnly = true;
  assert.deepEqual(lens.view, { filter: 'data.alert != ""' });
  lens.region = [52.48, 13.3, 52.5123456, 13.4];
  lens.pace = "5s";
  const within = "geo.within(data.lat, data.lon, box(52.4800, 13.3000, 52.5123, 13.4000))";
  assert.deepEqual(lens.view, { filter: `${within} && data.alert != ""`, interval: "5s" });
});
