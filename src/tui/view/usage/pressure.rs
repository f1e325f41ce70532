//! Pressure: which part of the time tasks waited, and the words for it.

use ratatui::text::Line;

use crate::inventory::series::SeriesId;
use crate::inventory::usage::{Pressure, Stall, StallLine};
use crate::tui::measure::{left, right, wrap};
use crate::tui::view::chart::spark;

use super::panes::PaneScene;

/// Columns of one number.
const NUMBER: usize = 7;
const NAME: usize = 6;

/// Resource, stall, and the history of it.
type PressureRow = (&'static str, Option<Stall>, Option<SeriesId>);

fn rows(pressure: &Pressure) -> [PressureRow; 4] {
    [
        ("cpu", pressure.cpu, Some(SeriesId::PressureCpu)),
        ("memory", pressure.memory, Some(SeriesId::PressureMemory)),
        ("io", pressure.io, Some(SeriesId::PressureIo)),
        ("irq", pressure.irq, None),
    ]
}

/// Whether the kernel counts any of it.
pub(super) fn is_counted(pressure: &Pressure) -> bool {
    rows(pressure).iter().any(|(_, stall, _)| stall.is_some())
}

/// The pane's title: where there is no row for a heading, it tells what the numbers are.
pub(super) fn title(roomy: bool) -> String {
    if roomy {
        return "Pressure stall (PSI) %".to_owned();
    }
    // The title begins two columns to the right of the lines below it.
    format!("{}{}", left("PSI%", NAME - 2), heads())
}

fn heads() -> String {
    let heads = ["some10", "some60", "full10", "full60"];
    heads.map(|head| right(head, NUMBER)).concat()
}

pub(super) fn lines(scene: &PaneScene<'_>, roomy: bool, columns: usize) -> Vec<Line<'static>> {
    let look = scene.model.look;
    let Some(detail) = &scene.subject.detail else {
        let why = scene.subject.unknown().unwrap_or("-");
        return vec![Line::styled(why, look.dim())];
    };
    if !is_counted(&detail.pressure) {
        let why = "- not available: cgroup v1, or a kernel without PSI; ocitop doctor tells which";
        return wrap(why, columns).into_iter().map(Line::raw).collect();
    }
    let mut lines = Vec::new();
    if roomy {
        lines.push(Line::styled(
            format!("{}{}", left("", NAME), heads()),
            look.dim(),
        ));
    }
    for (name, stall, metric) in rows(&detail.pressure) {
        let used = NAME + 4 * NUMBER;
        let mut text = format!("{}{}", left(name, NAME), numbers(stall));
        let room = columns.saturating_sub(used + 2);
        if let Some(metric) = metric.filter(|_| room >= 8 && stall.is_some()) {
            let samples = scene.subject.series(metric);
            text.push_str("  ");
            text.push_str(&spark(&samples, 100.0, look, room.min(20)));
        }
        lines.push(Line::raw(text));
    }
    lines
}

fn numbers(stall: Option<Stall>) -> String {
    let (some, full) = (stall.and_then(|s| s.some), stall.and_then(|s| s.full));
    let average = |line: Option<StallLine>, of: fn(StallLine) -> f64| {
        let text = line.map_or_else(|| "-".to_owned(), |line| format!("{:.1}", of(line)));
        right(&text, NUMBER)
    };
    [
        average(some, |line| line.avg10),
        average(some, |line| line.avg60),
        average(full, |line| line.avg10),
        average(full, |line| line.avg60),
    ]
    .concat()
}

/// The most of it in few columns: `cpu 22 mem 41 io 9`.
pub(super) fn brief(pressure: &Pressure) -> String {
    let some = |stall: Option<Stall>| {
        let line = stall.and_then(|stall| stall.some);
        line.map_or_else(|| "-".to_owned(), |line| format!("{:.0}", line.avg10))
    };
    format!(
        "cpu {} mem {} io {}",
        some(pressure.cpu),
        some(pressure.memory),
        some(pressure.io)
    )
}
