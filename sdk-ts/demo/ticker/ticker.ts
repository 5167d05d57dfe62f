/** The ticker demo: what one wants to see becomes one view of `ticks:market`, changed while it lives. */

import { byId, element, setText } from "../page/dom.js";
import { Live } from "../page/live.js";
import { Market, type Quote, type Stock } from "./model/market.js";
import { type Choice, type Columns, Watchlist } from "./model/watchlist.js";
import { Books } from "./view/books.js";
import { Table } from "./view/table.js";

/** How often the page is drawn: as often as anyone can read it. */
const DRAW_MS = 100;
/** More is received than anyone would scroll through. */
const ROWS_MAX = 100;
const BOOKS_MAX = 24;

const market = new Market();
const list = new Watchlist();
const live = new Live<Quote>("fanfare-ticker-demo", market);
const table = new Table();
const books = new Books();

/** Tells the node what is wanted by now. */
function ask(): void {
  byId("mine", HTMLElement).hidden = list.choice !== "mine";
  byId("sectors", HTMLElement).hidden = list.choice !== "sector";
  byId("movers", HTMLElement).hidden = list.choice !== "movers";
  document.body.dataset["columns"] = list.columns;
  chips();
  live.show(list.view);
}

function chips(): void {
  const chip = (symbol: string) =>
    element(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-label": `Remove ${symbol}`,
        click: () => {
          if (list.mine.size > 1) list.mine.delete(symbol);
          ask();
          byId("symbol", HTMLInputElement).focus();
        },
      },
      symbol,
    );
  byId("chips", HTMLElement).replaceChildren(
    ...[...list.mine].map((symbol) => element("li", {}, chip(symbol))),
  );
}

function draw(): void {
  const isDepth = list.columns === "depth";
  const all = sorted([...market.symbols.values()]);
  const shown = all.slice(0, isDepth ? BOOKS_MAX : ROWS_MAX);
  byId("quotes", HTMLElement).hidden = isDepth || all.length === 0;
  byId("books", HTMLElement).hidden = !isDepth || all.length === 0;
  if (isDepth) books.render(shown);
  else table.render(shown);
  const more = byId("more", HTMLElement);
  more.hidden = shown.length === all.length;
  const rest = (all.length - shown.length).toLocaleString("en");
  if (!more.hidden) setText(more, `${rest} more are received and not drawn.`);
  const empty = byId("empty", HTMLElement);
  empty.hidden = all.length > 0 || !market.isKnown;
  const isEmpty = list.choice === "all" || list.choice === "mine";
  byId("empty-code", HTMLElement).hidden = !isEmpty;
  if (!empty.hidden) {
    const text = isEmpty ? "Nothing is traded yet. Open the market:" : "None at the moment.";
    setText(byId("empty-text", HTMLElement), text);
  }
}

function sorted(symbols: Stock[]): Stock[] {
  const moved = ({ quote }: Stock) => Math.abs(quote.change ?? 0);
  const order = [...list.mine];
  if (list.choice === "mine") {
    return symbols.sort((a, b) => order.indexOf(a.symbol) - order.indexOf(b.symbol));
  }
  if (list.choice === "movers") return symbols.sort((a, b) => moved(b) - moved(a));
  return symbols.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

function picks(name: string, pick: (value: string) => void): void {
  byId(name, HTMLElement).addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement)
      pick(target.value);
    ask();
  });
}

picks("choice", (value) => {
  list.choice = value as Choice;
});
picks("columns", (value) => {
  list.columns = value as Columns;
});
picks("pace", (value) => {
  list.pace = value as typeof list.pace;
});
picks("sector", (value) => {
  list.sector = value;
});

byId("add", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("symbol", HTMLInputElement);
  if (list.add(field.value)) field.value = "";
  else field.select();
  ask();
});
byId("symbol", HTMLInputElement).addEventListener("focus", () => {
  const known = [...market.symbols.keys()].filter((symbol) => !list.mine.has(symbol)).slice(0, 200);
  byId("known", HTMLElement).replaceChildren(...known.map((value) => element("option", { value })));
});

ask();
setInterval(draw, DRAW_MS);
