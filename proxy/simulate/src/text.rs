//! A report as a table for a terminal.
//!
//! Must not know how its numbers were found.

use std::fmt;

use crate::policy::{Others, PolicyKind};
use crate::report::{Look, Percentiles, PolicyReport, Report};

/// Between two columns.
const GAP: usize = 3;

/// A table: the first column and spanning heads are aligned to the left, the others to the right.
struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One cell.
enum Cell {
    Left(String),
    Right(String),
    /// A head over this column and those behind it, as wide as it likes.
    Over(&'static str),
}

impl Cell {
    fn right(text: &str) -> Self {
        Self::Right(text.to_owned())
    }

    fn width(&self) -> usize {
        match self {
            Self::Left(text) | Self::Right(text) => text.chars().count(),
            Self::Over(_) => 0,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(Cell::width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let (mut line, mut end) = (String::new(), 0);
            for (cell, width) in row.iter().zip(&widths) {
                let start = if end > 0 { end + GAP } else { 0 };
                end = start + width;
                let (text, at) = match cell {
                    Cell::Left(text) => (text.as_str(), start),
                    Cell::Right(text) => (text.as_str(), end - text.chars().count()),
                    Cell::Over(text) => (*text, start),
                };
                let written = line.chars().count();
                if !text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', at.saturating_sub(written)));
                    line.push_str(text);
                }
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

impl From<&Look> for Cell {
    fn from(look: &Look) -> Self {
        let counts: Vec<_> = look.in_flight.iter().map(u32::to_string).collect();
        let waiting = if look.waiting > 0 { format!(" +{}", look.waiting) } else { String::new() };
        Self::Right(counts.join("/") + &waiting)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(out)?;
        writeln!(out, "\n{}", self.table())?;
        self.faults(out)?;
        self.looks(out)?;
        self.legend(out)
    }
}

impl Report {
    fn head(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests = self.policies.first().map_or(0, |policy| policy.requests);
        writeln!(out, "{}", self.title)?;
        let span = match self.arrivals_seconds {
            seconds if seconds > 0.0 => format!("in {}", time(seconds)),
            _ => "at once".to_owned(),
        };
        writeln!(
            out,
            "{} requests {span} at {}, {} in {}, seed {}",
            grouped(requests),
            counted(self.edges, "edge"),
            counted(self.instances, "instance"),
            counted(self.regions.len(), "region"),
            self.seed,
        )?;
        let hard = self.hard_limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        let answer = time(self.first_byte_timeout_seconds);
        write!(out, "soft limit {}, hard limit {hard}, ", self.soft_limit)?;
        match self.client_timeout_seconds {
            Some(patience) => {
                writeln!(out, "answers due in {answer}, clients leave after {}", time(patience))
            }
            None => writeln!(out, "answers due in {answer}, clients stay"),
        }
    }

    fn table(&self) -> Table {
        let mut first = vec![Cell::Left(String::new()), Cell::right("")];
        first.extend([Cell::Over("latency"), Cell::right(""), Cell::right("")]);
        first.extend([Cell::Over("wait"), Cell::right(""), Cell::right("")]);
        first.extend(["closest", "most in", "served by"].map(Cell::right));
        let mut second = vec![Cell::Left("policy".to_owned()), Cell::right("served")];
        second.extend(["p50", "p95", "p99", "p50", "p95", "p99"].map(Cell::right));
        second.extend(["class", "flight", "one instance"].map(Cell::right));
        let mut rows = vec![first, second];
        rows.extend(self.policies.iter().map(|policy| self.row(policy)));
        Table { rows }
    }

    fn row(&self, policy: &PolicyReport) -> Vec<Cell> {
        let times = |of: &Percentiles| {
            [of.p50, of.p95, of.p99].map(|seconds| match policy.served {
                0 => Cell::right("-"),
                _ => Cell::Right(time(seconds)),
            })
        };
        let (fewest, most) = policy.spread();
        let in_flight = match self.hard_limit {
            Some(limit) => format!("{} of {limit}", grouped(policy.peak_in_flight.into())),
            None => grouped(policy.peak_in_flight.into()),
        };
        let name = Cell::Left(policy.policy.name().to_owned());
        let mut row = vec![name, Cell::Right(percent(policy.success))];
        row.extend(times(&policy.latency_seconds));
        row.extend(times(&policy.wait_seconds));
        row.push(Cell::Right(policy.closest_share.map_or_else(|| "-".to_owned(), percent)));
        row.push(Cell::Right(in_flight));
        row.push(Cell::Right(format!("{}–{}", grouped(fewest), grouped(most))));
        row
    }

    fn faults(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.policies.iter().flat_map(PolicyReport::faults) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return writeln!(out, "Every request was served.");
        }
        let mut head = vec![Cell::Left("not served".to_owned())];
        head.extend(names.iter().map(|name| Cell::right(name)));
        let mut rows = vec![head];
        for policy in &self.policies {
            let faults = policy.faults();
            let mut row = vec![Cell::Left(policy.policy.name().to_owned())];
            row.extend(names.iter().map(|name| {
                let count = faults.iter().find(|(fault, _)| fault == name);
                Cell::Right(count.map_or_else(|| "-".to_owned(), |(_, count)| grouped(*count)))
            }));
            rows.push(row);
        }
        write!(out, "{}", Table { rows })
    }

    fn looks(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.policies.iter().find(|policy| !policy.looks.is_empty()) else {
            return Ok(());
        };
        let regions = self.regions.join("/");
        writeln!(out, "\nin flight in {regions}, and how many wait (+), after so many requests")?;
        let mut head = vec![Cell::Left("requests".to_owned())];
        head.extend(self.policies.iter().map(|policy| Cell::right(policy.policy.name())));
        let mut rows = vec![head];
        for (place, look) in first.looks.iter().enumerate() {
            let mut row = vec![Cell::Left(grouped(look.requests.into()))];
            row.extend(
                self.policies.iter().map(|policy| {
                    policy.looks.get(place).map_or_else(|| Cell::right(""), Cell::from)
                }),
            );
            rows.push(row);
        }
        write!(out, "{}", Table { rows })
    }

    fn legend(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\nwait: until somebody works on it, in the edge's queue, inside an instance or in tries that \
             failed.\nclosest class: served by one of the instances that are closest to the edge.\nmost in \
             flight: by one edge on one instance, of its hard limit."
        )?;
        if self.policies.iter().all(|policy| policy.policy == PolicyKind::Hither) {
            return Ok(());
        }
        writeln!(
            out,
            "{}",
            match self.others {
                Others::Bare => {
                    "The other policies have no limit per instance, no queue, no ejection and no \
                     idea of closeness, as\nproxies come out of the box. --others equipped gives \
                     them the hard limit and ejection."
                }
                Others::Equipped => {
                    "The other policies have the hard limit and ejection too, but no queue (with \
                     every instance full\nthey answer 503, all_full) and no idea of closeness."
                }
            }
        )
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as u64))
}

/// With a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Three digits with the unit that fits them.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s <= 0.0 => return "0".to_owned(),
        s if s < 0.000_999_5 => (s * 1e6, "us"),
        s if s < 0.999_5 => (s * 1e3, "ms"),
        s if s < 600.0 => (s, "s"),
        s => (s / 60.0, "m"),
    };
    match value {
        v if v.fract() == 0.0 || v >= 99.95 => format!("{v:.0} {unit}"),
        v if v >= 9.995 => format!("{v:.1} {unit}"),
        v => format!("{v:.2} {unit}"),
    }
}

