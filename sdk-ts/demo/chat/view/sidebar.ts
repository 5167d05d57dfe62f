/** The rooms beside the timeline; on a phone a drawer over it. */

import { byId, element } from "../../page/dom.js";
import type { Chat } from "../model/chat.js";
import type { Room } from "../model/room.js";
import { cleanRoomName } from "../model/room-name.js";
import type { Actions } from "./actions.js";

/** Beyond it the number says nothing more. */
const UNREAD_SHOWN_MAX = 99;

export class SidebarView {
  readonly #actions: Actions;
  readonly #sidebar = byId("sidebar", HTMLElement);
  readonly #main = byId("main", HTMLElement);
  readonly #scrim = byId("scrim", HTMLElement);
  readonly #toggle = byId("open-sidebar", HTMLButtonElement);
  readonly #list = byId("rooms", HTMLUListElement);
  readonly #form = byId("new-room", HTMLFormElement);
  readonly #name = byId("new-room-name", HTMLInputElement);
  readonly #second = byId("second-window", HTMLAnchorElement);
  readonly #isNarrow = matchMedia("(max-width: 760px)");
  #isOpen = false;
  #print = "";

  constructor(actions: Actions) {
    this.#actions = actions;
    this.#toggle.addEventListener("click", () => this.#show(true));
    this.#scrim.addEventListener("click", () => this.#show(false));
    this.#sidebar.addEventListener("keydown", ({ key }) => key === "Escape" && this.#show(false));
    this.#isNarrow.addEventListener("change", () => this.#show(false));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#show(false);
  }

  render(chat: Chat): void {
    const rooms = [...chat.rooms.values()];
    const print = JSON.stringify(
      rooms.map((room) => [room.name, room === chat.open, chat.unreadCount(room)]),
    );
    if (print === this.#print) return;
    this.#print = print;
    this.#second.href = `?guest#${chat.open.name}`;
    const focused = document.activeElement?.getAttribute("data-room");
    this.#list.replaceChildren(...rooms.map((room) => this.#item(room, chat)));
    const others = rooms.filter((room) => room !== chat.open);
    this.#toggle.toggleAttribute(
      "data-unread",
      others.some((room) => chat.unreadCount(room) > 0),
    );
    if (focused) this.#list.querySelector<HTMLElement>(`[data-room="${focused}"]`)?.focus();
  }

  #item(room: Room, chat: Chat): HTMLLIElement {
    const unread = room === chat.open ? 0 : chat.unreadCount(room);
    const shown = unread > UNREAD_SHOWN_MAX ? `${UNREAD_SHOWN_MAX}+` : String(unread);
    const badge = element("span", { class: "badge" }, shown);
    badge.append(element("span", { class: "visually-hidden" }, " unread"));
    const link = element(
      "a",
      {
        href: `#${room.name}`,
        class: unread > 0 ? "room room-unread" : "room",
        "data-room": room.name,
        "aria-current": room === chat.open && "page",
        click: () => this.#show(false),
      },
      element("span", { class: "room-name" }, room.name),
      ...(unread > 0 ? [badge] : []),
    );
    return element("li", {}, link);
  }

  #submit(): void {
    const name = cleanRoomName(this.#name.value);
    this.#name.setCustomValidity(name === "" ? "Letters or digits, please" : "");
    if (!this.#name.reportValidity()) return;
    this.#name.value = "";
    this.#show(false);
    this.#actions.enter(name);
  }

  /** As a drawer it takes the focus and leaves nothing else to reach. */
  #show(isOpen: boolean): void {
    const wasOpen = this.#isOpen;
    const isDrawer = this.#isNarrow.matches;
    this.#isOpen = isOpen && isDrawer;
    this.#sidebar.toggleAttribute("data-open", this.#isOpen);
    this.#scrim.hidden = !this.#isOpen;
    this.#sidebar.inert = isDrawer && !this.#isOpen;
    this.#main.inert = this.#isOpen;
    this.#toggle.setAttribute("aria-expanded", String(this.#isOpen));
    if (this.#isOpen) this.#list.querySelector<HTMLElement>("[aria-current]")?.focus();
    else if (wasOpen) this.#toggle.focus();
  }
}
