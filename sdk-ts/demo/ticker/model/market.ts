/** What is known of the symbols that the page watches, whatever part of them it asked for. */

import type { TopicEvent } from "../../../src/index.js";
import { Keyed } from "../../page/keyed.js";

/** Price and size. */
export type Level = readonly [number, number];

/** As it is published; a view has some of it. */
export interface Quote {
  readonly name?: string;
  readonly last?: number;
  /** In percent, since it opened. */
  readonly change?: number;
  readonly bid?: number;
  readonly ask?: number;
  readonly volume?: number;
  readonly bids?: readonly Level[];
  readonly asks?: readonly Level[];
}

/** Prices that a trend is drawn of. */
const TREND_MAX = 60;

export class Stock {
  readonly symbol: string;
  quote: Quote = {};
  /** Where the last change of price went. */
  direction: "up" | "down" | undefined;
  /** Grows with each change. */
  changes = 0;
  readonly trend: number[] = [];

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  take(quote: Quote): void {
    const { last } = quote;
    const before = this.trend.at(-1);
    if (last !== undefined && last !== before) {
      if (before !== undefined) this.direction = last > before ? "up" : "down";
      this.trend.push(last);
      this.trend.splice(0, this.trend.length - TREND_MAX);
    }
    this.quote = quote;
    this.changes++;
  }
}

export class Market {
  readonly topic = "ticks:market";
  readonly #symbols = new Keyed<Stock, Quote>(
    (symbol) => new Stock(symbol),
    (symbol, quote) => symbol.take(quote),
  );

  get symbols(): ReadonlyMap<string, Stock> {
    return this.#symbols.values;
  }

  /** It was told of what there is. */
  get isKnown(): boolean {
    return this.#symbols.isKnown;
  }

  get count(): number {
    return this.symbols.size;
  }

  take(event: TopicEvent<Quote>): void {
    this.#symbols.take(event);
  }
}
