//! One table while it is read: hands out typed values by key and remembers which keys were asked
//! for, so that the rest can be refused and the schema written.

use std::ops::RangeInclusive;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::known::{self, Form, Known};
use super::schema::{self, TableSchema};
use super::{At, Complaint, Scalar, Shape, describe, json_of, read_table, table_of};
use crate::findings::{Finding, Findings, Spot};
use crate::syntax::kind;
use crate::value::{Name, VariableName};

/// A table and what was asked of it.
pub(crate) struct Fields<'r> {
    table: &'r DeTable<'r>,
    spot: Spot,
    findings: &'r mut Findings,
    known: Vec<Known>,
    schema: Option<TableSchema>,
}

/// The value of a key with its spot.
type Entry<'r> = (&'r Spanned<DeValue<'r>>, Spot);

/// A name, unless it is a bad one, with its value and the value's spot.
type Pair<'r, N> = (Option<At<N>>, &'r Spanned<DeValue<'r>>, Spot);

impl<'r> Fields<'r> {
    pub(super) fn reading<'t: 'r>(
        table: &'r DeTable<'t>,
        spot: Spot,
        findings: &'r mut Findings,
    ) -> Self {
        Self { table, spot, findings, known: Vec::new(), schema: None }
    }

    pub(super) fn describing(table: &'r DeTable<'static>, findings: &'r mut Findings) -> Self {
        let schema = Some(TableSchema::default());
        Self { table, spot: Spot::default(), findings, known: Vec::new(), schema }
    }

    /// Where the table itself stands.
    pub(crate) fn spot(&self) -> Spot {
        self.spot.clone()
    }

    /// A value that may be left out. `example` is one as TOML.
    pub(crate) fn optional<T: Scalar>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Option<At<T>> {
        self.know(key, Form::Value(example.into()), doc, || schema::value::<T>(example));
        let (value, spot) = self.entry(key)?;
        self.scalar(value, spot)
    }

    /// A value that must be there.
    pub(crate) fn required<T: Scalar>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Option<At<T>> {
        let read = self.optional(key, example, doc);
        if let Some(known) = self.known.last_mut() {
            known.required = true;
        }
        read
    }

    /// A value with a default.
    pub(crate) fn or<T: Scalar>(
        &mut self,
        key: &'static str,
        default: T,
        doc: &'static str,
    ) -> At<T> {
        let written = default.written();
        self.know(key, Form::Value(written.to_string().into()), doc, || {
            schema::with_default(schema::value::<T>(&written.to_string()), &default)
        });
        let read = self.entry(key).and_then(|(value, spot)| self.scalar(value, spot));
        read.unwrap_or_else(|| At { value: default, spot: self.unwritten(key) })
    }

    /// A value with a default and bounds.
    pub(crate) fn bounded<T: Scalar + PartialOrd>(
        &mut self,
        key: &'static str,
        default: T,
        bounds: RangeInclusive<T>,
        doc: &'static str,
    ) -> At<T> {
        let written = default.written();
        self.know(key, Form::Value(written.to_string().into()), doc, || {
            let schema = schema::within(schema::value::<T>(&written.to_string()), &bounds);
            schema::with_default(schema, &default)
        });
        let read = self.entry(key).and_then(|(value, spot)| self.within(value, spot, &bounds));
        read.unwrap_or_else(|| At { value: default, spot: self.unwritten(key) })
    }

    /// A value with bounds that may be left out.
    pub(crate) fn bounded_optional<T: Scalar + PartialOrd>(
        &mut self,
        key: &'static str,
        example: &'static str,
        bounds: RangeInclusive<T>,
        doc: &'static str,
    ) -> Option<At<T>> {
        self.know(key, Form::Value(example.into()), doc, || {
            schema::within(schema::value::<T>(example), &bounds)
        });
        let (value, spot) = self.entry(key)?;
        self.within(value, spot, &bounds)
    }

