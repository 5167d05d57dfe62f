//! Minimum, median and maximum of what the rounds told.

use std::fmt;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Spread {
    /// Of at least one value. Of an even number the median is the lower of the two in the middle.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
        Some(Self { least: sorted[0], median, most: sorted[sorted.len() - 1] })
    }
}

/// One number where there is no more.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, median, most } = *self;
        if least.total_cmp(&most).is_eq() {
            return f.write_str(&shown(median));
        }
        write!(f, "{}, {}, {}", shown(least), shown(median), shown(most))
    }
}

/// With as many digits as mean something.
pub(super) fn shown(value: f64) -> String {
    match value.abs() {
        tiny if tiny < 1.0 => format!("{value:.3}"),
        small if small < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_minimum_median_and_maximum() {
        let told = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.to_string());
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[0.14159]).as_deref(), Some("0.142"));
        assert_eq!(told(&[300.4, 2.5, 20.25]).as_deref(), Some("2.50, 20.25, 300"));
        assert_eq!(told(&[4.0, 3.0, 1.0, 2.0]).as_deref(), Some("1.00, 2.00, 4.00"));
    }
}
