/** A topic as the application holds it: watch it, publish to it, read its history. */

import { JsonText } from "./codec/codec.js";
import type { Driver } from "./driver.js";
import type { FanfareError } from "./error.js";
import type { DeleteEvent, PutEvent, TopicEvent } from "./event.js";
import type { Terms } from "./follower.js";
import type * as wire from "./generated/messages.js";
import { guarded } from "./guard.js";
import type { Body } from "./publish-line.js";
import type { View } from "./subscription.js";
import { Watch } from "./watch.js";

const utf8 = new TextEncoder();

/** The envelope, the topic and the producer of a publication: less than that. */
const HEAD_BYTES = 1_024;

/** Equalities, each on `key`, an attribute or a path of `data`. */
export type Where = Readonly<
  { key?: string } & Partial<Record<`attributes.${string}`, string>> &
    Partial<Record<`data.${string}`, string | number | boolean | null>>
>;

/** What a watch is to see, and in which pace. */
export interface ViewOptions {
  /** CEL over `key`, `data`, `attributes`, `time` and `publisher`. */
  readonly filter?: string;
  /** Equalities: `{ key: "a", "attributes.kind": "b", "data.user.id": 7 }`. */
  readonly where?: Where;
  /** Dotted paths of `data` to keep. */
  readonly fields?: readonly string[];
  /** Suppresses events whose kept part did not change. */
  readonly onChange?: boolean;
  /** At most one batch in it. */
  readonly interval?: wire.Duration;
  /** A batch after that much quiet. */
  readonly debounce?: wire.Duration;
  readonly maxEventsPerSecond?: number;
  /** Of a `state` topic: changes of a key travel as patches. Events have the whole value all the same. */
  readonly delta?: boolean;
  /** `local` may read what a replica has, without asking the leader. */
  readonly consistency?: "linearizable" | "local";
}

/** Where a watch starts, and what it is to see. */
export interface WatchOptions extends Terms, ViewOptions {
  /** With `mode: "poll"`: how often; 10 s unless given, and at least 100 ms. */
  readonly pollInterval?: wire.Duration;
}

/** What a publication says besides its data. */
export interface PublishOptions {
  /** Of a `state` topic: whose value it is. */
  readonly key?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** The key, or the publication of a `stream`, expires after it. */
  readonly ttl?: wire.Duration;
  /** Refused with `VERSION_CONFLICT` unless it is the current version of the key, or of the topic. */
  readonly ifVersion?: wire.ResourceVersion;
  /** Makes the publication one with others under the same key, also of other clients. */
  readonly idempotencyKey?: string;
  /** Milliseconds since 1970 at the source; never interpreted. */
  readonly originTime?: number;
  /** W3C Trace Context. */
  readonly traceparent?: string;
}

export type DeleteOptions = Omit<PublishOptions, "key" | "ttl">;

/** How a listener watches. */
export interface ListenOptions extends WatchOptions {
  /** Called when the watch cannot go on; without it the error is uncaught. */
  readonly onError?: (error: FanfareError) => void;
}

export interface HistoryOptions {
  /** Publications after it, or with `reverse` before it. A page's `continue` goes here. */
  readonly after?: wire.ResourceVersion;
  readonly limit?: number;
  /** From the newest backwards. */
  readonly reverse?: boolean;
}

export interface HistoryPage<T> {
  readonly items: readonly (PutEvent<T> | DeleteEvent)[];
  /** The head of the topic when the page was read. */
  readonly resourceVersion: wire.ResourceVersion;
  /** There is more: pass it as `after`. */
  readonly continue?: string;
}

/** `T` is what the application publishes there; nothing checks that others do. */
export class Topic<T = unknown> {
  readonly name: string;
  readonly #driver: Driver;

  /** Applications get theirs from `client.topic()`. */
  constructor(driver: Driver, name: string) {
    this.#driver = driver;
    this.name = name;
  }

  /** Every event from where `options` say, in order, over reconnects. Starts now, not with the first `next()`. */
  watch(options: WatchOptions = {}): Watch<T> {
    const driver = this.#driver;
    let number = 0;
    const watch = new Watch<T>({
      tell: (wish) => driver.tell(number, wish),
      took: (count) => driver.took(number, count),
      update: (options) => {
        const view = viewOf(this.name, options);
        return driver.extra((extra) => extra.update(number, view));
      },
    });
    number = driver.watch(viewOf(this.name, options), options, watch);
    return watch;
  }

  /** As `watch`, but calls `listener` with each event. Returns the function that ends it. */
  on(
    _name: "event",
    listener: (event: TopicEvent<T>) => void,
    options: ListenOptions = {},
  ): () => void {
    const driver = this.#driver;
    const number = driver.watch(viewOf(this.name, options), options, {
      push(events) {
        for (const event of events as readonly TopicEvent<T>[]) guarded(() => listener(event));
        driver.took(number, events.length);
      },
      end(error) {
        if (!error) return;
        if (!options.onError) throw error;
        options.onError(error);
      },
    });
    return () => driver.tell(number, "remove");
  }

  /**
   * Publishes, now or once there is a connection, in the order of the calls and once. Resolves with
   * the version when it is stored. Bytes stay bytes, all else is JSON, taken as it is now.
   */
  async publish(data: T | Uint8Array, options: PublishOptions = {}): Promise<wire.ResourceVersion> {
    const isBytes = data instanceof Uint8Array;
    const content = isBytes
      ? { data: data.slice(), contentType: "bytes" as const }
      : { data: new JsonText(data) };
    return this.#publish({ ...options, ...content });
  }

  /** Deletes a key of a `state` topic. Resolves with the version when it is done. */
  async delete(key: string, options: DeleteOptions = {}): Promise<wire.ResourceVersion> {
    return this.#publish({ ...options, key, delete: true });
  }

  /** A page of what is retained. */
  async history(options: HistoryOptions = {}): Promise<HistoryPage<T>> {
    const request = { topic: this.name, ...options };
    const page = await this.#driver.extra((extra) => extra.history(request));
    // A page has publications of the topic only, which are of `T`.
    return page as HistoryPage<T>;
  }

  #publish(body: Body): Promise<wire.ResourceVersion> {
    return this.#driver.publish(this.name, body, bytesOf(body));
  }
}

/** At most so many bytes on the wire, in either encoding. */
function bytesOf({ data, ...rest }: Body): number {
  const head = 3 * JSON.stringify(rest).length + HEAD_BYTES;
  if (data instanceof Uint8Array) return head + Math.ceil(data.length / 3) * 4;
  return head + (data instanceof JsonText ? utf8.encode(data.text).length : 0);
}

/** What makes the view of a watch, as the protocol names it. */
function viewOf(topic: string, options: ListenOptions): View {
  const {
    resourceVersion,
    from,
    limit,
    onGone,
    credit,
    echo,
    mode,
    persist,
    whenHidden,
    onError,
    where = {},
    fields,
    ...rest
  } = options;
  const view: View = { topic, ...rest, ...(fields && { fields: fields.join(",") }) };
  for (const [path, value] of Object.entries(where)) view[`where.${path}`] = JSON.stringify(value);
  return view;
}
