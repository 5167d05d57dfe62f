/** Figures for whoever wants to know how the client is doing. */

import type { ConnectionState } from "./connection.js";

/** What happened so far. Numbers only grow, except those that say how much there is of something now. */
export interface SessionStats {
  readonly state: ConnectionState;
  /** Connections that a node welcomed. */
  readonly connections: number;
  readonly watches: number;
  /** Events handed to the application. */
  readonly events: number;
  /** Events that came again and were dropped. */
  readonly duplicates: number;
  /** Times that publications were missing before a batch, and were asked for again. */
  readonly gaps: number;
  /** Times that a watch could not be continued and was told so. */
  readonly gones: number;
  /** Publications that a topic stored. */
  readonly published: number;
  /** Publications without an answer. */
  readonly publishing: number;
  /** Requests without an answer on the present connection. */
  readonly inFlight: number;
}
