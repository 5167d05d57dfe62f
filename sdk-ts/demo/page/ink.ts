/** Colours of the theme for a canvas, to which `light-dark()` means nothing. */

/** `name` without its dashes; `canvas` is where it is drawn. */
export function ink(canvas: HTMLCanvasElement, name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  canvas.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