/// Never 100 % unless it is all, nor 0 % unless it is nothing.
pub(crate) fn percent(share: f64) -> String {
    let hundredths = share * 10_000.0;
    let hundredths = if share > 0.5 { hundredths.floor() } else { hundredths.ceil() };
    match share {
        s if s >= 1.0 => "100 %".to_owned(),
        s if s <= 0.0 => "0 %".to_owned(),
        _ => format!("{:.2} %", hundredths / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let times = [0.0, 0.000_25, 0.0125, 0.1, 0.999_96, 1.0, 12.3456, 123.4, 3600.0].map(time);
        let shown =
            ["0", "250 us", "12.5 ms", "100 ms", "1.00 s", "1 s", "12.3 s", "123 s", "60 m"];
        assert_eq!(times, shown);
        let shares = [0.0, 0.000_001, 0.5, 0.999_999, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "0.01 %", "50.00 %", "99.99 %", "100 %"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = vec![
            vec![Cell::Left("".to_owned()), Cell::Over("over both"), Cell::right("")],
            vec![Cell::Left("policy".to_owned()), Cell::right("a"), Cell::right("long")],
            vec![Cell::Left("p".to_owned()), Cell::right("12 ms"), Cell::right("1")],
        ];
        let shown = Table { rows }.to_string();
        assert_eq!(shown, "         over both\npolicy       a   long\np        12 ms      1\n");
    }
}
