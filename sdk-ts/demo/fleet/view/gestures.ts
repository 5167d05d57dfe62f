/** How a map is moved: dragged, pinched, by wheel and by keys. */

import type { Camera } from "./camera.js";

/** Pixels that a finger may slip and still tap. */
const SLIP = 6;
const STEP = 80;
const FACTOR = 1.4;

export interface Moves {
  readonly camera: Camera;
  /** The map was moved. */
  moved(): void;
  /** Something was pointed at. */
  tapped(x: number, y: number): void;
}

export function listen(canvas: HTMLCanvasElement, moves: Moves): void {
  const pointers = new Map<number, readonly [number, number]>();
  let slipped = 0;
  const at = (event: PointerEvent | WheelEvent) => [event.offsetX, event.offsetY] as const;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    slipped = pointers.size > 1 ? SLIP : 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    slipped += Math.hypot(dx, dy);
    if (slipped < SLIP) return;
    if (other) {
      const spread = (from: readonly [number, number]) =>
        Math.max(Math.hypot(from[0] - other[0], from[1] - other[1]), 1);
      moves.camera.pan(dx / 2, dy / 2);
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2] as const;
      moves.camera.zoom(spread(now) / spread(before), ...middle);
    } else {
      moves.camera.pan(dx, dy);
    }
    moves.moved();
  });
  const end = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId) || pointers.size > 0) return;
    if (slipped < SLIP && event.type === "pointerup") moves.tapped(...at(event));
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      moves.camera.zoom(Math.exp((-event.deltaY * lines) / 400), ...at(event));
      moves.moved();
    },
    { passive: false },
  );

  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => moves.camera.pan(STEP, 0),
    ArrowRight: () => moves.camera.pan(-STEP, 0),
    ArrowUp: () => moves.camera.pan(0, STEP),
    ArrowDown: () => moves.camera.pan(0, -STEP),
    "+": () => moves.camera.zoom(FACTOR),
    "=": () => moves.camera.zoom(FACTOR),
    "-": () => moves.camera.zoom(1 / FACTOR),
  };
  canvas.addEventListener("keydown", (event) => {
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!move) return;
    event.preventDefault();
    move();
    moves.moved();
  });
}
