/** The one wrapper of everything that a session says, as it is in memory. */

import type { MessageType, Payloads } from "./generated/messages.js";

export type Envelope<T extends MessageType = MessageType> = {
  [K in T]: {
    readonly type: K;
    /** Correlates a request with its one answer; left out where none is wanted. */
    readonly id?: number;
    readonly payload: Payloads[K];
    /** W3C Trace Context. */
    readonly traceparent?: string;
  };
}[T];

/** Messages that ask for an answer. */
export type RequestType =
  | "CONNECT"
  | "REFRESH"
  | "SUBSCRIBE"
  | "UPDATE_VIEW"
  | "UNSUBSCRIBE"
  | "PUBLISH"
  | "HISTORY"
  | "PING";
