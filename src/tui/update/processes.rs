//! The processes view: answers of its thread, its cursor and order, and what its keys ask for.

use std::sync::Arc;

use crate::inventory::processes::{Listing, Process};
use crate::kernel::Signal;
use crate::tui::action::{Action, Motion};
use crate::tui::effect::Effect;
use crate::tui::modal::{AskedAct, Choice, Confirm, Menu, MenuItem, Modal, Page};
use crate::tui::model::Model;
use crate::tui::place::{Pane, first_row};
use crate::tui::processes::SortBy;
use crate::tui::view::{closeup, processes as view};

use super::entries::signals;
use super::jobs;
use super::opened::open;

/// An answer of the thread: of another container than the one shown, or of what it was before, it
/// is of no use any more.
pub(super) fn take(model: &mut Model, listing: Arc<Listing>) {
    let Some(container) = model.process_container().cloned() else {
        return;
    };
    if listing.key != container.key || listing.init != container.init {
        return;
    }
    if let Some(Modal::Confirm(confirm)) = model.open.as_mut().map(|open| &mut open.modal) {
        check_pinned(confirm, &listing);
    }
    if model.frozen.is_some() && model.processes.listing.is_some() {
        return;
    }
    model.processes.listing = Some(listing);
    settle(model);
    refresh_page(model);
}

/// The dialog's process is pinned: once gone it stays gone.
fn check_pinned(confirm: &mut Confirm, listing: &Listing) {
    let Some(process) = &confirm.process else {
        return;
    };
    let is_there = listing.more > 0 || listing.find(process.who).is_some();
    for item in &mut confirm.items {
        item.gone |= item.container.key == listing.key && !is_there;
    }
}

/// Keeps the cursor on its process, and on the screen.
pub(super) fn settle(model: &mut Model) {
    model.processes.settle();
    follow(model);
}

fn follow(model: &mut Model) {
    let page = view::page(model);
    let rows = view::rows(model);
    let (cursor, len) = (model.processes.cursor_row(&rows), rows.len());
    // The heading of the first group comes back with its first process.
    let cursor = if cursor == 1 { 0 } else { cursor };
    model.processes.top = first_row(model.processes.top, cursor, page, len);
}

pub(super) fn go(model: &mut Model, motion: Motion) {
    let page = view::page(model);
    model.processes.go(motion, page);
    follow(model);
}

/// A click on a row of the list.
pub(super) fn click(model: &mut Model, column: u16, row: u16) {
    if let Some(who) = view::process_at(model, column, row) {
        model.processes.put(who);
        follow(model);
    }
}

/// The keys for the list of containers, which cannot be seen in this view, are the list of
/// processes' or do nothing. Whether the action is dealt with.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`keys::perform` lists every action"
)]
pub(super) fn arrange(model: &mut Model, action: Action) -> bool {
    match action {
        // There they search.
        Action::NextMatch | Action::PreviousMatch if model.focus == Pane::Log => return false,
        Action::NextMatch => go(model, Motion::Down),
        Action::PreviousMatch => go(model, Motion::Up),
        Action::Tree => toggle_tree(model),
        Action::Reverse => reverse(model),
        Action::SortLeft
        | Action::SortRight
        | Action::ToggleStopped
        | Action::Mark
        | Action::Range
        | Action::MarkAll
        | Action::ClearMarks => {}
        _ => return false,
    }
    true
}

fn toggle_tree(model: &mut Model) {
    model.processes.flat = !model.processes.flat;
    settle(model);
}

fn reverse(model: &mut Model) {
    model.processes.reversed = !model.processes.reversed;
    settle(model);
}

/// An order is one of a flat list.
pub(super) fn sort_by(model: &mut Model, sort: SortBy) {
    model.processes.sort = sort;
    model.processes.reversed = false;
    model.processes.flat = true;
    settle(model);
}

pub(super) fn set_filter(model: &mut Model, text: String) {
    model.processes.filter = text;
    settle(model);
}

pub(super) fn sort_menu(model: &mut Model) {
    let entry = |sort: SortBy| MenuItem {
        label: sort.name().to_owned(),
        choice: Choice::SortProcesses(sort),
    };
    let selected = SortBy::ALL
        .into_iter()
        .position(|sort| sort == model.processes.sort);
    let menu = Menu {
        title: "sort processes by".to_owned(),
        entries: SortBy::ALL.into_iter().map(entry).collect(),
        selected: selected.unwrap_or(0),
        query: None,
    };
    open(model, Modal::Menu(menu));
}

/// The pid of the process under the cursor.
pub(super) fn copy(model: &Model) -> Vec<Effect> {
    let selected = model.processes.selected();
    let pid = selected.map(|process| Effect::Copy(process.who.pid.to_string()));
    pid.into_iter().collect()
}

/// All that is known of the process under the cursor, on a page.
pub(super) fn details(model: &mut Model) {
    let Some(process) = model.processes.selected() else {
        return;
    };
    let page = Page {
        title: format!("pid {}", process.who.pid),
        lines: closeup::lines(model, process),
        process: Some(process.who),
        ..Page::default()
    };
    open(model, Modal::Page(page));
}

/// The page of a process shows what was read last.
fn refresh_page(model: &mut Model) {
    let Some(Modal::Page(page)) = model.modal() else {
        return;
    };
    let listing = model.processes.listing.as_ref();
    let process = page.process.and_then(|who| listing?.find(who));
    let Some(lines) = process.map(|process| closeup::lines(model, process)) else {
        return;
    };
    if let Some(Modal::Page(page)) = model.open.as_mut().map(|open| &mut open.modal) {
        page.lines = lines;
    }
}

/// Which signal for the process under the cursor. The choice carries that very process.
pub(super) fn signal_menu(model: &mut Model) {
    let container = model.process_container().cloned();
    let process = model.processes.selected().cloned();
    let (Some(container), Some(process)) = (container, process) else {
        return;
    };
    let title = format!(
        "signal to pid {} of {}",
        process.who.pid,
        container.key.label()
    );
    let process = Arc::new(process);
    let line = |signal: Signal| MenuItem {
        label: format!("{:>2} {signal}", signal.0),
        choice: Choice::SignalProcess(Arc::clone(&container), Arc::clone(&process), signal),
    };
    let menu = Menu {
        title,
        entries: signals().map(line).collect(),
        selected: 0,
        query: None,
    };
    open(model, Modal::Menu(menu));
}

/// Asks before the signal is sent.
pub(super) fn ask(
    model: &mut Model,
    container: Arc<crate::inventory::Container>,
    process: Arc<Process>,
    signal: Signal,
) -> Vec<Effect> {
    let order = AskedAct::SignalProcess(process.who, signal);
    let effects = jobs::ask(model, order, vec![container]);
    if let Some(Modal::Confirm(confirm)) = model.open.as_mut().map(|open| &mut open.modal) {
        confirm.process = Some(process);
    }
    effects
}
