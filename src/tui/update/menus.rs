//! Opening what can be chosen from and read: menus, the palette, the help.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::diagnosis::Remedy;
use crate::inventory::manager::Request;
use crate::kernel::Signal;
use crate::text::shell::quoted;
use crate::text::visible_bytes;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::keymap::{BINDINGS, Binding, KeyContext};
use crate::tui::modal::{Choice, ExportFormat, Menu, MenuItem, Modal, Page};
use crate::tui::model::{Model, Pane, View};
use crate::tui::table::{Column, SortKey};
use crate::tui::view;

use super::dialogs::open;
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

/// Opens the dialog that an action asks for.
pub(super) fn open_for(model: &mut Model, action: Action) -> Vec<Effect> {
    if model.view == View::Processes && model.focus == Pane::View {
        match action {
            Action::SortMenu => processes::sort_menu(model),
            Action::Menu => processes::details(model),
            Action::Copy => return processes::copy(model),
            Action::Columns => {}
            _ => return open_dialog(model, action),
        }
        return Vec::new();
    }
    if model.view == View::Leftovers && model.focus == Pane::View && action == Action::Copy {
        return super::leftovers::copy(model);
    }
    open_dialog(model, action)
}

fn open_dialog(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Help => {
            let page = Page {
                title: "help".to_owned(),
                lines: view::help::lines(model),
                ..Page::default()
            };
            open(model, Modal::Page(page));
            Vec::new()
        }
        Action::SortMenu => {
            let entries: Vec<MenuItem> = SortKey::all()
                .map(|key| entry(key.name(), Choice::Sort(key)))
                .collect();
            let selected = SortKey::all()
                .position(|key| key == model.list.sort)
                .unwrap_or(0);
            menu(model, "sort by".to_owned(), entries, selected)
        }
        Action::Columns => {
            let entries = column_entries(model);
            menu(model, "columns".to_owned(), entries, 0)
        }
        Action::Export => formats(model, "export the table as", Choice::Export),
        Action::ExportPast => formats(model, "export the history as", Choice::ExportPast),
        Action::Palette => palette(model),
        _ => open_for_container(model, action),
    }
}

fn formats(model: &mut Model, title: &str, choice: fn(ExportFormat) -> Choice) -> Vec<Effect> {
    let entries = vec![
        entry("CSV", choice(ExportFormat::Csv)),
        entry("JSON", choice(ExportFormat::Json)),
    ];
    menu(model, title.to_owned(), entries, 0)
}

/// Every action by its name.
fn palette(model: &mut Model) -> Vec<Effect> {
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

fn open_for_container(model: &mut Model, action: Action) -> Vec<Effect> {
    if model.view == View::Processes && action == Action::Signal {
        processes::signal_menu(model);
        return Vec::new();
    }
    let Some(container) = model.subject().cloned() else {
        return Vec::new();
    };
    let name = container.key.label();
    match action {
        Action::Menu => {
            let acts = !model.read_only;
            menu(model, name, action_entries(acts), 0)
        }
        Action::Inspect => inspect::open(model, container),
        Action::Copy => {
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
        Action::Signal => {
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
        _ => Vec::new(),
    }
}

/// The signals to choose from, those first that are asked for most.
pub(super) fn signals() -> impl Iterator<Item = Signal> {
    let first = [Signal::TERM, Signal::KILL];
    let rest = Signal::named().filter(move |signal| !first.contains(signal));
    first.into_iter().chain(rest)
}

fn entry(label: &str, choice: Choice) -> MenuItem {
    MenuItem {
        label: label.to_owned(),
        choice,
    }
}

/// A path or a name, drawn escaped; what is copied is a word that a shell takes for its real bytes.
pub(super) fn word_entry(what: &str, word: impl AsRef<OsStr>) -> MenuItem {
    let word = word.as_ref();
    let drawn = visible_bytes(word.as_bytes());
    entry(&format!("{what:<8} {drawn}"), Choice::Copy(quoted(word)))
}

/// A command, which is quoted already and so drawn as it is.
pub(super) fn command_entry(command: String) -> MenuItem {
    entry(&format!("command  {command}"), Choice::Copy(command))
}

pub(super) fn column_entries(model: &Model) -> Vec<MenuItem> {
    let optional = Column::ALL.into_iter().skip(2);
    optional
        .map(|column| {
            let mark = if model.list.hidden.contains(&column) {
                "[ ]"
            } else {
                "[x]"
            };
            entry(&format!("{mark} {}", column.name()), Choice::Column(column))
        })
        .collect()
}

/// The action menu. Its first line is the harmless one.
fn action_entries(acts: bool) -> Vec<MenuItem> {
    let look = [
        (Action::Details, "details"),
        (Action::Usage, "usage"),
        (Action::Inspect, "inspect state and configuration"),
        (Action::Why, "why is it stuck"),
        (Action::Copy, "copy id, path or command"),
    ];
    let change = [
        (Action::Pause, "pause or resume"),
        (Action::Stop, "stop ..."),
        (Action::Signal, "send a signal ..."),
        (Action::Start, "start"),
        (Action::Delete, "delete ..."),
    ];
    let key = |action| {
        BINDINGS
            .iter()
            .find(|b| b.action == action)
            .map_or(" ", |b| b.label)
    };
    let line = |(action, label): (Action, &str)| {
        entry(&format!("{}  {label}", key(action)), Choice::Act(action))
    };
    let change = change.into_iter().filter(|_| acts);
    look.into_iter().chain(change).map(line).collect()
}
