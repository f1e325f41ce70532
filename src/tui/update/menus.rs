//! Opening what can be chosen from and read: menus, the palette, the help.

use crate::diagnosis::Remedy;
use crate::inventory::manager::Request;
use crate::kernel::Signal;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::keymap::{BINDINGS, Binding, KeyContext};
use crate::tui::modal::{Choice, ExportFormat, Menu, MenuItem, Modal, Page};
use crate::tui::model::Model;
use crate::tui::place::{Pane, View};
use crate::tui::table::SortKey;
use crate::tui::view;

use super::entries::{action_entries, column_entries, command_entry, entry, signals, word_entry};
use super::opened::open;
use super::{inspect, processes};

fn menu(model: &mut Model, title: String, entries: Vec<MenuItem>, selected: usize) -> Vec<Effect> {
    open(
        model,
        Modal::Menu(Menu {
            title,
            entries,
            selected,
            query: None,
        }),
    );
    Vec::new()
}

/// The help for the pane in focus.
pub(super) fn help(model: &mut Model) -> Vec<Effect> {
    let page = Page {
        title: "help".to_owned(),
        lines: view::help::lines(model),
        ..Page::default()
    };
    open(model, Modal::Page(page));
    Vec::new()
}

/// Whether the processes have the focus: some menus are theirs then.
fn is_of_processes(model: &Model) -> bool {
    model.view == View::Processes && model.focus == Pane::View
}

/// What to sort by.
pub(super) fn sort(model: &mut Model) -> Vec<Effect> {
    if is_of_processes(model) {
        processes::sort_menu(model);
        return Vec::new();
    }
    let entries: Vec<MenuItem> = SortKey::all()
        .map(|key| entry(key.name(), Choice::Sort(key)))
        .collect();
    let selected = SortKey::all()
        .position(|key| key == model.list.sort)
        .unwrap_or(0);
    menu(model, "sort by".to_owned(), entries, selected)
}

/// Which columns the list has.
pub(super) fn columns(model: &mut Model) -> Vec<Effect> {
    if is_of_processes(model) {
        return Vec::new();
    }
    let entries = column_entries(model);
    menu(model, "columns".to_owned(), entries, 0)
}

/// In which format the table is written.
pub(super) fn export(model: &mut Model) -> Vec<Effect> {
    formats(model, "export the table as", Choice::Export)
}

/// In which format the history is written.
pub(super) fn export_past(model: &mut Model) -> Vec<Effect> {
    formats(model, "export the history as", Choice::ExportPast)
}

fn formats(model: &mut Model, title: &str, choice: fn(ExportFormat) -> Choice) -> Vec<Effect> {
    let entries = vec![
        entry("CSV", choice(ExportFormat::Csv)),
        entry("JSON", choice(ExportFormat::Json)),
    ];
    menu(model, title.to_owned(), entries, 0)
}

/// Every action by its name.
pub(super) fn palette(model: &mut Model) -> Vec<Effect> {
    let usable = BINDINGS
        .iter()
        .filter(|b| b.within != Some(KeyContext::Inspect))
        .filter(|b| !(model.read_only && b.action.acts()) && b.action != Action::Palette);
    let line = |b: &Binding| {
        entry(
            &format!("{:<10} {}", b.label, b.help_with_place()),
            Choice::Act(b.action),
        )
    };
    let entries = usable.map(line).collect();
    open(
        model,
        Modal::Menu(Menu {
            title: "do what?".to_owned(),
            entries,
            selected: 0,
            query: Some(String::new()),
        }),
    );
    Vec::new()
}

/// What can be done with the container under the cursor.
pub(super) fn acts(model: &mut Model) -> Vec<Effect> {
    if is_of_processes(model) {
        processes::details(model);
        return Vec::new();
    }
    let Some(container) = model.subject() else {
        return Vec::new();
    };
    let name = container.key.label();
    let entries = action_entries(!model.read_only);
    menu(model, name, entries, 0)
}

/// Its state and configuration.
pub(super) fn inspect(model: &mut Model) -> Vec<Effect> {
    match model.subject().cloned() {
        Some(container) => inspect::open(model, container),
        None => Vec::new(),
    }
}

/// What of it is copied.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    if is_of_processes(model) {
        return processes::copy(model);
    }
    if model.view == View::Leftovers && model.focus == Pane::View {
        return super::leftovers::copy(model);
    }
    let Some(container) = model.subject().cloned() else {
        return Vec::new();
    };
    let (bundle, group) = (container.bundle.iter(), container.cgroups.first());
    let mut entries = vec![
        word_entry("id", container.key.name()),
        word_entry("state", container.key.dir()),
    ];
    entries.extend(bundle.map(|path| word_entry("bundle", path)));
    entries.extend(group.map(|group| word_entry("cgroup", &group.dir)));
    // The same delete from a shell.
    let delete = Remedy::ForceDelete.command(&container.key, model.host_dir());
    entries.extend(delete.map(command_entry));
    let told = container.manager.iter();
    let told = told.flat_map(|managed| managed.commands(Request::Remove));
    entries.extend(told.map(|told| {
        let label = format!("engine   {}", told.command);
        entry(&label, Choice::Copy(told.command))
    }));
    menu(model, "copy".to_owned(), entries, 0)
}

/// Which signal is sent.
pub(super) fn signal(model: &mut Model) -> Vec<Effect> {
    if model.view == View::Processes {
        processes::signal_menu(model);
        return Vec::new();
    }
    if model.subject().is_none() {
        return Vec::new();
    }
    let targets = model.targets();
    let title = match targets.as_slice() {
        [one] => format!("signal to {}", one.key.label()),
        many => format!("signal to {} containers", many.len()),
    };
    let line = |signal: Signal| {
        let label = format!("{:>2} {signal}", signal.0);
        entry(&label, Choice::Signal(targets.clone(), signal))
    };
    let entries = signals().map(line).collect();
    menu(model, title, entries, 0)
}
