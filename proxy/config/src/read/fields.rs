//! One table while it is read: hands out typed values by key, remembers which keys were asked for,
//! and at the end refuses the rest or writes the schema.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{At, Complaint, Scalar, Shape, closest, describe, json_of, read_table, table_of};
use crate::findings::{Finding, Findings, Spot};
use crate::syntax::{kind, quoted};
use crate::value::Name;

/// A table and what was asked of it.
pub(crate) struct Fields<'r> {
    table: &'r DeTable<'r>,
    spot: Spot,
    findings: &'r mut Findings,
    known: Vec<&'static str>,
    schema: Option<SchemaOfTable>,
}

#[derive(Default)]
struct SchemaOfTable {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

/// A key's value in the file, with its spot.
type Entry<'r> = (&'r Spanned<DeValue<'r>>, Spot);

impl<'r> Fields<'r> {
    pub(super) fn reading<'t: 'r>(
        table: &'r DeTable<'t>,
        spot: Spot,
        findings: &'r mut Findings,
    ) -> Self {
        Self { table, spot, findings, known: Vec::new(), schema: None }
    }

    pub(super) fn describing(table: &'r DeTable<'static>, findings: &'r mut Findings) -> Self {
        let schema = Some(SchemaOfTable::default());
        Self { table, spot: Spot::default(), findings, known: Vec::new(), schema }
    }

    /// Where the table itself stands.
    pub(crate) fn spot(&self) -> Spot {
        self.spot.clone()
    }

    /// A value that may be left out.
    pub(crate) fn optional<T: Scalar>(&mut self, key: &'static str, doc: &str) -> Option<At<T>> {
        self.note(key, || document(T::schema(), doc));
        let (value, spot) = self.entry(key)?;
        self.scalar(key, value, spot, T::EXAMPLE)
    }

    /// A value that must be there.
    pub(crate) fn required<T: Scalar>(&mut self, key: &'static str, doc: &str) -> Option<At<T>> {
        if let Some(schema) = &mut self.schema {
            schema.required.push(key);
        }
        if self.schema.is_none() && !self.table.contains_key(key) {
            let message = format!("`{key}` is missing: {doc}");
            let example = format!("{key} = {}", T::EXAMPLE);
            let finding = Finding::at(&self.spot, message).example(example).absent();
            self.findings.push(finding);
        }
        self.optional(key, doc)
    }

    /// A value with a default.
    pub(crate) fn or<T: Scalar>(&mut self, key: &'static str, default: T, doc: &str) -> At<T> {
        self.note(key, || with_default(document(T::schema(), doc), &default));
        let found = self.entry(key);
        let spot = self.default_spot(key);
        let example = default.written().to_string();
        let read = found.and_then(|(value, spot)| self.scalar(key, value, spot, &example));
        read.unwrap_or(At { value: default, spot })
    }

    /// A value with a default and bounds.
    pub(crate) fn bounded<T: Scalar + PartialOrd>(
        &mut self,
        key: &'static str,
        default: T,
        bounds: RangeInclusive<T>,
        doc: &str,
    ) -> At<T> {
        self.note(key, || with_default(bound(document(T::schema(), doc), &bounds), &default));
        let found = self.entry(key);
        let spot = self.default_spot(key);
        let example = default.written().to_string();
        let read = found
            .and_then(|(value, spot)| self.scalar(key, value, spot, &example))
            .and_then(|read| self.within(key, read, &bounds, &example));
        read.unwrap_or(At { value: default, spot })
    }

    /// A value with bounds that may be left out.
    pub(crate) fn bounded_optional<T: Scalar + PartialOrd>(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<T>,
        doc: &str,
    ) -> Option<At<T>> {
        self.note(key, || bound(document(T::schema(), doc), &bounds));
        let (value, spot) = self.entry(key)?;
        let read = self.scalar(key, value, spot, T::EXAMPLE)?;
        self.within(key, read, &bounds, T::EXAMPLE)
    }

    /// A list of values; empty when left out. The outer spot is the key's.
    pub(crate) fn list<T: Scalar>(&mut self, key: &'static str, doc: &str) -> At<Vec<At<T>>> {
        self.note(key, || document(json!({ "type": "array", "items": T::schema() }), doc));
        let example = format!("[{}]", T::EXAMPLE);
        let found = self.entry(key);
        let Some((value, spot)) = found else {
            return At { value: Vec::new(), spot: self.default_spot(key) };
        };
        let DeValue::Array(items) = value.get_ref() else {
            let found = kind(value.get_ref());
            let message = format!("`{key}` is a list, but this is {found}");
            self.push(Finding::at(&spot, message).example(format!("{key} = {example}")));
            return At { value: Vec::new(), spot };
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("{}[{index}]", spot.place);
            let spot = Spot { span: item.span(), place };
            list.extend(self.scalar(key, item, spot, &example));
        }
        At { value: list, spot }
    }

