//! The marked containers beside each other, on the same scale.

use std::sync::Arc;

use ratatui::text::Line;

use crate::inventory::Container;
use crate::tui::axes::Ceiling;
use crate::tui::measure::{self, left, right, scrolled_into};
use crate::tui::model::Model;

use super::subject::{ChartSubject, Charted, Plot};

const METRICS: [(Charted, &str); 3] = [
    (Charted::Cpu, "CPU"),
    (Charted::Memory, "MEM"),
    (Charted::Io, "IO"),
];

/// Columns of a number.
const NUMBER: usize = 7;

/// The marked ones, unless the only one is the one that is shown anyway.
pub(super) fn marked(model: &Model) -> Vec<Arc<Container>> {
    let marks = model.list.selection.marks();
    let only_itself = marks.len() == 1 && marks.first() == model.selected_key();
    if marks.is_empty() || only_itself {
        return Vec::new();
    }
    model.targets()
}

pub(super) fn title(targets: &[Arc<Container>]) -> String {
    let names: Vec<String> = targets.iter().map(|row| row.key.label()).collect();
    format!("Compare marked, same scale: {}", names.join(", "))
}

/// One line each.
pub(super) fn lines(
    model: &Model,
    targets: &[Arc<Container>],
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let subjects: Vec<ChartSubject<'_>> = targets
        .iter()
        .filter_map(|container| ChartSubject::of(model, container))
        .collect();
    let metrics: &[(Charted, &str)] = match columns {
        100.. => &METRICS,
        60.. => METRICS.get(..2).unwrap_or(&METRICS),
        _ => METRICS.get(..1).unwrap_or(&METRICS),
    };
    let plots: Vec<Vec<Plot>> = metrics
        .iter()
        .map(|(what, _)| same_scale(subjects.iter().map(|subject| subject.plot(*what)).collect()))
        .collect();
    let fit = if subjects.len() > rows {
        rows.saturating_sub(1)
    } else {
        rows
    };
    let mut lines = Vec::new();
    for (at, subject) in subjects.iter().enumerate().take(fit) {
        let own = plots.iter().filter_map(|plots| plots.get(at));
        let own: Vec<_> = metrics.iter().zip(own).collect();
        lines.push(line(model, subject, &own, columns));
    }
    if subjects.len() > fit && rows > 0 {
        lines.push(Line::raw(format!("and {} more", subjects.len() - fit)));
    }
    lines
}

/// The greatest of the tops for all: what is higher uses more.
fn same_scale(mut plots: Vec<Plot>) -> Vec<Plot> {
    let peaks = plots.iter().filter_map(|plot| Some(plot.summary?.max));
    let peak = peaks.reduce(f64::max);
    let top = plots
        .first()
        .map(|plot| plot.scale.top(peak, Ceiling::Peak));
    for plot in &mut plots {
        plot.top = top.unwrap_or(plot.top);
    }
    plots
}

fn now(subject: &ChartSubject<'_>, what: Charted) -> Option<f64> {
    let usage = &subject.usage;
    match what {
        Charted::Cpu => usage.cpu,
        Charted::Memory => measure::memory(usage).map(|bytes| bytes as f64),
        Charted::Pids => usage.pids.map(|pids| pids as f64),
        Charted::Io => Some(usage.io_read? + usage.io_write?),
        Charted::Net => None,
    }
}

fn line(
    model: &Model,
    subject: &ChartSubject<'_>,
    metrics: &[(&(Charted, &str), &Plot)],
    columns: usize,
) -> Line<'static> {
    let count = metrics.len().max(1);
    // Without a frame around it, a line begins with a space, as in the list.
    let (indent, name) = if columns >= 60 { (0, 18) } else { (1, 14) };
    let each = columns.saturating_sub(indent + name) / count;
    let mut text = format!(
        "{}{}",
        " ".repeat(indent),
        left(
            &scrolled_into(&subject.name, model.list.sideways, name),
            name
        )
    );
    for ((what, title), plot) in metrics {
        let value = right(&plot.show(now(subject, *what)), NUMBER);
        let head = format!(" {title:<3} {value} ");
        let room = each.saturating_sub(measure::width(&head) + 1);
        text.push_str(&head);
        let chart = match subject.unknown() {
            Some(why) => left(why, room),
            None => plot.spark(model.look, room),
        };
        text.push_str(&chart);
        text.push(' ');
    }
    Line::raw(text)
}
