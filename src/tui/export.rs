//! The table as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::inventory::{Container, Detail, Manager, Usage};
use crate::oci::RuntimeKind;
use crate::text::csv;

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
        Format::Csv => ("csv", table_csv(&rows)),
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
fn table_csv(rows: &[serde_json::Value]) -> String {
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
    let mut out = csv::line(names.iter().map(|name| (*name).to_owned()));
    for row in &rows {
        let row: BTreeMap<&str, &serde_json::Value> = row
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let value = |name: &&str| {
            row.get(name)
                .map(|value| csv::cell(value))
                .unwrap_or_default()
        };
        out.push_str(&csv::line(names.iter().map(value)));
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
