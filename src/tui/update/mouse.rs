//! The mouse outside of dialogs.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use crate::tui::action::Motion;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};
use crate::tui::table::{self, SortKey};
use crate::tui::view::layout::{self, MouseSpot};

use super::{history, leftovers, opened, panes, processes};

/// The mouse: click selects, wheel scrolls, a heading sorts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
pub(super) fn point(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    let wheel = match event.kind {
        MouseEventKind::ScrollUp => Some(Motion::Up),
        MouseEventKind::ScrollDown => Some(Motion::Down),
        _ => None,
    };
    // Dialogs are answered by keys: a click must not find a button that has just appeared.
    if model.open.is_some() {
        if let Some(motion) = wheel {
            opened::scroll(model, motion);
        }
        return Vec::new();
    }
    let Some(spot) = layout::spot(model, event.column, event.row) else {
        return Vec::new();
    };
    match (event.kind, spot) {
        (MouseEventKind::Down(MouseButton::Left), MouseSpot::Row(row)) => {
            model.focus = Pane::List;
            let index = model.list.top + row;
            if index < model.rows.len() {
                model.list.selection.put(&model.rows, index);
            }
        }
        (MouseEventKind::Down(MouseButton::Left), MouseSpot::Heading(x)) => head_click(model, x),
        (MouseEventKind::Down(MouseButton::Left), MouseSpot::Pane(pane)) => {
            model.focus = pane;
            if pane == Pane::View && model.view == View::History {
                history::click(model, event.row);
            }
            if pane == Pane::View && model.view == View::Leftovers {
                leftovers::click(model, event.row);
            }
            if pane == Pane::View && model.view == View::Processes {
                processes::click(model, event.column, event.row);
            }
        }
        (_, MouseSpot::Pane(Pane::Log)) => {
            if let Some(motion) = wheel {
                model.log.go(motion, layout::pane_rows(model, Pane::Log));
            }
        }
        (_, MouseSpot::Pane(Pane::View)) => wheel
            .into_iter()
            .for_each(|motion| panes::go_in_view(model, motion)),
        (_, _) => wheel
            .into_iter()
            .for_each(|motion| panes::go_in_list(model, motion)),
    }
    model.follow();
    Vec::new()
}

fn head_click(model: &mut Model, x: usize) {
    let columns = crate::tui::view::containers::columns(model);
    let Some(column) = table::column_at(&columns, x) else {
        return;
    };
    let key = SortKey::of_column(column);
    if model.list.sort == key {
        model.list.reversed = !model.list.reversed;
        model.arrange();
    } else {
        panes::sort_by(model, key);
    }
}
