//! The table or the history as CSV or JSON: the rows shown, in the order shown, with raw numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::inventory::{Container, Detail, Manager, Usage};
use crate::oci::RuntimeKind;
use crate::text::csv;

use super::effect::{Content, Effect};
use super::history::{HistoryEntry, Remembered};
use super::modal::ExportFormat;
use super::model::Model;
use super::standing;

#[derive(Serialize)]
struct ExportRow<'a> {
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
    format: ExportFormat,
    lines: ExportRows,
}

#[derive(Debug, Clone, PartialEq)]
enum ExportRows {
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
    /// Writes it, a line at a time: it can be of tens of thousands.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            ExportFormat::Csv => self.write_csv(out),
            ExportFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, self)?;
                out.write_all(b"\n")
            }
        }
    }

    fn rows(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match &self.lines {
            ExportRows::Table(rows) => {
                let rows = rows.iter();
                Box::new(rows.filter_map(|(row, need)| value(ExportRow::of(row, need.as_ref()))))
            }
            ExportRows::History(past) => Box::new(
                past.iter()
                    .filter_map(|past| value(ExportLine::of(past.past()))),
            ),
        }
    }

    /// What is nested gets a column for each of its numbers, named `detail.cpu.user`; what a row lacks
    /// stays empty.
    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = self.columns();
        out.write_all(csv::line(names.iter().cloned()).as_bytes())?;
        for row in self.rows() {
            let mut flat = BTreeMap::new();
            flatten("", &row, &mut |name, value| {
                flat.insert(name, value);
            });
            let cell = |name| flat.get(name).map(|value| csv::cell(value));
            let cells = names.iter().map(|name| cell(name).unwrap_or_default());
            out.write_all(csv::line(cells).as_bytes())?;
        }
        Ok(())
    }

    fn columns(&self) -> Vec<String> {
        let first: &[&str] = match &self.lines {
            ExportRows::Table(_) => &FIRST,
            ExportRows::History(_) => &FIRST_OF_HISTORY,
        };
        let mut names: Vec<String> = first.iter().map(|&name| name.to_owned()).collect();
        let mut known: BTreeSet<String> = names.iter().cloned().collect();
        for row in self.rows() {
            flatten("", &row, &mut |name, value| {
                // Where one row has no detail at all, its place is not a column of its own.
                let empty = value.is_null() && name == "detail";
                if !empty && known.insert(name.clone()) {
                    names.push(name);
                }
            });
        }
        names
    }
}

/// The rows, as JSON.
impl Serialize for Export {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.rows())
    }
}

fn value(row: impl Serialize) -> Option<Value> {
    serde_json::to_value(row).ok()
}

impl<'a> ExportRow<'a> {
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
pub(super) fn table(model: &Model, format: ExportFormat) -> Effect {
    let need = |row: &Container| {
        let issue = standing::issues(row, &model.deeds).into_iter().next()?;
        Some(Need {
            state: issue.state(),
            reason: issue.reason(model.now.wall),
        })
    };
    let rows = model.rows.iter().map(|row| (Arc::clone(row), need(row)));
    save("table", format, ExportRows::Table(rows.collect()))
}

/// A line of the history.
#[derive(Serialize)]
struct ExportLine {
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

impl ExportLine {
    fn of(past: HistoryEntry<'_>) -> Self {
        let (kind, what, deed) = match past {
            HistoryEntry::Happened(_) => ("happened", past.words(false), None),
            HistoryEntry::Did(deed) => ("action", deed.act.words(), Some(deed)),
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
pub(super) fn history(model: &Model, format: ExportFormat) -> Effect {
    let past = model
        .history_entries()
        .into_iter()
        .map(HistoryEntry::remember);
    save("history", format, ExportRows::History(past.collect()))
}

fn save(stem: &'static str, format: ExportFormat, lines: ExportRows) -> Effect {
    let extension = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Json => "json",
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

fn flatten<'a>(name: &str, value: &'a Value, each: &mut dyn FnMut(String, &'a Value)) {
    let Value::Object(fields) = value else {
        each(name.to_owned(), value);
        return;
    };
    for (field, value) in fields {
        let below = if name.is_empty() {
            field.clone()
        } else {
            format!("{name}.{field}")
        };
        flatten(&below, value, each);
    }
}
