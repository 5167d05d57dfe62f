/** The whole page: every view, drawn from the chat. */

import { byId, setText } from "../../page/dom.js";
import type { Chat } from "../model/chat.js";
import type { Actions } from "./actions.js";
import { AnnouncerView } from "./announcer.js";
import { ComposerView } from "./composer.js";
import { ProfileView } from "./profile.js";
import { SidebarView } from "./sidebar.js";
import { StatusView } from "./status.js";
import { TimelineView } from "./timeline.js";

export class Page {
  readonly #timeline: TimelineView;
  readonly #composer: ComposerView;
  readonly #sidebar: SidebarView;
  readonly #status: StatusView;
  readonly #profile: ProfileView;
  readonly #announcer = new AnnouncerView();
  readonly #title = byId("room", HTMLElement);
  readonly #typing = byId("typing", HTMLElement);
  readonly #typingText = byId("typing-text", HTMLElement);
  readonly #failure = byId("failure", HTMLElement);

  constructor(actions: Actions) {
    this.#timeline = new TimelineView(actions);
    this.#composer = new ComposerView(actions);
    this.#sidebar = new SidebarView(actions);
    this.#status = new StatusView(actions);
    this.#profile = new ProfileView(actions);
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Returns whether it changes by itself as time passes, and is to be drawn again. */
  render(chat: Chat, now: number): boolean {
    const { open: room } = chat;
    setText(this.#title, room.name);
    this.#sidebar.render(chat);
    this.#composer.render(room.name);
    this.#timeline.render(chat, now);
    this.#announcer.render(chat);
    this.#profile.render(chat.me);
    const typing = chat.isConnected ? room.typing.sentence : "";
    this.#typing.hidden = typing === "";
    if (typing) setText(this.#typingText, typing);
    this.#failure.hidden = room.failure === undefined;
    setText(this.#failure, room.failure ?? "");
    document.title = titleOf(chat);
    return this.#status.render(chat, now);
  }

  /** One's own words are always in sight. */
  said(): void {
    this.#timeline.scrollToEnd();
  }

  /** Ready to write. */
  focus(): void {
    this.#composer.focus();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.key === "PageUp") this.#timeline.scrollBy(-1);
    else if (event.key === "PageDown") this.#timeline.scrollBy(1);
    else return;
    event.preventDefault();
  }
}

function titleOf(chat: Chat): string {
  const counts = [...chat.rooms.values()].map((room) => chat.unreadCount(room));
  const unread = counts.reduce((sum, count) => sum + count, 0);
  return `${unread > 0 ? `(${unread}) ` : ""}#${chat.open.name} · Fanfare`;
}
