//! Keys and clicks in the history view.

use crate::tui::action::Motion;
use crate::tui::log_pane::Tone;
use crate::tui::model::Model;
use crate::tui::place::View;
use crate::tui::view::{history, layout};

use super::panes;

/// Moves the cursor.
pub(super) fn go(model: &mut Model, motion: Motion) {
    let page = history::page(model);
    let mut cursor = std::mem::take(&mut model.history);
    cursor.go(&model.history_entries(), motion, page);
    model.history = cursor;
}

/// From what happened to the container that it happened to.
pub(super) fn to_container(model: &mut Model) {
    let Some(key) = model.history.key().cloned() else {
        // Nothing is under a cursor yet: the first press only shows where it is.
        go(model, Motion::Down);
        return;
    };
    let row = model.rows.iter().position(|row| row.key == key);
    if let Some(index) = row {
        model.list.selection.put(&model.rows, index);
        model.detail_scroll = 0;
        panes::turn_to(model, View::Containers);
        return;
    }
    let exists = model
        .snapshot()
        .is_some_and(|snapshot| snapshot.containers.iter().any(|row| row.key == key));
    let text = if exists {
        "not in the list: a filter hides it, or a for stopped ones"
    } else {
        "it no longer exists"
    };
    model
        .log
        .say_about(model.now.wall, Some(key), Tone::Warning, text.to_owned());
}

/// A click on a line of the history view.
pub(super) fn click(model: &mut Model, row: u16) {
    let index = layout::view_line(model, row).map(|line| model.history.top + line);
    let mut cursor = std::mem::take(&mut model.history);
    let rows = model.history_entries();
    if let Some(index) = index.filter(|index| *index < rows.len()) {
        cursor.put(&rows, index);
    }
    model.history = cursor;
}
