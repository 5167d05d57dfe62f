//! Axes: where a value stands between two ends, and the round values that are written beside them.

/// Ticks of an axis in time or of values, at most: more would run into each other on a phone.
const TICKS_MAX: f64 = 6.0;
/// Nines that a percentile axis shows at most: 99.999 %.
const NINES_MAX: i32 = 5;

/// One direction of a plot.
pub(super) struct Axis {
    scale: Scale,
    pub(super) ticks: Vec<Tick>,
}

/// A value that is written beside the axis.
pub(super) struct Tick {
    /// 0 at one end of the axis, 1 at the other.
    pub(super) share: f64,
    pub(super) label: String,
}

#[derive(Clone, Copy)]
enum Scale {
    Linear {
        to: f64,
    },
    Logarithmic {
        from: f64,
        to: f64,
    },
    /// As long for 90 to 99 % as for 99 to 99.9 %.
    Percentile {
        nines: f64,
    },
}

impl Axis {
    /// From zero to the round value at or above `most`.
    pub(super) fn of_values(most: f64, label: fn(f64) -> String) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let step = round_step(most);
        // A curve that touches a tick but for an error of rounding needs no other above it.
        let to = ((most / step - 1e-9).ceil() * step).max(step);
        Self::linear(to, step, label)
    }

    /// From zero to exactly `most`, as time is drawn: nothing happened afterwards.
    pub(super) fn of_time(most: f64, label: fn(f64) -> String) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        Self::linear(most, round_step(most), label)
    }

    /// From the power of ten (or twice or five times it) below `least` to the one above `most`.
    pub(super) fn of_magnitudes(least: f64, most: f64, label: fn(f64) -> String) -> Self {
        let least = least.max(1.0);
        let most = most.max(least * 2.0);
        let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let round: Vec<f64> =
            powers.flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * 10_f64.powi(power))).collect();
        let from = round.iter().copied().rfind(|value| *value <= least).unwrap_or(1.0);
        let to = round.iter().copied().find(|value| *value >= most).unwrap_or(most);
        let scale = Scale::Logarithmic { from, to };
        let within: Vec<f64> = round.into_iter().filter(|value| (from..=to).contains(value)).collect();
        let is_crowded = within.len() > 8;
        let is_power = |value: &f64| value.log10().fract().abs() < 1e-9;
        let values = within.into_iter().filter(|value| !is_crowded || is_power(value));
        Self { scale, ticks: values.map(|value| Tick { share: scale.share(value), label: label(value) }).collect() }
    }

    /// Percentiles up to the last one that `count` values tell something about.
    pub(super) fn of_percentiles(count: u64) -> Self {
        // Ten values above a percentile are few enough.
        let nines = (count as f64 / 10.0).max(1.0).log10().floor() as i32;
        let nines = nines.clamp(2, NINES_MAX);
        let scale = Scale::Percentile { nines: f64::from(nines) };
        let percentiles = std::iter::once(50.0).chain((1..=nines).map(|nines| 100.0 - 100.0 / 10_f64.powi(nines)));
        let label = |value: f64| format!("{} %", (value * 1e6).round() / 1e6);
        Self {
            scale,
            ticks: percentiles.map(|value| Tick { share: scale.share(value), label: label(value) }).collect(),
        }
    }

    /// Where a value stands, 0 to 1; what lies beyond an end stands at the end.
    pub(super) fn share(&self, value: f64) -> f64 {
        self.scale.share(value).clamp(0.0, 1.0)
    }

    /// The value that stands there.
    pub(super) fn value(&self, share: f64) -> f64 {
        match self.scale {
            Scale::Linear { to } => share * to,
            Scale::Logarithmic { from, to } => from * (to / from).powf(share),
            Scale::Percentile { nines } => 100.0 - 100.0 / 10_f64.powf(share * nines),
        }
    }

    fn linear(to: f64, step: f64, label: fn(f64) -> String) -> Self {
        let count = (to / step + 1e-9).floor() as u32;
        let values = (0..=count).map(|index| f64::from(index) * step);
        let ticks = values.map(|value| Tick { share: value / to, label: label(value) }).collect();
        Self { scale: Scale::Linear { to }, ticks }
    }
}

