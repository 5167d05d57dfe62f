//! Numbers as people read them. Every form keeps three significant digits: what a run measures does not repeat any closer.

/// What stands where nothing was measured.
pub(super) const NONE: &str = "–";

/// `7,012,331`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.138`, `24.3`, `64`, `7,012,331`: no digit before the point is left out.
pub(super) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let value = value.abs();
    if value.fract() == 0.0 || value >= 99.95 {
        return format!("{sign}{}", grouped(value.round() as u64));
    }
    format!("{sign}{value:.*}", decimals(value))
}

/// `0.25`, `500`, `1.5k`, `7.01M`: as short as it gets, for axes and sparklines.
pub(super) fn compact(value: f64) -> String {
    const PREFIXES: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let prefix = PREFIXES.iter().find(|(from, _)| value.abs() >= from * 0.9995);
    prefix.map_or_else(|| short(value), |(from, letter)| format!("{}{letter}", short(value / from)))
}

/// `410 µs`, `1.24 ms`, `2.5 s`, of microseconds.
pub(super) fn duration(micros: f64) -> String {
    match micros {
        micros if !micros.is_finite() => NONE.to_owned(),
        micros if micros < 999.5 => format!("{} µs", short(micros)),
        micros if micros < 999_500.0 => format!("{} ms", short(micros / 1e3)),
        micros => format!("{} s", short(micros / 1e6)),
    }
}

/// A figure with its unit, which may be empty.
pub(super) fn with_unit(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

/// Three significant digits without the zeros at the end.
fn short(value: f64) -> String {
    if value == 0.0 || value.abs() >= 99.95 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.*}", decimals(value.abs()));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Digits after the point that make three significant ones of a number between 0 and 100.
fn decimals(value: f64) -> usize {
    // Rounding may bring it to the next power of ten: 9.996 is 10.0 and not 10.00.
    let power = (value * 1.0005).log10().floor();
    (2.0 - power).clamp(0.0, 9.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_grouped_by_thousands() {
        let told: Vec<String> = [0, 999, 1_000, 7_012_331, u64::MAX].map(grouped).to_vec();
        assert_eq!(told, ["0", "999", "1,000", "7,012,331", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn a_figure_has_three_significant_digits_or_all_before_the_point() {
        let told = [0.0, 0.138_4, 0.000_012_345, 2.4, 9.996, 24.34, 99.96, 64.0, 7_012_331.4, -1.5].map(figure);
        assert_eq!(told, ["0", "0.138", "0.0000123", "2.40", "10.0", "24.3", "100", "64", "7,012,331", "−1.50"]);
        assert_eq!([f64::NAN, f64::INFINITY].map(figure), [NONE, NONE]);
    }

    #[test]
    fn a_compact_number_has_a_prefix_and_no_empty_digits() {
        let told = [0.0, 0.25, 500.0, 999.6, 1_000.0, 1_500.0, 7_012_331.0, 2e9, -40_000.0].map(compact);
        assert_eq!(told, ["0", "0.25", "500", "1k", "1k", "1.5k", "7.01M", "2G", "-40k"]);
    }

    #[test]
    fn a_duration_takes_the_unit_that_suits_it() {
        let told = [0.0, 410.0, 999.7, 1_240.0, 20_000.0, 999_700.0, 2_500_000.0].map(duration);
        assert_eq!(told, ["0 µs", "410 µs", "1 ms", "1.24 ms", "20 ms", "1 s", "2.5 s"]);
    }
}
