//! Keys outside of dialogs.

use std::time::Duration;

use crate::tui::action::{Action, Motion};
use crate::tui::effect::{Content, Effect};
use crate::tui::keymap::{self, Press};
use crate::tui::log_pane::Tone;
use crate::tui::modal::{AskedAct, Modal, Prompt};
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};
use crate::tui::view::layout::Class;

use super::opened::open;
use super::panes::{self, settle_focus, sort_by};
use super::{history, jobs, leftovers, menus, processes, why};

/// The intervals that `+` and `-` go through, in milliseconds.
const INTERVALS: [u64; 7] = [250, 500, 1000, 2000, 5000, 10_000, 30_000];

/// A key was pressed while no dialog is open.
pub(super) fn press(model: &mut Model, press: Press) -> Vec<Effect> {
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
#[expect(
    clippy::too_many_lines,
    reason = "one flat match: an action that is forgotten does not compile"
)]
pub(super) fn perform(model: &mut Model, action: Action) -> Vec<Effect> {
    let aimed = action.acts() || model.focus == Pane::View;
    if aimed && action.is_hidden_in(model.view) {
        return warn(model, not_here(action));
    }
    if action.acts() && model.read_only {
        return warn(
            model,
            "read-only: nothing on the host is changed".to_owned(),
        );
    }
    let is_the_views = match model.view {
        View::Processes => processes::arrange(model, action),
        View::Leftovers => leftovers::arrange(model, action),
        View::Containers | View::Usage | View::Rdt | View::History => false,
    };
    if is_the_views {
        return Vec::new();
    }
    match action {
        // Nothing is left to arrange when these are done.
        Action::Quit => return jobs::quit(model),
        Action::Delete => return jobs::order(model, AskedAct::Delete),
        Action::Stop => return jobs::order(model, AskedAct::Stop),
        Action::Pause => return jobs::order(model, AskedAct::Pause),
        Action::Start => return jobs::order(model, AskedAct::Start),
        Action::Clean => return leftovers::ask(model),
        Action::Save if model.view == View::History && model.focus == Pane::View => {
            return menus::export_past(model);
        }
        Action::Save => return vec![save_log(model)],
        Action::Help => return menus::help(model),
        Action::SortMenu => return menus::sort(model),
        Action::Columns => return menus::columns(model),
        Action::Menu => return menus::acts(model),
        Action::Inspect => return menus::inspect(model),
        Action::Copy => return menus::copy(model),
        Action::Signal => return menus::signal(model),
        Action::Export => return menus::export(model),
        Action::ExportPast => return menus::export_past(model),
        Action::Palette => return menus::palette(model),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Faster | Action::Slower => return pace(model, action == Action::Faster),
        Action::Rescan => {
            model.leftovers.forget_time();
            return vec![Effect::Rescan];
        }
        Action::Mouse => {
            model.mouse = !model.mouse;
            return vec![Effect::Mouse(model.mouse)];
        }
        Action::Move(motion) => {
            panes::go(model, motion);
            return Vec::new();
        }
        Action::Sideways(by) => {
            panes::sideways(model, by);
            return Vec::new();
        }
        Action::Back => {
            panes::back(model);
            return Vec::new();
        }
        Action::Why => {
            why::open(model);
            return Vec::new();
        }
        Action::Filter => {
            ask_filter(model);
            return Vec::new();
        }

        Action::NextPane => panes::step(model, 1),
        Action::PreviousPane => panes::step(model, -1),
        Action::View(view) => panes::turn_to(model, view),
        Action::Details => panes::zoom_on(model, Pane::Details),
        Action::Usage if model.view == View::Usage => panes::turn_to(model, View::Containers),
        Action::Usage => panes::turn_to(model, View::Usage),
        Action::FocusLog => panes::to_log_and_back(model),
        Action::HideLog => model.log_hidden = !model.log_hidden,
        Action::GrowLog => panes::resize_log(model, 2),
        Action::ShrinkLog => panes::resize_log(model, -2),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::Shorter => model.span = model.span.shorter(),
        Action::Longer => model.span = model.span.longer(),
        Action::Axis => model.ceiling = model.ceiling.other(),
        Action::GoTo => history::to_container(model),
        Action::Freeze => {
            model.frozen = match model.frozen {
                Some(_) => None,
                None => model.latest.clone(),
            };
            model.arrange();
        }

        Action::NextMatch => find(model, Motion::Down),
        Action::PreviousMatch => find(model, Motion::Up),
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
            panes::go_in_list(model, Motion::Down);
        }
        Action::Range => model.list.selection.range(&model.rows),
        Action::MarkAll => model.list.selection.mark_all(&model.rows),
        Action::ClearMarks => drop(model.list.selection.clear()),

        // Those of one view, in another one, and those of the page of state and configuration.
        Action::Tree | Action::Unknown | Action::Secrets | Action::Environment => {}
    }
    settle_focus(model);
    model.follow();
    Vec::new()
}

/// The line for the filter of the pane in focus; in the log it searches.
fn ask_filter(model: &mut Model) {
    let (pane, text) = match model.focus {
        Pane::Log => (Pane::Log, &model.log.search),
        Pane::View if model.view == View::Processes => (Pane::View, &model.processes.filter),
        Pane::View | Pane::List | Pane::Details | Pane::Usage => {
            (Pane::List, &model.list.filter_text)
        }
    };
    let text = text.clone();
    open(model, Modal::Prompt(Prompt { pane, text }));
}

/// In a view without the list, nobody sees which containers are marked or under its cursor.
fn not_here(action: Action) -> String {
    if action == Action::Clean {
        let key = View::Leftovers.key();
        format!("that key is for leftovers: {key} shows them")
    } else {
        let key = View::Containers.key();
        format!("that key is for the list of containers: {key} shows it")
    }
}

fn warn(model: &mut Model, text: String) -> Vec<Effect> {
    model.log.say(model.now.wall, Tone::Warning, text);
    Vec::new()
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
        panes::go_in_view(model, motion);
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
        Motion::Down | Motion::PageUp | Motion::PageDown | Motion::Home | Motion::End => at + 1,
    };
    model.list.selection.put(&model.rows, to);
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

/// The log, as a file.
fn save_log(model: &Model) -> Effect {
    Effect::Save {
        stem: "log",
        extension: "txt",
        content: Content::Text(model.log.text(&model.zone)),
    }
}
