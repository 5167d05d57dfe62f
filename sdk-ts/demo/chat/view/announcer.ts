/**
 * Reads new messages of others out to whoever uses a screen reader. The timeline itself stays
 * silent: it would read all of its history aloud.
 */

import { byId, setText } from "../../page/dom.js";
import type { Chat } from "../model/chat.js";
import { breakText } from "./row.js";

/** Of a long message the beginning is enough to decide whether to go there. */
const SPOKEN_CHARACTERS_MAX = 280;

export class AnnouncerView {
  readonly #region = byId("announcer", HTMLElement);
  #room = "";
  #last: string | undefined;
  #isLoaded = false;
  #breakCount = 0;

  render({ open: { name, timeline }, me }: Chat): void {
    const last = timeline.messages.at(-1);
    const isSameRoom = name === this.#room;
    const isBreak = isSameRoom && timeline.breakCount > this.#breakCount && timeline.break;
    const isNews = isSameRoom && this.#isLoaded && last?.version !== this.#last;
    this.#room = name;
    this.#last = last?.version;
    this.#isLoaded = timeline.isLoaded;
    this.#breakCount = timeline.breakCount;
    if (isBreak) setText(this.#region, breakText[isBreak].join(". "));
    else if (isNews && last && last.author.id !== me?.id) {
      setText(this.#region, `${last.author.name}: ${last.text.slice(0, SPOKEN_CHARACTERS_MAX)}`);
    }
  }
}
