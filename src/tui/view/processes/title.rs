//! What stands at the upper edge of the processes view, and in it when it has no row.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::model::Model;
use crate::tui::place::Pane;
use crate::tui::view::containers::Edge;
use crate::tui::view::layout::Class;

fn name(model: &Model) -> String {
    let key = model.processes.of.as_ref();
    key.map_or_else(
        || "no container".to_owned(),
        crate::oci::ContainerKey::label,
    )
}

/// Whose processes, and how many of them are unusual.
pub(super) fn title(model: &Model, class: Class) -> String {
    let name = name(model);
    let Some(listing) = &model.processes.listing else {
        return format!("Processes of {name}");
    };
    let all = listing.processes().count();
    let tight = class == Class::Small;
    let mut odd = Vec::new();
    for state in ['D', 'Z', 'T', 't'] {
        let count = listing.in_state(state);
        let gap = if tight { "" } else { " " };
        odd.extend((count > 0).then(|| format!("{count}{gap}{state}")));
    }
    let odd = match (odd.is_empty(), tight) {
        (true, _) => String::new(),
        (_, true) => format!(" ({})", odd.join(" ")),
        (_, false) => format!(" ({})", odd.join(", ")),
    };
    let mut title = match class {
        Class::Small => format!("PROC {name}  {all}{odd}"),
        Class::TooSmall | Class::Normal | Class::Wide => {
            format!("Processes of {name}   {all}{odd}")
        }
    };
    if listing.more > 0 {
        write!(title, " and {} more", listing.more).ok();
    }
    title
}

/// Order and filter, at the right of the upper edge.
pub(super) fn right_title(frame: &mut Frame<'_>, area: Rect, model: &Model, title: usize) {
    let pane = &model.processes;
    let order = if pane.flat {
        let arrow = if pane.reversed { "^" } else { "v" };
        format!("t flat, sort: {} {arrow}", pane.sort.name())
    } else {
        "t tree".to_owned()
    };
    let edge = Edge {
        pane: Pane::View,
        order: &order,
        filter: &pane.filter,
    };
    edge.draw(frame, area, model, title);
}

/// Why there is no row.
pub(super) fn nothing(model: &Model) -> String {
    let Some(container) = model.process_container() else {
        return " It is gone. Esc goes back to the containers.".to_owned();
    };
    match &model.processes.listing {
        None => " Looking for its processes ...".to_owned(),
        Some(listing) if listing.groups.is_empty() => {
            format!(" It is {} and has no process.", container.condition)
        }
        Some(_) => " No process matches the filter; Esc clears it.".to_owned(),
    }
}
