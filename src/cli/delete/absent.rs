//! `delete --force` of an id that no state root has: what still carries it, and what would remove that.

use std::fmt;

use crate::cli::Failure;
use crate::inventory::Unread;
use crate::leftovers::{Argument, Carried, Leftover};
use crate::oci::ContainerId;
use crate::text::shell::quoted;

/// Most things of one kind that are told in one message.
const TOLD: usize = 3;

/// An id without a record that is not gone, or of which that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotGone {
    /// Something still carries it.
    Carried(ContainerId, Carried),
    /// What may carry it could not be looked at.
    Unseen(ContainerId, Vec<Unread>),
}

impl NotGone {
    /// What is wrong with an id of which nothing but this is left, if anything is.
    pub(super) fn of(id: &ContainerId, carried: Carried) -> Option<Self> {
        let id = id.clone();
        match () {
            () if !carried.is_none() => Some(Self::Carried(id, carried)),
            () if !carried.unread.is_empty() => Some(Self::Unseen(id, carried.unread)),
            () => None,
        }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure::failed(self.to_string())
    }
}

impl fmt::Display for NotGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carried(id, carried) => {
                let leftovers = carried.leftovers.iter().map(left);
                let monitors = carried.monitors.iter().map(|monitor| {
                    let pid = monitor.pid;
                    format!("{}: once nothing of it lives, kill {pid}", monitor.words())
                });
                let told = some(&leftovers.chain(monitors).collect::<Vec<_>>(), "; ");
                write!(
                    f,
                    "container {id}: no state root has it, and it is not gone: {told}"
                )
            }
            Self::Unseen(id, unread) => {
                let unread: Vec<String> = unread.iter().map(Unread::words).collect();
                let unread = some(&unread, ", ");
                write!(
                    f,
                    "container {id}: no state root has it; what may be left of it could not all be \
                     looked at: {unread}"
                )
            }
        }
    }
}

/// What is left, and the command that removes it.
fn left(leftover: &Leftover) -> String {
    let path = quoted(leftover.key.dir());
    let pids = leftover.processes.iter().map(i32::to_string);
    let pids: Vec<String> = pids.collect();
    let what = format!(
        "{} {} {}",
        leftover.kind.as_str(),
        leftover.place(),
        leftover.reason()
    );
    let owner = leftover.arguments.iter().find_map(|argument| {
        let Argument::Known(owner) = argument else {
            return None;
        };
        Some(owner.words())
    });
    match (owner, leftover.populated) {
        (Some(owner), true) if !pids.is_empty() => {
            format!("{what}, and {owner}: kill -KILL {}", pids.join(" "))
        }
        (Some(owner), _) => format!("{what}, and {owner}"),
        (None, true) => format!("{what}: ocitop leftovers clean --kill {path}"),
        (None, false) => format!("{what}: ocitop leftovers clean {path}"),
    }
}

/// The first of them, and how many more there are.
fn some(all: &[String], between: &str) -> String {
    let told: Vec<&str> = all.iter().take(TOLD).map(String::as_str).collect();
    match all.len().saturating_sub(TOLD) {
        0 => told.join(between),
        more => format!("{}{between}and {more} more", told.join(between)),
    }
}
