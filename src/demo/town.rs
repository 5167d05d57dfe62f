//! A town that there is none of: crooked streets, avenues with bridges, parks, a river. The same one each time.

use fastrand::Rng;
use serde_json::{Value, json};

use super::river;

const COLUMNS: usize = 25;
const ROWS: usize = 19;
const BLOCK_M: f64 = 360.0;
pub(super) const WIDTH_M: f64 = (COLUMNS - 1) as f64 * BLOCK_M;
pub(super) const HEIGHT_M: f64 = (ROWS - 1) as f64 * BLOCK_M;

/// Every so many streets one is an avenue.
const AVENUE_EACH: usize = 4;

/// How much of the side streets is missing.
const MISSING: f64 = 0.1;

/// Where it would lie: of its south-west corner.
const SOUTH_WEST: [f64; 2] = [52.484, 13.33];
const METRES_PER_DEGREE: f64 = 111_320.0;

/// Column, row, and how many blocks to the east and to the north.
const PARKS: [(&str, [usize; 4]); 4] = [
    ("Orangery Gardens", [5, 13, 3, 3]),
    ("Bandstand Park", [13, 12, 2, 3]),
    ("Mill Common", [17, 1, 3, 2]),
    ("Poplar Green", [1, 2, 2, 3]),
];

const NAMES: [&str; 44] = [
    "Bastion",
    "Abbey",
    "Almond",
    "Anchor",
    "Market",
    "Barley",
    "Bell",
    "Birch",
    "Castle",
    "Chapel",
    "Cherry",
    "Clover",
    "Fanfare",
    "Copper",
    "Cornet",
    "Elder",
    "Harbour",
    "Ferry",
    "Foundry",
    "Garden",
    "Granary",
    "Hazel",
    "Heron",
    "Hill",
    "Linden",
    "Juniper",
    "Kiln",
    "Lantern",
    "Museum",
    "Lark",
    "Maple",
    "Meadow",
    "Opera",
    "Mill",
    "Nightingale",
    "Orchard",
    "Republic",
    "Poplar",
    "Quarry",
    "Rope",
    "University",
    "Saddler",
    "Swan",
    "Tanner",
];

/// In metres from the corner of the town.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) east_m: f64,
    pub(super) north_m: f64,
}

/// From a crossing to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) to: usize,
    pub(super) street: usize,
    pub(super) length_m: f64,
}

#[derive(Debug)]
pub(super) struct Street {
    pub(super) name: String,
    pub(super) is_avenue: bool,
    /// Its crossings, in its pieces.
    pieces: Vec<Vec<usize>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) crossings: Vec<Point>,
    pub(super) streets: Vec<Street>,
    /// Out of each crossing.
    pub(super) ways: Vec<Vec<Way>>,
    /// Crossings from which all of them can be reached.
    pub(super) reachable: Vec<usize>,
}

impl Point {
    /// Latitude and longitude, to the metre.
    pub(super) fn degrees(self) -> [f64; 2] {
        let [south, west] = SOUTH_WEST;
        let round = |degrees: f64| (degrees * 100_000.0).round() / 100_000.0;
        let east = METRES_PER_DEGREE * south.to_radians().cos();
        [round(south + self.north_m / METRES_PER_DEGREE), round(west + self.east_m / east)]
    }

    pub(super) fn distance_m(self, other: Self) -> f64 {
        (other.east_m - self.east_m).hypot(other.north_m - self.north_m)
    }

    /// So far on the way to another.
    pub(super) fn towards(self, other: Self, share: f64) -> Self {
        Self {
            east_m: self.east_m + (other.east_m - self.east_m) * share,
            north_m: self.north_m + (other.north_m - self.north_m) * share,
        }
    }

    /// Degrees from north, clockwise.
    pub(super) fn heading(self, to: Self) -> f64 {
        (to.east_m - self.east_m).atan2(to.north_m - self.north_m).to_degrees().rem_euclid(360.0)
    }
}

