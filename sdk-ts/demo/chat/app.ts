/** Brings together what the page shows, what comes from Fanfare, and what people do. */

import type { Fanfare } from "../../src/index.js";
import { Painter } from "../page/painter.js";
import { Feed } from "./feed.js";
import type { Memory } from "./memory.js";
import type { Author } from "./model/author.js";
import { Chat } from "./model/chat.js";
import { randomId } from "./model/random-id.js";
import { defaultRooms, roomOfHash } from "./model/room-name.js";
import { TypingSign } from "./model/typing.js";
import type { Actions } from "./view/actions.js";
import { Page } from "./view/page.js";

export class App implements Actions {
  readonly #client: Fanfare;
  readonly #memory: Memory;
  readonly #chat: Chat;
  readonly #feed: Feed;
  readonly #page: Page;
  readonly #painter = new Painter(() => this.#paint());
  readonly #sign = new TypingSign();
  #keptReads = "";

  constructor(client: Fanfare, memory: Memory) {
    // Drawn anew by each page, so that one's own second window is told as well.
    const typingKey = randomId();
    this.#client = client;
    this.#memory = memory;
    this.#chat = new Chat(typingKey, roomOfAddress(), memory.reads());
    this.#chat.me = memory.author();
    this.#chat.isOnline = navigator.onLine;
    this.#feed = new Feed(client, typingKey, () => this.#painter.ask());
    this.#page = new Page(this);
    for (const room of this.#chat.rooms.values()) this.#feed.join(room);
    this.#listen();
    this.#painter.ask();
    if (this.#chat.me) this.#page.focus();
  }

  introduce(author: Omit<Author, "id">): void {
    this.#chat.me = { id: this.#chat.me?.id ?? randomId(), ...author };
    this.#memory.keepAuthor(this.#chat.me);
    this.#page.focus();
    this.#painter.ask();
  }

  /** The address decides which room is open, so that it can be bookmarked and gone back from. */
  enter(room: string): void {
    location.hash = room;
    this.#page.focus();
  }

  say(text: string): void {
    const { me, open: room } = this.#chat;
    if (!me) return;
    const said = { id: randomId(), author: me, text };
    room.timeline.say(said, Date.now());
    room.settle();
    void this.#feed.say(room, said);
    this.#endTyping();
    this.#page.said();
    this.#painter.ask();
  }

  retry(id: string): void {
    const { open: room } = this.#chat;
    const said = room.timeline.retry(id);
    if (said) void this.#feed.say(room, said);
    this.#painter.ask();
  }

  discard(id: string): void {
    this.#chat.open.timeline.discard(id);
    this.#painter.ask();
  }

  typed(isEmpty: boolean): void {
    const { me, open: room, isConnected } = this.#chat;
    // Typing is about this moment: it does not wait for a connection.
    if (!me || !isConnected) return;
    const sign = this.#sign.typed(isEmpty, Date.now());
    if (sign === "put") this.#feed.signTyping(room, me);
    if (sign === "delete") this.#feed.endTyping(room);
  }

  loadOlder(): void {
    void this.#feed.loadOlder(this.#chat.open);
    this.#painter.ask();
  }

  reconnect(): void {
    // What becomes of it is told by the state.
    this.#client.connect().catch(() => {});
  }

  #listen(): void {
    this.#client.on("state", (state) => {
      this.#chat.connection(state, Date.now());
      this.#painter.ask();
    });
    addEventListener("hashchange", () => this.#open(roomOfAddress()));
    for (const name of ["online", "offline"]) {
      addEventListener(name, () => {
        this.#chat.isOnline = navigator.onLine;
        this.#painter.ask();
      });
    }
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#chat.look();
      this.#painter.ask();
    });
  }

  #open(name: string): void {
    if (name === this.#chat.open.name) return;
    this.#endTyping();
    const evicted = this.#chat.enter(name);
    if (evicted) this.#feed.leave(evicted);
    this.#feed.join(this.#chat.open);
    this.#page.focus();
    this.#painter.ask();
  }

  #endTyping(): void {
    const isKnown = this.#sign.stopped(Date.now()) !== undefined;
    if (isKnown && this.#chat.isConnected) this.#feed.endTyping(this.#chat.open);
  }

  #paint(): boolean {
    if (!document.hidden && this.#chat.me) this.#chat.open.read();
    this.#keepReads();
    return this.#page.render(this.#chat, Date.now());
  }

  #keepReads(): void {
    const reads = this.#chat.reads();
    const print = JSON.stringify([...reads]);
    if (print === this.#keptReads) return;
    this.#keptReads = print;
    this.#memory.keepReads(reads);
  }
}

function roomOfAddress(): string {
  return roomOfHash(location.hash) || defaultRooms[0];
}
