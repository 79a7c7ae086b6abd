//! Syntax errors in words for a newcomer, and what to take out of the text to read on behind them.

use std::ops::Range;

/// A syntax error as a newcomer reads it.
#[derive(Debug)]
pub(super) struct Slip {
    pub(super) span: Range<usize>,
    pub(super) cure: Cure,
    pub(super) message: String,
    pub(super) help: &'static str,
    pub(super) example: String,
}

/// What is done to the text so that it can be read on; the length never changes.
#[derive(Debug)]
pub(super) enum Cure {
    /// Spaces instead of everything but line ends.
    Blank(Range<usize>),
    /// A comma instead of one space or line end.
    Comma(usize),
}

impl Cure {
    pub(super) fn apply(&self, text: &str) -> String {
        let cured = text.char_indices().flat_map(|(at, char)| {
            let (char, times) = match self {
                Self::Blank(range) if range.contains(&at) && !matches!(char, '\n' | '\r') => {
                    (' ', char.len_utf8())
                }
                Self::Comma(place) if *place == at && char.is_ascii_whitespace() => (',', 1),
                _ => (char, 1),
            };
            std::iter::repeat_n(char, times)
        });
        cured.collect()
    }
}

/// Explains the parser's `reason`, given with a span of `text`.
pub(super) fn explain(text: &str, reason: &str, span: Range<usize>) -> Slip {
    let span = clamp(text, span);
    if reason.contains("array elements") || reason.starts_with("unclosed array,") {
        return in_list(text, span);
    }
    let lines = lines_of(text, &span);
    let line = text[lines.clone()].trim();
    if line.starts_with('[') {
        return in_header(text, reason, span, lines);
    }
    let cure = Cure::Blank(lines.clone());
    if reason.contains("duplicate key") {
        return Slip {
            span,
            cure,
            message: "this key is written twice".to_owned(),
            help: "a key is written once in its table: keep one of the two",
            example: line.to_owned(),
        };
    }
    if let Some((span, example)) = without_quotes(text, &span, &lines) {
        return Slip {
            span,
            cure,
            message: "this value has no quotes".to_owned(),
            help: "texts, durations, sizes and addresses stand in double quotes; numbers, true and false \
                   do not",
            example,
        };
    }
    let (help, example) = if line.matches('"').count() % 2 == 1 {
        ("a text ends, on its line, with the quote it began with", "name = \"ams-edge-1\"")
    } else {
        ("each line holds one key, an equals sign and a value", "soft_limit = 20")
    };
    let message = format!("this is not TOML: {reason}");
    Slip { span, cure, message, help, example: example.to_owned() }
}

/// Without its header a section would belong to another table, so all of it is taken out.
fn in_header(text: &str, reason: &str, span: Range<usize>, lines: Range<usize>) -> Slip {
    let section = text[lines.end..].find("\n[").map_or(text.len(), |at| lines.end + at);
    let cure = Cure::Blank(lines.start..section);
    let (message, help, example) = if reason.contains("duplicate key") {
        (
            "this table is written twice".to_owned(),
            "a table is written once; one that can be there several times has double brackets",
            "[[listener]]",
        )
    } else {
        (
            format!("this is not TOML: {reason}"),
            "a table's name stands in single or double brackets, alone on its line",
            "[service.web]",
        )
    };
    Slip { span, cure, message, help, example: example.to_owned() }
}

/// Either a comma is missing in a list, or its end.
fn in_list(text: &str, span: Range<usize>) -> Slip {
    let next = text[span.start..].chars().next();
    let is_value = next.is_some_and(|char| matches!(char, '"' | '\'' | '{' | '0'..='9'));
    let gap = text[..span.start].trim_end().len();
    if is_value && gap < span.start {
        return Slip {
            span: span.start..span.start + 1,
            cure: Cure::Comma(gap),
            message: "a comma is missing before this value".to_owned(),
            help: "the values of a list are divided by commas",
            example: "plugins = [\"tenant-router\", \"headers\"]".to_owned(),
        };
    }
    let open = text[..span.start].rfind("= [").map_or(span.start, |at| at + 2);
    let open = open..(open + 1).min(text.len());
    let open = clamp(text, open);
    Slip {
        cure: Cure::Blank(lines_of(text, &open)),
        span: open,
        message: "this list has no end".to_owned(),
        help: "what begins with [ ends with ]",
        example: "hosts = [\"example.com\"]".to_owned(),
    }
}

/// The value of a line `key = value` that only lacks its quotes, and the line with them.
fn without_quotes(
    text: &str,
    span: &Range<usize>,
    lines: &Range<usize>,
) -> Option<(Range<usize>, String)> {
    let equals = lines.start + text[lines.clone()].find('=')?;
    let key = text[lines.start..equals].trim();
    let value = text[equals + 1..lines.end].split('#').next()?;
    let start = equals + 1 + (value.len() - value.trim_start().len());
    let value = value.trim();
    let bare = |char: char| char.is_alphanumeric() || " .:/_-*@%+~".contains(char);
    let bare_key = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
    let quotable = !value.is_empty() && value.chars().all(bare) && key.chars().all(bare_key);
    let end = start + value.len();
    let inside = start <= span.start && span.start <= end;
    (quotable && inside && !key.is_empty()).then(|| (start..end, format!("{key} = \"{value}\"")))
}

/// A span that lies on character boundaries of `text`, whatever the parser said.
fn clamp(text: &str, span: Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// The whole lines that `span` touches, without the last line end.
fn lines_of(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cure_keeps_every_other_byte_in_place() {
        let text = "é = ü\r\nb = 1\n";
        assert_eq!(Cure::Blank(0..8).apply(text), "       \r\nb = 1\n");
        assert_eq!(Cure::Comma(2).apply(text), "é,= ü\r\nb = 1\n");
        assert_eq!(Cure::Comma(0).apply(text), text);
    }
}