impl Town {
    pub(super) fn new() -> Self {
        let mut rng = Rng::with_seed(1_885);
        let crossings: Vec<Point> =
            (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| crossing(column, row))).collect();
        let along_row = |row: usize| (0..COLUMNS).map(|column| row * COLUMNS + column).collect::<Vec<_>>();
        let along_column = |column: usize| (0..ROWS).map(|row| row * COLUMNS + column).collect::<Vec<_>>();
        let lines = (0..ROWS).map(along_row).chain((0..COLUMNS).map(along_column));
        let mut streets = Vec::new();
        for (number, line) in lines.enumerate() {
            let (place, last) = if number < ROWS { (number, ROWS - 1) } else { (number - ROWS, COLUMNS - 1) };
            let is_avenue = place % AVENUE_EACH == 0 || place == last;
            let mut is_open = |from: usize, to: usize| {
                let is_dry = river::is_north(crossings[from]) == river::is_north(crossings[to]);
                is_avenue || (is_dry && !is_in_park(from, to) && rng.f64() > MISSING)
            };
            let mut pieces = vec![vec![line[0]]];
            for pair in line.windows(2) {
                if !is_open(pair[0], pair[1]) {
                    pieces.push(Vec::new());
                }
                pieces.last_mut().expect("there is one from the start").push(pair[1]);
            }
            pieces.retain(|piece| piece.len() > 1);
            let kind = if is_avenue { "Avenue" } else { ["Street", "Lane", "Row"][number % 3] };
            let name = format!("{} {kind}", NAMES[number % NAMES.len()]);
            streets.push(Street { name, is_avenue, pieces });
        }
        let ways = ways(&crossings, &streets);
        let reachable = reachable(&ways);
        Self { crossings, streets, ways, reachable }
    }

    /// What a map draws, each under its name.
    pub(super) fn drawn(&self) -> Vec<(String, Value)> {
        let degrees = |line: Vec<Point>| line.into_iter().map(Point::degrees).collect::<Vec<_>>();
        let points = |places: &[usize]| degrees(places.iter().map(|place| self.crossings[*place]).collect());
        let streets = self.streets.iter().map(|street| {
            let kind = if street.is_avenue { "avenue" } else { "street" };
            let lines: Vec<_> = street.pieces.iter().map(|piece| points(piece)).collect();
            (street.name.clone(), json!({ "kind": kind, "lines": lines }))
        });
        let parks = PARKS
            .iter()
            .map(|(name, place)| ((*name).to_owned(), json!({ "kind": "park", "lines": [points(&outline(*place))] })));
        let river = ("Brass River".to_owned(), json!({ "kind": "river", "lines": [degrees(river::line())] }));
        streets.chain(parks).chain([river]).collect()
    }
}

/// Not quite where a ruler would put it.
fn crossing(column: usize, row: usize) -> Point {
    let (x, y) = (column as f64, row as f64);
    Point {
        east_m: x * BLOCK_M + 120.0 * (y * 0.58).sin() + 70.0 * (x * 0.83 + y * 0.37).sin(),
        north_m: y * BLOCK_M + 150.0 * (x * 0.36 + 0.8).sin() + 60.0 * (y * 0.9 + x * 0.52).sin(),
    }
}

fn is_in_park(from: usize, to: usize) -> bool {
    PARKS.iter().any(|(_, [column, row, wide, high])| {
        let is_within = |place: usize| {
            let (x, y) = (place % COLUMNS, place / COLUMNS);
            (column + 1..column + wide).contains(&x) && (row + 1..row + high).contains(&y)
        };
        is_within(from) || is_within(to)
    })
}

/// The crossings around some blocks.
fn outline([column, row, wide, high]: [usize; 4]) -> Vec<usize> {
    let at = |x: usize, y: usize| (row + y) * COLUMNS + column + x;
    let south = (0..wide).map(|x| at(x, 0));
    let east = (0..high).map(|y| at(wide, y));
    let north = (1..=wide).rev().map(|x| at(x, high));
    let west = (1..=high).rev().map(|y| at(0, y));
    south.chain(east).chain(north).chain(west).collect()
}

fn ways(crossings: &[Point], streets: &[Street]) -> Vec<Vec<Way>> {
    let mut ways = vec![Vec::new(); crossings.len()];
    for (number, street) in streets.iter().enumerate() {
        for pair in street.pieces.iter().flat_map(|piece| piece.windows(2)) {
            let length_m = crossings[pair[0]].distance_m(crossings[pair[1]]);
            ways[pair[0]].push(Way { to: pair[1], street: number, length_m });
            ways[pair[1]].push(Way { to: pair[0], street: number, length_m });
        }
    }
    ways
}

/// From the first crossing, which lies on two avenues.
fn reachable(ways: &[Vec<Way>]) -> Vec<usize> {
    let (mut found, mut is_found) = (vec![0], vec![false; ways.len()]);
    is_found[0] = true;
    let mut next = 0;
    while let Some(at) = found.get(next).copied() {
        next += 1;
        for way in &ways[at] {
            if !std::mem::replace(&mut is_found[way.to], true) {
                found.push(way.to);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_every_crossing_can_be_reached_from_every_other() {
        let town = Town::new();
        assert!(town.reachable.len() > COLUMNS * ROWS * 9 / 10, "{} of them", town.reachable.len());
    }

    #[test]
    fn all_that_a_map_draws_fits_a_publication_under_a_name_of_its_own() {
        let drawn = Town::new().drawn();
        let names: std::collections::BTreeSet<_> = drawn.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), drawn.len());
        assert!(drawn.iter().all(|(_, data)| data.to_string().len() < 16 * 1024));
    }

    #[test]
    fn only_avenues_cross_the_river() {
        let town = Town::new();
        for (from, ways) in town.ways.iter().enumerate() {
            for way in ways.iter().filter(|way| !town.streets[way.street].is_avenue) {
                assert_eq!(river::is_north(town.crossings[from]), river::is_north(town.crossings[way.to]));
            }
        }
    }
}