    /// A sub-table; read as if it were empty when left out.
    pub(crate) fn table<T: Shape>(&mut self, key: &'static str, doc: &str) -> T {
        self.note(key, || document(describe::<T>(), doc));
        let found = self.entry(key);
        let empty = DeTable::new();
        let Some((value, spot)) = found else {
            let spot = self.default_spot(key);
            return read_table(&empty, spot, self.findings);
        };
        match table_of(value) {
            Some(table) => read_table(table, spot, self.findings),
            None => {
                self.not_a_table(key, value, &spot, &format!("[{}]", spot.place));
                read_table(&empty, spot, &mut Findings::default())
            }
        }
    }

    /// A list of tables, `[[key]]`.
    pub(crate) fn tables<T: Shape>(&mut self, key: &'static str, doc: &str) -> Vec<T> {
        self.note(key, || document(json!({ "type": "array", "items": describe::<T>() }), doc));
        let Some((value, spot)) = self.entry(key) else { return Vec::new() };
        let header = format!("[[{}]]", spot.place);
        let items = match value.get_ref() {
            DeValue::Array(items) => items,
            _ => {
                self.not_a_table(key, value, &spot, &header);
                return Vec::new();
            }
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let spot = Spot { span: item.span(), place: format!("{}[{index}]", spot.place) };
            match table_of(item) {
                Some(table) => list.push(read_table(table, spot, self.findings)),
                None => self.not_a_table(key, item, &spot, &header),
            }
        }
        list
    }

    /// Tables that the operator names, `[key.NAME]`.
    pub(crate) fn named<T: Shape>(&mut self, key: &'static str, doc: &str) -> Vec<(At<Name>, T)> {
        self.note(key, || document(map_schema(describe::<T>()), doc));
        let mut list = Vec::new();
        for (name, value, spot) in self.pairs(key) {
            let header = format!("[{}]", spot.place);
            let Some(table) = table_of(value) else {
                self.not_a_table(key, value, &spot, &header);
                continue;
            };
            // The table is read even under a bad name: its own problems are worth telling.
            let shape = read_table(table, spot, self.findings);
            list.extend(name.map(|name| (name, shape)));
        }
        list
    }

    /// A table of values under names that the operator chooses, `key = { name = value }`.
    pub(crate) fn values<T: Scalar>(
        &mut self,
        key: &'static str,
        doc: &str,
    ) -> Vec<(At<Name>, At<T>)> {
        self.note(key, || document(map_schema(T::schema()), doc));
        let mut list = Vec::new();
        for (name, value, spot) in self.pairs(key) {
            let example_key = name.as_ref().map_or("name", |name| name.value.as_str()).to_owned();
            let read = self.scalar(&example_key, value, spot, T::EXAMPLE);
            list.extend(name.zip(read));
        }
        list
    }

    /// A table that is somebody else's to understand, as JSON.
    pub(crate) fn json(&mut self, key: &'static str, doc: &str) -> Option<Value> {
        self.note(key, || document(json!({ "type": "object" }), doc));
        let (value, spot) = self.entry(key)?;
        if table_of(value).is_none() {
            self.not_a_table(key, value, &spot, &format!("[{}]", spot.place));
            return None;
        }
        Some(json_of(value, &spot.place, self.findings))
    }

    /// The keys of the sub-table `key` as names, with their values.
    fn pairs(
        &mut self,
        key: &'static str,
    ) -> Vec<(Option<At<Name>>, &'r Spanned<DeValue<'r>>, Spot)> {
        let Some((value, spot)) = self.entry(key) else { return Vec::new() };
        let Some(table) = table_of(value) else {
            self.not_a_table(key, value, &spot, &format!("[{}.web]", spot.place));
            return Vec::new();
        };
        let mut list = Vec::with_capacity(table.len());
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let spot_of_name = spot.inside(text, name.span());
            let name = match Name::parse(text) {
                Ok(name) => Some(At { value: name, spot: spot_of_name }),
                Err(complaint) => {
                    let example = format!("[{}.web]", spot.place);
                    self.complain(&spot_of_name, complaint, example);
                    None
                }
            };
            list.push((name, value, spot.inside(text, value.span())));
        }
        list
    }

