use super::*;

fn is_within(region: &str, latitude: f64, longitude: f64) -> bool {
    let event = put(&format!("{{\"lat\":{latitude},\"lon\":{longitude}}}"));
    is_match(&filter(&format!("geo.within(data.lat, data.lon, {region})")), &event)
}

#[test]
fn a_box_has_its_edges_and_may_lie_across_the_antimeridian() {
    let city = "box(52.3, 13.0, 52.7, 13.8)";
    assert!(is_within(city, 52.5, 13.4) && is_within(city, 52.3, 13.0) && is_within(city, 52.7, 13.8));
    assert!(!is_within(city, 52.5, 12.99) && !is_within(city, 52.71, 13.4));
    let fiji = "box(-21, 176, -12, -178)";
    for (longitude, expected) in
        [(176.0, true), (180.0, true), (-180.0, true), (-178.0, true), (-177.9, false), (0.0, false)]
    {
        assert_eq!(is_within(fiji, -17.0, longitude), expected, "{longitude}");
    }
    assert!(is_within("box(-90, -180, 90, 180)", -90.0, 180.0));
    assert!(is_within("box(0, 170, 1, 180)", 0.5, -180.0), "one meridian with two names");
}

#[test]
fn a_circle_is_measured_on_the_sphere() {
    // Berlin to Paris: 878 km.
    let (paris, berlin) = ((48.8566, 2.3522), "52.52, 13.405");
    assert!(is_within(&format!("circle({berlin}, 879000)"), paris.0, paris.1));
    assert!(!is_within(&format!("circle({berlin}, 876000)"), paris.0, paris.1));
    assert!(is_within("circle(0, 179.9, 30000)", 0.0, -179.9), "22 km across the antimeridian");
    assert!(is_within("circle(90, 0, 12000)", 89.9, 180.0), "across the pole");
    assert!(is_within("circle(1, 2, 0)", 1.0, 2.0));
    assert!(is_within("circle(0, 0, 20016000)", 0.0, 180.0), "the antipode");
}

#[test]
fn a_polygon_has_its_edges_and_corners() {
    let triangle = "polygon([[0, 0], [0, 10], [10, 0]])";
    for (latitude, longitude, expected) in [
        (1.0, 1.0, true),
        (0.0, 5.0, true),
        (5.0, 5.0, true),
        (0.0, 0.0, true),
        (10.0, 0.0, true),
        (5.0, 0.0, true),
        (5.1, 5.0, false),
        (-0.1, 5.0, false),
        (10.0, 1.0, false),
        (0.0, 10.1, false),
        (0.0, -1.0, false),
    ] {
        assert_eq!(is_within(triangle, latitude, longitude), expected, "{latitude}, {longitude}");
    }
    let closed = "polygon([[0, 0], [0, 10], [10, 0], [0, 0]])";
    assert!(is_within(closed, 1.0, 1.0) && is_within(closed, 0.0, 0.0) && !is_within(closed, 9.0, 9.0));
}

#[test]
fn a_polygon_may_be_hollow_and_lie_across_the_antimeridian() {
    let horseshoe = "polygon([[0, 0], [0, 9], [9, 9], [9, 6], [3, 6], [3, 3], [9, 3], [9, 0]])";
    assert!(is_within(horseshoe, 6.0, 1.0) && is_within(horseshoe, 6.0, 8.0) && is_within(horseshoe, 1.0, 4.5));
    assert!(!is_within(horseshoe, 6.0, 4.5));
    for across in [
        "polygon([[-20, 175], [-20, -175], [-10, -175], [-10, 175]])",
        "polygon([[-20, -175], [-10, -175], [-10, 175], [-20, 175]])",
    ] {
        for (longitude, expected) in
            [(176.0, true), (180.0, true), (-180.0, true), (-176.0, true), (-174.0, false), (0.0, false)]
        {
            assert_eq!(is_within(across, -15.0, longitude), expected, "{across} {longitude}");
        }
    }
}

#[test]
fn what_is_no_point_is_nowhere() {
    for (latitude, longitude) in [("91", "0"), ("0", "181"), ("\"1\"", "2"), ("null", "2")] {
        let event = put(&format!("{{\"lat\":{latitude},\"lon\":{longitude}}}"));
        assert!(!is_match(&filter("geo.within(data.lat, data.lon, box(-90, -180, 90, 180))"), &event));
        assert!(!is_match(&filter("!geo.within(data.lat, data.lon, box(-90, -180, 90, 180))"), &event));
    }
}
