/** What the session asks its shell to do. Watches and tickets are numbers that the shell gave out. */

import type { ConnectionState } from "./connection.js";
import type { Envelope } from "./envelope.js";
import type { FanfareError } from "./error.js";
import type { TopicEvent } from "./event.js";
import type { ResourceVersion } from "./generated/messages.js";

export type Effect =
  /** Get a token, open a socket and report `opened`, or `lost`; its messages as `received`, its end as `lost`. */
  | { readonly do: "open" }
  /** Drop the socket, if there is one or one on its way; nothing more is heard of it. */
  | { readonly do: "close" }
  | { readonly do: "send"; readonly envelope: Envelope }
  /** Get a new token and report it as `refreshed`; that it cannot be had needs no report. */
  | { readonly do: "refresh" }
  /** The connection state changed. */
  | { readonly do: "state"; readonly state: ConnectionState }
  | { readonly do: "deliver"; readonly watch: number; readonly events: readonly TopicEvent[] }
  /** Nothing more comes; without an error because the application closed the client. */
  | { readonly do: "end"; readonly watch: number; readonly error?: FanfareError }
  | { readonly do: "resolve"; readonly ticket: number; readonly value: ResourceVersion }
  | { readonly do: "reject"; readonly ticket: number; readonly error: FanfareError };

/** Cores append to it. */
export type Effects = Effect[];