    fn entry(&self, key: &str) -> Option<Entry<'r>> {
        let value = self.table.get(key)?;
        Some((value, self.spot.inside(key, value.span())))
    }

    fn default_spot(&self, key: &str) -> Spot {
        self.spot.inside(key, self.spot.span.clone())
    }

    fn scalar<T: Scalar>(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        spot: Spot,
        example: &str,
    ) -> Option<At<T>> {
        match T::read(value.get_ref()) {
            Ok(value) => Some(At { value, spot }),
            Err(complaint) => {
                self.complain(&spot, complaint, format!("{key} = {example}"));
                None
            }
        }
    }

    fn within<T: Scalar + PartialOrd>(
        &mut self,
        key: &str,
        read: At<T>,
        bounds: &RangeInclusive<T>,
        example: &str,
    ) -> Option<At<T>> {
        if bounds.contains(&read.value) {
            return Some(read);
        }
        let (least, most) = (bounds.start().written(), bounds.end().written());
        let message = format!("`{key}` is {}, outside its bounds", read.value.written());
        let finding = Finding::at(&read.spot, message)
            .label(format!("from {least} to {most}"))
            .example(format!("{key} = {example}"));
        self.push(finding);
        None
    }

    fn complain(&mut self, spot: &Spot, complaint: Complaint, example: String) {
        let mut finding = Finding::at(spot, complaint.message).example(example);
        finding.label = complaint.label;
        finding.help = complaint.help;
        self.push(finding);
    }

    fn not_a_table(&mut self, key: &str, value: &Spanned<DeValue<'_>>, spot: &Spot, header: &str) {
        let found = kind(value.get_ref());
        let finding = Finding::at(spot, format!("`{key}` is a table, but this is {found}"))
            .help("a table's keys stand on the lines below its header")
            .example(header);
        self.push(finding);
    }

    fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn note(&mut self, key: &'static str, schema: impl FnOnce() -> Value) {
        self.known.push(key);
        if let Some(table) = &mut self.schema {
            table.properties.insert(key.to_owned(), schema());
        }
    }

    /// Every key that nobody asked for is a problem: one that did nothing would be a trap.
    pub(super) fn refuse_unknown(self) {
        for key in self.table.keys() {
            let text = key.get_ref().as_ref();
            if self.known.contains(&text) {
                continue;
            }
            let spot = self.spot.inside(text, key.span());
            self.findings.push(unknown_key(text, &spot, &self.spot, &self.known));
        }
    }

    pub(super) fn into_schema(self) -> Value {
        let SchemaOfTable { properties, required } = self.schema.unwrap_or_default();
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }
}

fn unknown_key(text: &str, spot: &Spot, table: &Spot, known: &[&'static str]) -> Finding {
    let whole = if table.place.is_empty() {
        "at the top of the file".to_owned()
    } else {
        format!("in `{}`", table.place)
    };
    let finding = Finding::at(spot, format!("there is no key {} {whole}", quoted(text)));
    let mut sorted = known.to_vec();
    sorted.sort_unstable();
    let finding = finding.help(format!("the keys here are {}", sorted.join(", ")));
    match closest(text, known.iter().copied()) {
        Some(near) => finding.label(format!("did you mean `{near}`?")).example(near),
        None => match crate::schema::home_of(text) {
            Some(home) => finding.label(format!("this belongs in {home}")).example(home),
            None => finding,
        },
    }
}

fn document(mut schema: Value, doc: &str) -> Value {
    schema["description"] = json!(doc);
    schema
}

fn with_default<T: Scalar>(mut schema: Value, default: &T) -> Value {
    schema["default"] = default.written();
    schema
}

/// Numbers get their bounds as JSON Schema has them; what is written as text gets them in words.
fn bound<T: Scalar>(mut schema: Value, bounds: &RangeInclusive<T>) -> Value {
    let (least, most) = (bounds.start().written(), bounds.end().written());
    if least.is_number() {
        schema["minimum"] = least;
        schema["maximum"] = most;
    } else if let Some(doc) = schema["description"].as_str() {
        schema["description"] = json!(format!("{doc} From {least} to {most}."));
    }
    schema
}

fn map_schema(values: Value) -> Value {
    json!({ "type": "object", "propertyNames": Name::schema(), "additionalProperties": values })
}
