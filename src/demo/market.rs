//! A market: prices that walk at random, around where they opened, and an order book on either side of each.

use std::time::Duration;

use fanfare_client::Publication;
use fastrand::Rng;
use serde_json::{Value, json};

use super::World;
use super::symbols::{Symbol, symbols};

/// Levels on each side of the book: enough that a quote is a small part of what is published.
const LEVELS: i64 = 10;

/// The lowest price, in cents.
const PRICE_CENTS_MIN: i64 = 120;

/// See the module.
#[derive(Debug)]
pub(crate) struct Market {
    rng: Rng,
    stocks: Vec<Stock>,
}

#[derive(Debug)]
struct Stock {
    symbol: Symbol,
    open_cents: i64,
    last_cents: i64,
    spread_cents: i64,
    /// Of one step, as a share of the price.
    swing: f64,
    volume: u64,
}

impl Market {
    pub(crate) fn new(count: usize, mut rng: Rng) -> Self {
        let stocks = symbols(count).into_iter().map(|symbol| Stock::new(symbol, &mut rng)).collect();
        Self { rng, stocks }
    }

    /// Few are traded often, most of them now and then.
    fn any(&mut self) -> usize {
        let chance = self.rng.f64();
        let place = chance * chance * self.stocks.len() as f64;
        (place as usize).min(self.stocks.len() - 1)
    }
}

impl World for Market {
    fn topic(&self) -> &'static str {
        "ticks:market"
    }

    fn all(&mut self) -> Vec<(&'static str, Publication)> {
        let Self { rng, stocks } = self;
        stocks.iter().map(|stock| ("ticks:market", stock.published(rng))).collect()
    }

    fn turn(&mut self, _passed: Duration, count: usize) -> Vec<Publication> {
        let mut publications = Vec::with_capacity(count);
        for _ in 0..count {
            let at = self.any();
            let Self { rng, stocks } = self;
            stocks[at].trade(rng);
            publications.push(stocks[at].published(rng));
        }
        publications
    }
}

impl Stock {
    fn new(symbol: Symbol, rng: &mut Rng) -> Self {
        // Between some 5 and 500, small ones more often.
        let open_cents = (500.0 * 100_f64.powf(rng.f64())) as i64;
        let spread_cents = 1 + open_cents / 4_000 + rng.i64(0..2);
        let mut stock = Self {
            symbol,
            open_cents,
            last_cents: open_cents,
            spread_cents,
            swing: 0.0006 + rng.f64() * 0.0016,
            volume: rng.u64(1_000..400_000),
        };
        // The day is some hours old.
        let moved = (rng.f64() + rng.f64() - 1.0) * 0.05;
        stock.last_cents = stock.bounded((open_cents as f64 * (1.0 + moved)) as i64);
        stock
    }

    /// Somebody buys or sells: the price moves by a bit, and is drawn back the more, the further it went.
    fn trade(&mut self, rng: &mut Rng) {
        let last = self.last_cents as f64;
        let strayed = last / self.open_cents as f64 - 1.0;
        let step = (rng.f64() + rng.f64() + rng.f64() - 1.5) * 2.0 * self.swing - strayed * 0.004;
        let moved = (last * step).round() as i64;
        // A trade at the same price is one too, but a dull one.
        let moved = if moved == 0 { rng.i64(-1..=1) } else { moved };
        self.last_cents = self.bounded(self.last_cents + moved);
        self.volume += rng.u64(1..=12) * 100;
    }

    fn bounded(&self, cents: i64) -> i64 {
        let low = (self.open_cents / 2).max(PRICE_CENTS_MIN);
        cents.clamp(low, self.open_cents.max(PRICE_CENTS_MIN) * 2)
    }

    fn published(&self, rng: &mut Rng) -> Publication {
        Publication::json(self.data(rng)).key(&self.symbol.symbol)
    }

    fn data(&self, rng: &mut Rng) -> Value {
        let bid = self.last_cents - self.spread_cents / 2 - 1;
        let ask = bid + self.spread_cents.max(1);
        let (bids, asks) = (self.side(bid, -1, rng), self.side(ask, 1, rng));
        let change = (self.last_cents - self.open_cents) as f64 * 100.0 / self.open_cents as f64;
        json!({
            "name": self.symbol.name,
            "sector": self.symbol.sector,
            "last": money(self.last_cents),
            "change": (change * 100.0).round() / 100.0,
            "bid": money(bid),
            "ask": money(ask),
            "volume": self.volume,
            "bids": bids,
            "asks": asks,
        })
    }

    /// Prices and sizes from the best on.
    fn side(&self, best: i64, step: i64, rng: &mut Rng) -> Vec<Value> {
        let level = |depth: i64| {
            let size = (rng.i64(1..=9) + depth * rng.i64(1..=4)) * 100;
            json!([money(best + step * depth * (1 + self.spread_cents / 3)), size])
        };
        (0..LEVELS).map(level).collect()
    }
}

fn money(cents: i64) -> f64 {
    cents as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(count: usize) -> Market {
        Market::new(count, Rng::with_seed(7))
    }

    #[test]
    fn prices_walk_and_books_never_cross() {
        let mut market = market(50);
        let opened: Vec<i64> = market.stocks.iter().map(|stock| stock.last_cents).collect();
        let mut rng = Rng::with_seed(1);
        for _ in 0..2_000 {
            market.turn(Duration::ZERO, 20);
            for stock in &market.stocks {
                let data = stock.data(&mut rng);
                let level = |side: &str, at: usize| data[side][at][0].as_f64().unwrap();
                assert!(level("bids", 0) < level("asks", 0), "{data}");
                assert!(level("bids", 9) < level("bids", 8) && level("asks", 8) < level("asks", 9), "{data}");
                assert!(level("bids", 9) > 0.0, "{data}");
                assert_eq!(data["bid"], data["bids"][0][0]);
            }
        }
        let moved = market.stocks.iter().zip(opened).filter(|(stock, opened)| stock.last_cents != *opened).count();
        assert!(moved > 45, "{moved} of 50 moved");
    }

    #[test]
    fn all_are_there_to_begin_with_and_each_turn_changes_as_many_as_it_is_asked_for() {
        let mut market = market(5_000);
        assert_eq!(market.all().len(), 5_000);
        assert_eq!(market.turn(Duration::from_millis(50), 200).len(), 200);
    }
}
