/** What every entry point exports besides `Fanfare`. */

export type { Backoff } from "./backoff.js";
export type { FanfareOptions } from "./client.js";
export type { ConnectionState } from "./connection.js";
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
  PatchEvent,
  PutEvent,
  SnapshotEndEvent,
  TopicEvent,
} from "./event.js";
export { Code, type CodeName } from "./generated/codes.js";
export type { Duration, ResourceVersion } from "./generated/messages.js";
export type { Stats } from "./stats.js";
export type {
  DeleteOptions,
  HistoryOptions,
  HistoryPage,
  ListenOptions,
  PublishOptions,
  Topic,
  WatchOptions,
} from "./topic.js";
export type { Watch } from "./watch.js";
