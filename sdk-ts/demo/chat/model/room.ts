/** One room: its timeline, who types in it, and how far it was read. */

import type { FanfareError, TopicEvent } from "../../../src/index.js";
import { readMessage } from "./message.js";
import { type Break, Timeline } from "./timeline.js";
import { Typing } from "./typing.js";

export class Room {
  readonly name: string;
  readonly timeline = new Timeline();
  readonly typing: Typing;
  /** Why nothing more comes, when the watch ended. */
  failure: string | undefined;
  #readTo: string | undefined;
  #newFrom: string | undefined;

  /** `readTo` is what `readTo` was on the last visit. */
  constructor(name: string, typingKey: string, readTo?: string) {
    this.name = name;
    this.typing = new Typing(typingKey);
    this.#readTo = readTo;
  }

  /** The version up to which everything was read; nothing before the first snapshot. */
  get readTo(): string | undefined {
    return this.#readTo;
  }

  /** Where the unread ones began when the room was opened. */
  get newFrom(): string | undefined {
    return this.#newFrom;
  }

  take(event: TopicEvent): void {
    switch (event.type) {
      case "put":
        this.timeline.put(readMessage(event));
        break;
      case "gone":
        this.timeline.gone(breakOf(event.error));
        break;
      case "snapshot-end":
        this.timeline.snapshotEnded(event.limited === true);
        // Whoever has never been here has nothing to catch up with.
        this.#readTo ??= event.resourceVersion;
        break;
      default:
    }
  }

  /** Messages of others since it was last read; those of the first visit's snapshot do not count. */
  unreadCount(reader: string): number {
    return this.#unread(reader).length;
  }

  /** Someone comes to look: what is unread is marked as new. */
  open(reader: string): void {
    this.#newFrom = this.#unread(reader)[0]?.version;
  }

  /** Someone looks: everything that is there was read. */
  read(): void {
    if (this.#readTo !== undefined)
      this.#readTo = this.timeline.messages.at(-1)?.version ?? this.#readTo;
  }

  /** What was new no longer is: one answers, or goes. */
  settle(): void {
    this.#newFrom = undefined;
  }

  #unread(reader: string) {
    if (this.#readTo === undefined) return [];
    const { messages } = this.timeline;
    const read = messages.map(({ version }) => version).lastIndexOf(this.#readTo);
    return messages.slice(read + 1).filter(({ author }) => author.id !== reader);
  }
}

function breakOf({ name }: FanfareError): Break {
  return name === "EPOCH_CHANGED" ? "began-anew" : "missed";
}
