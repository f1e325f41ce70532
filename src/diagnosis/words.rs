//! English for causes, evidence and remedies: the one place where it is made.

mod cgroup;
mod check;
mod leftover;
mod proof;
mod record;
mod remedy;
mod task;

use std::path::Path;

pub(super) use check::found;
pub(super) use proof::proof;
pub(super) use task::{of_init, of_more, of_neighbour, of_task, of_wait};

use super::cause::StateCause;
use super::evidence::CgroupSeen;
use super::{Cause, Finding};
use crate::cgroup::freezer::Freezer;
use crate::inventory::freezers::FreezersUnseen;
use crate::text::{visible, visible_path};

impl Cause {
    /// A sentence.
    pub fn words(&self) -> String {
        match self {
            Self::State(cause) => cause.words(),
            Self::Task(cause) => cause.words(),
            Self::Cgroup(cause) => cause.words(),
            Self::Record(cause) => cause.words(),
            Self::Host(cause) => cause.words(),
            Self::Leftover(cause) => cause.words(),
        }
    }
}

/// `1 process`, `3 processes`.
fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

pub(super) fn processes(number: usize) -> String {
    count(number, "process", "processes")
}

/// `pid 7`, `pids 7, 8`.
fn pids(pids: &[i32]) -> String {
    let list: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let word = if list.len() == 1 { "pid" } else { "pids" };
    format!("{word} {}", list.join(", "))
}

fn path(path: &Path) -> String {
    visible_path(path)
}

/// The verdict on a container that runs: what it suffers from, or else that nothing keeps it from
/// being deleted, as far as that was looked at.
pub(super) fn of_running(running: &Cause, ails: &[&Finding], unseen: usize) -> String {
    let running = running.words();
    match (ails, unseen) {
        ([first, rest @ ..], _) => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            format!("{running}, but: {}{more}", first.cause.words())
        }
        ([], 0) => format!("{running}, and nothing keeps it from being deleted"),
        ([], unseen) => {
            let checks = count(unseen, "check was", "checks were");
            format!(
                "{running}, and nothing was seen that keeps it from being deleted; {checks} not made"
            )
        }
    }
}

impl StateCause {
    fn words(&self) -> String {
        match self {
            Self::Running { pid, processes } => {
                format!("it runs (init pid {pid}, {})", self::processes(*processes))
            }
            Self::Created { pid } => format!("created: init pid {pid} waits for its start"),
            Self::Creating => "it is being created, or that was broken off half-way".to_owned(),
            Self::Paused { cgroup } => {
                format!("paused: its own freezer is set ({})", path(cgroup))
            }
            Self::Stopped { pid, left } => {
                let init = pid.map_or_else(
                    || "no init of it is known".to_owned(),
                    |pid| format!("its init, pid {pid}, is gone"),
                );
                let rest = match left {
                    None => "and whether anything of it lives was not all looked at".to_owned(),
                    Some(0) => "nothing of it lives".to_owned(),
                    Some(1) => "1 process lives on".to_owned(),
                    Some(left) => format!("{left} processes live on"),
                };
                format!("stopped: {init}, {rest}")
            }
            Self::OutOfSight { why } => {
                format!(
                    "whether it lives cannot be known from here: {}",
                    why.words()
                )
            }
            Self::Unknown { condition } => {
                format!("it is {condition}, and nothing was seen that says why")
            }
        }
    }
}

/// Who is in a cgroup.
pub(super) fn of_members(cgroup: &CgroupSeen) -> String {
    format!("{}: {}", path(&cgroup.dir), processes(cgroup.processes))
}

/// What the files of a freezer say.
pub(super) fn of_freezer(cgroup: &CgroupSeen) -> String {
    let word = match cgroup.freezer {
        Some(Freezer::Frozen) => "frozen by its own setting",
        Some(Freezer::Freezing) => "being frozen",
        Some(Freezer::FrozenAbove) => "frozen with a cgroup above",
        Some(Freezer::Thawed) | None => "thawed",
    };
    format!(
        "{}: {word}, {}",
        path(&cgroup.dir),
        processes(cgroup.processes)
    )
}

/// Why the freezers over a task cannot be told.
pub(super) fn of_unseen(why: &FreezersUnseen) -> String {
    match why {
        FreezersUnseen::NotAsked => "nobody looked at it".to_owned(),
        FreezersUnseen::NoMembership => "which cgroup it is in cannot be read".to_owned(),
        FreezersUnseen::Exiting => {
            "it is on its way out, and its cgroup is not told any more".to_owned()
        }
        FreezersUnseen::NotMounted => "the v1 freezer is not mounted here".to_owned(),
        FreezersUnseen::OutOfReach(place) => {
            format!("{} is not below what is mounted here", path(place))
        }
        FreezersUnseen::Unreadable(dir) => format!("{} cannot be read", path(dir)),
        FreezersUnseen::TooMany => "it has more threads than are looked at".to_owned(),
    }
}

/// What the pids controller says.
pub(super) fn of_pids(cgroup: &CgroupSeen) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let limit = cgroup
        .pids_limit
        .map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    format!(
        "{}: pids.current {}, pids.max {limit}, forks refused {} (just now {})",
        path(&cgroup.dir),
        number(cgroup.pids),
        number(cgroup.counts.forks_refused),
        cgroup.since.forks_refused.unwrap_or(0)
    )
}

/// Text of a machine in the middle of a sentence.
fn name(text: &str) -> String {
    visible(text)
}
