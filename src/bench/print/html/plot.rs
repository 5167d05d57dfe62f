//! A plot: curves above an axis and beside another, with a grid behind them and, where one points, the values that stand
//! there. Everything but the curves is placed in shares of the plot's size, so that letters and lines are as large on a phone.

use std::fmt::Write;

use super::axis::Axis;
use super::markup::{Attributes, Markup};

/// Colours of curves before they begin again, with dashes then. As many as plots.css names.
const COLOURS: usize = 8;
/// Places at which values can be read by pointing: a third of a percent to either side of a pointer is near enough.
const READINGS: usize = 80;
/// The units in which curves are drawn, in either direction.
const EXTENT: f64 = 1_000.0;

/// What one plot shows. Draw it with [`Plot::write`].
pub(super) struct Plot<'a> {
    /// Unique on the page.
    pub(super) id: String,
    pub(super) title: &'a str,
    /// Beside the title: the unit, or what to know of an axis.
    pub(super) note: String,
    /// For those who do not see it: what the curves tell.
    pub(super) description: String,
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) curves: Vec<Curve<'a>>,
    pub(super) across_label: fn(f64) -> String,
    pub(super) up_label: fn(f64) -> String,
}

/// A line of a plot.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    /// Of the report among all: it keeps its colour in every plot.
    pub(super) place: usize,
    /// Ascending; a value that is no number is a gap.
    pub(super) points: Vec<(f64, f64)>,
}

/// The class that gives a report its colour.
pub(super) fn colour(place: usize) -> String {
    let dashes = if place >= COLOURS { " dashed" } else { "" };
    format!("colour-{}{dashes}", place % COLOURS + 1)
}

impl Plot<'_> {
    pub(super) fn write(&self, out: &mut Markup) {
        let (title_id, text_id) = (format!("{}-title", self.id), format!("{}-text", self.id));
        out.within("figure", &[("class", &"panel plot")], |out| {
            out.within("figcaption", &[], |out| {
                out.element("h3", &[("id", &title_id)], self.title);
                out.element("span", &[("class", &"note")], &self.note);
            });
            out.within("div", &[("class", &"frame")], |out| {
                let told: Attributes<'_> =
                    &[("role", &"img"), ("aria-labelledby", &title_id), ("aria-describedby", &text_id)];
                out.within("svg", told, |out| {
                    out.element("desc", &[("id", &text_id)], &self.description);
                    self.grid(out);
                    self.lines(out);
                    self.readings(out);
                });
            });
        });
    }

    fn grid(&self, out: &mut Markup) {
        for tick in &self.up.ticks {
            let at = percent(1.0 - tick.share);
            let class = if tick.share == 0.0 { "base" } else { "grid" };
            out.empty("line", &[("class", &class), ("x1", &"0"), ("x2", &"100%"), ("y1", &at), ("y2", &at)]);
            out.element("text", &[("class", &"up"), ("x", &"-8"), ("y", &at), ("dy", &"0.35em")], &tick.label);
        }
        for tick in &self.across.ticks {
            let at = percent(tick.share);
            out.empty("line", &[("class", &"grid"), ("x1", &at), ("x2", &at), ("y1", &"0"), ("y2", &"100%")]);
            out.element("text", &[("class", &"across"), ("x", &at), ("y", &"100%"), ("dy", &"1.6em")], &tick.label);
        }
    }

    /// The curves, the first above all others. They are stretched to the plot's size, their lines are not.
    fn lines(&self, out: &mut Markup) {
        let view = format!("0 0 {EXTENT} {EXTENT}");
        let stretched: Attributes<'_> = &[("class", &"curves"), ("viewBox", &view), ("preserveAspectRatio", &"none")];
        out.within("svg", stretched, |out| {
            if let [curve] = &self.curves[..] {
                out.empty("path", &[("class", &format!("area {}", colour(curve.place))), ("d", &self.area(curve))]);
            }
            for curve in self.curves.iter().rev() {
                out.empty("path", &[("class", &colour(curve.place)), ("d", &self.line(curve))]);
            }
        });
    }

    /// Broken where a value is none. A lone point is a line of no length, which its round ends make a dot.
    fn line(&self, curve: &Curve<'_>) -> String {
        let mut path = String::new();
        let mut is_begun = false;
        for &(at, value) in &curve.points {
            if !value.is_finite() {
                is_begun = false;
                continue;
            }
            let (x, y) = self.place(at, value);
            let command = if is_begun { 'L' } else { 'M' };
            let dot = if is_begun { "" } else { "h0" };
            write!(path, "{command}{x:.1} {y:.1}{dot}").expect("a string takes all that is written");
            is_begun = true;
        }
        path
    }

    fn area(&self, curve: &Curve<'_>) -> String {
        let parts = curve.points.split(|(_, value)| !value.is_finite()).filter(|part| part.len() > 1);
        parts.fold(String::new(), |mut path, part| {
            let place = |&(at, value): &(f64, f64)| self.place(at, value);
            let corners = part.iter().map(place).map(|(x, y)| format!("L{x:.1} {y:.1}"));
            let (from, to) = (place(&part[0]).0, place(&part[part.len() - 1]).0);
            let corners: String = corners.collect();
            write!(path, "M{from:.1} {EXTENT}{corners}L{to:.1} {EXTENT}Z").expect("a string takes all that is written");
            path
        })
    }

    fn place(&self, at: f64, value: f64) -> (f64, f64) {
        (self.across.share(at) * EXTENT, (1.0 - self.up.share(value)) * EXTENT)
    }

    /// Invisible columns that show a line and the values there while one points at them.
    fn readings(&self, out: &mut Markup) {
        let width = percent(1.0 / READINGS as f64);
        for index in 0..READINGS {
            let left = percent(index as f64 / READINGS as f64);
            let share = (index as f64 + 0.5) / READINGS as f64;
            let (at, middle) = (self.across.value(share), percent(share));
            out.within("g", &[("class", &"reading")], |out| {
                out.empty("rect", &[("x", &left), ("y", &"0"), ("width", &width), ("height", &"100%")]);
                out.empty("line", &[("x1", &middle), ("x2", &middle), ("y1", &"0"), ("y2", &"100%")]);
                // On the side that the pointer does not cover.
                let (x, side) = if share < 0.5 { ("100%", "end") } else { ("0", "start") };
                out.within("text", &[("y", &"0"), ("text-anchor", &side)], |out| {
                    out.element("tspan", &[("x", &x), ("dy", &"0.9em")], (self.across_label)(at));
                    for curve in &self.curves {
                        let Some(value) = self.value_of(curve, share) else { continue };
                        out.within("tspan", &[("x", &x), ("dy", &"1.35em")], |out| {
                            out.element("tspan", &[("class", &colour(curve.place))], "● ");
                            if self.curves.len() > 1 {
                                out.text(format_args!("{} ", curve.name));
                            }
                            out.element("tspan", &[("class", &"value")], (self.up_label)(value));
                        });
                    }
                });
            });
        }
    }

    /// The curve's value at a share of the axis, between its points as the line is drawn; none beyond its ends.
    fn value_of(&self, curve: &Curve<'_>, share: f64) -> Option<f64> {
        let after = curve.points.iter().position(|(at, _)| self.across.share(*at) >= share)?;
        let (before, after) = (curve.points[after.checked_sub(1)?], curve.points[after]);
        let (from, to) = (self.across.share(before.0), self.across.share(after.0));
        let part = if to > from { (share - from) / (to - from) } else { 1.0 };
        Some(before.1 + (after.1 - before.1) * part).filter(|value| value.is_finite())
    }
}

