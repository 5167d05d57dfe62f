/**
 * The messages of the open room. Keeps the reader's place: at the end it stays at the end, further
 * up nothing moves under the eyes, whether messages come at the end or history at the top.
 */

import { byId, setText } from "../../page/dom.js";
import type { Chat } from "../model/chat.js";
import { type Row, rowsOf } from "../model/rows.js";
import type { Actions } from "./actions.js";
import { rowItem } from "./row.js";

/** Closer to the end than this counts as at the end. */
const END_PIXELS = 60;
/** Older history is asked for before the reader reaches the top. */
const TOP_PIXELS = 400;

interface Shown {
  /** What the element was made from. */
  readonly print: string;
  readonly item: HTMLLIElement;
}

export class TimelineView {
  readonly #actions: Actions;
  readonly #scroller = byId("scroller", HTMLElement);
  readonly #list = byId("timeline", HTMLOListElement);
  readonly #empty = byId("empty", HTMLElement);
  readonly #toEnd = byId("to-end", HTMLButtonElement);
  #shown = new Map<string, Shown>();
  #room = "";
  #isAtEnd = true;
  /** Messages that came while the reader was further up. */
  #belowCount = 0;
  #lastKey: string | undefined;

  constructor(actions: Actions) {
    this.#actions = actions;
    // Not every browser lets the keyboard reach what only scrolls.
    this.#scroller.tabIndex = 0;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#toEnd.addEventListener("click", () => this.scrollToEnd());
    // The keyboard of a phone, a growing text box, a turned screen: the end stays in sight.
    new ResizeObserver(() => this.#isAtEnd && this.scrollToEnd()).observe(this.#scroller);
  }

  render(chat: Chat, now: number): void {
    const { open: room } = chat;
    const { timeline } = room;
    const isOtherRoom = room.name !== this.#room;
    if (isOtherRoom) this.#reset(room.name);
    const rows = rowsOf(timeline, { id: chat.me?.id ?? "", newFrom: room.newFrom });
    const place = this.#isAtEnd ? undefined : this.#place();
    this.#reconcile(rows, now);
    const isEmpty = timeline.isLoaded && !rows.some(({ kind }) => kind === "message");
    this.#empty.hidden = !isEmpty;
    this.#list.setAttribute("aria-busy", String(!timeline.isLoaded));
    this.#list.setAttribute("aria-label", `Messages in ${room.name}`);
    this.#count(rows);
    if (place) this.#scroller.scrollTop += this.#bottomOf(place.key, place.bottom) - place.bottom;
    else if (this.#isAtEnd) this.scrollToEnd();
    if (isOtherRoom)
      this.#list.querySelector(".separator-new")?.scrollIntoView({ block: "center" });
    if (timeline.older === "there") this.#askOlder();
    this.#showToEnd();
  }

  scrollToEnd(): void {
    this.#isAtEnd = true;
    this.#belowCount = 0;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#showToEnd();
  }

  /** Scrolls by the keyboard while the text box has the focus; `pages` below zero is up. */
  scrollBy(pages: number): void {
    this.#scroller.scrollBy({ top: pages * this.#scroller.clientHeight * 0.85 });
  }

  /** The first message in sight. Its lower edge, because its head goes when its group begins further up. */
  #place(): { readonly key: string; readonly bottom: number } | undefined {
    const { top } = this.#scroller.getBoundingClientRect();
    for (const [key, { item }] of this.#shown) {
      const { bottom } = item.getBoundingClientRect();
      if (bottom > top && item.matches(".message")) return { key, bottom };
    }
    return undefined;
  }

  #bottomOf(key: string, otherwise: number): number {
    return this.#shown.get(key)?.item.getBoundingClientRect().bottom ?? otherwise;
  }

  #reset(room: string): void {
    this.#room = room;
    this.#shown = new Map();
    this.#list.replaceChildren();
    this.#isAtEnd = true;
    this.#belowCount = 0;
    this.#lastKey = undefined;
  }

  /** Touches only what changed: a selection, a focus or an animation elsewhere is left alone. */
  #reconcile(rows: readonly Row[], now: number): void {
    const before = this.#shown;
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { item }] of before) if (!keys.has(key)) item.remove();
    this.#shown = new Map();
    let cursor = this.#list.firstElementChild;
    for (const row of rows) {
      const known = before.get(row.key);
      // What is called “Today” is not called so for ever.
      const print = JSON.stringify(row) + (row.kind === "day" ? new Date(now).toDateString() : "");
      const isSame = known?.print === print;
      const item = isSame
        ? known.item
        : rowItem(row, { room: this.#room, now, actions: this.#actions });
      if (known && !isSame) {
        if (cursor === known.item) cursor = item;
        known.item.replaceWith(item);
      }
      if (cursor === item) cursor = item.nextElementSibling;
      else this.#list.insertBefore(item, cursor);
      this.#shown.set(row.key, { print, item });
    }
  }

  #count(rows: readonly Row[]): void {
    const messages = rows.filter((row) => row.kind === "message");
    const last = messages.map(({ key }) => key).lastIndexOf(this.#lastKey ?? "");
    if (!this.#isAtEnd && last >= 0) this.#belowCount += messages.length - 1 - last;
    this.#lastKey = messages.at(-1)?.key;
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < END_PIXELS;
    if (this.#isAtEnd) this.#belowCount = 0;
    this.#showToEnd();
    this.#askOlder();
  }

  #askOlder(): void {
    const isNear = this.#scroller.scrollTop < TOP_PIXELS;
    if (isNear && this.#shown.has("older")) this.#actions.loadOlder();
  }

  #showToEnd(): void {
    this.#toEnd.hidden = this.#isAtEnd;
    const label = this.#toEnd.querySelector("span");
    if (!label) return;
    const messages = this.#belowCount === 1 ? "1 new message" : `${this.#belowCount} new messages`;
    setText(label, this.#belowCount > 0 ? messages : "Latest");
  }
}
