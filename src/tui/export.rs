//! The table as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::inventory::{Container, Detail, Manager, Usage};
use crate::oci::RuntimeKind;

use super::effect::Effect;
use super::modal::Format;
use super::model::Model;

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    root: String,
    runtime: Option<&'a str>,
    status: &'a str,
    pid: Option<i32>,
    bundle: Option<String>,
    created: Option<&'a str>,
    owner: &'a str,
    manager: Option<&'a str>,
    problem: Option<&'a str>,
    /// Seconds for which its state root has not answered.
    silent: Option<u64>,
    #[serde(flatten)]
    usage: Usage,
    /// What is read only of the rows on the screen.
    detail: Option<&'a Detail>,
}

impl<'a> From<&'a Container> for Row<'a> {
    fn from(container: &'a Container) -> Self {
        Self {
            id: container.key.label(),
            root: crate::text::visible_path(container.key.root()),
            runtime: container.runtime.map(RuntimeKind::as_str),
            status: container.condition.as_str(),
            pid: container.init.map(|init| init.pid),
            bundle: container.bundle.as_deref().map(crate::text::visible_path),
            created: container.created.as_ref().map(|at| &*at.0),
            owner: &container.owner,
            manager: container.manager.map(Manager::as_str),
            problem: container.problem.as_deref(),
            silent: container.silent.map(|time| time.as_secs()),
            usage: container.usage,
            detail: container.detail.as_deref(),
        }
    }
}

/// The effect that writes the table.
pub(super) fn table(model: &Model, format: Format) -> Effect {
    let rows: Vec<serde_json::Value> = model
        .rows
        .iter()
        .filter_map(|row| serde_json::to_value(Row::from(&**row)).ok())
        .collect();
    let (extension, text) = match format {
        Format::Json => ("json", format!("{:#}\n", serde_json::Value::Array(rows))),
        Format::Csv => ("csv", csv(&rows)),
    };
    Effect::Save {
        stem: "table",
        extension,
        text,
    }
}

/// What tells a container from others comes first, as in the table.
const FIRST: [&str; 4] = ["id", "root", "runtime", "status"];

/// What is nested gets a column for each of its numbers, named `detail.cpu.user`; what a row lacks
/// stays empty.
fn csv(rows: &[serde_json::Value]) -> String {
    let rows: Vec<Vec<(String, &serde_json::Value)>> = rows
        .iter()
        .map(|row| {
            let mut flat = Vec::new();
            flatten("", row, &mut flat);
            flat
        })
        .collect();
    let mut names: Vec<&str> = FIRST.to_vec();
    let mut known: BTreeSet<&str> = FIRST.into();
    for (name, value) in rows.iter().flatten() {
        // Where one row has no detail at all, its place is not a column of its own.
        let empty = value.is_null() && name == "detail";
        if !empty && known.insert(name) {
            names.push(name);
        }
    }
    let mut out = format!("{}\r\n", names.join(","));
    for row in &rows {
        let row: BTreeMap<&str, &serde_json::Value> = row
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let value = |name: &&str| row.get(name).map(|value| cell(value)).unwrap_or_default();
        out.push_str(&names.iter().map(value).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

fn flatten<'a>(
    name: &str,
    value: &'a serde_json::Value,
    out: &mut Vec<(String, &'a serde_json::Value)>,
) {
    let serde_json::Value::Object(fields) = value else {
        out.push((name.to_owned(), value));
        return;
    };
    for (field, value) in fields {
        let below = if name.is_empty() {
            field.clone()
        } else {
            format!("{name}.{field}")
        };
        flatten(&below, value, out);
    }
}

/// One value (RFC 4180). What a spreadsheet would take for a formula is kept text by a quote.
fn cell(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::Null => return String::new(),
        serde_json::Value::String(text) if text.starts_with(['=', '+', '-', '@']) => {
            format!("'{text}")
        }
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => return number.to_string(),
        // A list (devices, interfaces) has no columns of its own: it stays JSON, in one cell.
        other => other.to_string(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}
