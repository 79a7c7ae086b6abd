//! Problems while they are gathered: places are byte spans here and become lines and columns in
//! `report`. Must not know the text they point into.

use std::collections::HashSet;
use std::ops::Range;

/// Where in the file something stands: bytes, and the path of keys that leads there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) span: Range<usize>,
    pub(crate) place: String,
}

impl Spot {
    /// The spot of `key` inside this table.
    pub(crate) fn inside(&self, key: &str, span: Range<usize>) -> Self {
        Self { span, place: join(&self.place, key) }
    }
}

/// `place.key`, with the key quoted as TOML wants it.
pub(crate) fn join(place: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if place.is_empty() { key } else { format!("{place}.{key}") }
}

/// One problem, built up by its discoverer.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) spot: Option<Spot>,
    pub(crate) place: String,
    pub(crate) message: String,
    pub(crate) label: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) example: Option<String>,
    pub(crate) related: Option<(Spot, String)>,
    /// Something is not there. Said only of files without syntax errors, since behind one of
    /// those it may well be there.
    pub(crate) absence: bool,
}

impl Finding {
    /// A problem at a place of the file.
    pub(crate) fn at(spot: &Spot, message: impl Into<String>) -> Self {
        let mut finding = Self::outside(spot.place.clone(), message);
        finding.spot = Some(spot.clone());
        finding
    }

    /// A problem that no line of the file shows, such as an environment variable's value.
    pub(crate) fn outside(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            spot: None,
            place: place.into(),
            message: message.into(),
            label: None,
            help: None,
            example: None,
            related: None,
            absence: false,
        }
    }

    /// The few words that stand under the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Why, or what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Lines of TOML that would be right.
    pub(crate) fn example(mut self, example: impl Into<String>) -> Self {
        self.example = Some(example.into());
        self
    }

    /// Another place that belongs to the problem.
    pub(crate) fn related(mut self, spot: &Spot, message: impl Into<String>) -> Self {
        self.related = Some((spot.clone(), message.into()));
        self
    }

    /// See [`Finding::absence`].
    pub(crate) fn absent(mut self) -> Self {
        self.absence = true;
        self
    }
}

/// What kind of file is read: where a misplaced key belongs depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Document {
    /// `hither.toml`
    #[default]
    Configuration,
    /// A scenario for the simulator.
    Scenario,
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) document: Document,
    list: Vec<Finding>,
    places: HashSet<String>,
    syntax_errors: bool,
}

impl Findings {
    /// For a file of some kind.
    pub(crate) fn of(document: Document) -> Self {
        Self { document, ..Self::default() }
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        let place = &finding.place;
        // A problem of one item is one of its list, too.
        if let Some((list, _)) = place.strip_suffix(']').and_then(|place| place.rsplit_once('[')) {
            self.places.insert(list.to_owned());
        }
        self.places.insert(place.clone());
        self.list.push(finding);
    }

    /// A syntax error: what seems to be absent may stand behind it.
    pub(crate) fn push_syntax(&mut self, finding: Finding) {
        self.syntax_errors = true;
        self.list.push(finding);
    }

    /// Whether the value at a place, or an item of the list there, has a problem already, so that
    /// what follows from it is not worth telling.
    pub(crate) fn has(&self, table: &str, key: &str) -> bool {
        self.places.contains(&join(table, key))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The problems worth telling.
    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        if self.syntax_errors {
            self.list.retain(|finding| !finding.absence);
        }
        self.list
    }
}
