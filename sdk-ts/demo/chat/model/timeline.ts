/**
 * The messages of one room as this page knows them: those that the watch delivered, in its order,
 * and after them what this page said and has not got back yet. The answer to a publish and one's
 * own event come in either order, so that both sides are matched: an event by the id within it or
 * by the version that the answer named. Either way it takes the place of what was shown before, and
 * no message is there twice. Versions are compared for equality alone: the order is the watch's.
 */

import type { Author } from "./author.js";
import type { Message, Said } from "./message.js";

/** Messages kept of a room; older ones are dropped and fetched again by whoever scrolls up. */
export const MESSAGES_MAX = 1_000;

/** What became of a message that this page said. */
export type Delivery =
  | { readonly is: "sending" }
  /** Stored under this version; its event is under way. */
  | { readonly is: "sent"; readonly version: string }
  | { readonly is: "failed"; readonly reason: string };

export interface Outgoing extends Said {
  /** Milliseconds since 1970, by this page's clock. */
  readonly time: number;
  readonly delivery: Delivery;
}

/** Why what was shown before is no longer there. */
export type Break =
  /** The topic has a new epoch. */
  | "began-anew"
  /** We were away for longer than the history reaches. */
  | "missed";

/** The history before the first message. */
export type Older = "none" | "there" | "loading" | "failed";

export class Timeline {
  #messages: Message[] = [];
  #outgoing: Outgoing[] = [];
  readonly #keys = new Set<string>();
  #older: Older = "none";
  #isLoaded = false;
  #break: Break | undefined;
  #breakCount = 0;

  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** In the order in which they were said. */
  get outgoing(): readonly Outgoing[] {
    return this.#outgoing;
  }

  get older(): Older {
    return this.#older;
  }

  /** Whether the snapshot is complete. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** What came between what was shown before and the first message. */
  get break(): Break | undefined {
    return this.#break;
  }

  /** How often it broke. */
  get breakCount(): number {
    return this.#breakCount;
  }

  /** Messages of this page that no node has confirmed yet. */
  get sendingCount(): number {
    return this.#outgoing.filter(({ delivery }) => delivery.is === "sending").length;
  }

  /** The watch delivered a message. */
  put(message: Message): void {
    this.#outgoing = this.#outgoing.filter((outgoing) => !isSame(outgoing, message));
    if (!this.#admit(message)) return;
    this.#messages.push(message);
    for (const dropped of this.#messages.splice(0, this.#messages.length - MESSAGES_MAX)) {
      this.#forget(dropped);
      this.#older = "there";
    }
  }

  snapshotEnded(isLimited: boolean): void {
    this.#isLoaded = true;
    if (isLimited) this.#older = "there";
  }

  /** What was delivered is void; a snapshot follows. What was sent belongs to the void, or is in the snapshot. */
  gone(reason: Break): void {
    this.#messages = [];
    this.#keys.clear();
    this.#older = "none";
    this.#isLoaded = false;
    this.#break = reason;
    this.#breakCount++;
    this.#outgoing = this.#outgoing.filter(({ delivery }) => delivery.is !== "sent");
  }

  /** Asks for the history before a version; nothing when there is none, or it is under way. */
  askOlder(): string | undefined {
    if (this.#older !== "there" && this.#older !== "failed") return undefined;
    this.#older = "loading";
    return this.#messages[0]?.version;
  }

  /** The history before `before`, oldest first; ignored when it is no longer what was asked for. */
  prepend(before: string, messages: readonly Message[], hasOlder: boolean): void {
    if (!this.#isAsked(before)) return;
    this.#messages.unshift(...messages.filter((message) => this.#admit(message)));
    this.#older = hasOlder ? "there" : "none";
  }

  olderFailed(before: string): void {
    if (this.#isAsked(before)) this.#older = "failed";
  }

  say(said: Said, time: number): void {
    this.#outgoing.push({ ...said, time, delivery: { is: "sending" } });
  }

  accepted(id: string, version: string): void {
    if (this.#messages.some((message) => message.version === version)) this.discard(id);
    else this.#deliver(id, { is: "sent", version });
  }

  refused(id: string, reason: string): void {
    this.#deliver(id, { is: "failed", reason });
  }

  /** What is to be said again; nothing unless it failed. */
  retry(id: string): Said | undefined {
    const failed = this.#outgoing.find((outgoing) => outgoing.id === id);
    if (failed?.delivery.is !== "failed") return undefined;
    this.#deliver(id, { is: "sending" });
    return { id, author: failed.author, text: failed.text };
  }

  discard(id: string): void {
    this.#outgoing = this.#outgoing.filter((outgoing) => outgoing.id !== id);
  }

  /** Not after `gone`, and not when the first messages made place for new ones. */
  #isAsked(before: string): boolean {
    return this.#older === "loading" && this.#messages[0]?.version === before;
  }

  #deliver(id: string, delivery: Delivery): void {
    this.#outgoing = this.#outgoing.map((outgoing) => {
      return outgoing.id === id ? { ...outgoing, delivery } : outgoing;
    });
  }

  /** False for what is there already: the same version, or the same words said again after an unsure end. */
  #admit(message: Message): boolean {
    if (this.#keys.has(message.version) || this.#keys.has(keyOf(message))) return false;
    this.#keys.add(message.version).add(keyOf(message));
    return true;
  }

  #forget(message: Message): void {
    this.#keys.delete(message.version);
    this.#keys.delete(keyOf(message));
  }
}

/** The same before and after a message was stored. */
export function keyOf(said: { id?: string; author: Author; version?: string }): string {
  return said.id === undefined ? `version ${said.version}` : `id ${said.author.id} ${said.id}`;
}

function isSame({ id, author, delivery }: Outgoing, message: Message): boolean {
  if (delivery.is === "sent" && delivery.version === message.version) return true;
  return id === message.id && author.id === message.author.id;
}
