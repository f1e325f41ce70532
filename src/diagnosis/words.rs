//! English for causes, evidence and remedies: the one place where it is made.

mod cgroup;
mod check;
mod leftover;
mod parts;
mod proof;
mod record;
mod remedy;
mod state;
mod task;

pub(super) use check::found;
pub(super) use parts::{of_freezer, of_members, of_pids, of_unseen, processes};
pub(super) use proof::proof;
pub(super) use state::of_running;
pub(super) use task::{of_init, of_more, of_neighbour, of_task, of_wait};

use super::cause::Cause;

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
