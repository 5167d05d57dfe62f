/** What every entry point exports besides `Fanfare`. */

export type { Backoff } from "./backoff.js";
export type { FanfareOptions } from "./client.js";
export type { ConnectionState } from "./connection.js";
export type { Stats } from "./driver.js";
export {
  type ErrorClass,
  type ErrorName,
  FanfareError,
  type LocalErrorName,
} from "./error.js";
export type {
  DeleteEvent,
  FailureEvent,
  GoneEvent,
  PutEvent,
  SnapshotEndEvent,
  TopicEvent,
} from "./event.js";
export type { Persistence } from "./follower.js";
export type { CodeName } from "./generated/codes.js";
export type { Duration, ResourceVersion } from "./generated/messages.js";
export type {
  DeleteOptions,
  HistoryOptions,
  HistoryPage,
  ListenOptions,
  PublishOptions,
  Topic,
  ViewOptions,
  WatchOptions,
  Where,
} from "./topic.js";
export type { TransportLoader, TransportName } from "./transport/transport.js";
export type { Watch } from "./watch.js";
export type { Persisted } from "./watches.js";
