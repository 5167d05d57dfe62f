/** Who one is: asked on the first visit, changed from the foot of the sidebar. */

import { byId, element, setText } from "../../page/dom.js";
import { type Author, type Colour, cleanAuthorName, colours, initial } from "../model/author.js";
import type { Actions } from "./actions.js";

export class ProfileView {
  readonly #actions: Actions;
  readonly #button = byId("profile", HTMLButtonElement);
  readonly #avatar = byId("profile-avatar", HTMLElement);
  readonly #label = byId("profile-name", HTMLElement);
  readonly #dialog = byId("introduction", HTMLDialogElement);
  readonly #form = byId("introduction-form", HTMLFormElement);
  readonly #name = byId("introduction-name", HTMLInputElement);
  readonly #colours = byId("introduction-colours", HTMLElement);
  readonly #preview = byId("introduction-avatar", HTMLElement);
  #me: Author | undefined;

  constructor(actions: Actions) {
    this.#actions = actions;
    this.#colours.append(...colours.map(swatch));
    this.#button.addEventListener("click", () => this.#ask());
    this.#form.addEventListener("input", () => this.#show());
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    // Nobody can speak without a name, so that the first question cannot be waved away.
    this.#dialog.addEventListener("cancel", (event) => this.#me || event.preventDefault());
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog && this.#me) this.#dialog.close();
    });
  }

  render(me: Author | undefined): void {
    if (me === this.#me && (me || this.#dialog.open)) return;
    this.#me = me;
    this.#button.hidden = !me;
    if (me) this.#showMe(me);
    else this.#ask();
  }

  #showMe(me: Author): void {
    this.#button.dataset["colour"] = me.colour;
    setText(this.#avatar, initial(me));
    setText(this.#label, me.name);
  }

  #ask(): void {
    this.#name.value = this.#me?.name ?? "";
    const colour = this.#me?.colour ?? colours[Math.floor(Math.random() * colours.length)];
    const choice = this.#colours.querySelector<HTMLInputElement>(`[value="${colour}"]`);
    if (choice) choice.checked = true;
    this.#show();
    this.#dialog.showModal();
    this.#name.focus();
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const { name } = this.#chosen;
    this.#name.setCustomValidity(name === "" ? "A name, please" : "");
    if (!this.#name.reportValidity()) return;
    this.#dialog.close();
    this.#actions.introduce(this.#chosen);
  }

  #show(): void {
    this.#name.setCustomValidity("");
    const { name, colour } = this.#chosen;
    this.#preview.dataset["colour"] = colour;
    setText(this.#preview, name === "" ? "?" : initial({ id: "", name, colour }));
  }

  get #chosen(): { readonly name: string; readonly colour: Colour } {
    const chosen = new FormData(this.#form).get("colour");
    const colour = colours.find((known) => known === chosen) ?? "blue";
    return { name: cleanAuthorName(this.#name.value), colour };
  }
}

function swatch(colour: Colour): HTMLElement {
  const choice = element("input", { type: "radio", name: "colour", value: colour });
  const name = element("span", { class: "visually-hidden" }, colour);
  return element("label", { class: "swatch", "data-colour": colour }, choice, name);
}
