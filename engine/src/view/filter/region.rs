//! `geo.within`: whether a point on the Earth lies in a region. Latitudes and longitudes are degrees of WGS 84. Points on an edge
//! are inside, as far as doubles can tell. Longitudes are taken modulo 360, so that regions may lie across the antimeridian.

/// Points of a polygon: each is looked at for each event that lies in its bounding box.
pub(super) const POLYGON_POINT_COUNT_MAX: usize = 1_000;

/// The mean radius of the Earth (IUGG), in metres: what haversine is used with. It errs by up to half a percent.
const EARTH_RADIUS: f64 = 6_371_008.8;

/// A region; only made of what is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Region {
    Box { south: f64, west: f64, north: f64, east: f64 },
    Circle { latitude: f64, longitude: f64, metres: f64 },
    Polygon { bounds: [f64; 4], points: Box<[[f64; 2]]> },
}

impl Region {
    /// The box from its south-west to its north-east corner; it lies across the antimeridian when west is greater than east.
    pub(super) fn of_box(corners: [f64; 4]) -> Result<Self, &'static str> {
        let [south, west, north, east] = corners;
        point(south, west)?;
        point(north, east)?;
        if south > north {
            return Err("`box` is (south, west, north, east), and south must not be above north");
        }
        Ok(Self::Box { south, west, north, east: if east < west { east + 360.0 } else { east } })
    }

    /// The points at most that far away on a sphere.
    pub(super) fn of_circle(latitude: f64, longitude: f64, metres: f64) -> Result<Self, &'static str> {
        point(latitude, longitude)?;
        if !(metres.is_finite() && metres >= 0.0) {
            return Err("`circle` is (latitude, longitude, metres), and metres must not be negative");
        }
        Ok(Self::Circle { latitude, longitude, metres })
    }

    /// The inside of a line through the points and back to the first, straight in degrees, by the even-odd rule. From each point to
    /// the next it goes the short way around the Earth.
    pub(super) fn of_polygon(mut points: Vec<[f64; 2]>) -> Result<Self, &'static str> {
        if points.len() < 3 {
            return Err("`polygon` needs at least three points, each [latitude, longitude]");
        }
        points.iter().try_for_each(|[latitude, longitude]| point(*latitude, *longitude))?;
        for at in 1..points.len() {
            points[at][1] = near(points[at][1], points[at - 1][1]);
        }
        let (first, last) = (points[0][1], points[points.len() - 1][1]);
        if (last - first).abs() > 180.0 {
            return Err("`polygon` must not go around a pole");
        }
        let mut bounds = [90.0, f64::INFINITY, -90.0, f64::NEG_INFINITY];
        for [latitude, longitude] in &points {
            bounds =
                [latitude.min(bounds[0]), longitude.min(bounds[1]), latitude.max(bounds[2]), longitude.max(bounds[3])];
        }
        Ok(Self::Polygon { bounds, points: points.into() })
    }

    /// Whether the point is inside; `None` when it is no point on the Earth.
    pub(super) fn contains(&self, latitude: f64, longitude: f64) -> Option<bool> {
        point(latitude, longitude).ok()?;
        // The same meridian under its three names: regions reach beyond ±180 where they lie across it.
        let names = [longitude, longitude - 360.0, longitude + 360.0];
        Some(match self {
            Self::Box { south, west, north, east } => {
                (south..=north).contains(&&latitude) && names.iter().any(|name| (west..=east).contains(&name))
            }
            Self::Circle { latitude: at, longitude: along, metres } => {
                distance([*at, *along], [latitude, longitude]) <= *metres
            }
            Self::Polygon { bounds: [south, west, north, east], points } => {
                (south..=north).contains(&&latitude)
                    && names.iter().any(|name| (west..=east).contains(&name) && encloses(points, [latitude, *name]))
            }
        })
    }

    /// What a look at it costs, in the evaluator's steps.
    pub(super) fn steps(&self) -> u32 {
        match self {
            Self::Box { .. } | Self::Circle { .. } => 8,
            Self::Polygon { points, .. } => u32::try_from(points.len()).unwrap_or(u32::MAX),
        }
    }
}

fn point(latitude: f64, longitude: f64) -> Result<(), &'static str> {
    let is_point = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    if is_point { Ok(()) } else { Err("latitudes are from -90 to 90 and longitudes from -180 to 180, in this order") }
}

/// The name of a meridian that is nearest to another.
fn near(longitude: f64, other: f64) -> f64 {
    longitude - 360.0 * ((longitude - other) / 360.0).round()
}

/// In metres, by the haversine formula.
fn distance(from: [f64; 2], to: [f64; 2]) -> f64 {
    let [from_latitude, from_longitude] = from.map(f64::to_radians);
    let [to_latitude, to_longitude] = to.map(f64::to_radians);
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let haversine = half(to_latitude - from_latitude)
        + from_latitude.cos() * to_latitude.cos() * half(to_longitude - from_longitude);
    2.0 * EARTH_RADIUS * haversine.clamp(0.0, 1.0).sqrt().asin()
}

fn encloses(points: &[[f64; 2]], at: [f64; 2]) -> bool {
    let [latitude, longitude] = at;
    let mut is_inside = false;
    let mut from = points[points.len() - 1];
    for &to in points {
        let [low, high] = if from[0] <= to[0] { [from, to] } else { [to, from] };
        // On which side of the edge; 0 on the line through it.
        let side = (high[1] - low[1]) * (latitude - low[0]) - (longitude - low[1]) * (high[0] - low[0]);
        let is_between = |a: f64, b: f64, x: f64| (a.min(b)..=a.max(b)).contains(&x);
        if side == 0.0 && is_between(from[0], to[0], latitude) && is_between(from[1], to[1], longitude) {
            return true;
        }
        // Half open, so that a corner counts once.
        if low[0] <= latitude && latitude < high[0] && side > 0.0 {
            is_inside = !is_inside;
        }
        from = to;
    }
    is_inside
}
