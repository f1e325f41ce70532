//! Keys and the mouse outside of dialogs.

use std::time::Duration;

use ratatui::crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};

use crate::tui::action::{Action, Motion};
use crate::tui::effect::Effect;
use crate::tui::keymap::{self, Press};
use crate::tui::log_pane::Tone;
use crate::tui::modal::{AskedAct, Modal, Prompt};
use crate::tui::model::{Model, Pane, View};
use crate::tui::rdt;
use crate::tui::table::{self, SortKey};
use crate::tui::view::layout::{self, Class, MouseSpot};

use super::{dialogs, history, jobs, leftovers, main_pane, menus, processes, settle_focus, why};

/// The intervals that `+` and `-` go through, in milliseconds.
const INTERVALS: [u64; 7] = [250, 500, 1000, 2000, 5000, 10_000, 30_000];

/// A key was pressed.
pub(super) fn press(model: &mut Model, key: KeyEvent, at: Duration) -> Vec<Effect> {
    let press = Press::from(&key);
    if model.open.is_some() {
        return dialogs::press(model, press, at);
    }
    let Some(action) = keymap::action(press, model.view) else {
        return Vec::new();
    };
    // On a screen too small to show what would be acted on, nothing but leaving works.
    if Class::of(model.size) == Class::TooSmall
        && !matches!(action, Action::Quit | Action::Back | Action::Suspend)
    {
        return Vec::new();
    }
    perform(model, action)
}

/// Does what an action says.
pub(super) fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    let aimed = action.acts() || model.focus == Pane::View;
    if aimed && model.view.is_blind_to(action) {
        return say_not_here(model, action);
    }
    if action.acts() {
        return act(model, action);
    }
    match action {
        Action::Quit => return jobs::quit(model),
        Action::Move(motion) => go(model, motion),
        Action::Sideways(by) => sideways(model, by),
        Action::Back => back(model),
        Action::Help
        | Action::SortMenu
        | Action::Columns
        | Action::Menu
        | Action::Copy
        | Action::Export
        | Action::ExportPast
        | Action::Palette
        | Action::Inspect => return menus::open_for(model, action),
        Action::Why => why::open(model),
        Action::Filter => {
            let pane = match model.focus {
                Pane::Log => Pane::Log,
                Pane::View if model.view == View::Processes => Pane::View,
                _ => Pane::List,
            };
            let text = match pane {
                Pane::Log => model.log.search.clone(),
                Pane::View => model.processes.filter.clone(),
                _ => model.list.filter_text.clone(),
            };
            dialogs::open(model, Modal::Prompt(Prompt { pane, text }));
        }
        Action::Save if model.view == View::History && model.focus == Pane::View => {
            return menus::open_for(model, Action::ExportPast);
        }
        Action::Save => return vec![dialogs::save_log(model)],
        Action::Rescan => {
            model.leftovers.forget_time();
            return vec![Effect::Rescan];
        }
        Action::Suspend => return vec![Effect::Suspend],
        Action::Mouse => {
            model.mouse = !model.mouse;
            return vec![Effect::Mouse(model.mouse)];
        }
        Action::Faster | Action::Slower => return pace(model, action == Action::Faster),
        _ => arrange(model, action),
    }
    Vec::new()
}

/// Actions on the order, the marks and the panes: no effect outside.
fn arrange(model: &mut Model, action: Action) {
    if model.view == View::Processes && processes::arrange(model, action) {
        return;
    }
    if model.view == View::Leftovers && leftovers::arrange(model, action) {
        return;
    }
    match action {
        Action::NextPane => step_pane(model, 1),
        Action::PreviousPane => step_pane(model, -1),
        Action::NextMatch => find(model, Motion::Down),
        Action::PreviousMatch => find(model, Motion::Up),
        Action::View(view) => turn_to(model, view),
        Action::Details => zoom_on(model, Pane::Details),
        Action::Usage if model.view == View::Usage => turn_to(model, View::Containers),
        Action::Usage => turn_to(model, View::Usage),
        Action::Shorter => model.span = model.span.shorter(),
        Action::Longer => model.span = model.span.longer(),
        Action::Axis => model.ceiling = model.ceiling.other(),
        Action::GoTo => history::to_container(model),
        Action::FocusLog => {
            let to = if model.focus == Pane::Log {
                main_pane(model)
            } else {
                Pane::Log
            };
            model.log_hidden &= to != Pane::Log;
            model.focus = to;
        }
        Action::HideLog => model.log_hidden = !model.log_hidden,
        Action::GrowLog => resize_log(model, 2),
        Action::ShrinkLog => resize_log(model, -2),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Freeze => {
            model.frozen = match model.frozen {
                Some(_) => None,
                None => model.latest.clone(),
            };
            model.arrange();
        }
        _ => arrange_list(model, action),
    }
    settle_focus(model);
    model.follow();
}

/// Actions on the order, the choice and the marks of the list.
fn arrange_list(model: &mut Model, action: Action) {
    match action {
        Action::SortLeft => sort_by(model, model.list.sort.left()),
        Action::SortRight => sort_by(model, model.list.sort.right()),
        Action::Reverse => {
            model.list.reversed = !model.list.reversed;
            model.arrange();
        }
        Action::ToggleStopped => {
            model.list.stopped = !model.list.stopped;
            model.arrange();
        }
        Action::Attention => {
            model.list.attention = !model.list.attention;
            model.arrange();
        }
        Action::PutAway => jobs::put_away(model),
        Action::Mark => {
            model.list.selection.toggle();
            go_in_list(model, Motion::Down);
        }
        Action::Range => model.list.selection.range(&model.rows),
        Action::MarkAll => model.list.selection.mark_all(&model.rows),
        Action::ClearMarks => drop(model.list.selection.clear()),
        _ => {}
    }
}

