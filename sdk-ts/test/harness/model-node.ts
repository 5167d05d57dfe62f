/**
 * A node as the protocol's rules describe it, small enough to be believed: topics, views,
 * producers. Answers at once, into the queue of its connection; the test decides when that arrives.
 */

import { json } from "../../src/codec/json.js";
import type { Envelope } from "../../src/envelope.js";
import type * as wire from "../../src/generated/messages.js";
import { ModelTopic } from "./model-topic.js";
import type { FakeSocket } from "./world.js";

interface Views {
  readonly number: number;
  readonly topic: string;
  /** The last offset that was sent, in the epoch that was told. */
  cursor: { epoch: string; offset: number };
}

/** One connection, as the node sees it. */
export class ModelConnection {
  readonly id: string;
  readonly socket: FakeSocket;
  readonly views = new Map<string, Views>();
  /** Said by the node and not yet arrived. */
  readonly said: Envelope[] = [];

  constructor(id: string, socket: FakeSocket) {
    this.id = id;
    this.socket = socket;
  }

  /** The next envelope arrives, if there is one. */
  arrive(): boolean {
    const envelope = this.said.shift();
    if (!envelope) return false;
    for (const message of json.encode([envelope])) this.socket.deliver(message as string);
    return true;
  }
}

export class ModelNode {
  readonly topics = new Map<string, ModelTopic>();
  readonly connections: ModelConnection[] = [];
  /** What a publish is refused with for now, if it is. */
  refusePublish: (publish: wire.Publish) => wire.Error | undefined = () => undefined;
  requestsInFlightMax = 8;
  /** Publications of one frame. */
  frameEventsMax = 3;
  #lastEpoch = 0;
  #lastConnection = 0;
  #views = new Map<string, number>();

  /** A client's socket reached the node. */
  connect(socket: FakeSocket): ModelConnection {
    const connection = new ModelConnection(`c-${++this.#lastConnection}`, socket);
    this.connections.push(connection);
    socket.accept();
    return connection;
  }

  /** Its process ends and another one has the same data: topics and producers last, connections do not (V2, P9). */
  restart(): void {
    for (const { socket } of this.connections.splice(0)) socket.drop();
    // A process numbers its views in an order of its own.
    this.#views = new Map([...this.#views.keys()].reverse().map((name, at) => [name, at + 1]));
  }

  /** V2: every topic is deleted, so that one of its name has another epoch. */
  deleteAll(): void {
    this.topics.clear();
  }

  topic(name: string): ModelTopic {
    const topic = this.topics.get(name) ?? new ModelTopic(`e${++this.#lastEpoch}`);
    this.topics.set(name, topic);
    return topic;
  }

  /** The node takes the next message of a client. */
  take(connection: ModelConnection): boolean {
    const message = connection.socket.sent.shift();
    if (message === undefined) return false;
    for (const envelope of json.decode(message)) this.#answer(connection, envelope);
    return true;
  }

  /** Everything that was published goes to everyone who watches it. */
  spread(): void {
    for (const connection of this.connections) {
      for (const view of connection.views.values()) this.#continue(connection, view);
    }
  }

  #answer(connection: ModelConnection, { type, id = 0, payload }: Envelope): void {
    const answer = (envelope: Envelope) => connection.said.push({ ...envelope, id });
    switch (type) {
      case "CONNECT": {
        const limits = {
          frameBytesMax: 1_048_576,
          publicationBytesMax: 262_144,
          subscriptionsMax: 1_000,
          requestsInFlightMax: this.requestsInFlightMax,
        };
        const welcome = { connectionId: connection.id, nodeId: "1", limits };
        answer({ type: "CONNECTED", payload: welcome });
        break;
      }
      case "PING":
        answer({ type: "PONG", payload: {} });
        break;
      case "PUBLISH":
        answer(this.#publish(connection, payload));
        break;
      case "SUBSCRIBE":
        this.#subscribe(connection, payload as wire.Watch, answer);
        break;
      case "UNSUBSCRIBE": {
        for (const [topic, { number }] of connection.views) {
          if (number === payload.view) connection.views.delete(topic);
        }
        answer({ type: "UNSUBSCRIBED", payload });
        break;
      }
      case "HISTORY": {
        const topic = this.topic(payload.topic);
        const page = {
          topic: payload.topic,
          items: topic.log,
          resourceVersion: topic.version(topic.head),
        };
        answer({ type: "HISTORY_PAGE", payload: page });
        break;
      }
      default:
        answer(failure(3519, "NOT_SUPPORTED"));
    }
  }

