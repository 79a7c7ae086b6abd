//! The typed reader: one function per table says which keys it has, and that one function both
//! reads a file and writes the schema, so the two cannot differ. Must not know any table of ours.

mod fields;
mod json;
mod known;
mod scalar;
mod schema;
mod suggest;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use fields::Fields;
pub(crate) use json::{json_of, node_at};
pub(crate) use scalar::{Complaint, Scalar, text};
pub(crate) use suggest::closest;

use crate::findings::{Findings, Spot};

/// A value and where it was written; for a default, where it could be.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) spot: Spot,
}

/// A table whose keys are known.
pub(crate) trait Shape: Sized {
    /// Asks `fields` for every key there is.
    fn read(fields: &mut Fields<'_>) -> Self;
}

/// Reads a whole file.
pub(crate) fn read_root<T: Shape>(tree: &DeTable<'_>, findings: &mut Findings) -> T {
    read_table(tree, Spot::default(), findings)
}

fn read_table<T: Shape>(table: &DeTable<'_>, spot: Spot, findings: &mut Findings) -> T {
    let mut fields = Fields::reading(table, spot, findings);
    let shape = T::read(&mut fields);
    fields.finish();
    shape
}

/// The JSON Schema of a table.
pub(crate) fn describe<T: Shape>() -> serde_json::Value {
    let empty = DeTable::new();
    let mut findings = Findings::default();
    let mut fields = Fields::describing(&empty, &mut findings);
    let _ = T::read(&mut fields);
    fields.into_schema()
}

/// The table inside a value, if it is one.
fn table_of<'v, 't>(value: &'v Spanned<DeValue<'t>>) -> Option<&'v DeTable<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}
