//! Keys in the leftovers view, and cleaning what is chosen there.

use crate::diagnosis::remedy::ocitop;
use crate::text::shell::quoted;
use crate::tui::action::{Action, Motion};
use crate::tui::deeds::{Act, Ending};
use crate::tui::effect::Effect;
use crate::tui::leftovers;
use crate::tui::log_pane::Mark;
use crate::tui::modal::{CleanDialog, Menu, Modal};
use crate::tui::model::{Model, Pane};

use super::menus::{command_entry, word_entry};
use super::{dialogs::open, jobs};

/// Marks and what is shown; false if the action is not the view's own.
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
            leftovers::go(model, Motion::Down);
        }
        Action::MarkAll => model.leftovers.mark_all(),
        Action::ClearMarks => drop(model.leftovers.clear()),
        _ => return false,
    }
    leftovers::follow(model);
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
            Mark::Warning,
            text,
        );
        jobs::not_begun(model, &leftover.key, Act::Clean, Ending::Busy("a job"));
    }
    if free.is_empty() {
        model.log.say(
            model.now.wall,
            Mark::None,
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
