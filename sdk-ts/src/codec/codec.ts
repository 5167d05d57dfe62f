/** How envelopes become what a WebSocket carries. Both codecs have the same messages in memory. */

import type { Envelope } from "../envelope.js";

export interface Codec {
  /** The WebSocket subprotocol that announces it. */
  readonly subprotocol: string;
  /** As few WebSocket messages as are sensible, in order. */
  encode(envelopes: readonly Envelope[]): Iterable<string | Uint8Array<ArrayBuffer>>;
  /** All envelopes of one WebSocket message; types that this version does not know are left out. Throws on garbage. */
  decode(message: unknown): Envelope[];
}

/**
 * A JSON value that was serialised when the application handed it over: later changes to the object
 * do not reach the wire, and its size is known while it waits.
 */
export class JsonText {
  readonly text: string;

  constructor(value: unknown) {
    // `undefined` and functions have no JSON; a publication of nothing is `null`.
    this.text = JSON.stringify(value) ?? "null";
  }
}

/** One envelope more would make the message longer than this: far below the 1 MiB that a node takes (L1). */
const MESSAGE_LENGTH_MAX = 64 * 1024;

/** Encoded envelopes, as few messages. */
export function* messagesOf<T extends { readonly length: number }>(
  encoded: Iterable<T>,
  join: (parts: readonly T[]) => T,
): Iterable<T> {
  let parts: T[] = [];
  let length = 0;
  for (const part of encoded) {
    if (parts.length > 0 && length + part.length > MESSAGE_LENGTH_MAX) {
      yield join(parts);
      parts = [];
      length = 0;
    }
    parts.push(part);
    length += part.length;
  }
  if (parts.length > 0) yield join(parts);
}
