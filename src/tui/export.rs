//! The table as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use serde::Serialize;

use crate::inventory::{Container, Manager, Usage};
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

fn table_csv(rows: &[serde_json::Value]) -> String {
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
    let mut out = csv::line(names.iter().map(|name| (*name).to_owned()));
    for row in rows {
        let value = |name: &&str| row.get(*name).map(csv::cell).unwrap_or_default();
        out.push_str(&csv::line(names.iter().map(value)));
    }
    out
}
