/** Chromium as it is installed, without a window. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/** Names under which distributions install it. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** No sandbox, because tests run as root in containers; no QUIC and nothing in the background, because there is no network. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page that a test hands in by itself has no address, and may not talk to this machine otherwise.
  "--disable-features=LocalNetworkAccessChecks",
];

export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executable(), args: FLAGS, headless: true });
}

function executable(): string {
  const named = process.env["FANFARE_CHROMIUM"] ?? process.env["CHROMIUM"];
  const found = named ?? NAMES.flatMap(onPath)[0];
  if (!found) throw new Error("install Chromium, or name a browser in FANFARE_CHROMIUM");
  return found;
}

function onPath(name: string): readonly string[] {
  const files = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  return files.filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
