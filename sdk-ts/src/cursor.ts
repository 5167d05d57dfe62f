/**
 * The place of one watch in its topic: "everything up to here was delivered". Decides what of a
 * batch is new, whether something is missing before it, and where to continue after a cut. Says
 * `gone` rather than leave out or repeat anything.
 */

import { Code } from "./code.js";
import { unseen } from "./continuity.js";
import { type FanfareError, fromCode, fromWire } from "./error.js";
import type { CursorEvent, TopicEvent } from "./event.js";
import type * as wire from "./generated/messages.js";
import { NONE } from "./resource-version.js";

/** Where a watch begins. */
export type Start = Pick<wire.Watch, "from" | "resourceVersion">;

type State =
  /** Nothing was delivered since the start, or since `gone`. */
  | { readonly at: "start"; readonly from: NonNullable<wire.Watch["from"]> }
  /** As `start`, but the application still holds a part of a snapshot that cannot be continued. */
  | { readonly at: "torn" }
  /** Within the snapshot of a `state` topic, which has no place to continue from before its end. */
  | { readonly at: "fold" }
  /** Within the snapshot of a `stream`, which is a piece of its line. */
  | { readonly at: "piece"; readonly through: wire.ResourceVersion }
  /** Live, or catching up. */
  | { readonly at: "line"; readonly through: wire.ResourceVersion };

/** What of a batch is for the application; `gap`: publications are missing before it, nothing was taken. */
export type Taken =
  | { readonly events: readonly CursorEvent[]; readonly duplicates: number }
  | "gap";

export class Cursor {
  #state: State;
  #isLimited = false;

  constructor({ from = "snapshot", resourceVersion }: Start) {
    this.#state = resourceVersion
      ? { at: "line", through: resourceVersion }
      : { at: "start", from };
  }

  /** The parameters by which a subscription continues here. */
  get start(): Start {
    const state = this.#state;
    if (state.at === "piece" || state.at === "line") return { resourceVersion: state.through };
    return { from: state.at === "start" ? state.from : "snapshot" };
  }

  /** How far everything was delivered, where a subscription could continue. */
  get through(): wire.ResourceVersion | undefined {
    return this.start.resourceVersion;
  }

  /** Live, or catching up: a change of the view can be asked for. */
  get isLive(): boolean {
    return this.#state.at === "line";
  }

  /** A subscription from `start` was answered. */
  subscribed({ resumed, resourceVersion }: wire.Watched): readonly CursorEvent[] {
    const state = this.#state;
    if (state.at === "torn") {
      return this.gone(fromCode(Code.LAGGED));
    }
    if (state.at === "start" && state.from === "latest" && resourceVersion) {
      this.#state = { at: "line", through: resourceVersion };
    }
    if (state.at === "piece" && resumed) {
      // What was delivered is the whole snapshot as of the cut; what follows is live.
      this.#state = { at: "line", through: state.through };
      return [this.#snapshotEnd(state.through)];
    }
    return [];
  }

  /** The subscription ended, with the connection or without. */
  lost(): void {
    if (this.#state.at === "fold") this.#state = { at: "torn" };
  }

  /** The node cannot continue here. */
  gone(error: FanfareError): readonly CursorEvent[] {
    this.#state = { at: "start", from: "snapshot" };
    this.#isLimited = false;
    return [{ type: "gone", error }];
  }

  /** The node sent the next batch of the subscription. */
  take(batch: wire.EventBatch): Taken {
    const start = batch.events.findIndex((event) => event.type === "gone");
    if (start < 0) return this.#continue(batch);
    const gone = this.gone(errorOf(batch.events[start], Code.GONE));
    const rest = this.#continue({ ...batch, events: batch.events.slice(start + 1) });
    return rest === "gap" ? rest : { ...rest, events: [...gone, ...rest.events] };
  }

  #continue(batch: wire.EventBatch): Taken {
    const state = this.#state;
    const isOnLine = state.at === "piece" || state.at === "line";
    const fresh = isOnLine ? unseen(batch, state.through) : batch;
    if (fresh === "gap") return fresh;
    this.#isLimited ||= batch.limited === true;
    this.#state = next(state, fresh.through, fresh.events);
    return {
      events: fresh.events.flatMap((event) => this.#translate(event)),
      duplicates: batch.events.length - fresh.events.length,
    };
  }

  #translate(event: wire.Event): readonly CursorEvent[] {
    switch (event.type) {
      case "put":
      case "delete":
      case "patch":
        // They are to the application what they are on the wire.
        return [event as CursorEvent];
      case "snapshot-end":
        return [this.#snapshotEnd(event.resourceVersion)];
      case "failure":
        return [{ type: "failure", error: errorOf(event, Code.INTERNAL) }];
      default:
        // Bookmarks did their part, and types of later versions are skipped.
        return [];
    }
  }

  #snapshotEnd(resourceVersion: wire.ResourceVersion = NONE): TopicEvent {
    const isLimited = this.#isLimited;
    this.#isLimited = false;
    return { type: "snapshot-end", resourceVersion, ...(isLimited && { limited: true }) };
  }
}

/** The state after events up to `through` were delivered. */
function next(state: State, through: wire.ResourceVersion, events: readonly wire.Event[]): State {
  if (events.some((event) => event.type === "snapshot-end")) return { at: "line", through };
  switch (state.at) {
    case "piece":
    case "line":
      return { at: state.at, through };
    case "fold":
      return state;
  }
  // A lone `gone`, or a bookmark before anything else, is not yet a place.
  if (events.length === 0) return state;
  if (state.at === "start" && state.from !== "snapshot") return { at: "line", through };
  // Only publications of a `state` topic have keys, and all of them do.
  return events.some((event) => event.key !== undefined)
    ? { at: "fold" }
    : { at: "piece", through };
}

function errorOf(event: wire.Event | undefined, code: number): FanfareError {
  return event?.error ? fromWire(event.error) : fromCode(code);
}
