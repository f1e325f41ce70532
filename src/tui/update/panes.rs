//! Moving in the panes and between them, and from view to view.

use super::rdt;
use crate::tui::action::Motion;
use crate::tui::filter::Filter;
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};
use crate::tui::table::SortKey;
use crate::tui::view::layout;

use super::{history, leftovers, processes};

/// Moves in the pane in focus.
pub(super) fn go(model: &mut Model, motion: Motion) {
    let page = layout::pane_rows(model, model.focus);
    match model.focus {
        Pane::Log => model.log.go(motion, page.saturating_sub(1)),
        Pane::Details => {
            let len = crate::tui::view::detail::len(model);
            let last = len.saturating_sub(page) + 1;
            model.detail_scroll = motion.apply(model.detail_scroll, last, page);
        }
        // The reasons why there is no row may be longer than the pane.
        Pane::List if model.rows.is_empty() => {
            let len = crate::tui::view::empty::len(model, model.size.width.saturating_sub(2));
            let last = len.saturating_sub(page) + 1;
            model.detail_scroll = motion.apply(model.detail_scroll, last, page);
        }
        Pane::List | Pane::Usage => go_in_list(model, motion),
        Pane::View => go_in_view(model, motion),
    }
}

/// The arrow keys in a view that is not the list of containers.
pub(super) fn go_in_view(model: &mut Model, motion: Motion) {
    match model.view {
        View::Containers | View::Usage => go_in_list(model, motion),
        View::Processes => processes::go(model, motion),
        View::Leftovers => leftovers::go(model, motion),
        View::Rdt => rdt::go(model, motion),
        View::History => history::go(model, motion),
    }
}

/// Moves in the list of containers.
pub(super) fn go_in_list(model: &mut Model, motion: Motion) {
    let page = layout::list_rows(model);
    model.list.selection.go(&model.rows, motion, page);
    model.detail_scroll = 0;
    model.follow();
}

/// Scrolls what is too wide.
pub(super) fn sideways(model: &mut Model, by: i16) {
    let place = match model.focus {
        Pane::Log => &mut model.log.sideways,
        Pane::View if model.view == View::Processes => &mut model.processes.sideways,
        Pane::View | Pane::List | Pane::Details | Pane::Usage => &mut model.list.sideways,
    };
    let most = 1024;
    *place = place.saturating_add_signed(isize::from(by)).min(most);
}

/// One level back: never out of the program.
pub(super) fn back(model: &mut Model) {
    if model.zoomed {
        model.zoomed = false;
        settle_focus(model);
    } else if main_pane(model) == model.focus
        && model.view == View::Processes
        && !model.processes.filter.is_empty()
    {
        processes::set_filter(model, String::new());
    } else if model.view != View::Containers && model.focus == Pane::View {
        turn_to(model, View::Containers);
    } else if model.focus == Pane::Log && !model.log.search.is_empty() {
        model.log.search.clear();
    } else if model.focus != main_pane(model) {
        model.focus = main_pane(model);
    } else if !model.list.filter_text.is_empty() {
        set_filter(model, String::new());
    } else if model.list.attention {
        model.list.attention = false;
        model.arrange();
    } else if !model.list.selection.clear() && model.frozen.is_some() {
        model.frozen = None;
        model.arrange();
    }
    model.follow();
}

/// Goes to the next pane, or the one before.
pub(super) fn step(model: &mut Model, by: isize) {
    // Zoomed, Tab goes through all panes: it is the only way to see them on a small screen.
    let panes = if model.zoomed {
        match model.view {
            View::Containers => vec![Pane::List, Pane::Details, Pane::Usage, Pane::Log],
            View::Usage | View::Processes | View::Leftovers | View::Rdt | View::History => {
                vec![Pane::View, Pane::Log]
            }
        }
    } else {
        layout::visible(model)
    };
    let at = panes
        .iter()
        .position(|pane| *pane == model.focus)
        .unwrap_or(0);
    let to = (at + panes.len()).saturating_add_signed(by) % panes.len().max(1);
    model.focus = panes.get(to).copied().unwrap_or(main_pane(model));
}

/// Shows another view.
pub(super) fn turn_to(model: &mut Model, view: View) {
    if view == View::Leftovers && model.view != view {
        model.leftovers.forget_time();
    }
    if view == View::History && model.view != view {
        model.history.reset();
    }
    if view == View::Processes && (model.view != view || model.process_container().is_none()) {
        let key = model.selected().map(|row| row.key.clone());
        model.processes.pin(key);
    }
    model.view = view;
    model.settle_past();
    model.zoomed = false;
    model.focus = match view {
        View::Containers => Pane::List,
        View::Usage | View::Processes | View::Leftovers | View::Rdt | View::History => Pane::View,
    };
}

/// Shows a pane over the whole screen, and back.
pub(super) fn zoom_on(model: &mut Model, pane: Pane) {
    if model.view != View::Containers {
        turn_to(model, View::Containers);
    }

    if model.zoomed && model.focus == pane {
        model.zoomed = false;
        model.focus = Pane::List;
    } else {
        model.zoomed = true;
        model.focus = pane;
        model.detail_scroll = 0;
    }
}

/// Gives the log more lines, or fewer.
pub(super) fn resize_log(model: &mut Model, by: i16) {
    let bound = i16::try_from(model.size.height).unwrap_or(i16::MAX);
    model.log_extra = (model.log_extra + by).clamp(-bound, bound);
}

/// Goes to the log, and back from it.
pub(super) fn to_log_and_back(model: &mut Model) {
    let to = if model.focus == Pane::Log {
        main_pane(model)
    } else {
        Pane::Log
    };
    model.log_hidden &= to != Pane::Log;
    model.focus = to;
}

/// What the list shows, by its filter.
pub(super) fn set_filter(model: &mut Model, text: String) {
    model.list.filter = Filter::parse(&text);
    model.list.filter_text = text;
    model.arrange();
}

/// Sorts by a key, the usual way round.
pub(super) fn sort_by(model: &mut Model, key: SortKey) {
    model.list.sort = key;
    model.list.reversed = false;
    model.arrange();
}

/// Focus goes back to the main pane when its pane no longer has room.
pub(super) fn settle_focus(model: &mut Model) {
    if !layout::visible(model).contains(&model.focus) {
        model.focus = main_pane(model);
    }
}

/// The pane that a view is about.
fn main_pane(model: &Model) -> Pane {
    match model.view {
        View::Containers => Pane::List,
        View::Usage | View::Processes | View::Leftovers | View::Rdt | View::History => Pane::View,
    }
}
