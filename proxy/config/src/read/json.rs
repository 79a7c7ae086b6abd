//! Parts of the tree that are not ours to read: as JSON, and back from a JSON pointer to a place.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::table_of;
use crate::findings::{Finding, Findings, Spot, join};
use crate::syntax::quoted;

/// The value as JSON. What JSON has no word for (dates, infinities, huge integers) is a problem.
pub(crate) fn json_of(value: &Spanned<DeValue<'_>>, place: &str, findings: &mut Findings) -> Value {
    let spot = Spot { span: value.span(), place: place.to_owned() };
    let mut refuse = |message: String, help: &str, example: &str| {
        let key = place.rsplit('.').next().filter(|key| !key.ends_with([']', '"']));
        let example = format!("{} = {example}", key.unwrap_or("key"));
        findings.push(Finding::at(&spot, message).help(help).example(example));
        Value::Null
    };
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Number(number.into()),
            Err(_) => refuse(
                format!("{} does not fit in 64 bits", quoted(number.as_str())),
                "write it as a text, if the plugin takes one",
                "\"123456789012345678901234567890\"",
            ),
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => refuse(
                format!("{} has no JSON form", quoted(number.as_str())),
                "a plugin's configuration is handed over as JSON, which has finite numbers only",
                "0.5",
            ),
        },
        DeValue::Datetime(date) => refuse(
            "a date has no JSON form".to_owned(),
            "a plugin's configuration is handed over as JSON: write the date as a text",
            &format!("{:?}", date.to_string()),
        ),
        DeValue::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, item)| json_of(item, &format!("{place}[{index}]"), findings))
            .collect(),
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(key, item)| {
                let inner = json_of(item, &join(place, key.get_ref()), findings);
                (key.get_ref().clone().into_owned(), inner)
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

/// Follows `steps` (keys, or indexes into lists) from a value as far as they lead; the spot is the
/// value's. A key that is not there leaves the spot of what should hold it.
pub(crate) fn node_at<'v, 't>(
    mut value: &'v Spanned<DeValue<'t>>,
    steps: impl IntoIterator<Item = impl AsRef<str>>,
    mut spot: Spot,
) -> (&'v Spanned<DeValue<'t>>, Spot) {
    for step in steps {
        let step = step.as_ref();
        let next = match value.get_ref() {
            DeValue::Array(list) => step
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get(index))
                .map(|item| (item, format!("{}[{step}]", spot.place))),
            _ => table_of(value)
                .and_then(|table| table.get(step))
                .map(|item| (item, join(&spot.place, step))),
        };
        let Some((item, place)) = next else { break };
        value = item;
        spot = Spot { span: item.span(), place };
    }
    (value, spot)
}
