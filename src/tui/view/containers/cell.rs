//! What stands in a cell of the list.

use super::super::layout::Class;
use super::{in_place_of_numbers, state_word};
use crate::cgroup::Limit;
use crate::inventory::{Container, Usage};
use crate::tui::measure::{self, cut, width};
use crate::tui::model::Model;
use crate::tui::standing::{self};
use crate::tui::table::Column;

pub(super) fn dash() -> String {
    "-".to_owned()
}

pub(super) fn cell(
    model: &Model,
    container: &Container,
    column: Column,
    class: Class,
    width: usize,
) -> String {
    let usage = &container.usage;
    match column {
        Column::State => state_word(model, container),
        Column::Id => name(model, container, width),
        Column::Runtime => container.runtime.map_or_else(dash, |rt| rt.to_string()),
        Column::Owner => container
            .engine()
            .map_or_else(dash, |manager| manager.to_string()),
        Column::Pids => pids(usage),
        Column::Cpu => usage.cpu.map_or_else(dash, measure::percent),
        Column::Spark => crate::tui::view::usage::subject::cpu_spark(model, container, width),
        Column::Throttled => usage
            .throttled
            .map_or_else(dash, |part| format!("{part:.0}")),
        Column::Memory if class == Class::Small => {
            measure::memory(usage).map_or_else(dash, measure::bytes)
        }
        Column::Memory => memory(usage),
        Column::Bar => bar(model, usage, width),
        Column::Io => match (usage.io_read, usage.io_write) {
            (None, None) => dash(),
            (read, write) => {
                let rate = |rate: Option<f64>| rate.map_or_else(dash, measure::rate);
                format!("{}/{}", rate(read), rate(write))
            }
        },
        Column::Age => age(model, container),
    }
}

/// The id, scrolled sideways when it is too long, and what is wrong with it when there is room.
pub(super) fn name(model: &Model, container: &Container, columns: usize) -> String {
    let id = container.key.label();
    let id = measure::scrolled_into(&id, model.list.sideways, columns);
    let headline = standing::headline(container, &model.deeds);
    let remark = match (&container.problem, headline) {
        (_, Some(issue)) => issue.reason(model.now.wall),
        (Some(problem), None) => crate::text::safe(problem),
        (None, None) => return id,
    };
    let room = columns.saturating_sub(width(&id) + 2);
    // It stands where the numbers would, or is of before what is being done.
    let busy = model.jobs.contains_key(&container.key) && headline.is_some();
    if room < 6 || busy || in_place_of_numbers(model, container, usize::MAX).is_some() {
        return id;
    }
    format!("{id} ({})", cut(&remark, room - 1))
}

pub(super) fn limit(limit: Option<Limit>, show: impl Fn(u64) -> String) -> String {
    match limit {
        None => dash(),
        Some(Limit::Max) => "max".to_owned(),
        Some(Limit::At(value)) => show(value),
    }
}

pub(super) fn pids(usage: &Usage) -> String {
    match (usage.pids, usage.pids_limit) {
        (None, _) => dash(),
        (Some(pids), None) => pids.to_string(),
        (Some(pids), most) => format!("{pids}/{}", limit(most, |value| value.to_string())),
    }
}

pub(super) fn memory(usage: &Usage) -> String {
    match (measure::memory(usage), usage.memory_limit) {
        (None, _) => dash(),
        (Some(used), None) => measure::bytes(used),
        (Some(used), most) => format!("{}/{}", measure::bytes(used), limit(most, measure::bytes)),
    }
}

pub(super) fn bar(model: &Model, usage: &Usage, columns: usize) -> String {
    match (measure::memory(usage), usage.memory_limit) {
        (Some(used), Some(Limit::At(most))) if most > 0 => {
            model.look.bar(used as f64 / most as f64, columns)
        }
        _ => String::new(),
    }
}

pub(super) fn age(model: &Model, container: &Container) -> String {
    let taken = model
        .snapshot()
        .map_or(model.now.wall, |snapshot| snapshot.taken);
    container.age(taken).map_or_else(dash, measure::age)
}
