//! Keys in the leftovers view, when to search for them, and cleaning what is chosen there.

use std::sync::Arc;

use crate::diagnosis::remedy::ocitop;
use crate::inventory::happenings::Happened;
use crate::leftovers::FoundLeftovers;
use crate::text::shell::quoted;
use crate::tui::action::{Action, Motion};
use crate::tui::deeds::{Act, Ending};
use crate::tui::effect::Effect;
use crate::tui::log_pane::Tone;
use crate::tui::modal::{CleanDialog, Menu, Modal};
use crate::tui::model::Model;
use crate::tui::place::{Pane, View, first_row};
use crate::tui::view;
use crate::tui::view::layout::{self, Class};

use super::entries::{command_entry, word_entry};
use super::jobs;
use super::opened::open;

/// Marks and what is shown; false if the action is not the view's own.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`keys::perform` lists every action"
)]
pub(super) fn arrange(model: &mut Model, action: Action) -> bool {
    if model.focus != Pane::View {
        return false;
    }
    match action {
        Action::Unknown => {
            model.leftovers.unknown = !model.leftovers.unknown;
            model.leftovers.settle();
        }
        Action::Mark => {
            model.leftovers.toggle();
            go(model, Motion::Down);
        }
        Action::MarkAll => model.leftovers.mark_all(),
        Action::ClearMarks => drop(model.leftovers.clear()),
        _ => return false,
    }
    follow(model);
    true
}

/// Opens the dialog for the marked ones or the one under the cursor; where the cursor is on none, for
/// all that are certain.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    let mut targets = model.leftovers.targets();
    if targets.is_empty() {
        targets = model.leftovers.certain();
    }
    let (busy, free): (Vec<_>, Vec<_>) = targets
        .into_iter()
        .partition(|one| model.jobs.contains_key(&one.key));
    for leftover in busy {
        let text = "not now: a job for it is under way".to_owned();
        model.log.say_about(
            model.now.wall,
            Some(leftover.key.clone()),
            Tone::Warning,
            text,
        );
        jobs::not_begun(model, &leftover.key, Act::Clean, Ending::Busy("a job"));
    }
    if free.is_empty() {
        model.log.say(
            model.now.wall,
            Tone::None,
            "no leftover to clean".to_owned(),
        );
        return Vec::new();
    }
    let dialog = CleanDialog::new(free);
    let jobs = dialog.items.iter().enumerate();
    let jobs = jobs
        .filter_map(|(at, item)| Some((at, item.job.clone().ok()?)))
        .collect();
    let ticket = open(model, Modal::Clean(dialog));
    vec![Effect::Preview { ticket, jobs }]
}

/// The operator said yes.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    let Some(Modal::Clean(dialog)) = model.open.take().map(|open| open.modal) else {
        return Vec::new();
    };
    let mut effects = Vec::new();
    for item in &dialog.items {
        if let Some(job) = item.ready() {
            effects.extend(jobs::submit(model, job.clone()));
        } else {
            let refused = Ending::Refused(item.refusal());
            jobs::not_begun(model, &item.leftover.key, Act::Clean, refused);
        }
    }
    effects
}

/// What can be copied of the leftover under the cursor.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(leftover) = model.leftovers.selected() else {
        return Vec::new();
    };
    let path = leftover.key.dir();
    let ocitop = ocitop(model.host_dir());
    let command = format!("{ocitop} leftovers clean --dry-run {}", quoted(&path));
    let mut entries = vec![word_entry("path", path), command_entry(command)];
    entries.extend(leftover.id.as_deref().map(|id| word_entry("id", id)));
    let menu = Menu {
        title: "copy".to_owned(),
        entries,
        selected: 0,
        query: None,
    };
    open(model, Modal::Menu(menu));
    Vec::new()
}

/// Takes a search in.
pub(super) fn take(model: &mut Model, found: Arc<FoundLeftovers>) {
    model.leftovers.take(found, model.frozen.is_some());
    follow(model);
}

/// Moves the cursor.
pub(super) fn go(model: &mut Model, motion: Motion) {
    let page = view::leftovers::page(model);
    let len = model.leftovers.rows().len();
    let index = motion.apply(model.leftovers.index(), len, page);
    model.leftovers.put(index);
    follow(model);
}

/// A click on a line of the view.
pub(super) fn click(model: &mut Model, row: u16) {
    let page = view::leftovers::page(model);
    let line = layout::view_line(model, row).filter(|line| *line < page);
    let index = line.map(|line| model.leftovers.top + line);
    if let Some(index) = index.filter(|index| *index < model.leftovers.rows().len()) {
        model.leftovers.put(index);
    }
}

/// Keeps the cursor on the screen.
fn follow(model: &mut Model) {
    let page = view::leftovers::page(model);
    let len = model.leftovers.rows().len();
    let own = &mut model.leftovers;
    own.top = first_row(own.top, own.index(), page, len);
}

/// Asks for a search, if one is wanted and it is time for it.
pub(super) fn search(model: &mut Model) -> Option<Effect> {
    let snapshot = model.latest.as_ref()?;
    let is_shown = model.view == View::Leftovers
        && model.frozen.is_none()
        && Class::of(model.size) != Class::TooSmall;
    if !model.leftovers.is_due(model.now.uptime, is_shown) {
        return None;
    }
    let deleted = snapshot
        .happenings
        .iter()
        .filter(|what| what.what == Happened::Deleted);
    let keys = deleted.map(|what| what.key.clone());
    Some(Effect::FindLeftovers(keys.collect()))
}
