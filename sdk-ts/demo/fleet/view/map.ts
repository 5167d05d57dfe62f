/** The map on its canvas: land, water, parks, streets, names, and the devices on them. */

import { ink } from "../../page/ink.js";
import type { Device, Fleet } from "../model/fleet.js";
import type { Feature, Place, Town } from "../model/town.js";
import type { Camera } from "./camera.js";

/** Around the region that is asked for, so that one sees where it ends. */
export const EDGE = 28;

type Palette = Readonly<Record<(typeof COLOURS)[number], string>>;
const COLOURS = [
  "land",
  "park",
  "water",
  "street",
  "casing",
  "accent",
  "text",
  "muted",
  "surface",
  "good",
  "busy",
  "bad",
] as const;

export interface Scene {
  readonly fleet: Fleet;
  readonly town: Town;
  readonly camera: Camera;
  /** Only what is within the edge is asked for. */
  readonly isRegion: boolean;
  readonly selected: string | undefined;
}

export class MapView {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #palette: Palette | undefined;

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser draws no canvas");
    this.#canvas = canvas;
    this.#context = context;
    const repaint = () => {
      this.#palette = undefined;
    };
    new MutationObserver(repaint).observe(document.documentElement, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  }

  /** Takes the size that the page gives it. Returns whether that is another. */
  fit(camera: Camera): boolean {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    const isSame = this.#canvas.width === Math.round(width * scale) && camera.height === height;
    if (isSame || width === 0 || height === 0) return false;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    [camera.width, camera.height] = [width, height];
    return true;
  }

  draw(scene: Scene): void {
    const { camera, town, fleet, isRegion, selected } = scene;
    const context = this.#context;
    const palette = this.#colours();
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.fillStyle = palette.land;
    context.fillRect(0, 0, camera.width, camera.height);
    context.lineCap = context.lineJoin = "round";
    const metre = camera.scale / 111_320;
    for (const park of town.of("park")) this.#trace(camera, park, () => this.#fill(palette.park));
    for (const river of town.of("river")) {
      this.#trace(camera, river, () => this.#stroke(palette.water, Math.max(95 * metre, 5)));
    }
    this.#streets(camera, town, palette, metre);
    if (metre > 0.045) this.#names(camera, town, palette, metre);
    if (isRegion) this.#region(camera, palette);
    const devices = [...fleet.devices.values()];
    for (const device of devices) this.#device(camera, device, palette, device.id === selected);
  }

  /** The device at a point of the canvas. */
  at({ camera, fleet }: Scene, x: number, y: number): Device | undefined {
    const near = [...fleet.devices.values()].map((device) => {
      const [atX, atY] = camera.point(device.place);
      return { device, distance: Math.hypot(atX - x, atY - y) };
    });
    near.sort((a, b) => a.distance - b.distance);
    return near[0] && near[0].distance < 24 ? near[0].device : undefined;
  }

