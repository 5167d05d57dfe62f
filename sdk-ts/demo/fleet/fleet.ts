/** The fleet demo: the part of the map that one looks at is the filter of one view of `fleet:devices`. */

import { FanfareError } from "../../src/index.js";
import { byId, setText } from "../page/dom.js";
import { Live } from "../page/live.js";
import { type Command, Fleet, type Report } from "./model/fleet.js";
import { Lens } from "./model/lens.js";
import { type Feature, Town } from "./model/town.js";
import { Camera } from "./view/camera.js";
import { DevicesView } from "./view/devices.js";
import { listen } from "./view/gestures.js";
import { EDGE, MapView } from "./view/map.js";

/** While a map is dragged, the view follows that often. */
const FOLLOW_MS = 200;
/** Words are drawn that often. */
const WORDS_MS = 250;
/** A device that is not there any more has no use for it. */
const COMMAND_TTL = "10s";

const fleet = new Fleet();
const town = new Town();
const lens = new Lens();
const camera = new Camera();
const live = new Live<Report>("fanfare-fleet-demo", fleet);
const canvas = byId("map", HTMLCanvasElement);
const map = new MapView(canvas);

let isRegion = true;
let selected: string | undefined;
let isPlaced = false;
let asking: ReturnType<typeof setTimeout> | undefined;

const scene = () => ({ fleet, town, camera, isRegion, selected });

const words = new DevicesView({
  choose(id) {
    selected = id;
    const device = id === undefined ? undefined : fleet.devices.get(id);
    if (device && !isInSight(device.place)) {
      camera.look(device.place);
      moved();
    }
    draw();
  },
  command(id, command) {
    void tell(id, command);
  },
});

function isInSight(place: readonly [number, number]): boolean {
  const [x, y] = camera.point(place);
  return x > EDGE && y > EDGE && x < camera.width - EDGE && y < camera.height - EDGE;
}

/** Tells the node what is wanted by now. */
function ask(): void {
  clearTimeout(asking);
  asking = undefined;
  lens.region = isRegion ? camera.within(EDGE) : undefined;
  live.show(lens.view);
}

function moved(): void {
  if (isRegion) asking ??= setTimeout(ask, FOLLOW_MS);
}

/** Publishes to the topic of a device, which listens there. */
async function tell(id: string, command: Command["command"]): Promise<void> {
  const since = performance.now();
  words.tell("Sending …");
  try {
    const topic = live.client.topic<Command>(`fleet:${id}`);
    const version = await topic.publish({ command }, { key: "command", ttl: COMMAND_TTL });
    const ms = Math.round(performance.now() - since);
    words.tell(`Stored after ${ms} ms as ${version}.`);
  } catch (error) {
    words.tell(error instanceof FanfareError ? error.message : String(error));
  }
}

/** As soon as there is a map, all of it is shown. */
function place(): void {
  const bounds = isPlaced ? undefined : town.bounds;
  if (!bounds) return;
  isPlaced = true;
  camera.fit(bounds, EDGE);
  // A part of the town fills a phone better.
  if (camera.width < 640) camera.zoom(2);
  ask();
}

function draw(): void {
  const device = selected === undefined ? undefined : fleet.devices.get(selected);
  words.render(fleet.devices.values(), device);
  const empty = byId("empty", HTMLElement);
  empty.hidden = isPlaced;
  const isMissing = mapIsKnown && !isPlaced;
  byId("empty-code", HTMLElement).hidden = !isMissing;
  setText(
    byId("empty-text", HTMLElement),
    isMissing ? "Nobody drives yet. Send the fleet out:" : "Unfolding the map …",
  );
}

let was = 0;
function frame(now: number): void {
  if (map.fit(camera) && isPlaced) moved();
  place();
  for (const device of fleet.devices.values()) device.glide(now - was);
  was = now;
  map.draw(scene());
  requestAnimationFrame(frame);
}

listen(canvas, {
  camera,
  moved,
  tapped(x, y) {
    selected = map.at(scene(), x, y)?.id;
    draw();
  },
});

function picks(name: string, pick: (value: string, isChecked: boolean) => void): void {
  byId(name, HTMLElement).addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement) pick(target.value, target.checked);
    ask();
  });
}

picks("region", (value) => {
  isRegion = value === "map";
});
picks("alerts", (_, isChecked) => {
  lens.hasAlertsOnly = isChecked;
});
picks("pace", (value) => {
  lens.pace = value as typeof lens.pace;
});
const zooms = { "zoom-in": 1.5, "zoom-out": 1 / 1.5 };
for (const [name, factor] of Object.entries(zooms)) {
  byId(name, HTMLButtonElement).addEventListener("click", () => {
    camera.zoom(factor);
    moved();
  });
}
byId("zoom-all", HTMLButtonElement).addEventListener("click", () => {
  if (town.bounds) camera.fit(town.bounds, EDGE);
  moved();
});

let mapIsKnown = false;
live.client.topic<Feature>("fleet:map").on("event", (event) => {
  town.take(event);
  if (event.type === "snapshot-end") mapIsKnown = true;
});
setInterval(draw, WORDS_MS);
requestAnimationFrame(frame);
