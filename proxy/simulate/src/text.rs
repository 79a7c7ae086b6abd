//! A report as a table for a terminal.
//!
//! Must not know how its numbers were found.

use std::fmt;

use crate::policy::{Others, PolicyKind};
use crate::report::{Percentiles, PolicyReport, Report};

/// Between two columns.
const GAP: &str = "   ";

/// A table: the first column is aligned to the left, the others to the right.
struct Table {
    rows: Vec<Vec<String>>,
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line.push_str(&format!("{cell:<width$}")),
                    _ => line.push_str(&format!("{GAP}{cell:>width$}")),
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
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
        let hard = self.hard_limit.map_or_else(|| "no".to_owned(), |limit| limit.to_string());
        writeln!(out, "{}", self.title)?;
        writeln!(
            out,
            "{} requests in {} at {}, {} in {}, seed {}",
            grouped(requests),
            time(self.arrivals_seconds),
            counted(self.edges, "edge"),
            counted(self.instances, "instance"),
            counted(self.regions.len(), "region"),
            self.seed,
        )?;
        write!(out, "soft limit {}, {hard} hard limit", self.soft_limit)?;
        match self.client_timeout_seconds {
            Some(seconds) => writeln!(out, "; clients leave after {}", time(seconds)),
            None => writeln!(out, "; clients wait as long as it takes"),
        }
    }

    fn table(&self) -> Table {
        let mut rows = vec![
            cells([
                "",
                "",
                "latency",
                "",
                "",
                "wait",
                "",
                "",
                "closest",
                "most in",
                "per instance",
            ]),
            cells([
                "policy",
                "served",
                "p50",
                "p95",
                "p99",
                "p50",
                "p95",
                "p99",
                "class",
                "flight",
                "fewest–most",
            ]),
        ];
        rows.extend(self.policies.iter().map(|policy| self.row(policy)));
        Table { rows }
    }

    fn row(&self, policy: &PolicyReport) -> Vec<String> {
        let times = |of: &Percentiles| {
            [of.p50, of.p95, of.p99].map(|seconds| match policy.served {
                0 => "-".to_owned(),
                _ => time(seconds),
            })
        };
        let (fewest, most) = policy.spread();
        let in_flight = match self.hard_limit {
            Some(limit) => format!("{} of {limit}", grouped(policy.peak_in_flight.into())),
            None => grouped(policy.peak_in_flight.into()),
        };
        let mut row = vec![policy.policy.name().to_owned(), percent(policy.success)];
        row.extend(times(&policy.latency_seconds));
        row.extend(times(&policy.wait_seconds));
        row.push(policy.closest_share.map_or_else(|| "-".to_owned(), percent));
        row.push(in_flight);
        row.push(format!("{}–{}", grouped(fewest), grouped(most)));
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
        let mut rows = vec![vec!["not served".to_owned()]];
        rows[0].extend(names.iter().map(|name| (*name).to_owned()));
        for policy in &self.policies {
            let faults = policy.faults();
            let mut row = vec![policy.policy.name().to_owned()];
            row.extend(names.iter().map(|name| {
                let count = faults.iter().find(|(fault, _)| fault == name);
                count.map_or_else(|| "-".to_owned(), |(_, count)| grouped(*count))
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
        let mut rows = vec![vec!["requests".to_owned()]];
        rows[0].extend(self.policies.iter().map(|policy| policy.policy.name().to_owned()));
        for (place, look) in first.looks.iter().enumerate() {
            let mut row = vec![grouped(look.requests.into())];
            row.extend(self.policies.iter().map(|policy| {
                policy.looks.get(place).map_or_else(String::new, |look| {
                    let counts: Vec<_> = look.in_flight.iter().map(u32::to_string).collect();
                    let counts = counts.join("/");
                    if look.waiting > 0 { format!("{counts} +{}", look.waiting) } else { counts }
                })
            }));
            rows.push(row);
        }
        write!(out, "{}", Table { rows })
    }

    fn legend(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\nwait: until somebody works on it, in the edge's queue, inside an instance or in tries that \
             failed.\nclosest class: served by one of the instances that are closest to the edge."
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

fn cells<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as u64))
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
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
fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s <= 0.0 => return "0".to_owned(),
        s if s < 0.001 => (s * 1e6, "us"),
        s if s < 1.0 => (s * 1e3, "ms"),
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
fn percent(share: f64) -> String {
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
            ["0", "250 us", "12.5 ms", "100 ms", "1000 ms", "1 s", "12.3 s", "123 s", "60 m"];
        assert_eq!(times, shown);
        let shares = [0.0, 0.000_001, 0.5, 0.999_999, 1.0].map(percent);
        assert_eq!(shares, ["0 %", "0.01 %", "50.00 %", "99.99 %", "100 %"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = vec![cells(["policy", "a", "long"]), cells(["p", "12 ms", "1"])];
        assert_eq!(Table { rows }.to_string(), "policy       a   long\np        12 ms      1\n");
    }
}
