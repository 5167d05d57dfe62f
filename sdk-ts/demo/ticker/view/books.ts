/** Order books: a card each, the dearest that is asked on top. */

import { byId, element, setText } from "../../page/dom.js";
import type { Level, Stock } from "../model/market.js";
import { changed, price, volume } from "./figures.js";

class Side {
  readonly node: HTMLUListElement;
  readonly #rows: HTMLLIElement[] = [];

  constructor(name: "asks" | "bids") {
    this.node = element("ul", { class: `levels ${name}` });
  }

  render(levels: readonly Level[], top: number): void {
    while (this.#rows.length < levels.length) {
      const row = element("li", {}, element("span"), element("span"));
      this.#rows.push(row);
      this.node.append(row);
    }
    for (const [at, row] of this.#rows.entries()) {
      const [at0 = 0, size = 0] = levels[at] ?? [];
      row.hidden = at >= levels.length;
      row.style.setProperty("--share", `${Math.round((size / top) * 100)}%`);
      setText(row.children[0] as Element, price(at0));
      setText(row.children[1] as Element, volume(size));
    }
  }
}

class Book {
  readonly node: HTMLLIElement;
  readonly #last = element("span");
  readonly #asks = new Side("asks");
  readonly #bids = new Side("bids");
  #changes = 0;

  constructor({ symbol, quote }: Stock) {
    const head = element(
      "header",
      { title: quote.name ?? "" },
      element("h2", {}, symbol),
      this.#last,
    );
    const attributes = { class: "book", "data-symbol": symbol };
    this.node = element("li", attributes, head, this.#asks.node, this.#bids.node);
  }

  render({ quote, direction, changes }: Stock): void {
    if (changes === this.#changes) return;
    this.#changes = changes;
    const { bids = [], asks = [] } = quote;
    const top = Math.max(1, ...[...bids, ...asks].map(([, size]) => size));
    const text = price(quote.last);
    if (this.#last.textContent !== text) changed(this.#last, direction);
    setText(this.#last, text);
    this.#asks.render([...asks].reverse(), top);
    this.#bids.render(bids, top);
  }
}

export class Books {
  readonly #list = byId("books", HTMLUListElement);
  readonly #books = new Map<string, Book>();

  render(symbols: readonly Stock[]): void {
    const shown = new Set(symbols.map(({ symbol }) => symbol));
    for (const [symbol, book] of this.#books) {
      if (shown.has(symbol)) continue;
      book.node.remove();
      this.#books.delete(symbol);
    }
    for (const [at, symbol] of symbols.entries()) {
      const book = this.#books.get(symbol.symbol) ?? new Book(symbol);
      this.#books.set(symbol.symbol, book);
      book.render(symbol);
      if (this.#list.children[at] !== book.node) {
        this.#list.insertBefore(book.node, this.#list.children[at] ?? null);
      }
    }
  }
}
