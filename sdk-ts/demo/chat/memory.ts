/**
 * What the browser keeps for the next visit. A guest (`?guest` in the address) is someone else for
 * as long as the window is open, so that one can talk to oneself in two windows of one browser.
 */

import { type Author, readAuthor } from "./model/author.js";
import { ROOMS_MAX } from "./model/chat.js";
import { cleanRoomName } from "./model/room-name.js";

const AUTHOR = "fanfare.chat.author";
/** The rooms, and how far each was read. */
const READS = "fanfare.chat.reads";

export class Memory {
  readonly #storage: Storage | undefined;

  constructor(isGuest: boolean) {
    this.#storage = available(isGuest);
  }

  author(): Author | undefined {
    return readAuthor(this.#read(AUTHOR));
  }

  keepAuthor(author: Author): void {
    this.#write(AUTHOR, author);
  }

  reads(): ReadonlyMap<string, string> {
    const stored = this.#read(READS);
    if (typeof stored !== "object" || stored === null) return new Map();
    return new Map(Object.entries(stored).filter(isRead).slice(-ROOMS_MAX));
  }

  keepReads(reads: ReadonlyMap<string, string>): void {
    this.#write(READS, Object.fromEntries(reads));
  }

  /** Whatever is stored may be from another version of the page. */
  #read(key: string): unknown {
    try {
      return JSON.parse(this.#storage?.getItem(key) ?? "null");
    } catch {
      return undefined;
    }
  }

  #write(key: string, value: unknown): void {
    try {
      this.#storage?.setItem(key, JSON.stringify(value));
    } catch {
      // Full, or forbidden: the page works without, one is only asked again.
    }
  }
}

function isRead([room, version]: readonly [string, unknown]): boolean {
  return room !== "" && room === cleanRoomName(room) && typeof version === "string";
}

/** Browsers that keep nothing throw on the mere mention of it. */
function available(isGuest: boolean): Storage | undefined {
  try {
    return isGuest ? sessionStorage : localStorage;
  } catch {
    return undefined;
  }
}
