//! A report as text: each problem with its line, a caret, the reason and an example.

use std::fmt;

use super::lines::Excerpt;
use super::{Problem, Report};

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[32m";
const BOLD: &str = "\x1b[1m";

/// A report on its way to a terminal.
pub(super) struct Rendered<'r> {
    pub(super) report: &'r Report,
    pub(super) colors: bool,
}

/// Text in a colour, or plain.
struct Ink<T> {
    color: Option<&'static str>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Ink<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.color {
            Some(color) => write!(formatter, "{color}{}\x1b[0m", self.text),
            None => self.text.fmt(formatter),
        }
    }
}

impl Rendered<'_> {
    fn ink<T>(&self, color: &'static str, text: T) -> Ink<T> {
        Ink { color: self.colors.then_some(color), text }
    }

    fn problem(&self, out: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        writeln!(out, "{}: {}", self.ink(RED, "error"), self.ink(BOLD, &problem.message))?;
        let related = problem.related.as_ref();
        let lines = [problem.line, related.map(|related| related.line)];
        let gutter = lines.iter().flatten().max().map_or(1, |line| line.to_string().len());
        let arrow = self.ink(BLUE, "-->");
        let source = &self.report.source;
        match &problem.excerpt {
            Some(excerpt) => {
                let inside = if problem.place.is_empty() { "" } else { "  in " };
                let (line, column, place) = (excerpt.line, excerpt.column, &problem.place);
                writeln!(out, "{:gutter$}{arrow} {source}:{line}:{column}{inside}{place}", "")?;
                self.excerpts(out, gutter, excerpt, problem)?;
            }
            None => {
                let place = if problem.place.is_empty() { source } else { &problem.place };
                writeln!(out, "{:gutter$}{arrow} {place}", "")?;
                let mut label = problem.label.iter();
                label.try_for_each(|label| self.note(out, gutter, "note", label))?;
            }
        }
        if let Some(help) = &problem.help {
            self.note(out, gutter, "help", help)?;
        }
        if let Some(example) = &problem.example {
            self.note(out, gutter, "example", example)?;
        }
        Ok(())
    }

    /// The line of a problem and the one that belongs to it, in the order of the file.
    fn excerpts(
        &self,
        out: &mut fmt::Formatter<'_>,
        gutter: usize,
        excerpt: &Excerpt,
        problem: &Problem,
    ) -> fmt::Result {
        let mut shown = vec![(excerpt, RED, problem.label.as_deref())];
        if let Some(related) = &problem.related {
            shown.push((&related.excerpt, BLUE, Some(&related.message)));
        }
        shown.sort_by_key(|(excerpt, ..)| (excerpt.line, excerpt.column));
        self.line(out, gutter, None)?;
        let mut last: Option<usize> = None;
        for (excerpt, color, label) in shown {
            if last.is_some_and(|last| last + 1 < excerpt.line) {
                writeln!(out, "{}", self.ink(BLUE, "..."))?;
            }
            self.excerpt(out, gutter, excerpt, color, label)?;
            last = Some(excerpt.line);
        }
        match problem.help.is_some() || problem.example.is_some() {
            true => self.line(out, gutter, None),
            false => Ok(()),
        }
    }

    fn excerpt(
        &self,
        out: &mut fmt::Formatter<'_>,
        gutter: usize,
        excerpt: &Excerpt,
        color: &'static str,
        label: Option<&str>,
    ) -> fmt::Result {
        self.line(out, gutter, Some(excerpt.line))?;
        writeln!(out, " {}", excerpt.shown.trim_end())?;
        write!(
            out,
            "{:gutter$} {} {:indent$}",
            "",
            self.ink(BLUE, "|"),
            "",
            indent = excerpt.indent
        )?;
        let carets = "^".repeat(excerpt.width);
        match label {
            Some(label) => writeln!(out, "{}", self.ink(color, format!("{carets} {label}"))),
            None => writeln!(out, "{}", self.ink(color, carets)),
        }
    }

    /// The gutter of one line; an empty one ends here.
    fn line(
        &self,
        out: &mut fmt::Formatter<'_>,
        gutter: usize,
        line: Option<usize>,
    ) -> fmt::Result {
        let bar = self.ink(BLUE, "|");
        match line {
            Some(line) => write!(out, "{} {bar}", self.ink(BLUE, format!("{line:gutter$}"))),
            None => writeln!(out, "{:gutter$} {bar}", ""),
        }
    }

    fn note(
        &self,
        out: &mut fmt::Formatter<'_>,
        gutter: usize,
        word: &str,
        text: &str,
    ) -> fmt::Result {
        let sign = self.ink(BLUE, "=");
        let mut lines = text.lines();
        let first = self.ink(GREEN, lines.next().unwrap_or_default());
        let plain = word != "example";
        match plain {
            true => writeln!(out, "{:gutter$} {sign} {word}: {}", "", first.text)?,
            false => writeln!(out, "{:gutter$} {sign} {word}: {first}", "")?,
        }
        let indent = gutter + word.len() + 5;
        lines.try_for_each(|line| writeln!(out, "{:indent$}{}", "", self.ink(GREEN, line)))
    }
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.report.problems {
            self.problem(out, problem)?;
            writeln!(out)?;
        }
        let count = self.report.problems.len() + self.report.omitted;
        let problems = if count == 1 { "problem" } else { "problems" };
        let source = &self.report.source;
        write!(out, "{}", self.ink(RED, format!("{count} {problems} in {source}")))?;
        match self.report.omitted {
            0 => Ok(()),
            omitted => write!(out, " ({omitted} more not shown)"),
        }
    }
}
