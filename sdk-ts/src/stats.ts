/** Figures for whoever wants to know how the client is doing. */

import type { ConnectionState } from "./connection.js";

/** What happened so far: counts only grow. */
export interface Counters {
  /** Connections that a node welcomed; all but the first are reconnects, or a better transport that took over. */
  connections: number;
  /** Events handed to the application. */
  events: number;
  /** Events that came again and were dropped. */
  duplicates: number;
  /** Times that a watch could not be continued and was told so. */
  gones: number;
  /** Times that publications were missing before a batch, and were asked for again. */
  gaps: number;
  /** Views that went on exactly where they were. */
  resumes: number;
  /** Views that began, or began anew, with a snapshot or from now on. */
  snapshots: number;
  /** Publications that a topic stored. */
  published: number;
  /** Milliseconds between the acceptance of the last event at the node and its arrival, by the two clocks. */
  lagMs?: number;
  /** Milliseconds from the opening of the connection to the node's first answer: a round trip. */
  rttMs?: number;
}

/** Of the connection, and of what goes over it. */
export interface SessionStats extends Readonly<Counters> {
  readonly state: ConnectionState;
  readonly watches: number;
  /** Publications without an answer. */
  readonly publishing: number;
  /** Requests without an answer on the present connection. */
  readonly inFlight: number;
}
