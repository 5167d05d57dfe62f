//! A plot of one column as SVG: a bar for each server as long as its median, with a line from minimum to maximum, the shortest first.
//! It opens from a file and in a page, light or dark as the reader has it, and every number stands in it as text.

use std::fmt::Write as _;

use super::spread::{Spread, shown};

/// Units of the drawing, which a page scales to its width.
const WIDTH: f64 = 840.0;
const BAR_LEFT: f64 = 244.0;
const BAR_RIGHT: f64 = 640.0;
const ROWS_TOP: f64 = 68.0;
const ROW: f64 = 28.0;
const BAR: f64 = 14.0;
const MARGIN: f64 = 20.0;

/// The colours of the project's pages.
const STYLE: &str = "\
    svg{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:13px;font-variant-numeric:tabular-nums}\
    .ground{fill:#fffefc}.text,.value{fill:#1f1b17}.muted{fill:#675f57}.title{font-size:15px;font-weight:650}\
    .note{font-size:12px}.value{font-weight:650}.name{text-anchor:end}.base{stroke:#8f867c}\
    .ours{fill:#a84300}.theirs{fill:#8f867c}.floor{fill:#d3c9bd}.spread{stroke:#1f1b17;stroke-width:1.5;fill:none}\
    @media(prefers-color-scheme:dark){.ground{fill:#1b1917}.text,.value{fill:#f1ece6}.muted{fill:#a89f95}\
    .base{stroke:#7d746b}.ours{fill:#ffa25c}.theirs{fill:#7d746b}.floor{fill:#4a443f}.spread{stroke:#f1ece6}}";

/// How a bar is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hue {
    Ours,
    Theirs,
    Floor,
}

/// One server.
pub(super) struct Bar<'a> {
    pub(super) name: &'a str,
    pub(super) hue: Hue,
    pub(super) spread: Spread,
}

/// The drawing. `unit` is what the bars are long in.
pub(super) fn drawn(title: &str, unit: &str, mut bars: Vec<Bar<'_>>) -> String {
    bars.sort_by(|one, other| one.spread.median.total_cmp(&other.spread.median));
    let most = bars.iter().map(|bar| bar.spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let at = |value: f64| BAR_LEFT + (value / most).clamp(0.0, 1.0) * (BAR_RIGHT - BAR_LEFT);
    let bottom = ROWS_TOP + ROW * bars.len() as f64;
    let (height, title, unit) = (bottom + MARGIN, escaped(title), escaped(unit));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{title}: {unit}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"10\"/>\n\
         <text class=\"text title\" x=\"{MARGIN}\" y=\"30\">{title}</text>\n\
         <text class=\"muted note\" x=\"{MARGIN}\" y=\"50\">{unit} · bar: median, line: minimum to maximum · shorter is better</text>\n"
    );
    for (index, Bar { name, hue, spread }) in bars.iter().enumerate() {
        let Spread { least, median, most } = *spread;
        let middle = ROWS_TOP + ROW * (index as f64 + 0.5);
        let (from, to) = (at(least), at(most));
        let class = match hue {
            Hue::Ours => "ours",
            Hue::Theirs => "theirs",
            Hue::Floor => "floor",
        };
        let (baseline, top, length) = (middle + 4.5, middle - BAR / 2.0, at(median) - BAR_LEFT);
        let (value, name) = (shown(median), escaped(name));
        let (high, low) = (middle - 4.0, middle + 4.0);
        // What was measured once has no spread to show.
        let (range, line) = if least < most {
            let line = format!("M{from:.1} {high}V{low}M{from:.1} {middle}H{to:.1}M{to:.1} {high}V{low}");
            (format!(" {} – {}", shown(least), shown(most)), format!("<path class=\"spread\" d=\"{line}\"/>"))
        } else {
            Default::default()
        };
        let written = writeln!(
            svg,
            "<text class=\"text name\" x=\"{:.0}\" y=\"{baseline}\">{name}</text>\
             <rect class=\"{class}\" x=\"{BAR_LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"2\"/>{line}\
             <text x=\"{:.1}\" y=\"{baseline}\"><tspan class=\"value\">{value}</tspan><tspan class=\"muted note\">{range}</tspan></text>",
            BAR_LEFT - 12.0,
            to + 10.0,
        );
        written.expect("a string takes all that is written");
    }
    let base = writeln!(svg, "<path class=\"base\" d=\"M{BAR_LEFT} {ROWS_TOP}V{bottom}\"/>\n</svg>");
    base.expect("a string takes all that is written");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, values: [f64; 3]) -> Bar<'_> {
        Bar { name, hue: Hue::Theirs, spread: Spread::of(values).expect("there are values") }
    }

    #[test]
    fn the_shortest_bar_comes_first_and_the_longest_line_has_all_the_width() {
        let svg = drawn("t", "µs", vec![bar("slow", [3.0, 2.0, 4.0]), bar("quick", [1.0, 1.0, 1.0])]);
        assert!(svg.find(">quick<") < svg.find(">slow<"), "{svg}");
        assert!(svg.contains("width=\"297.0\""), "three quarters of the width: {svg}");
        assert!(svg.contains("H640.0"), "{svg}");
        assert!(
            svg.contains("<tspan class=\"value\">3.00</tspan><tspan class=\"muted note\"> 2.00 – 4.00</tspan>"),
            "{svg}"
        );
    }

    #[test]
    fn names_are_escaped_and_what_is_below_nothing_has_no_length() {
        let svg = drawn("a <b> & c", "µs", vec![bar("x<y", [-1.0, -1.0, -1.0])]);
        assert!(svg.contains(">a &lt;b&gt; &amp; c</text>") && svg.contains(">x&lt;y</text>"), "{svg}");
        assert!(svg.contains("width=\"0.0\""), "{svg}");
    }
}
