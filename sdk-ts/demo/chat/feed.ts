/** The rooms on Fanfare: `chat:ROOM` is a stream of messages, `typing:ROOM` the state of who types. */

import { type Fanfare, FanfareError, type TopicEvent, type Watch } from "../../src/index.js";
import type { Author } from "./model/author.js";
import { type Message, readMessage, type Said } from "./model/message.js";
import type { Room } from "./model/room.js";
import { TYPING_TTL_MS } from "./model/typing.js";

/** Messages in the first sight of a room, and in each page of its history. */
const PAGE_COUNT = 50;

export class Feed {
  readonly #client: Fanfare;
  readonly #typingKey: string;
  readonly #changed: () => void;
  readonly #watches = new Map<Room, readonly Watch[]>();

  /** `changed` is called after each change of a room; `typingKey` names this page among those that type. */
  constructor(client: Fanfare, typingKey: string, changed: () => void) {
    this.#client = client;
    this.#typingKey = typingKey;
    this.#changed = changed;
  }

  /** Follows a room; once is enough. */
  join(room: Room): void {
    if (this.#watches.has(room)) return;
    const messages = this.#client.topic(`chat:${room.name}`).watch({ limit: PAGE_COUNT });
    const typing = this.#client.topic(`typing:${room.name}`).watch();
    this.#watches.set(room, [messages, typing]);
    void this.#follow(messages, (event) => room.take(event)).catch((error: unknown) => {
      room.failure = `This room cannot be shown: ${reasonOf(error)}`;
      this.#changed();
    });
    // The room is as good without it.
    void this.#follow(typing, (event) => room.typing.take(event)).catch(() => {});
  }

  leave(room: Room): void {
    for (const watch of this.#watches.get(room) ?? []) watch.close();
    this.#watches.delete(room);
  }

  /** Publishes what is in the timeline of the room as being sent. */
  async say(room: Room, said: Said): Promise<void> {
    try {
      const version = await this.#client.topic<Said>(`chat:${room.name}`).publish(said);
      room.timeline.accepted(said.id, version);
    } catch (error) {
      room.timeline.refused(said.id, reasonOf(error));
    }
    this.#changed();
  }

  /** Fetches the page of history before the first message. */
  async loadOlder(room: Room): Promise<void> {
    const before = room.timeline.askOlder();
    if (before === undefined) return;
    try {
      const topic = this.#client.topic(`chat:${room.name}`);
      const page = await topic.history({ after: before, limit: PAGE_COUNT, reverse: true });
      const messages = page.items.flatMap((item): Message[] => {
        return item.type === "put" ? [readMessage(item)] : [];
      });
      room.timeline.prepend(before, messages.reverse(), page.continue !== undefined);
    } catch {
      room.timeline.olderFailed(before);
    }
    this.#changed();
  }

  /** Tells the others that one types, for a few seconds. A sign that fails is not missed. */
  signTyping(room: Room, author: Author): void {
    const ttl = `${TYPING_TTL_MS}ms`;
    const topic = this.#client.topic<Author>(`typing:${room.name}`);
    topic.publish(author, { key: this.#typingKey, ttl }).catch(() => {});
  }

  /** Tells the others that one no longer types. */
  endTyping(room: Room): void {
    this.#client
      .topic(`typing:${room.name}`)
      .delete(this.#typingKey)
      .catch(() => {});
  }

  async #follow(watch: Watch, take: (event: TopicEvent) => void): Promise<void> {
    for await (const event of watch) {
      take(event);
      this.#changed();
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof FanfareError)) return "something went wrong";
  return error.name === "QUEUE_FULL" ? "too many messages wait already" : error.message;
}
