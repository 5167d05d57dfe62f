/** The text box: several lines, sent by Enter where there is a keyboard, by the button everywhere. */

import { byId } from "../../page/dom.js";
import type { Actions } from "./actions.js";

/** A line grows into several up to this height. */
const HEIGHT_PIXELS_MAX = 200;
/** What one message may have; the node takes far more, a reader does not. */
const CHARACTERS_MAX = 4_000;

export class ComposerView {
  readonly #actions: Actions;
  readonly #form = byId("composer", HTMLFormElement);
  readonly #text = byId("text", HTMLTextAreaElement);
  readonly #send = byId("send", HTMLButtonElement);
  /** On glass, Enter is the only way to a new line. */
  readonly #isTouch = matchMedia("(pointer: coarse)");
  readonly #drafts = new Map<string, string>();
  #room = "";

  constructor(actions: Actions) {
    this.#actions = actions;
    this.#text.maxLength = CHARACTERS_MAX;
    this.#text.addEventListener("input", () => this.#typed());
    this.#text.addEventListener("keydown", (event) => this.#pressed(event));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Each room keeps what was begun in it. */
  render(room: string): void {
    if (room === this.#room) return;
    this.#drafts.set(this.#room, this.#text.value);
    this.#room = room;
    this.#text.value = this.#drafts.get(room) ?? "";
    this.#text.placeholder = `Message #${room}`;
    this.#fit();
  }

  focus(): void {
    // On glass it would raise the keyboard over what one came to read.
    if (!this.#isTouch.matches) this.#text.focus();
  }

  #typed(): void {
    this.#fit();
    this.#actions.typed(this.#isEmpty);
  }

  #pressed(event: KeyboardEvent): void {
    const isSend = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (!isSend || this.#isTouch.matches) return;
    event.preventDefault();
    this.#submit();
  }

  #submit(): void {
    if (this.#isEmpty) return;
    const text = this.#text.value.trim();
    this.#text.value = "";
    this.#fit();
    this.#actions.say(text);
    this.#text.focus();
  }

  get #isEmpty(): boolean {
    return this.#text.value.trim() === "";
  }

  #fit(): void {
    this.#send.disabled = this.#isEmpty;
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, HEIGHT_PIXELS_MAX)}px`;
  }
}
