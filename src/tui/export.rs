//! The table as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use serde::Serialize;

use crate::inventory::{Container, Manager, Usage};
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
    #[serde(flatten)]
    usage: Usage,
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
            usage: container.usage,
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

fn csv(rows: &[serde_json::Value]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .filter_map(serde_json::Value::as_object)
        .collect();
    let all = rows
        .first()
        .into_iter()
        .flat_map(|row| row.keys().map(String::as_str));
    let rest = all.filter(|name| !FIRST.contains(name));
    let names: Vec<&str> = FIRST.into_iter().chain(rest).collect();
    let mut out = format!("{}\r\n", names.join(","));
    for row in rows {
        let value = |name: &&str| row.get(*name).map(cell).unwrap_or_default();
        out.push_str(&names.iter().map(value).collect::<Vec<_>>().join(","));
        out.push_str("\r\n");
    }
    out
}

/// One value (RFC 4180). What a spreadsheet would take for a formula is kept text by a quote.
fn cell(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::Null => return String::new(),
        serde_json::Value::String(text) => text.as_str(),
        other => return other.to_string(),
    };
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}
