/** A timeline as it is laid out: who speaks is said once per group, the day once per day. */

import type { Author } from "./author.js";
import { type Break, type Delivery, keyOf, type Older, type Timeline } from "./timeline.js";

/** Silence after which the name is said again. */
const GROUP_GAP_MS = 5 * 60_000;

export interface MessageRow {
  readonly kind: "message";
  readonly key: string;
  readonly author: Author;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Whether it begins a group. */
  readonly isFirst: boolean;
  readonly isOwn: boolean;
  /** Nothing once it is stored and came back. */
  readonly delivery?: Delivery;
  /** By which a delivery can be repeated or discarded. */
  readonly id?: string;
}

export type Row =
  | { readonly kind: "older"; readonly key: "older"; readonly older: Older }
  | { readonly kind: "start"; readonly key: "start" }
  | { readonly kind: "break"; readonly key: "break"; readonly reason: Break }
  | { readonly kind: "day"; readonly key: string; readonly time: number }
  | { readonly kind: "new"; readonly key: "new" }
  | MessageRow;

export interface Reader {
  readonly id: string;
  /** The version of the first message that was new when the room was opened. */
  readonly newFrom: string | undefined;
}

type Said = Omit<MessageRow, "kind" | "isFirst" | "isOwn">;

export function rowsOf(timeline: Timeline, reader: Reader): readonly Row[] {
  const rows: Row[] = [...head(timeline)];
  let previous: Said | undefined;
  const add = (said: Said, isNew: boolean): void => {
    const isSameDay = previous !== undefined && dayOf(previous.time) === dayOf(said.time);
    if (!isSameDay) rows.push({ kind: "day", key: `day ${said.key}`, time: said.time });
    if (isNew) rows.push({ kind: "new", key: "new" });
    const isFirst = !isSameDay || isNew || !isContinued(previous, said);
    rows.push({ ...said, kind: "message", isFirst, isOwn: said.author.id === reader.id });
    previous = said;
  };
  for (const message of timeline.messages) {
    const { author, text, time, version } = message;
    add({ key: keyOf(message), author, text, time }, version === reader.newFrom);
  }
  for (const { id, author, text, time, delivery } of timeline.outgoing) {
    add({ key: keyOf({ id, author }), author, text, time, delivery, id }, false);
  }
  return rows;
}

function head({ break: reason, older, isLoaded, messages }: Timeline): readonly Row[] {
  if (older !== "none") return [{ kind: "older", key: "older", older }];
  if (reason !== undefined) return [{ kind: "break", key: "break", reason }];
  return isLoaded && messages.length > 0 ? [{ kind: "start", key: "start" }] : [];
}

function isContinued(previous: Said | undefined, said: Said): boolean {
  if (previous?.author.id !== said.author.id || previous.author.name !== said.author.name)
    return false;
  return said.time - previous.time < GROUP_GAP_MS;
}

/** In the zone of whoever looks. */
function dayOf(time: number): string {
  return new Date(time).toDateString();
}
