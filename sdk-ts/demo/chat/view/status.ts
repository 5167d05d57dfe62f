/** The connection in the header, and above the text box what it means while it is not there. */

import { byId, setText } from "../../page/dom.js";
import type { Chat } from "../model/chat.js";
import { connectionLabel, type Situation } from "../model/connection.js";
import type { Actions } from "./actions.js";

/** A blink is no news: the strip only comes after it. */
const PATIENCE_MS = 1_200;

export class StatusView {
  readonly #pill = byId("connection", HTMLElement);
  readonly #text = byId("connection-text", HTMLElement);
  readonly #countdown = byId("connection-countdown", HTMLElement);
  readonly #strip = byId("strip", HTMLElement);
  readonly #stripText = byId("strip-text", HTMLElement);
  readonly #again = byId("reconnect", HTMLButtonElement);
  /** Since when there is no connection. */
  #lostAt: number | undefined;

  constructor(actions: Actions) {
    this.#again.addEventListener("click", () => actions.reconnect());
  }

  /** Returns whether it changes by itself as time passes. */
  render(chat: Chat, now: number): boolean {
    const { situation } = chat;
    const label = connectionLabel(situation, now);
    this.#pill.dataset["tone"] = label.tone;
    setText(this.#text, label.text);
    setText(this.#countdown, label.countdown);
    this.#lostAt = chat.isConnected ? undefined : (this.#lostAt ?? now);
    const isStrip =
      this.#lostAt !== undefined &&
      (label.tone === "lost" || now - this.#lostAt > PATIENCE_MS || situation.waitingCount > 0);
    this.#strip.hidden = !isStrip;
    if (isStrip) setText(this.#stripText, label.consequence);
    this.#again.hidden = !mayTryAgain(situation);
    return !chat.isConnected;
  }
}

function mayTryAgain({ state, isOnline }: Situation): boolean {
  return state.status === "failed" || (state.status === "waiting" && isOnline);
}
