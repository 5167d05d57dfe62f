/** Draws when something changed: once for all changes of a moment, and by itself while time alone changes it. */

/** A countdown is in seconds; a little less keeps it from skipping one. */
const TICK_MS = 250;

export class Painter {
  readonly #paint: () => boolean;
  #isAsked = false;
  #tick: ReturnType<typeof setTimeout> | undefined;

  /** `paint` returns whether it changes by itself as time passes. */
  constructor(paint: () => boolean) {
    this.#paint = paint;
    // A frame that was asked for in the foreground does not come in the background.
    document.addEventListener("visibilitychange", () => this.#draw());
  }

  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    // A page in the background has no frames, yet its title counts what is unread.
    if (document.hidden) setTimeout(() => this.#draw());
    else requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    clearTimeout(this.#tick);
    if (this.#paint()) this.#tick = setTimeout(() => this.ask(), TICK_MS);
  }
}
