//! Keys inside of dialogs.

use std::time::Duration;

use ratatui::crossterm::event::KeyCode;

use crate::tui::action::Motion;
use crate::tui::effect::{Content, Effect};
use crate::tui::export;
use crate::tui::keymap::Press;
use crate::tui::modal::{AskedAct, Button, Choice, Menu, Modal, TYPE_AHEAD};
use crate::tui::model::Model;
use crate::tui::place::Pane;
use crate::tui::table::Column;

use super::entries::column_entries;
use super::opened::{motion, scroll};
use super::panes::{self, set_filter};
use super::{inspect, jobs, keys, leftovers, processes, why};

/// A key while a dialog is open.
pub(super) fn press(model: &mut Model, press: Press, at: Duration) -> Vec<Effect> {
    let Some(open) = &mut model.open else {
        return Vec::new();
    };
    let interrupt = press.control && press.code == KeyCode::Char('c');
    if press.code == KeyCode::Esc || interrupt {
        if let Modal::Why(why) = &mut open.modal
            && why.proof
            && !interrupt
        {
            why.proof = false;
            return Vec::new();
        }
        return close(model);
    }
    let too_early = open.shown.is_none_or(|shown| at < shown + TYPE_AHEAD);
    match &mut open.modal {
        Modal::Confirm(_) | Modal::Clean(_) | Modal::Leave(_) if too_early => Vec::new(),
        Modal::Confirm(confirm) => {
            let mut form = Form {
                typing: confirm.caution().is_some(),
                can_go: confirm.can_go(),
                button: &mut confirm.button,
                typed: &mut confirm.typed,
            };
            match form_key(&mut form, press) {
                DialogKey::Yes => jobs::confirmed(model),
                other @ (DialogKey::No | DialogKey::Scroll(_) | DialogKey::Nothing) => {
                    not_yes(model, &other)
                }
            }
        }
        Modal::Clean(dialog) => {
            let mut form = Form {
                typing: dialog.caution().is_some(),
                can_go: dialog.can_go(),
                button: &mut dialog.button,
                typed: &mut dialog.typed,
            };
            match form_key(&mut form, press) {
                DialogKey::Yes => leftovers::confirmed(model),
                other @ (DialogKey::No | DialogKey::Scroll(_) | DialogKey::Nothing) => {
                    not_yes(model, &other)
                }
            }
        }
        Modal::Leave(_) => leave_key(model, press),
        Modal::Prompt(_) => prompt_key(model, press),
        Modal::Menu(_) => menu_key(model, press),
        Modal::Page(_) => page_key(model, press),
        Modal::Why(_) => why::key(model, press),
    }
}

