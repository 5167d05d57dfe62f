/** All that the page shows: the rooms, the one that is open, who reads, and the connection. */

import type { ConnectionState } from "../../../src/index.js";
import type { Author } from "./author.js";
import type { Situation } from "./connection.js";
import { Room } from "./room.js";
import { defaultRooms } from "./room-name.js";

/** Each room is two watches on the one connection; more than this nobody keeps an eye on. */
export const ROOMS_MAX = 16;

export class Chat {
  readonly rooms = new Map<string, Room>();
  /** Nothing until one has introduced oneself. */
  me: Author | undefined;
  isOnline = true;
  readonly #typingKey: string;
  #open: Room;
  #state: ConnectionState = { status: "idle" };
  #since = 0;

  /** `typingKey` names this page among those that type. */
  constructor(typingKey: string, room: string, reads: ReadonlyMap<string, string> = new Map()) {
    this.#typingKey = typingKey;
    for (const name of [...defaultRooms, ...reads.keys()]) this.#add(name, reads.get(name));
    this.#open = this.#add(room, reads.get(room));
  }

  /** The room that is looked at. */
  get open(): Room {
    return this.#open;
  }

  get situation(): Situation {
    const counts = [...this.rooms.values()].map(({ timeline }) => timeline.sendingCount);
    return {
      state: this.#state,
      since: this.#since,
      isOnline: this.isOnline,
      waitingCount: counts.reduce((sum, count) => sum + count, 0),
    };
  }

  get isConnected(): boolean {
    return this.#state.status === "connected";
  }

  /** Unread messages of a room; none for whoever has no name yet. */
  unreadCount(room: Room): number {
    return room.unreadCount(this.me?.id ?? "");
  }

  connection(state: ConnectionState, now: number): void {
    this.#state = state;
    this.#since = now;
  }

  /** Opens a room, new or known; returns the one that had to make place for it. */
  enter(name: string): Room | undefined {
    this.#open.settle();
    this.#open = this.#add(name);
    this.look();
    return this.#evict();
  }

  /** Someone comes back to the page: what came meanwhile is marked as new. */
  look(): void {
    this.#open.open(this.me?.id ?? "");
  }

  /** What to remember for the next visit: each room, and how far it was read. */
  reads(): ReadonlyMap<string, string> {
    const rooms = [...this.rooms.values()].flatMap(({ name, readTo }) => {
      return readTo === undefined ? [] : [[name, readTo] as const];
    });
    return new Map(rooms);
  }

  #add(name: string, readTo?: string): Room {
    const room = this.rooms.get(name) ?? new Room(name, this.#typingKey, readTo);
    this.rooms.set(name, room);
    return room;
  }

  /** The oldest of the rooms that one made oneself, unless something in it still waits to be sent. */
  #evict(): Room | undefined {
    if (this.rooms.size <= ROOMS_MAX) return undefined;
    const oldest = [...this.rooms.values()].find((room) => {
      const isDefault = defaultRooms.some((name) => name === room.name);
      return !isDefault && room !== this.#open && room.timeline.outgoing.length === 0;
    });
    if (oldest) this.rooms.delete(oldest.name);
    return oldest;
  }
}
