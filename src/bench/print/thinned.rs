//! Curves of as many points as can be seen: a long run samples more often than a line has places.

/// The curve in at most `count` points, each the mean of those that fall into its part of the time, the ends kept in time.
/// Values that are no numbers count for nothing, and a part without any keeps one, so that a hole stays a hole.
pub(super) fn thinned(points: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    let (Some((from, _)), Some((to, _))) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() <= count || to <= from {
        return points.iter().copied().take(count).collect();
    }
    let part_of = |at: f64| (((at - from) / (to - from) * count as f64) as usize).min(count - 1);
    let parts = points.chunk_by(|one, next| part_of(one.0) == part_of(next.0));
    parts.map(mean).collect()
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let at = points.iter().map(|(at, _)| at).sum::<f64>() / points.len() as f64;
    let values = || points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
    // Without any it is 0 / 0, which is no number, as it should be.
    (at, values().sum::<f64>() / values().count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_curve_is_kept_as_it_is() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)];
        assert_eq!(thinned(&points, 3), points);
        assert_eq!(thinned(&[], 3), []);
    }

    #[test]
    fn a_long_curve_keeps_its_mean_and_has_no_more_points_than_asked_for() {
        let points: Vec<(f64, f64)> = (0..1_000).map(|at| (f64::from(at), f64::from(at % 10))).collect();
        let curve = thinned(&points, 50);
        assert_eq!(curve.len(), 50);
        assert!(curve.iter().all(|(_, value)| (4.0..=5.0).contains(value)), "{curve:?}");
        assert!(curve.is_sorted());
    }

    #[test]
    fn a_hole_stays_a_hole() {
        let points: Vec<(f64, f64)> =
            (0..100).map(|at| (f64::from(at), if (40..60).contains(&at) { f64::NAN } else { 1.0 })).collect();
        let curve = thinned(&points, 10);
        assert_eq!(curve.iter().filter(|(_, value)| value.is_nan()).count(), 2);
        assert_eq!(curve.iter().filter(|(_, value)| *value == 1.0).count(), 8);
    }
}