  #streets(camera: Camera, town: Town, palette: Palette, metre: number): void {
    const [streets, avenues] = [town.of("street"), town.of("avenue")];
    const [narrow, wide] = [Math.max(11 * metre, 1), Math.max(24 * metre, 2.5)];
    for (const street of streets) {
      this.#trace(camera, street, () => this.#stroke(palette.casing, narrow + 2));
    }
    for (const avenue of avenues) {
      this.#trace(camera, avenue, () => this.#stroke(palette.casing, wide + 2));
    }
    for (const street of streets) {
      this.#trace(camera, street, () => this.#stroke(palette.street, narrow));
    }
    for (const avenue of avenues) {
      this.#trace(camera, avenue, () => this.#stroke(palette.street, wide));
    }
  }

  /** Along the longest stretch of each avenue, and of each street from near by. */
  #names(camera: Camera, town: Town, palette: Palette, metre: number): void {
    const context = this.#context;
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    const named = metre > 0.16 ? [...town.of("avenue"), ...town.of("street")] : town.of("avenue");
    for (const { name, lines } of named) {
      for (const line of lines) this.#name(camera, name, line, palette);
    }
  }

  #name(camera: Camera, name: string, line: readonly Place[], palette: Palette): void {
    const context = this.#context;
    // Every few blocks, where there is room for it.
    for (let at = 1; at + 1 < line.length; at += 6) {
      const [from, to] = [camera.point(line[at] as Place), camera.point(line[at + 1] as Place)];
      const [x, y] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
      const isSeen = x > 0 && y > 0 && x < camera.width && y < camera.height;
      const room = Math.hypot(to[0] - from[0], to[1] - from[1]);
      if (!isSeen || room < name.length * 2.2) continue;
      let angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
      if (Math.abs(angle) > Math.PI / 2) angle += Math.PI;
      context.save();
      context.translate(x, y);
      context.rotate(angle);
      context.strokeStyle = palette.street;
      context.fillStyle = palette.muted;
      context.strokeText(name, 0, 0);
      context.fillText(name, 0, 0);
      context.restore();
    }
  }

  #region({ width, height }: Camera, palette: Palette): void {
    const context = this.#context;
    context.save();
    context.globalAlpha = 0.45;
    context.fillStyle = palette.land;
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(EDGE, EDGE, width - 2 * EDGE, height - 2 * EDGE);
    context.fill("evenodd");
    context.globalAlpha = 1;
    context.strokeStyle = palette.accent;
    context.lineWidth = 1.5;
    context.setLineDash([6, 5]);
    context.strokeRect(EDGE, EDGE, width - 2 * EDGE, height - 2 * EDGE);
    context.restore();
  }

  #device(camera: Camera, device: Device, palette: Palette, isSelected: boolean): void {
    const { report, place, heading } = device;
    if (!report) return;
    const [x, y] = camera.point(place);
    const context = this.#context;
    const size = Math.min(Math.max(camera.scale / 5_500, 5), 11);
    const colour = {
      driving: palette.good,
      waiting: palette.busy,
      charging: palette.muted,
      halted: palette.text,
    }[report.status];
    if (report.alert) this.#ring(x, y, size + 5, palette.bad, 2);
    if (isSelected) this.#ring(x, y, size + 9, palette.accent, 3);
    if (report.flash) {
      const beat = (Date.now() % 600) / 600;
      context.globalAlpha = 1 - beat;
      this.#ring(x, y, size + 4 + beat * 22, palette.accent, 3);
      context.globalAlpha = 1;
    }
    context.save();
    context.translate(x, y);
    context.fillStyle = colour;
    context.strokeStyle = palette.surface;
    context.lineWidth = 1.5;
    context.beginPath();
    if (report.status === "driving") {
      context.rotate((heading * Math.PI) / 180);
      context.moveTo(0, -size * 1.25);
      context.lineTo(size * 0.85, size);
      context.lineTo(0, size * 0.5);
      context.lineTo(-size * 0.85, size);
      context.closePath();
    } else if (report.status === "halted") {
      context.rect(-size * 0.7, -size * 0.7, size * 1.4, size * 1.4);
    } else {
      context.arc(0, 0, size * 0.75, 0, 2 * Math.PI);
    }
    context.fill();
    context.stroke();
    context.restore();
    if (!isSelected) return;
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.lineWidth = 4;
    context.strokeStyle = palette.surface;
    context.fillStyle = palette.text;
    context.strokeText(report.name, x, y - size - 14);
    context.fillText(report.name, x, y - size - 14);
  }

  #ring(x: number, y: number, radius: number, colour: string, width: number): void {
    this.#context.beginPath();
    this.#context.arc(x, y, radius, 0, 2 * Math.PI);
    this.#stroke(colour, width);
  }

  #trace(camera: Camera, { lines }: Feature, paint: () => void): void {
    this.#context.beginPath();
    for (const line of lines) {
      for (const [at, place] of line.entries()) {
        const [x, y] = camera.point(place);
        if (at === 0) this.#context.moveTo(x, y);
        else this.#context.lineTo(x, y);
      }
    }
    paint();
  }

  #fill(colour: string): void {
    this.#context.fillStyle = colour;
    this.#context.fill();
  }

  #stroke(colour: string, width: number): void {
    this.#context.strokeStyle = colour;
    this.#context.lineWidth = width;
    this.#context.stroke();
  }

  #colours(): Palette {
    const read = () => COLOURS.map((name) => [name, ink(this.#canvas, name)]);
    this.#palette ??= Object.fromEntries(read()) as Palette;
    return this.#palette;
  }
}
