//! Colours and letters of the pictures.
//!
//! Curves have colours that can be told apart on white and on black. Paper, ink and grid change
//! places with the reader's mode: the drawing library writes fixed colours, and a style sheet in
//! the file replaces these three kinds by what the mode wants.

use plotters::prelude::{RGBColor, TextStyle};
use plotters::style::{IntoFont, IntoTextStyle};

use crate::policy::PolicyKind;

pub(super) const BACKGROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
pub(super) const FAINT: RGBColor = RGBColor(0x59, 0x63, 0x6e);
pub(super) const GRID: RGBColor = RGBColor(0xe1, 0xe4, 0xe8);

/// What becomes of these in the dark.
const DARK: [(RGBColor, &str); 4] =
    [(BACKGROUND, "#0d1117"), (INK, "#e6edf3"), (FAINT, "#9198a1"), (GRID, "#2a3038")];

/// For regions, from the first on; there are as many before they begin again.
const REGIONS: [RGBColor; 8] = [
    RGBColor(0x4b, 0x5f, 0xa5),
    RGBColor(0x2f, 0x8f, 0x9e),
    RGBColor(0x5d, 0xae, 0x6b),
    RGBColor(0xc4, 0xb0, 0x3c),
    RGBColor(0xd0, 0x80, 0x45),
    RGBColor(0xb8, 0x5c, 0x6e),
    RGBColor(0x8f, 0x5a, 0x8f),
    RGBColor(0x7a, 0x80, 0x88),
];

pub(super) fn of_region(number: usize) -> RGBColor {
    REGIONS[number % REGIONS.len()]
}

pub(super) const fn of_policy(kind: PolicyKind) -> RGBColor {
    match kind {
        PolicyKind::Hither => RGBColor(0x2f, 0x80, 0xd9),
        PolicyKind::Random => RGBColor(0xd9, 0x5f, 0x30),
        PolicyKind::RoundRobin => RGBColor(0xd1, 0x8f, 0x0a),
        PolicyKind::LeastRequests => RGBColor(0x1a, 0xa1, 0x79),
        PolicyKind::TwoChoices => RGBColor(0xc2, 0x63, 0xa0),
    }
}

/// Letters of some pixels' height.
pub(super) fn font(size: f64, color: &RGBColor) -> TextStyle<'static> {
    ("system-ui, sans-serif", size).into_font().color(color).into_text_style(&(0, 0))
}

/// The same picture, following the reader's mode.
pub(super) fn for_light_and_dark(svg: &str) -> String {
    let mut style = String::from("<style>@media (prefers-color-scheme: dark) {");
    for (RGBColor(red, green, blue), dark) in DARK {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        style.push_str(&format!(
            "[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}"
        ));
    }
    style.push_str("}</style>");
    // Behind the opening tag.
    match svg.find("<svg").and_then(|open| Some(open + svg[open..].find('>')? + 1)) {
        Some(inside) => format!("{}\n{style}{}", &svg[..inside], &svg[inside..]),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_stands_inside_the_picture() {
        let svg = "<svg width=\"1\">\n<rect fill=\"#FFFFFF\"/></svg>";
        let both = for_light_and_dark(svg);
        assert!(both.starts_with("<svg width=\"1\">\n<style>@media"), "{both}");
        assert!(both.contains("[fill=\"#FFFFFF\"]{fill:#0d1117}"), "{both}");
        assert!(both.ends_with("<rect fill=\"#FFFFFF\"/></svg>"), "{both}");
    }
}
