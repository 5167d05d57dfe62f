//! Names that are spelt alike, for whoever gave one that is not known: parameters, members, settings, words of filters. One
//! measure for all of them, so that no door suggests what nobody meant.

/// So much of a name is compared, in bytes: comparing costs the product of the lengths, and no name that anyone meant is longer.
const COMPARED_BYTES_MAX: usize = 128;

/// From so many characters on a name that is the beginning of a known one is taken for it; fewer begin too many.
const BEGINNING_CHARS_MIN: usize = 3;

/// Which of `known` is so near to `name` that it was likely meant: of equally near ones the first. `None` when none is.
#[must_use]
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.into_iter().filter_map(|known| Some((distance(name, known)?, known)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// How far `name` is from `known`: the letters to be changed, added, left out or swapped, whatever their case. `None` when that
/// is more than a third of them (but at least one), unless `name` is how `known` begins: then it is another name.
#[must_use]
pub fn distance(name: &str, known: &str) -> Option<usize> {
    let name = name[..name.floor_char_boundary(COMPARED_BYTES_MAX)].to_ascii_lowercase();
    let known = known.to_ascii_lowercase();
    let length = name.chars().count();
    let distance = strsim::damerau_levenshtein(&name, &known);
    let is_beginning = length >= BEGINNING_CHARS_MIN && known.starts_with(&name);
    (distance <= (length / 3).max(1) || is_beginning).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: [&str; 6] = ["filter", "from", "fields", "resourceVersion", "maxEventsPerSecond", "as"];

    #[test]
    fn a_slip_is_told_what_was_meant() {
        for (name, meant) in [
            ("fliter", "filter"),
            ("form", "from"),
            ("field", "fields"),
            ("FILTER", "filter"),
            ("resourceversion", "resourceVersion"),
            ("resource_version", "resourceVersion"),
            ("max_events_per_second", "maxEventsPerSecond"),
            ("maxEvents", "maxEventsPerSecond"),
        ] {
            assert_eq!(nearest(name, PARAMETERS), Some(meant), "{name}");
        }
    }

    #[test]
    fn what_is_like_nothing_is_told_nothing() {
        for name in ["", "x", "foo", "now", "publisher", "fo", "füllung", &"f".repeat(1_000_000)] {
            assert_eq!(nearest(name, PARAMETERS), None, "{name:.20}");
        }
        assert_eq!(nearest("filter", []), None);
    }

    #[test]
    fn of_two_that_are_alike_the_nearer_is_meant() {
        assert_eq!(nearest("intervall", ["internal", "interval"]), Some("interval"));
        assert_eq!(nearest("pre", ["prefix", "presence", "pro"]), Some("pro"));
    }
}