fn close(model: &mut Model) -> Vec<Effect> {
    let closed = model.open.take().map(|open| open.modal);
    if let Some(Modal::Prompt(prompt)) = closed {
        match prompt.pane {
            Pane::Log => model.log.search.clear(),
            Pane::View => processes::set_filter(model, String::new()),
            Pane::List | Pane::Details | Pane::Usage => set_filter(model, String::new()),
        }
    }
    Vec::new()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
fn leave_key(model: &mut Model, press: Press) -> Vec<Effect> {
    let Some(Modal::Leave(button)) = model.open.as_mut().map(|open| &mut open.modal) else {
        return Vec::new();
    };
    match press.code {
        KeyCode::Char('y') => jobs::leave(model),
        KeyCode::Enter if *button == Button::Go => jobs::leave(model),
        KeyCode::Enter | KeyCode::Char('n' | 'q') => close(model),
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
            *button = button.other();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

enum DialogKey {
    Yes,
    No,
    Scroll(Motion),
    Nothing,
}

fn not_yes(model: &mut Model, answer: &DialogKey) -> Vec<Effect> {
    match answer {
        DialogKey::No => return close(model),
        DialogKey::Scroll(motion) => scroll(model, *motion),
        DialogKey::Yes | DialogKey::Nothing => {}
    }
    Vec::new()
}

/// What a dialog that asks is answered by.
struct Form<'a> {
    /// A word is to be typed.
    typing: bool,
    can_go: bool,
    button: &'a mut Button,
    typed: &'a mut String,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
fn form_key(form: &mut Form<'_>, press: Press) -> DialogKey {
    let typing = form.typing;
    match press.code {
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
            *form.button = form.button.other();
            DialogKey::Nothing
        }
        KeyCode::Enter => match *form.button {
            Button::Cancel => DialogKey::No,
            Button::Go if form.can_go => DialogKey::Yes,
            Button::Go => DialogKey::Nothing,
        },
        KeyCode::Up => DialogKey::Scroll(Motion::Up),
        KeyCode::Down => DialogKey::Scroll(Motion::Down),
        KeyCode::PageUp => DialogKey::Scroll(Motion::PageUp),
        KeyCode::PageDown => DialogKey::Scroll(Motion::PageDown),
        KeyCode::Backspace => {
            form.typed.pop();
            DialogKey::Nothing
        }
        KeyCode::Char(c) if typing && !press.control && form.typed.len() < 16 => {
            form.typed.push(c);
            DialogKey::Nothing
        }
        KeyCode::Char('y') if !typing && !press.control && form.can_go => DialogKey::Yes,
        KeyCode::Char('n' | 'q') if !typing => DialogKey::No,
        KeyCode::Char('k') if !typing => DialogKey::Scroll(Motion::Up),
        KeyCode::Char('j') if !typing => DialogKey::Scroll(Motion::Down),
        _ => DialogKey::Nothing,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
fn page_key(model: &mut Model, press: Press) -> Vec<Effect> {
    if let Some(motion) = motion(press, true) {
        scroll(model, motion);
        return Vec::new();
    }
    if let Some(effects) = inspect::key(model, press) {
        return effects;
    }
    let Some(Modal::Page(page)) = model.open.as_mut().map(|open| &mut open.modal) else {
        return Vec::new();
    };
    match press.code {
        KeyCode::Left => page.sideways = page.sideways.saturating_sub(8),
        KeyCode::Right => page.sideways = (page.sideways + 8).min(1024),
        KeyCode::Char('s') if press.control => {
            let content = Content::Text(format!("{}\n", page.lines.join("\n")));
            return vec![Effect::Save {
                stem: "page",
                extension: "txt",
                content,
            }];
        }
        KeyCode::Char('q' | '?' | 'h' | 'i') | KeyCode::Enter | KeyCode::F(1) => model.open = None,
        _ => {}
    }
    Vec::new()
}

fn menu_key(model: &mut Model, press: Press) -> Vec<Effect> {
    let Some(Modal::Menu(menu)) = model.open.as_mut().map(|open| &mut open.modal) else {
        return Vec::new();
    };
    match (press.code, &mut menu.query) {
        (KeyCode::Enter, _) => {
            let choice = menu
                .found()
                .get(menu.selected)
                .map(|entry| entry.choice.clone());
            return choice
                .map(|choice| choose(model, choice))
                .unwrap_or_default();
        }
        (KeyCode::Char(' '), None) => {
            // Columns are switched one after the other, so Space leaves the menu open.
            let choice = menu
                .found()
                .get(menu.selected)
                .map(|entry| entry.choice.clone());
            if let Some(Choice::Column(column)) = choice {
                toggle_column(model, column);
            }
            return Vec::new();
        }
        (KeyCode::Char(c), Some(query)) if !press.control => {
            if query.len() < 40 {
                query.push(c);
            }
            menu.selected = 0;
            return Vec::new();
        }
        (KeyCode::Backspace, Some(query)) => {
            query.pop();
            menu.selected = 0;
            return Vec::new();
        }
        (KeyCode::Char('q'), None) => {
            model.open = None;
            return Vec::new();
        }
        _ => {}
    }
    let letters = menu.query.is_none();
    if let Some(motion) = motion(press, letters) {
        scroll(model, motion);
    }
    Vec::new()
}

fn choose(model: &mut Model, choice: Choice) -> Vec<Effect> {
    if let Choice::Column(column) = choice {
        toggle_column(model, column);
        return Vec::new();
    }
    model.open = None;
    match choice {
        Choice::Act(action) => return keys::perform(model, action),
        Choice::Sort(key) => panes::sort_by(model, key),
        Choice::Signal(targets, signal) => {
            return jobs::ask(model, AskedAct::Signal(signal), targets);
        }
        Choice::SignalProcess(container, process, signal) => {
            return processes::ask(model, container, process, signal);
        }
        Choice::SortProcesses(sort) => processes::sort_by(model, sort),
        Choice::Copy(text) => return vec![Effect::Copy(text)],
        Choice::Export(format) => return vec![export::table(model, format)],
        Choice::ExportPast(format) => return vec![export::history(model, format)],
        Choice::Column(_) => {}
    }
    Vec::new()
}

fn toggle_column(model: &mut Model, column: Column) {
    let hidden = &mut model.list.hidden;
    if hidden.contains(&column) {
        hidden.retain(|other| *other != column);
    } else {
        hidden.push(column);
    }
    let entries = column_entries(model);
    if let Some(Modal::Menu(menu)) = model.open.as_mut().map(|open| &mut open.modal) {
        menu.entries = entries;
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the keys of a keyboard are not ours to list"
)]
fn prompt_key(model: &mut Model, press: Press) -> Vec<Effect> {
    let Some(Modal::Prompt(prompt)) = model.open.as_mut().map(|open| &mut open.modal) else {
        return Vec::new();
    };
    match press.code {
        KeyCode::Enter => {
            let pane = prompt.pane;
            model.open = None;
            if pane == Pane::Log {
                model.log.find(true);
            }
            return Vec::new();
        }
        KeyCode::Backspace => drop(prompt.text.pop()),
        KeyCode::Char('u') if press.control => prompt.text.clear(),
        KeyCode::Char(c) if !press.control && prompt.text.len() < 200 => prompt.text.push(c),
        KeyCode::Up | KeyCode::Down if prompt.pane != Pane::Log => {
            let up = press.code == KeyCode::Up;
            let motion = if up { Motion::Up } else { Motion::Down };
            if prompt.pane == Pane::View {
                processes::go(model, motion);
                return Vec::new();
            }
            model.list.selection.go(&model.rows, motion, 1);
            model.follow();
            return Vec::new();
        }
        _ => return Vec::new(),
    }
    typed(model);
    Vec::new()
}

/// Puts the prompt's text to work while it is typed.
fn typed(model: &mut Model) {
    let Some(Modal::Prompt(prompt)) = model.modal() else {
        return;
    };
    let text = prompt.text.clone();
    match prompt.pane {
        Pane::Log => model.log.search = text,
        Pane::View => processes::set_filter(model, text),
        Pane::List | Pane::Details | Pane::Usage => set_filter(model, text),
    }
}

/// Text was pasted: only prompts and the palette take it.
pub(super) fn paste(model: &mut Model, text: &str) {
    let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    match model.open.as_mut().map(|open| &mut open.modal) {
        Some(Modal::Prompt(prompt)) => {
            prompt.text.push_str(&line);
            typed(model);
        }
        Some(Modal::Menu(Menu {
            query: Some(query),
            selected,
            ..
        })) => {
            query.push_str(&line);
            *selected = 0;
        }
        _ => {}
    }
}