fn percent(share: f64) -> String {
    let number = format!("{:.3}", share * 100.0);
    format!("{}%", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::print::number::compact;

    fn plot(points: Vec<(f64, f64)>) -> Plot<'static> {
        Plot {
            id: "p".to_owned(),
            title: "rate <&>",
            note: String::new(),
            description: "a line".to_owned(),
            across: Axis::of_time(10.0, compact),
            up: Axis::of_values(100.0, compact),
            curves: vec![Curve { name: "one", place: 0, points }],
            across_label: compact,
            up_label: compact,
        }
    }

    #[test]
    fn a_line_goes_from_point_to_point_and_breaks_at_gaps() {
        let plot = plot(vec![(0.0, 0.0), (5.0, 100.0), (6.0, f64::NAN), (10.0, 50.0)]);
        assert_eq!(plot.line(&plot.curves[0]), "M0.0 1000.0h0L500.0 0.0M1000.0 500.0h0");
        assert_eq!(plot.area(&plot.curves[0]), "M0.0 1000L0.0 1000.0L500.0 0.0L500.0 1000Z");
    }

    #[test]
    fn a_value_is_read_between_points_and_not_beyond_them() {
        let plot = plot(vec![(2.0, 10.0), (4.0, 20.0), (6.0, f64::NAN)]);
        let read = |share| plot.value_of(&plot.curves[0], share);
        assert_eq!([read(0.1), read(0.3), read(0.5), read(0.9)], [None, Some(15.0), None, None]);
    }

    #[test]
    fn it_is_told_to_those_who_do_not_see_it() {
        let mut out = Markup::default();
        plot(vec![(0.0, 1.0), (10.0, 2.0)]).write(&mut out);
        let html = out.into_string();
        assert!(html.contains("<h3 id=\"p-title\">rate &lt;&amp;&gt;</h3>"), "{html}");
        assert!(html.contains("aria-labelledby=\"p-title\" aria-describedby=\"p-text\""), "{html}");
        assert!(html.contains("<desc id=\"p-text\">a line</desc>"), "{html}");
    }

    #[test]
    fn a_ninth_curve_has_the_first_colour_and_dashes() {
        assert_eq!([0, 7, 8].map(colour), ["colour-1", "colour-8", "colour-1 dashed"]);
    }
}
