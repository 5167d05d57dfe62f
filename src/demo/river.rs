//! The river through the town, which only avenues cross.

use super::town::{HEIGHT_M, Point, WIDTH_M};

/// How far apart the points of its line are.
const STEP_M: f64 = 120.0;

/// How far it runs on outside of the town.
const BEYOND_M: f64 = 2_500.0;

/// Metres to the north at so many to the east.
fn north_m(east_m: f64) -> f64 {
    HEIGHT_M * 0.42 + 620.0 * (east_m / 1_900.0 + 0.6).sin() + 160.0 * (east_m / 640.0).sin() + east_m * 0.06
}

/// Which bank it is.
pub(super) fn is_north(point: Point) -> bool {
    point.north_m > north_m(point.east_m)
}

pub(super) fn line() -> Vec<Point> {
    let steps = ((WIDTH_M + 2.0 * BEYOND_M) / STEP_M) as u32;
    let at = |step| f64::from(step) * STEP_M - BEYOND_M;
    (0..=steps).map(|step| Point { east_m: at(step), north_m: north_m(at(step)) }).collect()
}