  #publish(connection: ModelConnection, publish: wire.Publish): Envelope {
    const refusal = this.refusePublish(publish);
    if (refusal) return { type: "ERROR", payload: refusal };
    const stored = this.topic(publish.topic).publish(publish, connection.id);
    if ("expected" in stored) return failure(3515, "OUT_OF_SEQUENCE", stored);
    if ("conflict" in stored) return failure(3514, "VERSION_CONFLICT");
    if ("mismatch" in stored) return failure(3516, "IDEMPOTENCY_MISMATCH");
    return { type: "PUBLISHED", payload: stored };
  }

  #subscribe(
    connection: ModelConnection,
    { topic: name, resourceVersion, from = "snapshot", limit = 100 }: wire.Watch,
    answer: (envelope: Envelope) => void,
  ): void {
    if (connection.views.has(name)) {
      answer(failure(3512, "ALREADY_SUBSCRIBED"));
      return;
    }
    const number = this.#views.get(name) ?? this.#views.size + 1;
    this.#views.set(name, number);
    const topic = this.topics.get(name) ?? new ModelTopic("0");
    const opened = (resumed: boolean, version: wire.ResourceVersion) => {
      const payload = { view: number, topic: name, resourceVersion: version, resumed };
      answer({ type: "SUBSCRIBED", payload });
    };
    const view: Views = { number, topic: name, cursor: { epoch: topic.epoch, offset: topic.head } };
    connection.views.set(name, view);
    if (resourceVersion !== undefined) {
      const [epoch = "", offset] = resourceVersion.split(".");
      view.cursor = { epoch, offset: Number(offset) };
      const gap = this.#gap(view);
      opened(!gap, resourceVersion);
      if (gap) this.#startOver(connection, view, gap);
    } else if (from === "snapshot") {
      opened(false, topic.version(topic.head));
      this.#sendSnapshot(connection, view, limit);
    } else {
      view.cursor.offset = from === "latest" ? topic.head : topic.forgotten;
      opened(false, topic.version(view.cursor.offset));
    }
    this.#continue(connection, view);
  }

  /** V4, V6. */
  #gap({ topic: name, cursor }: Views): wire.Error | undefined {
    const topic = this.topics.get(name) ?? new ModelTopic("0");
    const isNew = cursor.epoch === "0" && topic.forgotten === 0;
    if (cursor.epoch !== topic.epoch && !isNew) {
      const current = topic.version(topic.head);
      return { code: 3302, name: "EPOCH_CHANGED", message: "", class: "resync", current };
    }
    if (cursor.offset >= topic.forgotten) return undefined;
    const oldest = topic.version(topic.forgotten);
    return { code: 3301, name: "GONE", message: "", class: "resync", oldest };
  }

  /** W11. */
  #startOver(connection: ModelConnection, view: Views, error: wire.Error): void {
    const at = `${view.cursor.epoch}.${view.cursor.offset}`;
    const events: wire.Event[] = [{ type: "gone", error }];
    const payload = { view: view.number, after: at, through: at, events };
    connection.said.push({ type: "EVENT", payload });
    this.#sendSnapshot(connection, view, 100);
  }

  /** W9. */
  #sendSnapshot(connection: ModelConnection, view: Views, limit: number): void {
    const topic = this.topics.get(view.topic) ?? new ModelTopic("0");
    const { after, events } = topic.snapshot(limit);
    const isFold = events.some(({ key }) => key !== undefined);
    const head = topic.version(topic.head);
    const end: wire.Event = { type: "snapshot-end", resourceVersion: head };
    const all = [...events, end];
    for (let at = 0; at < all.length; at += this.frameEventsMax) {
      const part = all.slice(at, at + this.frameEventsMax);
      const isLast = at + this.frameEventsMax >= all.length;
      const place = isFold ? 0 : after + at;
      const covered = isFold ? 0 : after + at + part.length;
      const payload = {
        view: view.number,
        after: topic.version(place),
        through: isLast ? head : topic.version(covered),
        ...(at === 0 && !isFold && after > topic.forgotten && { limited: true }),
        events: part,
      };
      connection.said.push({ type: "EVENT", payload });
    }
    view.cursor = { epoch: topic.epoch, offset: topic.head };
  }

  /** W7, W8: what follows the cursor, in frames that join. */
  #continue(connection: ModelConnection, view: Views): void {
    const topic = this.topics.get(view.topic);
    if (!topic) return;
    const gap = this.#gap(view);
    if (gap) this.#startOver(connection, view, gap);
    while (view.cursor.offset < topic.head || view.cursor.epoch !== topic.epoch) {
      const { epoch, offset } = view.cursor;
      const through = Math.min(topic.head, offset + this.frameEventsMax);
      if (through === offset) break;
      const payload = {
        view: view.number,
        after: `${epoch}.${offset}`,
        through: topic.version(through),
        events: topic.read(offset, through),
      };
      connection.said.push({ type: "EVENT", payload });
      view.cursor = { epoch: topic.epoch, offset: through };
    }
  }
}

export function failure(code: number, name: string, more: Partial<wire.Error> = {}): Envelope {
  return { type: "ERROR", payload: { code, name, message: name, class: "", ...more } };
}
