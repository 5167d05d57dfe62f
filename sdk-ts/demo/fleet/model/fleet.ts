/** The devices that the view shows, and where they are drawn: gliding to where they were last told to be. */

import type { TopicEvent } from "../../../src/index.js";
import { Keyed } from "../../page/keyed.js";
import type { Place } from "./town.js";

export interface Report {
  readonly name: string;
  readonly kind: string;
  readonly lat: number;
  readonly lon: number;
  /** Degrees from north, clockwise. */
  readonly heading: number;
  /** In km/h. */
  readonly speed: number;
  /** In percent. */
  readonly battery: number;
  readonly street: string;
  readonly status: "driving" | "waiting" | "charging" | "halted";
  /** Empty when all is well. */
  readonly alert: string;
  readonly flash: boolean;
}

/** What a device is told, under the key `command` of its own topic. */
export interface Command {
  readonly command: "halt" | "go" | "flash";
}

/** In which it covers most of the way to where it is. */
const GLIDE_MS = 350;
/** Nothing on a street is that fast: it is put there at once. In degrees. */
const LEAP = 0.004;

export class Device {
  readonly id: string;
  report: Report | undefined;
  place: Place = [0, 0];
  /** Of the drawing, in degrees. */
  heading = 0;

  constructor(id: string) {
    this.id = id;
  }

  take(report: Report): void {
    const isNew = this.report === undefined;
    this.report = report;
    const far = Math.abs(report.lat - this.place[0]) + Math.abs(report.lon - this.place[1]) > LEAP;
    if (isNew || far) {
      this.place = [report.lat, report.lon];
      this.heading = report.heading;
    }
  }

  glide(ms: number): void {
    if (!this.report) return;
    const share = 1 - Math.exp(-ms / GLIDE_MS);
    const [lat, lon] = this.place;
    this.place = [lat + (this.report.lat - lat) * share, lon + (this.report.lon - lon) * share];
    // The shorter way round.
    const turn = ((((this.report.heading - this.heading) % 360) + 540) % 360) - 180;
    this.heading += turn * share;
  }
}

export class Fleet {
  readonly topic = "fleet:devices";
  readonly #devices = new Keyed<Device, Report>(
    (id) => new Device(id),
    (device, report) => device.take(report),
  );

  get devices(): ReadonlyMap<string, Device> {
    return this.#devices.values;
  }

  get isKnown(): boolean {
    return this.#devices.isKnown;
  }

  get count(): number {
    return this.devices.size;
  }

  take(event: TopicEvent<Report>): void {
    this.#devices.take(event);
  }
}
