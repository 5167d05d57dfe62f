/** Bytes a second over the last minute, with a mark where the view was changed. */

import { ink } from "./ink.js";
import { SECONDS_MAX, type Second } from "./meter.js";

export class Plot {
  readonly #canvas: HTMLCanvasElement;
  /** How many seconds ago the view was changed. */
  #marks: number[] = [];
  #top = 1;
  #peak = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** Something else is shown from now on. */
  mark(): void {
    if (this.#marks.at(-1) !== 0) this.#marks.push(0);
  }

  /** A second has passed. */
  shift(): void {
    this.#marks = this.#marks.map((age) => age + 1).filter((age) => age < SECONDS_MAX);
  }

  /** The highest of what is drawn. */
  get peak(): number {
    return this.#peak;
  }

  draw(seconds: readonly Second[]): void {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    if (!context || width === 0) return;
    context.scale(scale, scale);
    this.#peak = Math.max(0, ...seconds.map(({ bytes }) => bytes));
    // Grows at once and shrinks slowly, so that a bar does not dance with its neighbours.
    this.#top = Math.max(1, this.#peak, this.#top * 0.9);
    const step = width / SECONDS_MAX;
    const left = SECONDS_MAX - seconds.length;
    context.fillStyle = ink(canvas, "accent");
    for (const [at, { bytes }] of seconds.entries()) {
      const bar = Math.max(bytes > 0 ? 1 : 0, (bytes / this.#top) * (height - 4));
      context.fillRect((left + at) * step, height - bar, Math.max(step - 1, 1), bar);
    }
    context.strokeStyle = ink(canvas, "line-strong");
    context.setLineDash([2, 3]);
    for (const age of this.#marks) {
      const x = width - age * step - 0.5;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.stroke();
    }
  }
}
