/** Where screenshots are kept for whoever wants to look; git ignores the folder. */

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../screenshots/", import.meta.url));

export function screenshotPath(name: string): string {
  mkdirSync(folder, { recursive: true });
  return `${folder}${name}.png`;
}
