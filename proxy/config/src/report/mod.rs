//! Problems for people and for machines: with lines and columns, sorted as the file is. Must not
//! know how problems are found.

mod lines;
mod render;

use std::fmt;

use serde::Serialize;

use crate::findings::{Finding, Findings};
use crate::source::Source;
use lines::{Excerpt, Lines};

/// More problems than this help nobody; the rest is counted.
const MOST_PROBLEMS: usize = 200;

/// Everything that is wrong with a configuration. Never empty.
///
/// `Display` is for a terminal without colours; [`Report::colored`] for one with. As JSON it is
/// `{"source", "problems": [...], "omitted"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    source: String,
    problems: Vec<Problem>,
    omitted: usize,
}

/// One thing that is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The keys that lead there, as `service.web.concurrency.hard_limit`; empty for the file as a
    /// whole and for syntax errors.
    pub place: String,
    /// Counted from 1; none if no line shows it (an environment variable).
    pub line: Option<usize>,
    /// In characters, counted from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// The likeliest cure, in a few words: "did you mean …".
    pub label: Option<String>,
    /// Why, or what to do.
    pub help: Option<String>,
    /// Lines of TOML that would be right.
    pub example: Option<String>,
    /// Another place that belongs to it.
    pub related: Option<Related>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// A second place of a problem, such as the first of two equal names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is there.
    pub message: String,
    #[serde(skip)]
    excerpt: Excerpt,
}

impl Report {
    pub(crate) fn new(source: &Source, findings: Findings) -> Self {
        let mut findings = findings.into_list();
        findings.sort_by_key(|finding| finding.spot.as_ref().map(|spot| spot.span.start));
        let omitted = findings.len().saturating_sub(MOST_PROBLEMS);
        findings.truncate(MOST_PROBLEMS);
        let lines = Lines::new(source.text());
        let problems = findings.into_iter().map(|finding| problem(finding, &lines)).collect();
        Self { source: source.name().to_owned(), problems, omitted }
    }

    /// The problems, in the order of the file; at most 200.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many more there were.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// For a terminal that shows colours.
    pub fn colored(&self) -> impl fmt::Display {
        render::Rendered { report: self, colors: true }
    }

    /// The problems of two reports about one source, as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.problems.extend(other.problems);
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        let beyond = self.problems.len().saturating_sub(MOST_PROBLEMS);
        self.problems.truncate(MOST_PROBLEMS);
        self.omitted += other.omitted + beyond;
        self
    }
}

fn problem(finding: Finding, lines: &Lines<'_>) -> Problem {
    let excerpt = finding.spot.as_ref().map(|spot| lines.excerpt(&spot.span));
    let related = finding.related.map(|(spot, message)| {
        let excerpt = lines.excerpt(&spot.span);
        let (line, column) = (excerpt.line, excerpt.column);
        Related { line, column, message: harmless(message), excerpt }
    });
    Problem {
        place: harmless(finding.place),
        line: excerpt.as_ref().map(|excerpt| excerpt.line),
        column: excerpt.as_ref().map(|excerpt| excerpt.column),
        message: harmless(finding.message),
        label: finding.label.map(harmless),
        help: finding.help.map(harmless),
        example: finding.example.map(harmless),
        related,
        excerpt,
    }
}

/// Files and plugins end up in messages: nothing in them may steer a terminal.
fn harmless(text: String) -> String {
    text.chars().map(|char| if char == '\n' { char } else { lines::visible(char) }).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::Rendered { report: self, colors: false }.fmt(formatter)
    }
}

impl std::error::Error for Report {}
