//! A curve in one line of text.

use super::thinned::thinned;

/// From a little to all; nothing at all is the lowest too, so that it can be seen.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// At most `width` blocks, the highest of them the greatest value, with a space where there is none. Begins at zero, so that
/// a steady curve looks steady.
pub(super) fn sparkline(points: &[(f64, f64)], width: usize) -> String {
    let curve = thinned(points, width);
    let most = curve.iter().map(|(_, value)| *value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let block = |value: f64| match value / most {
        share if share.is_finite() => BLOCKS[(share * BLOCKS.len() as f64).clamp(0.0, 7.0) as usize],
        _ if value == 0.0 => BLOCKS[0],
        _ => ' ',
    };
    curve.iter().map(|(_, value)| block(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> String {
        let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(at, value)| (at as f64, *value)).collect();
        sparkline(&points, 10)
    }

    #[test]
    fn the_greatest_value_is_a_full_block_and_zero_the_lowest() {
        assert_eq!(of(&[0.0, 1.0, 2.0, 4.0, 8.0]), "▁▂▃▅█");
        assert_eq!(of(&[5.0, 5.0, 5.0]), "███");
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        assert_eq!(of(&[1.0, f64::NAN, 1.0]), "█ █");
        assert_eq!(of(&[0.0, 0.0]), "▁▁");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn it_is_no_longer_than_asked_for() {
        assert_eq!(of(&[1.0; 500]).chars().count(), 10);
    }
}
