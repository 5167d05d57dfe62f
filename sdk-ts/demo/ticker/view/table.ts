/** The quotes as a table: a row each, changed in place. */

import { byId, element, setText } from "../../page/dom.js";
import type { Stock } from "../model/market.js";
import { changed, percent, price, volume } from "./figures.js";

const TREND_WIDTH = 120;
const TREND_HEIGHT = 28;

class Row {
  readonly node: HTMLTableRowElement;
  readonly #name = element("span", { class: "name" });
  readonly #trend = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  readonly #last = element("td", { class: "last" });
  readonly #change = element("td");
  readonly #bid = element("td", { class: "wide" });
  readonly #ask = element("td", { class: "wide" });
  readonly #volume = element("td", { class: "wide" });
  #changes = 0;

  constructor(symbol: Stock) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${TREND_WIDTH} ${TREND_HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    this.#trend.setAttribute("vector-effect", "non-scaling-stroke");
    svg.append(this.#trend);
    const head = element("th", { scope: "row" }, symbol.symbol, this.#name);
    const trend = element("td", { class: "trend" }, svg);
    const cells = [this.#last, this.#change, this.#bid, this.#ask, this.#volume];
    this.node = element("tr", { "data-symbol": symbol.symbol }, head, trend, ...cells);
  }

  render({ quote, direction, changes, trend }: Stock): void {
    if (changes === this.#changes) return;
    this.#changes = changes;
    setText(this.#name, quote.name ?? "");
    if (setPrice(this.#last, price(quote.last))) changed(this.#last, direction);
    setText(this.#change, percent(quote.change));
    this.#change.className = (quote.change ?? 0) < 0 ? "down" : "up";
    setText(this.#bid, price(quote.bid));
    setText(this.#ask, price(quote.ask));
    setText(this.#volume, volume(quote.volume));
    this.#trend.setAttribute("points", points(trend));
  }
}

export class Table {
  readonly #body = byId("rows", HTMLTableSectionElement);
  readonly #rows = new Map<string, Row>();

  render(symbols: readonly Stock[]): void {
    const shown = new Set(symbols.map(({ symbol }) => symbol));
    for (const [symbol, row] of this.#rows) {
      if (shown.has(symbol)) continue;
      row.node.remove();
      this.#rows.delete(symbol);
    }
    for (const [at, symbol] of symbols.entries()) {
      const row = this.#rows.get(symbol.symbol) ?? new Row(symbol);
      this.#rows.set(symbol.symbol, row);
      row.render(symbol);
      if (this.#body.children[at] !== row.node) {
        this.#body.insertBefore(row.node, this.#body.children[at] ?? null);
      }
    }
  }
}

function setPrice(node: Element, text: string): boolean {
  const wasThere = node.textContent !== "";
  const isNew = node.textContent !== text;
  setText(node, text);
  return wasThere && isNew;
}

function points(trend: readonly number[]): string {
  const [low, high] = [Math.min(...trend), Math.max(...trend)];
  const height = (price: number) =>
    high === low ? TREND_HEIGHT / 2 : 2 + ((high - price) / (high - low)) * (TREND_HEIGHT - 4);
  const step = TREND_WIDTH / Math.max(trend.length - 1, 1);
  return trend
    .map((price, at) => `${(at * step).toFixed(1)},${height(price).toFixed(1)}`)
    .join(" ");
}
