//! What is said of how a container is.

use super::parts::{count, path};
use crate::diagnosis::cause::{Cause, StateCause};
use crate::diagnosis::finding::Finding;

/// The verdict on a container that runs: what it suffers from, or else that nothing keeps it from
/// being deleted, as far as that was looked at.
pub(in crate::diagnosis) fn of_running(
    running: &Cause,
    ails: &[&Finding],
    unseen: usize,
) -> String {
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
    pub(super) fn words(&self) -> String {
        match self {
            Self::Running { pid, processes } => {
                format!(
                    "it runs (init pid {pid}, {})",
                    super::parts::processes(*processes)
                )
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
