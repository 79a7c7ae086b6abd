//! From byte spans to lines, columns and the piece of a line worth showing.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

/// Longer lines are shown from a little before the caret on.
const WIDEST: usize = 96;
const BEFORE_CARET: usize = 24;

/// Where each line of a text begins.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// A line, and the part of it that a caret points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    /// The line, or the part around the caret, safe for a terminal.
    pub(super) shown: String,
    /// Terminal cells before the caret.
    pub(super) indent: usize,
    /// Terminal cells under the caret, at least 1.
    pub(super) width: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The first line of `span`.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let at = self.boundary(span.start);
        let index = self.starts.partition_point(|start| *start <= at).saturating_sub(1);
        let start = self.starts.get(index).copied().unwrap_or(0);
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let caret = (at - start).min(line.len());
        let end = (self.boundary(span.end).max(at) - start).min(line.len()).max(caret);
        let column = line[..caret].chars().count();
        let skipped =
            if line.chars().count() > WIDEST { column.saturating_sub(BEFORE_CARET) } else { 0 };
        let from = line.char_indices().nth(skipped).map_or(line.len(), |(at, _)| at);
        let mut shown = String::new();
        if skipped > 0 {
            shown.push('…');
        }
        shown.extend(line[from..].chars().take(WIDEST).map(visible));
        if line[from..].chars().count() > WIDEST {
            shown.push('…');
        }
        let cells = |text: &str| text.chars().map(cells_of).sum::<usize>();
        let room = WIDEST.saturating_sub(column - skipped);
        let marked: String = line[caret..end].chars().take(room).collect();
        Excerpt {
            line: index + 1,
            column: column + 1,
            shown,
            indent: usize::from(skipped > 0) + cells(&line[from..caret]),
            width: cells(&marked).max(1),
        }
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A tab becomes a space and what a terminal might obey becomes a sign.
pub(super) fn visible(char: char) -> char {
    match char {
        '\t' => ' ',
        char if char.is_control() || char.width().unwrap_or(0) == 0 => '\u{fffd}',
        char => char,
    }
}

fn cells_of(char: char) -> usize {
    visible(char).width().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_what_it_means() {
        let lines = Lines::new("a = 1\r\n\tb = \"漢字\" # c\n");
        let excerpt = lines.excerpt(&(12..20));
        assert_eq!((excerpt.line, excerpt.column), (2, 6));
        assert_eq!(excerpt.shown, " b = \"漢字\" # c");
        assert_eq!((excerpt.indent, excerpt.width), (5, 6));
    }

    #[test]
    fn places_outside_the_text_are_at_its_end() {
        let excerpt = Lines::new("ab").excerpt(&(50..70));
        assert_eq!((excerpt.line, excerpt.column, excerpt.width), (1, 3, 1));
        let excerpt = Lines::new("").excerpt(&(0..0));
        assert_eq!((excerpt.line, excerpt.column), (1, 1));
    }

    #[test]
    fn a_long_line_is_shown_around_its_caret() {
        let text = format!("{}!{}", "x".repeat(5_000), "y".repeat(5_000));
        let excerpt = Lines::new(&text).excerpt(&(5_000..9_000));
        assert_eq!(excerpt.column, 5_001);
        assert!(excerpt.shown.chars().count() <= WIDEST + 2);
        assert_eq!(excerpt.shown.chars().nth(excerpt.indent), Some('!'));
        assert!(excerpt.indent + excerpt.width <= WIDEST + 1);
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        let excerpt = Lines::new("a = \"\u{1b}[31m\u{202e}\"").excerpt(&(4..5));
        assert!(!excerpt.shown.contains(['\u{1b}', '\u{202e}']), "{:?}", excerpt.shown);
    }
}
