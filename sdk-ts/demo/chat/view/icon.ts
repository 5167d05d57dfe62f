/** A symbol of the page, drawn in the colour of the text around it. */

const NAMESPACE = "http://www.w3.org/2000/svg";

export type IconName = "clock" | "alert";

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(NAMESPACE, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}
