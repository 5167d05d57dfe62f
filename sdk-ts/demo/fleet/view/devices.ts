/** The devices in words: those in sight as a list, and the chosen one with its commands. */

import { byId, element, setText } from "../../page/dom.js";
import type { Command, Device } from "../model/fleet.js";

/** As many as one reads. */
const LISTED_MAX = 60;

export interface Choices {
  choose(id: string | undefined): void;
  command(id: string, command: Command["command"]): void;
}

export class DevicesView {
  readonly #choices: Choices;
  readonly #list = byId("devices", HTMLUListElement);
  readonly #items = new Map<
    string,
    { node: HTMLElement; state: HTMLElement; place: HTMLElement }
  >();

  constructor(choices: Choices) {
    this.#choices = choices;
    byId("unselect", HTMLButtonElement).addEventListener("click", () => choices.choose(undefined));
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-command]")) {
      button.addEventListener("click", () => {
        const id = byId("device", HTMLElement).dataset["id"];
        if (id) choices.command(id, button.dataset["command"] as Command["command"]);
      });
    }
  }

  render(devices: Iterable<Device>, selected: Device | undefined): void {
    const sorted = [...devices].sort(byUrgency).slice(0, LISTED_MAX);
    const listed = new Set(sorted.map(({ id }) => id));
    for (const [id, { node }] of this.#items) {
      if (listed.has(id)) continue;
      node.remove();
      this.#items.delete(id);
    }
    for (const [at, device] of sorted.entries()) {
      const { node, state, place } = this.#item(device);
      setText(state, device.report?.alert || (device.report?.status ?? ""));
      state.className = device.report?.alert ? "state alert" : "state";
      setText(place, device.report?.street ?? "");
      node.dataset["selected"] = String(device === selected);
      if (this.#list.children[at] !== node)
        this.#list.insertBefore(node, this.#list.children[at] ?? null);
    }
    this.#card(selected);
  }

  /** What became of a command. */
  tell(text: string): void {
    setText(byId("answer", HTMLElement), text);
  }

  #item(device: Device) {
    const known = this.#items.get(device.id);
    if (known) return known;
    const state = element("span", { class: "state" });
    const place = element("span", { class: "place" });
    const name = element("span", { class: "device-name" }, device.report?.name ?? device.id);
    const click = () => this.#choices.choose(device.id);
    const node = element(
      "li",
      {},
      element("button", { type: "button", click }, name, state, place),
    );
    const item = { node, state, place };
    this.#items.set(device.id, item);
    return item;
  }

  #card(device: Device | undefined): void {
    const card = byId("device", HTMLElement);
    card.hidden = !device?.report;
    if (!device?.report) return;
    const { name, street, speed, battery, status, alert } = device.report;
    if (card.dataset["id"] !== device.id) this.tell("");
    card.dataset["id"] = device.id;
    setText(byId("device-name", HTMLElement), name);
    setText(byId("device-topic", HTMLElement), `fleet:${device.id}`);
    setText(byId("device-status", HTMLElement), alert ? `${status}, ${alert}` : status);
    setText(byId("device-street", HTMLElement), street);
    setText(byId("device-speed", HTMLElement), `${Math.round(speed)} km/h`);
    setText(byId("device-battery", HTMLElement), `${Math.round(battery)} %`);
    byId("device-charge", HTMLMeterElement).value = battery;
  }
}

/** Alerts first, then by name. */
function byUrgency(a: Device, b: Device): number {
  const urgency = ({ report }: Device) => (report?.alert ? 0 : 1);
  return urgency(a) - urgency(b) || (a.id < b.id ? -1 : 1);
}
