//! The lines of menus.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::kernel::Signal;
use crate::text::shell::quoted;
use crate::text::visible_bytes;
use crate::tui::action::Action;
use crate::tui::keymap::BINDINGS;
use crate::tui::modal::{Choice, MenuItem};
use crate::tui::model::Model;
use crate::tui::table::Column;

/// The signals to choose from, those first that are asked for most.
pub(super) fn signals() -> impl Iterator<Item = Signal> {
    let first = [Signal::TERM, Signal::KILL];
    let rest = Signal::named().filter(move |signal| !first.contains(signal));
    first.into_iter().chain(rest)
}

pub(super) fn entry(label: &str, choice: Choice) -> MenuItem {
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
pub(super) fn action_entries(acts: bool) -> Vec<MenuItem> {
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
