//! Names of companies that there are none of.

use std::collections::HashSet;

/// As many as a topic of the demos' namespace has keys for.
pub(crate) const SYMBOLS_MAX: usize = 10_000;

/// What a symbol stands for, for as long as the feed runs.
#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) symbol: String,
    pub(super) name: String,
    pub(super) sector: &'static str,
}

/// Those that the page shows to begin with.
const FIRST: [(&str, &str, usize); 12] = [
    ("FANF", "Fanfare Systems", 6),
    ("BRSS", "Brass Foundries", 4),
    ("HORN", "Horn & Daughters", 3),
    ("TUBA", "Tuba Logistics", 7),
    ("OBOE", "Oboe Pharma", 2),
    ("LYRE", "Lyre Bank", 1),
    ("DRUM", "Drumlin Energy", 0),
    ("GONG", "Gong Retail", 5),
    ("HARP", "Harper Insurance", 1),
    ("CELO", "Cello Networks", 6),
    ("FLUT", "Fluted Glass", 4),
    ("BELL", "Bellfounders", 3),
];

pub(super) const SECTORS: [&str; 8] =
    ["Energy", "Finance", "Health", "Industry", "Materials", "Retail", "Software", "Transport"];

const HEADS: [&str; 48] = [
    "Amber", "Alder", "Anchor", "Argent", "Beacon", "Birch", "Blue", "Bridge", "Cedar", "Clear", "Copper", "Crown",
    "Delta", "Dover", "Eagle", "East", "Elm", "Falcon", "Fern", "Forge", "Garnet", "Golden", "Granite", "Harbour",
    "Hazel", "Iron", "Ivory", "Juniper", "Kestrel", "Lark", "Linden", "Maple", "Meridian", "Nimbus", "North", "Ocean",
    "Opal", "Orchard", "Pine", "Polar", "Quartz", "River", "Silver", "Summit", "Tidal", "Umber", "Valley", "Willow",
];

const MIDDLES: [&str; 30] = [
    "bank", "brook", "burn", "cliff", "dale", "field", "ford", "gate", "grove", "haven", "hill", "hurst", "lake",
    "land", "mark", "mere", "mill", "mont", "peak", "point", "port", "ridge", "rock", "stead", "stone", "vale", "view",
    "ward", "well", "wood",
];

/// Two for each sector.
const TAILS: [[&str; 2]; 8] = [
    ["Power", "Fuels"],
    ["Capital", "Trust"],
    ["Care", "Labs"],
    ["Works", "Machines"],
    ["Metals", "Chemicals"],
    ["Stores", "Foods"],
    ["Software", "Data"],
    ["Lines", "Freight"],
];

/// The first so many, the same ones each time.
pub(super) fn symbols(count: usize) -> Vec<Symbol> {
    let mut taken = HashSet::new();
    let first = FIRST.iter().map(|(symbol, name, sector)| (Some((*symbol).to_owned()), (*name).to_owned(), *sector));
    let made = (0..).map(|index| {
        let (head, middle) = (HEADS[index % HEADS.len()], MIDDLES[index / HEADS.len() % MIDDLES.len()]);
        let round = index / (HEADS.len() * MIDDLES.len());
        let sector = (index * 7 + index / HEADS.len() * 3 + round) % SECTORS.len();
        let tail = TAILS[sector][round % 2];
        (None, format!("{head}{middle} {tail}"), sector)
    });
    first
        .chain(made)
        .take(count)
        .map(|(symbol, name, sector)| {
            let symbol = symbol.unwrap_or_else(|| abbreviated(&name, &taken));
            taken.insert(symbol.clone());
            Symbol { symbol, name, sector: SECTORS[sector] }
        })
        .collect()
}

/// Four letters of the name, in their order; where all such are taken, a fifth of the alphabet.
fn abbreviated(name: &str, taken: &HashSet<String>) -> String {
    let letters: Vec<char> = name.to_uppercase().chars().filter(char::is_ascii_alphabetic).collect();
    let spread = (1..letters.len()).flat_map(|gap| {
        let at = move |place: usize| 1 + (gap - 1 + place * gap) % 11;
        (0..3).map(move |shift| [0, at(1) + shift, at(2) + shift, at(3) + shift])
    });
    let named = spread.map(|places| places.iter().map(|place| letters[place % letters.len()]).collect::<String>());
    let longer = ('A'..='Z').flat_map(|last| {
        let stem: String = letters.iter().take(4).collect();
        ('A'..='Z').map(move |more| format!("{}{last}{more}", &stem[..3]))
    });
    let mut all = named.chain(longer);
    all.find(|symbol| !taken.contains(symbol)).unwrap_or_else(|| format!("X{}", taken.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_symbol_is_there_once_and_looks_like_one() {
        let all = symbols(SYMBOLS_MAX);
        let distinct: HashSet<_> = all.iter().map(|symbol| &symbol.symbol).collect();
        assert_eq!(distinct.len(), SYMBOLS_MAX);
        assert!(all.iter().all(|symbol| (4..=5).contains(&symbol.symbol.len())));
        assert_eq!(all[0].name, "Fanfare Systems");
    }

    #[test]
    fn no_two_of_the_default_number_share_a_name() {
        let all = symbols(2_000);
        assert_eq!(all.iter().map(|symbol| &symbol.name).collect::<HashSet<_>>().len(), 2_000);
    }
}
