/** One message of the timeline. */

import { element } from "../../page/dom.js";
import { initial } from "../model/author.js";
import { segmentsOf } from "../model/link.js";
import type { MessageRow } from "../model/rows.js";
import type { Actions } from "./actions.js";
import { icon } from "./icon.js";
import { clockTime, fullTime } from "./time.js";

export function messageItem(row: MessageRow, actions: Actions): HTMLLIElement {
  const { author, text, isFirst, isOwn, delivery } = row;
  const isWaiting = delivery?.is === "sending";
  const classes = ["message", isFirst && "message-first", isOwn && "message-own"];
  return element(
    "li",
    {
      class: classes.filter(Boolean).join(" "),
      "data-colour": author.colour,
      "data-delivery": delivery?.is ?? "stored",
    },
    element("div", { class: "gutter" }, ...(isFirst ? [avatar(row)] : [timeOf(row)])),
    element(
      "div",
      { class: "message-body" },
      byline(row),
      element("p", { class: "message-text" }, ...linked(text), ...(isWaiting ? [waiting()] : [])),
      ...(delivery?.is === "failed" ? [failed(row, delivery.reason, actions)] : []),
    ),
  );
}

/** Text with its links as links. */
function linked(text: string): readonly (Node | string)[] {
  return segmentsOf(text).map(({ text, href }) => {
    if (href === undefined) return text;
    return element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
  });
}

function avatar({ author }: MessageRow): HTMLElement {
  return element("span", { class: "avatar", "aria-hidden": "true" }, initial(author));
}

/** Within a group only a screen reader is told again who speaks. */
function byline(row: MessageRow): HTMLElement {
  const { author, isFirst, isOwn } = row;
  const name = element("span", { class: "author" }, author.name);
  if (!isFirst) return element("p", { class: "visually-hidden" }, name);
  const you = isOwn ? [element("span", { class: "you" }, "you")] : [];
  return element("p", { class: "byline" }, name, ...you, timeOf(row));
}

function timeOf({ time }: MessageRow): HTMLElement {
  const attributes = { datetime: new Date(time).toISOString(), title: fullTime(time) };
  return element("time", attributes, clockTime(time));
}

/** Within the line, so that nothing moves when it goes away. */
function waiting(): HTMLElement {
  const spoken = element("span", { class: "visually-hidden" }, "Waiting to be sent");
  return element("span", { class: "waiting", title: "Waiting to be sent" }, icon("clock"), spoken);
}

function failed({ id = "" }: MessageRow, reason: string, actions: Actions): HTMLElement {
  return element(
    "div",
    { class: "failed" },
    icon("alert"),
    element("span", {}, `Not sent: ${reason}`),
    element("button", { type: "button", click: () => actions.retry(id) }, "Try again"),
    element("button", { type: "button", click: () => actions.discard(id) }, "Discard"),
  );
}
