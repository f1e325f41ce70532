//! The table or the history as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::inventory::{Container, Detail, Manager, Usage};
use crate::oci::RuntimeKind;
use crate::text::csv;

use super::effect::{Content, Effect};
use super::lane::{Past, Remembered};
use super::modal::Format;
use super::model::Model;
use super::standing;

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
    /// What of it needs a person: the gravest of that in a word, and why.
    attention: Option<String>,
    reason: Option<String>,
    /// Seconds for which its state root has not answered.
    silent: Option<u64>,
    #[serde(flatten)]
    usage: Usage,
    /// What is read only of the rows on the screen.
    detail: Option<&'a Detail>,
}

/// A table that is to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    format: Format,
    lines: Lines,
}

#[derive(Debug, Clone, PartialEq)]
enum Lines {
    /// Containers, with what of each needs a person.
    Table(Vec<(Arc<Container>, Option<Need>)>),
    History(Vec<Remembered>),
}

/// What of a container needs a person, and why.
#[derive(Debug, Clone, PartialEq)]
struct Need {
    state: String,
    reason: String,
}

impl Export {
    /// What is written.
    pub fn text(&self) -> String {
        let (first, rows): (&[&str], Vec<Value>) = match &self.lines {
            Lines::Table(rows) => {
                let rows = rows.iter();
                let rows = rows.map(|(row, need)| Row::of(row, need.as_ref()));
                (&FIRST, rows.filter_map(value).collect())
            }
            Lines::History(past) => {
                let lines = past.iter().map(|past| Line::of(past.past()));
                (&FIRST_OF_HISTORY, lines.filter_map(value).collect())
            }
        };
        match self.format {
            Format::Csv => table_csv(first, &rows),
            Format::Json => format!("{:#}\n", Value::Array(rows)),
        }
    }
}

fn value(row: impl Serialize) -> Option<Value> {
    serde_json::to_value(row).ok()
}

impl<'a> Row<'a> {
    fn of(container: &'a Container, need: Option<&Need>) -> Self {
        Self {
            id: container.key.label(),
            root: crate::text::visible_path(container.key.root()),
            runtime: container.runtime.map(RuntimeKind::as_str),
            status: container.condition.as_str(),
            pid: container.init.map(|init| init.pid),
            bundle: container.bundle.as_deref().map(crate::text::visible_path),
            created: container.created.as_ref().map(|at| &*at.0),
            owner: &container.owner,
            manager: container.engine().map(Manager::as_str),
            problem: container.problem.as_deref(),
            attention: need.map(|need| need.state.clone()),
            reason: need.map(|need| need.reason.clone()),
            silent: container.silent.map(|time| time.as_secs()),
            usage: container.usage,
            detail: container.detail.as_deref(),
        }
    }
}

/// The effect that writes the table.
pub(super) fn table(model: &Model, format: Format) -> Effect {
    let need = |row: &Container| {
        let issue = standing::issues(row, &model.deeds).into_iter().next()?;
        Some(Need {
            state: issue.state(),
            reason: issue.reason(model.now.wall),
        })
    };
    let rows = model.rows.iter().map(|row| (Arc::clone(row), need(row)));
    save("table", format, Lines::Table(rows.collect()))
}

/// A line of the history.
#[derive(Serialize)]
struct Line {
    at: String,
    id: String,
    root: String,
    /// `happened`, or `action`: the operator's.
    kind: &'static str,
    what: String,
    /// `done`, `failed`, `refused`.
    result: Option<String>,
    reason: Option<String>,
    /// Seconds.
    took: Option<f64>,
}

impl Line {
    fn of(past: Past<'_>) -> Self {
        let (kind, what, deed) = match past {
            Past::Happened(_) => ("happened", past.words(false), None),
            Past::Did(deed) => ("action", deed.act.words(), Some(deed)),
        };
        Self {
            at: past.at().to_string(),
            id: past.key().label(),
            root: crate::text::visible_path(past.key().root()),
            kind,
            what,
            result: deed.map(|deed| deed.ending.word().to_lowercase()),
            reason: past.reason(),
            took: deed
                .and_then(|deed| deed.took)
                .map(|took| took.as_secs_f64()),
        }
    }
}

/// The effect that writes the history.
pub(super) fn history(model: &Model, format: Format) -> Effect {
    let past = model.past().into_iter().map(Past::remember);
    save("history", format, Lines::History(past.collect()))
}

fn save(stem: &'static str, format: Format, lines: Lines) -> Effect {
    let extension = match format {
        Format::Csv => "csv",
        Format::Json => "json",
    };
    Effect::Save {
        stem,
        extension,
        content: Content::Export(Export { format, lines }),
    }
}

const FIRST_OF_HISTORY: [&str; 8] = [
    "at", "id", "root", "kind", "what", "result", "reason", "took",
];

/// What tells a container from others comes first, as in the table.
const FIRST: [&str; 4] = ["id", "root", "runtime", "status"];

/// What is nested gets a column for each of its numbers, named `detail.cpu.user`; what a row lacks
/// stays empty.
fn table_csv(first: &[&str], rows: &[Value]) -> String {
    let rows: Vec<Vec<(String, &Value)>> = rows
        .iter()
        .map(|row| {
            let mut flat = Vec::new();
            flatten("", row, &mut flat);
            flat
        })
        .collect();
    let mut names: Vec<&str> = first.to_vec();
    let mut known: BTreeSet<&str> = first.iter().copied().collect();
    for (name, value) in rows.iter().flatten() {
        // Where one row has no detail at all, its place is not a column of its own.
        let empty = value.is_null() && name == "detail";
        if !empty && known.insert(name) {
            names.push(name);
        }
    }
    let mut out = csv::line(names.iter().map(|name| (*name).to_owned()));
    for row in &rows {
        let row: BTreeMap<&str, &Value> = row
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

fn flatten<'a>(name: &str, value: &'a Value, out: &mut Vec<(String, &'a Value)>) {
    let Value::Object(fields) = value else {
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
