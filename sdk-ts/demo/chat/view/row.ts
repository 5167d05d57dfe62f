/** One line of the timeline, whatever it is. */

import { element } from "../../page/dom.js";
import type { Row } from "../model/rows.js";
import type { Break, Older } from "../model/timeline.js";
import type { Actions } from "./actions.js";
import { messageItem } from "./message.js";
import { dayName } from "./time.js";

export interface Surroundings {
  readonly room: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly actions: Actions;
}

export function rowItem(row: Row, { room, now, actions }: Surroundings): HTMLLIElement {
  switch (row.kind) {
    case "message":
      return messageItem(row, actions);
    case "day":
      return separator("day", dayName(row.time, now));
    case "new":
      return separator("new", "New");
    case "older":
      return olderItem(row.older, actions);
    case "start":
      return notice("start", `Welcome to #${room}`, "The history of this room begins here.");
    case "break":
      return notice("break", ...breakText[row.reason]);
  }
}

/** Also read out when it happens. */
export const breakText: Readonly<Record<Break, readonly [title: string, text: string]>> = {
  "began-anew": [
    "History began anew",
    "What was here before is gone: the room was deleted, or the node lost its data.",
  ],
  missed: [
    "Some messages were missed",
    "You were away for longer than the history of this room reaches back.",
  ],
};

function olderItem(older: Older, { loadOlder }: Actions): HTMLLIElement {
  if (older !== "failed") return element("li", { class: "older" }, "Loading older messages…");
  const again = element("button", { type: "button", click: loadOlder }, "Try again");
  return element("li", { class: "older" }, "Older messages could not be loaded. ", again);
}

function separator(name: string, text: string): HTMLLIElement {
  return element("li", { class: `separator separator-${name}` }, element("span", {}, text));
}

function notice(name: string, title: string, text: string): HTMLLIElement {
  return element(
    "li",
    { class: `notice notice-${name}` },
    element("h3", {}, title),
    element("p", {}, text),
  );
}
