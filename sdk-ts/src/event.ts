/** What a watch delivers to the application. */

import type { FanfareError } from "./error.js";
import type * as wire from "./generated/messages.js";

/** What every publication says of itself. */
type Published = Omit<wire.Event, "type" | "data" | "error" | "resourceVersion" | "time"> & {
  readonly resourceVersion: wire.ResourceVersion;
  /** Milliseconds since 1970 at which the node accepted it. */
  readonly time: number;
};

/** A publication, or in a `state` topic the new value of `key`. Bytes (`contentType: "bytes"`) are a `Uint8Array`. */
export type PutEvent<T> = Published & { readonly type: "put"; readonly data: T };

/** A `key` of a `state` topic is gone. */
export type DeleteEvent = Published & { readonly type: "delete" };

/** With `delta`: a JSON merge patch (RFC 7396) against the previous value of the key; applications get the whole. */
export type PatchEvent = Published & { readonly type: "patch"; readonly data: unknown };

/** The place of the watch was lost: forget what was built from it, a snapshot follows. */
export interface GoneEvent {
  readonly type: "gone";
  readonly error: FanfareError;
}

/** The snapshot is complete as of `resourceVersion`; what follows is live. */
export interface SnapshotEndEvent {
  readonly type: "snapshot-end";
  readonly resourceVersion: wire.ResourceVersion;
  /** The snapshot of a `stream` left out older publications. */
  readonly limited?: boolean;
}

/** The node met trouble with the view that did not end it. */
export interface FailureEvent {
  readonly type: "failure";
  readonly error: FanfareError;
}

export type TopicEvent<T = unknown> =
  | PutEvent<T>
  | DeleteEvent
  | GoneEvent
  | SnapshotEndEvent
  | FailureEvent;

/** What comes of the place of a watch, before patches are made whole. */
export type CursorEvent = TopicEvent | PatchEvent;
