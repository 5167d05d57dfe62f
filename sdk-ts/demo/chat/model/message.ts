/**
 * What one says in a room. Rooms are open to `curl` and to other programs, so that anything may
 * arrive: whatever it is becomes a message that can be shown, never an error.
 */

import type { PutEvent } from "../../../src/index.js";
import { type Author, anonymous, readAuthor } from "./author.js";

/** More characters than this are not shown: one publication may be 256 KiB, a page is read by people. */
const SHOWN_CHARACTERS_MAX = 8_000;

/** What is published. */
export interface Said {
  /** Drawn by the author's page, so that it knows its own message when it comes back. */
  readonly id: string;
  readonly author: Author;
  readonly text: string;
}

/** A stored message. */
export interface Message {
  /** The version of its publication; only ever compared for equality. */
  readonly version: string;
  readonly id?: string;
  readonly author: Author;
  readonly text: string;
  /** Milliseconds since 1970, by the clock of the node. */
  readonly time: number;
}

export function readMessage(event: PutEvent<unknown>): Message {
  const said = typeof event.data === "object" && event.data !== null ? event.data : {};
  const { id, author } = said as { id?: unknown; author?: unknown };
  return {
    version: event.resourceVersion,
    ...(typeof id === "string" && id !== "" && { id }),
    author: readAuthor(author) ?? anonymous(event.publisher),
    text: readText(event.data).slice(0, SHOWN_CHARACTERS_MAX),
    time: event.time,
  };
}

function readText(data: unknown): string {
  if (typeof data === "string") return data;
  if (data instanceof Uint8Array) return `${data.byteLength} bytes`;
  const text = (data as { text?: unknown } | null)?.text;
  return typeof text === "string" ? text : JSON.stringify(data);
}
