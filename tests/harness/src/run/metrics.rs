//! The Prometheus text format, as far as `/metrics` uses it.

use std::collections::BTreeMap;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name, with suffixes such as `_bucket`.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All samples of one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<Series>);

impl Metrics {
    /// Reads the text.
    ///
    /// # Errors
    /// The line that is no comment, no empty line and no sample.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| series(line).ok_or_else(|| format!("not a sample: {line:?}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// All samples of a name that carry these labels, and maybe others.
    pub fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Series> {
        self.0.iter().filter(move |series| {
            let carries = |(key, value): &(&str, &str)| {
                series.labels.get(*key).is_some_and(|has| has == value)
            };
            series.name == name && labels.iter().all(carries)
        })
    }

    /// The first such sample's value.
    #[must_use]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.matching(name, labels).next().map(|series| series.value)
    }

    /// The sum over all such samples; 0 if there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|series| series.value).sum()
    }

    /// All samples.
    pub fn iter(&self) -> impl Iterator<Item = &Series> {
        self.0.iter()
    }
}

fn series(line: &str) -> Option<Series> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.to_owned(), labels, value })
}

/// Labels up to the closing brace, and what follows it. A value is quoted, with `\\`, `\"` and `\n` escaped.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()? {
                    (_, 'n') => value.push('\n'),
                    (_, other) => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(key.to_owned(), value);
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_some_of_their_labels() {
        let text =
            "# HELP x y\nx_total{a=\"1\",b=\"q\\\"}\"} 2\nx_total{a=\"2\",b=\"\"} 3.5\n\nup 1\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.value("up", &[]), Some(1.0));
        assert_eq!(metrics.value("x_total", &[("b", "q\"}")]), Some(2.0));
        assert_eq!(metrics.sum("x_total", &[]), 5.5);
        assert_eq!(metrics.value("x_total", &[("a", "3")]), None);
        assert!(Metrics::parse("what is this").is_err());
    }
}
