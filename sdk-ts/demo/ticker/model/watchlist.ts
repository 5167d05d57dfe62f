/** What one wants to see, and the view that shows it. */

import type { Duration, ViewOptions } from "../../../src/index.js";

export type Choice = "mine" | "sector" | "movers" | "all";
export type Columns = "price" | "quotes" | "depth";

/** More would make a filter that no node takes. */
export const SYMBOLS_MAX = 40;

/** How far from its opening a price has to be, in percent. */
const MOVED = 4;

const FIELDS: Readonly<Record<Columns, readonly string[]>> = {
  price: ["name", "last", "change"],
  quotes: ["name", "last", "change", "bid", "ask", "volume"],
  depth: ["name", "last", "change", "bids", "asks"],
};

export class Watchlist {
  choice: Choice = "mine";
  columns: Columns = "quotes";
  sector = "Software";
  /** Empty for every tick. */
  pace: Duration | "" = "";
  readonly mine = new Set([
    "FANF",
    "BRSS",
    "HORN",
    "TUBA",
    "OBOE",
    "LYRE",
    "DRUM",
    "GONG",
    "HARP",
    "CELO",
    "FLUT",
    "BELL",
  ]);

  /** Adds a symbol as people write it. Returns whether it is one, and there is room. */
  add(text: string): boolean {
    const symbol = text.trim().toUpperCase();
    if (!/^[A-Z0-9]{1,8}$/.test(symbol) || this.mine.size >= SYMBOLS_MAX) return false;
    this.mine.add(symbol);
    return true;
  }

  get view(): ViewOptions {
    const filter = this.#filter();
    return {
      ...(filter && { filter }),
      fields: FIELDS[this.columns],
      ...(this.pace && { interval: this.pace }),
    };
  }

  #filter(): string | undefined {
    switch (this.choice) {
      case "mine":
        return `key in [${[...this.mine].map((symbol) => JSON.stringify(symbol)).join(", ")}]`;
      case "sector":
        return `data.sector == ${JSON.stringify(this.sector)}`;
      case "movers":
        return `data.change >= ${MOVED}.0 || data.change <= -${MOVED}.0`;
      case "all":
        return undefined;
    }
  }
}
