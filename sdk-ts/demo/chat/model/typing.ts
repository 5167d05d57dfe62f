/**
 * Who is typing in a room: the keys of a `state` topic. A page that types puts its key with a time
 * to live and puts it again while it goes on; the node deletes it when that stops.
 */

import type { TopicEvent } from "../../../src/index.js";
import { type Author, readAuthor } from "./author.js";

/** How long one counts as typing after the last sign of it. */
export const TYPING_TTL_MS = 4_000;
/** Signs are at least this far apart; two of them fit into the time to live, so that one may be lost. */
export const TYPING_SIGN_MS = 1_500;

/** Names said before it becomes "several people". */
const NAMES_MAX = 3;

export class Typing {
  readonly #ownKey: string;
  readonly #typists = new Map<string, Author>();

  /** `ownKey` is this page's: nobody needs to be told that they type. */
  constructor(ownKey: string) {
    this.#ownKey = ownKey;
  }

  take(event: TopicEvent): void {
    switch (event.type) {
      case "gone":
        this.#typists.clear();
        break;
      case "put": {
        const author = readAuthor(event.data);
        if (author && event.key !== undefined && event.key !== this.#ownKey) {
          this.#typists.set(event.key, author);
        }
        break;
      }
      case "delete":
        if (event.key !== undefined) this.#typists.delete(event.key);
        break;
      default:
    }
  }

  /** One sentence, empty when nobody types. */
  get sentence(): string {
    const names = [...this.#typists.values()].map(({ name }) => name);
    const last = names.pop();
    if (last === undefined) return "";
    if (names.length >= NAMES_MAX) return "Several people are typing";
    return names.length === 0 ? `${last} is typing` : `${names.join(", ")} and ${last} are typing`;
  }
}

/** What to tell the others about one's own typing. */
export class TypingSign {
  #signedAt: number | undefined;

  /** The text box changed; milliseconds since 1970. */
  typed(isEmpty: boolean, now: number): "put" | "delete" | undefined {
    if (isEmpty) return this.stopped(now);
    if (this.#signedAt !== undefined && now - this.#signedAt < TYPING_SIGN_MS) return undefined;
    this.#signedAt = now;
    return "put";
  }

  /** It was sent, or left. Nothing where the last sign has expired by itself. */
  stopped(now: number): "delete" | undefined {
    const isKnown = this.#signedAt !== undefined && now - this.#signedAt < TYPING_TTL_MS;
    this.#signedAt = undefined;
    return isKnown ? "delete" : undefined;
  }
}
