/** Where on the canvas a place is. Flat enough for a town. */

import type { Box, Place } from "../model/town.js";

/** Pixels of a degree of latitude: from a country to a yard. */
const SCALE_MIN = 1_500;
const SCALE_MAX = 400_000;

export class Camera {
  width = 1;
  height = 1;
  /** In the middle of the canvas. */
  #centre: Place = [0, 0];
  #scale = 10_000;

  get scale(): number {
    return this.#scale;
  }

  point([lat, lon]: Place): readonly [number, number] {
    const [south, west] = this.#centre;
    return [
      this.width / 2 + (lon - west) * this.#scale * this.#narrowing,
      this.height / 2 - (lat - south) * this.#scale,
    ];
  }

  place(x: number, y: number): Place {
    const [lat, lon] = this.#centre;
    return [
      lat - (y - this.height / 2) / this.#scale,
      lon + (x - this.width / 2) / this.#scale / this.#narrowing,
    ];
  }

  /** What lies within the canvas without so many pixels at its edges. */
  within(edge: number): Box {
    const [north, west] = this.place(edge, edge);
    const [south, east] = this.place(this.width - edge, this.height - edge);
    return [south, west, north, east];
  }

  /** Shows all of a box. */
  fit([south, west, north, east]: Box, edge: number): void {
    this.#centre = [(south + north) / 2, (west + east) / 2];
    const wide = (this.width - 2 * edge) / ((east - west) * this.#narrowing);
    this.#scale = bounded(Math.min(wide, (this.height - 2 * edge) / (north - south)));
  }

  /** What is at the middle. */
  look(place: Place): void {
    this.#centre = place;
  }

  pan(x: number, y: number): void {
    this.#centre = this.place(this.width / 2 - x, this.height / 2 - y);
  }

  /** What is under a point stays there. */
  zoom(factor: number, x = this.width / 2, y = this.height / 2): void {
    const under = this.place(x, y);
    this.#scale = bounded(this.#scale * factor);
    const [shiftedX, shiftedY] = this.point(under);
    this.pan(x - shiftedX, y - shiftedY);
  }

  /** How much shorter a degree of longitude is. */
  get #narrowing(): number {
    return Math.cos((this.#centre[0] * Math.PI) / 180);
  }
}

function bounded(scale: number): number {
  return Math.min(Math.max(scale, SCALE_MIN), SCALE_MAX);
}
