//! The view where there are no panes: a line for each metric.

use ratatui::text::Line;

use crate::tui::measure::{self, flow, left, scrolled_into};
use crate::tui::model::Model;
use crate::tui::theme::scale;
use crate::tui::view::chart::EventMark;

use super::subject::{ChartSubject, Charted, Plot, clock};
use super::{compare, pressure, rdt};

/// Columns of a line's chart.
const SPARK: usize = 12;

pub(super) fn lines(
    model: &Model,
    subject: &ChartSubject<'_>,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let beside = match subject.silence() {
        Some(silence) => silence,
        None => format!("last {}", model.span.label()),
    };
    let room = columns.saturating_sub(measure::width(&beside) + 3);
    let name = scrolled_into(&subject.name, model.list.sideways, room);
    let head = format!(" {name}  {beside}");
    let targets = compare::marked(model);
    let head = if targets.is_empty() {
        head
    } else {
        format!(" compared, same scale, last {}", model.span.label())
    };
    let mut lines = vec![Line::styled(
        measure::cut(&head, columns),
        model.look.strong(),
    )];
    if !targets.is_empty() {
        let room = rows.saturating_sub(1);
        lines.extend(compare::lines(model, &targets, columns, room));
        return lines;
    }
    let charted = [
        ("CPU", Charted::Cpu, cpu(subject)),
        ("MEM", Charted::Memory, memory(subject)),
        ("IO", Charted::Io, io(subject)),
        ("TASK", Charted::Pids, pids(subject)),
    ];
    let marks = subject.marks();
    for (name, what, words) in charted {
        let plot = subject.plot(what);
        let room = columns.saturating_sub(SPARK + 2);
        let text = left(
            &format!(" {name:<4} {}", flow(&words(&plot), room.saturating_sub(6))),
            room,
        );
        let spark = match subject.unknown() {
            Some(_) => String::new(),
            None => marked(&plot.spark(model.look, SPARK), &marks),
        };
        lines.push(Line::raw(format!("{text} {spark}")));
    }
    lines.extend(rest(model, subject, columns).into_iter().map(Line::raw));
    lines
}

/// A chart of one row with what was grave in it: there is no line below it to tell that.
fn marked(spark: &str, marks: &[EventMark]) -> String {
    let mut cells: Vec<char> = spark.chars().collect();
    let last = cells.len().saturating_sub(1);
    for mark in marks.iter().filter(|mark| mark.grave) {
        if let Some(cell) = cells.get_mut(scale(mark.at, last)) {
            *cell = mark.glyph;
        }
    }
    cells.into_iter().collect()
}

type Words = Box<dyn Fn(&Plot) -> Vec<String>>;

fn cpu(subject: &ChartSubject<'_>) -> Words {
    let usage = subject.usage;
    Box::new(move |plot| {
        let throttled = usage.throttled.filter(|part| *part > 0.0);
        let throttled = throttled.map_or_else(String::new, |part| format!("thr {part:.0}%"));
        vec![plot.of_limit(usage.cpu), throttled]
    })
}

fn memory(subject: &ChartSubject<'_>) -> Words {
    let used = measure::memory(&subject.usage).map(|bytes| bytes as f64);
    Box::new(move |plot| {
        let part = used.zip(plot.scale.limit).filter(|(_, limit)| *limit > 0.0);
        let part = part.map_or_else(String::new, |(used, limit)| {
            format!("{:.0}%", used / limit * 100.0)
        });
        vec![plot.of_limit(used), part]
    })
}

fn io(subject: &ChartSubject<'_>) -> Words {
    let usage = subject.usage;
    Box::new(move |plot| {
        let rate = |value: Option<f64>| plot.show(value);
        vec![format!(
            "r {} w {}",
            rate(usage.io_read),
            rate(usage.io_write)
        )]
    })
}

fn pids(subject: &ChartSubject<'_>) -> Words {
    let now = subject.usage.pids.map(|pids| pids as f64);
    let peak = subject.detail.as_ref().and_then(|detail| detail.pids_peak);
    Box::new(move |plot| {
        let peak = peak.map_or_else(String::new, |peak| format!("peak {peak}"));
        vec![plot.of_limit(now), peak]
    })
}

/// What has no chart; what went wrong comes first.
fn rest(model: &Model, subject: &ChartSubject<'_>, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(kills) = subject.usage.oom_kills.filter(|kills| *kills > 0) {
        let last = subject
            .happenings()
            .find(|happening| crate::tui::history::glyph(&happening.what) == 'x');
        let last = last.map(|last| format!("last {}", clock(model, last.at)));
        let words = [format!("{kills} kills"), last.unwrap_or_default()];
        lines.push(format!(" OOM  {}", flow(&words, columns.saturating_sub(6))));
    }
    let Some(detail) = &subject.detail else {
        lines.push(format!(" {}", subject.unknown().unwrap_or("-")));
        return lines;
    };
    if pressure::is_counted(&detail.pressure) {
        lines.push(format!(" PSI  {}", pressure::brief(&detail.pressure)));
    } else {
        lines.push(" PSI  -".to_owned());
    }
    let groups = model.rdt.fresh(model.now.uptime);
    let key = subject.container.as_ref().map(|container| &container.key);
    if let Some(usage) = groups
        .zip(key)
        .and_then(|(groups, key)| groups.usage.get(key))
    {
        let words = [
            format!("LLC {}", rdt::value(&usage.llc, measure::rate)),
            format!("MBM {}", rdt::value(&usage.mbm_total, measure::rate)),
        ];
        lines.push(format!(" RDT  {}", flow(&words, columns.saturating_sub(6))));
    }
    lines
}