    /// A list of values, empty when left out. The outer spot is the list's. `example` is one value.
    pub(crate) fn list<T: Scalar>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> At<Vec<At<T>>> {
        self.know(key, Form::List(example), doc, || schema::list(schema::value::<T>(example)));
        let Some((value, spot)) = self.entry(key) else {
            return At { value: Vec::new(), spot: self.unwritten(key) };
        };
        let mut list = Vec::new();
        match value.get_ref() {
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let place = format!("{}[{index}]", spot.place);
                    list.extend(self.scalar(item, Spot { span: item.span(), place }));
                }
            }
            other => {
                let message = format!("`{key}` is a list, but this is {}", kind(other));
                self.refuse(&spot, Complaint::new(message).help("a list stands in brackets"));
            }
        }
        At { value: list, spot }
    }

    /// A sub-table; read as if it were empty when left out.
    pub(crate) fn table<T: Shape>(&mut self, key: &'static str, doc: &'static str) -> T {
        self.know(key, Form::Table, doc, describe::<T>);
        let empty = DeTable::new();
        let Some((value, spot)) = self.entry(key) else {
            let spot = self.unwritten(key);
            return read_table(&empty, spot, self.findings);
        };
        match table_of(value) {
            Some(table) => read_table(table, spot, self.findings),
            None => {
                self.not_a_table(value, &spot);
                read_table(&empty, spot, &mut Findings::default())
            }
        }
    }

    /// A sub-table that may be left out, written in one line as `key = { example }`.
    pub(crate) fn optional_table<T: Shape>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Option<T> {
        self.know(key, Form::Inline(example), doc, describe::<T>);
        let (value, spot) = self.entry(key)?;
        let Some(table) = table_of(value) else {
            self.not_a_table(value, &spot);
            return None;
        };
        Some(read_table(table, spot, self.findings))
    }

    /// A list of tables, `[[key]]`.
    pub(crate) fn tables<T: Shape>(&mut self, key: &'static str, doc: &'static str) -> Vec<T> {
        self.know(key, Form::Tables, doc, || schema::list(describe::<T>()));
        let Some((value, spot)) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let place = &spot.place;
            let message = match value.get_ref() {
                DeValue::Table(_) => format!("`{place}` can be there several times"),
                other => format!("`{place}` is a list of tables, but this is {}", kind(other)),
            };
            let help = "each one has its own header, in double brackets";
            self.refuse(&spot, Complaint::new(message).help(help));
            return Vec::new();
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let spot = Spot { span: item.span(), place: format!("{}[{index}]", spot.place) };
            match table_of(item) {
                Some(table) => list.push(read_table(table, spot, self.findings)),
                None => self.not_a_table(item, &spot),
            }
        }
        list
    }

    /// Tables that the operator names, `[key.NAME]`.
    pub(crate) fn named<T: Shape>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Vec<(At<Name>, T)> {
        self.know(key, Form::Named(example), doc, || schema::map(describe::<T>()));
        let mut list = Vec::new();
        for (name, value, spot) in self.pairs(key, Name::parse) {
            let Some(table) = table_of(value) else {
                self.not_a_table(value, &spot);
                continue;
            };
            // The table is read even under a bad name: its own problems are worth telling.
            let shape = read_table(table, spot, self.findings);
            list.extend(name.map(|name| (name, shape)));
        }
        list
    }

    /// Values under names that the operator chooses, `key = { name = value }`.
    pub(crate) fn values<T: Scalar>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Vec<(At<Name>, At<T>)> {
        self.know(key, Form::Inline(example), doc, || schema::map(T::schema()));
        let mut list = Vec::new();
        for (name, value, spot) in self.pairs(key, Name::parse) {
            let read = self.scalar(value, spot);
            list.extend(name.zip(read));
        }
        list
    }

    /// Values under names of environment variables, `key = { NAME = value }`.
    pub(crate) fn variables<T: Scalar>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Vec<(At<VariableName>, At<T>)> {
        let schema = || schema::map_by(VariableName::schema(), T::schema());
        self.know(key, Form::Inline(example), doc, schema);
        let mut list = Vec::new();
        for (name, value, spot) in self.pairs(key, VariableName::parse) {
            let read = self.scalar(value, spot);
            list.extend(name.zip(read));
        }
        list
    }

    /// Where a key stands, if it is written.
    pub(crate) fn written(&self, key: &str) -> Option<Spot> {
        Some(self.entry(key)?.1)
    }

    /// A table that is somebody else's to understand, as JSON.
    pub(crate) fn json(&mut self, key: &'static str, doc: &'static str) -> Option<Value> {
        self.know(key, Form::Table, doc, schema::object);
        let (value, spot) = self.entry(key)?;
        if table_of(value).is_none() {
            self.not_a_table(value, &spot);
            return None;
        }
        Some(json_of(value, &spot.place, self.findings))
    }

    /// The keys of the sub-table `key` as names, with their values.
    fn pairs<N>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<N, Complaint>,
    ) -> Vec<Pair<'r, N>> {
        let Some((value, spot)) = self.entry(key) else { return Vec::new() };
        let Some(table) = table_of(value) else {
            self.not_a_table(value, &spot);
            return Vec::new();
        };
        let mut list = Vec::with_capacity(table.len());
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            let spot_of_name = spot.inside(text, name.span());
            let name = match parse(text) {
                Ok(name) => Some(At { value: name, spot: spot_of_name }),
                Err(complaint) => {
                    self.refuse(&spot_of_name, complaint);
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

    /// The spot of a key that is not written: its table's.
    fn unwritten(&self, key: &str) -> Spot {
        self.spot.inside(key, self.spot.span.clone())
    }

    fn scalar<T: Scalar>(&mut self, value: &Spanned<DeValue<'_>>, spot: Spot) -> Option<At<T>> {
        match T::read(value.get_ref()) {
            Ok(value) => Some(At { value, spot }),
            Err(complaint) => {
                self.refuse(&spot, complaint);
                None
            }
        }
    }

    fn within<T: Scalar + PartialOrd>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        spot: Spot,
        bounds: &RangeInclusive<T>,
    ) -> Option<At<T>> {
        let complaint = match T::read(value.get_ref()) {
            Ok(value) if bounds.contains(&value) => return Some(At { value, spot }),
            Ok(value) => Complaint::beyond(value.written(), value < *bounds.start()),
            Err(complaint) => complaint,
        };
        let (least, most) = (bounds.start().written(), bounds.end().written());
        self.refuse(
            &spot,
            match complaint.is_beyond {
                true => complaint.label(format!("from {least} to {most}")),
                false => complaint,
            },
        );
        None
    }

    /// Files a complaint, with an example of the key that was asked for last.
    fn refuse(&mut self, spot: &Spot, complaint: Complaint) {
        let mut finding = Finding::at(spot, complaint.message);
        finding.label = complaint.label;
        finding.help = complaint.help;
        finding.example = self.known.last().map(|known| known.example(&self.spot.place));
        self.findings.push(finding);
    }

    fn not_a_table(&mut self, value: &Spanned<DeValue<'_>>, spot: &Spot) {
        let found = kind(value.get_ref());
        let message = format!("`{}` is a table, but this is {found}", spot.place);
        self.refuse(spot, Complaint::new(message).help("a table holds keys with values"));
    }

    fn know(
        &mut self,
        key: &'static str,
        form: Form,
        doc: &'static str,
        schema: impl FnOnce() -> Value,
    ) {
        if let Some(table) = &mut self.schema {
            table.insert(key, doc, schema());
        }
        self.known.push(Known { key, form, doc, required: false });
    }

    /// Says which keys are missing, and refuses those that nobody asked for: one that did nothing
    /// would be a trap.
    pub(super) fn finish(self) {
        known::check_keys(self.table, &self.spot, &self.known, self.findings);
    }

    pub(super) fn into_schema(self) -> Value {
        let required = self.known.iter().filter(|known| known.required).map(|known| known.key);
        self.schema.unwrap_or_default().into_value(required)
    }
}