fn resize_log(model: &mut Model, by: i16) {
    let bound = i16::try_from(model.size.height).unwrap_or(i16::MAX);
    model.log_extra = (model.log_extra + by).clamp(-bound, bound);
}

/// In a view without the list, nobody sees which containers are marked or under its cursor.
fn say_not_here(model: &mut Model, action: Action) -> Vec<Effect> {
    let key = View::Containers.key();
    let text = match action {
        Action::Clean => format!(
            "that key is for leftovers: {} shows them",
            View::Leftovers.key()
        ),
        _ => format!("that key is for the list of containers: {key} shows it"),
    };
    model.log.say(model.now.wall, Tone::Warning, text);
    Vec::new()
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    if model.read_only {
        let text = "read-only: nothing on the host is changed".to_owned();
        model.log.say(model.now.wall, Tone::Warning, text);
        return Vec::new();
    }
    match action {
        Action::Delete => jobs::order(model, AskedAct::Delete),
        Action::Stop => jobs::order(model, AskedAct::Stop),
        Action::Pause => jobs::order(model, AskedAct::Pause),
        Action::Start => jobs::order(model, AskedAct::Start),
        Action::Signal => menus::open_for(model, action),
        Action::Clean => leftovers::ask(model),
        _ => Vec::new(),
    }
}

fn go(model: &mut Model, motion: Motion) {
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
fn go_in_view(model: &mut Model, motion: Motion) {
    match model.view {
        View::Containers | View::Usage => go_in_list(model, motion),
        View::Processes => processes::go(model, motion),
        View::Leftovers => leftovers::go(model, motion),
        View::Rdt => rdt::go(model, motion),
        View::History => history::go(model, motion),
    }
}

fn go_in_list(model: &mut Model, motion: Motion) {
    let page = layout::list_rows(model);
    model.list.selection.go(&model.rows, motion, page);
    model.detail_scroll = 0;
    model.follow();
}

fn sideways(model: &mut Model, by: i16) {
    let place = match model.focus {
        Pane::Log => &mut model.log.sideways,
        Pane::View if model.view == View::Processes => &mut model.processes.sideways,
        _ => &mut model.list.sideways,
    };
    let most = 1024;
    *place = place.saturating_add_signed(isize::from(by)).min(most);
}

/// One level back: never out of the program.
fn back(model: &mut Model) {
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
        dialogs::set_filter(model, String::new());
    } else if model.list.attention {
        model.list.attention = false;
        model.arrange();
    } else if !model.list.selection.clear() && model.frozen.is_some() {
        model.frozen = None;
        model.arrange();
    }
    model.follow();
}

fn step_pane(model: &mut Model, by: isize) {
    // Zoomed, Tab goes through all panes: it is the only way to see them on a small screen.
    let panes = if model.zoomed {
        match model.view {
            View::Containers => vec![Pane::List, Pane::Details, Pane::Usage, Pane::Log],
            _ => vec![Pane::View, Pane::Log],
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
        _ => Pane::View,
    };
}

fn zoom_on(model: &mut Model, pane: Pane) {
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

fn find(model: &mut Model, motion: Motion) {
    if model.focus == Pane::Log {
        // The search begins at the newest line, so the next match is an older one.
        if !model.log.find(motion == Motion::Down) && !model.log.search.is_empty() {
            let text = format!(
                "no further line with {:?}",
                crate::text::visible(&model.log.search)
            );
            model.log.say(model.now.wall, Tone::None, text);
        }
        return;
    }
    if model.view == View::History {
        go_in_view(model, motion);
        return;
    }
    // Only matches are shown, so the next match is the next row, round the corner.
    let (at, last) = (
        model.list.selection.index(),
        model.rows.len().saturating_sub(1),
    );
    let to = match motion {
        Motion::Up => at.checked_sub(1).unwrap_or(last),
        _ if at >= last => 0,
        _ => at + 1,
    };
    model.list.selection.put(&model.rows, to);
}

/// Sorts by a key, the usual way round.
pub(super) fn sort_by(model: &mut Model, key: SortKey) {
    model.list.sort = key;
    model.list.reversed = false;
    model.arrange();
}

fn pace(model: &mut Model, faster: bool) -> Vec<Effect> {
    let now = u64::try_from(model.interval.as_millis()).unwrap_or(u64::MAX);
    let next = if faster {
        INTERVALS.into_iter().rev().find(|millis| *millis < now)
    } else {
        INTERVALS.into_iter().find(|millis| *millis > now)
    };
    let Some(millis) = next else {
        return Vec::new();
    };
    model.interval = Duration::from_millis(millis);
    vec![Effect::Interval(model.interval)]
}

/// The mouse: click selects, wheel scrolls, a heading sorts.
pub(super) fn mouse(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    let wheel = match event.kind {
        MouseEventKind::ScrollUp => Some(Motion::Up),
        MouseEventKind::ScrollDown => Some(Motion::Down),
        _ => None,
    };
    // Dialogs are answered by keys: a click must not find a button that has just appeared.
    if model.open.is_some() {
        if let Some(motion) = wheel {
            dialogs::scroll(model, motion);
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
            .for_each(|motion| go_in_view(model, motion)),
        (_, _) => wheel
            .into_iter()
            .for_each(|motion| go_in_list(model, motion)),
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
        sort_by(model, key);
    }
}