impl Scale {
    fn share(self, value: f64) -> f64 {
        match self {
            Self::Linear { to } => value / to,
            Self::Logarithmic { from, to } => (value.max(from) / from).ln() / (to / from).ln(),
            Self::Percentile { nines } => -(1.0 - value.min(100.0) / 100.0).log10() / nines,
        }
    }
}

/// 1, 2, 2.5 or 5 times a power of ten, such that few enough steps reach `most`.
fn round_step(most: f64) -> f64 {
    let least = most / (TICKS_MAX - 1.0);
    let power = 10_f64.powf(least.log10().floor());
    let times = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|times| times * power >= least * (1.0 - 1e-9));
    times.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::number::{compact, duration};

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn values_begin_at_zero_and_end_at_a_round_one() {
        assert_eq!(labels(&Axis::of_values(7.3e6, compact)), ["0", "2M", "4M", "6M", "8M"]);
        assert_eq!(labels(&Axis::of_values(100.0, compact)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::of_values(0.138, compact)), ["0", "0.05", "0.1", "0.15"]);
        assert_eq!(labels(&Axis::of_values(1.1, compact)), ["0", "0.25", "0.5", "0.75", "1", "1.25"]);
    }

    #[test]
    fn no_value_at_all_still_makes_an_axis() {
        for most in [0.0, f64::NAN, f64::INFINITY, -1.0] {
            let axis = Axis::of_values(most, compact);
            assert_eq!((axis.ticks.len(), axis.share(0.0)), (6, 0.0), "{most}");
        }
    }

    #[test]
    fn time_ends_where_the_run_ended() {
        let axis = Axis::of_time(10.6, compact);
        assert_eq!(labels(&axis), ["0", "2.5", "5", "7.5", "10"]);
        assert_eq!(axis.share(10.6), 1.0);
    }

    #[test]
    fn magnitudes_are_equally_far_from_each_other() {
        let axis = Axis::of_magnitudes(180.0, 1_900.0, duration);
        assert_eq!(labels(&axis), ["100 µs", "200 µs", "500 µs", "1 ms", "2 ms"]);
        let axis = Axis::of_magnitudes(12.0, 900_000.0, duration);
        assert_eq!(labels(&axis), ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]);
        let step = axis.ticks[1].share - axis.ticks[0].share;
        assert!((axis.ticks[4].share - axis.ticks[3].share - step).abs() < 1e-9);
        assert_eq!(labels(&Axis::of_magnitudes(0.0, 0.0, duration)), ["1 µs", "2 µs"]);
    }

    #[test]
    fn percentiles_are_as_many_nines_as_the_count_tells_something_about() {
        assert_eq!(labels(&Axis::of_percentiles(100_000)), ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert_eq!(labels(&Axis::of_percentiles(0)), ["50 %", "90 %", "99 %"]);
        assert_eq!(labels(&Axis::of_percentiles(u64::MAX)).last(), Some(&"99.999 %"));
        let axis = Axis::of_percentiles(100_000);
        assert!((axis.share(99.0) - 0.5).abs() < 1e-9);
        assert_eq!((axis.share(0.0), axis.share(100.0)), (0.0, 1.0));
    }

    #[test]
    fn a_share_and_its_value_are_each_other() {
        let axes = [
            Axis::of_values(8.0, compact),
            Axis::of_magnitudes(10.0, 900.0, duration),
            Axis::of_percentiles(1_000_000),
        ];
        for axis in axes {
            assert!((axis.share(axis.value(0.3)) - 0.3).abs() < 1e-9);
        }
    }
}
