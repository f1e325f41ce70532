//! Processes in what is left: whether anybody accounts for them.

use std::path::Path;

use super::cgroups::MOST_PIDS;
use super::search::LeftoverSearch;
use crate::inventory::author::Author;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::members;
use crate::inventory::owners::{Owner, ToldProcess};
use crate::kernel::read::kernel_text;
use crate::lifecycle::{Accounted, procs};

impl LeftoverSearch<'_> {
    /// Whether processes live in a cgroup whose name says nothing, nobody accounts for any of them or
    /// of those below it, and they are few enough to be asked.
    pub(super) fn is_stray(&self, dir: &Path, own: &CgroupDir) -> bool {
        let inside = std::slice::from_ref(own);
        let text = |file: &str| kernel_text(&dir.join(file));
        let listed = members::listed(text).unwrap_or_else(|error| {
            self.miss(dir, &error);
            Vec::new()
        });
        let Some(first) = listed.first() else {
            // That somebody is in it was not read either.
            for file in ["cgroup.events", "tasks"] {
                if let Err(error) = text(file) {
                    self.miss(dir, &error);
                }
            }
            return false;
        };
        // Most are of a live container, which one process of theirs tells.
        if !is_nobodys(
            self.accounted(std::slice::from_ref(first), inside, false)
                .as_ref(),
        ) {
            return false;
        }
        let members = procs::members(self.machine, inside);
        if let Some(unseen) = members.unseen {
            self.missed.borrow_mut().push(unseen);
            return false;
        }
        let pids: Vec<i32> = members.pids.into_iter().collect();
        pids.len() <= MOST_PIDS
            && pids.iter().any(|pid| procs::lives(self.machine, *pid))
            && is_nobodys(self.accounted(&pids, inside, false).as_ref())
    }

    /// Who accounts for one of these processes in these cgroups, if anybody does; `tied` if the name of their cgroup
    /// says that they are a container's. A shim that holds them is told only if nobody else does.
    pub(super) fn accounted(
        &self,
        pids: &[i32],
        inside: &[CgroupDir],
        tied: bool,
    ) -> Option<Accounted> {
        let ask = |pid: &i32| {
            if tied {
                self.accounts.of_tied(*pid, inside)
            } else {
                self.accounts.of(*pid, inside)
            }
        };
        let mut held = None;
        for by in pids.iter().filter_map(ask) {
            if matches!(by, Accounted::Held { .. }) {
                held.get_or_insert(by);
            } else {
                return Some(by);
            }
        }
        held
    }

    /// The shim or monitor that holds a process.
    pub(super) fn held(&self, accounted: Option<Accounted>) -> Option<Owner> {
        match accounted {
            Some(Accounted::Held {
                by: pid, command, ..
            }) => Some(Owner::Process(ToldProcess {
                engine: self.owners.engine_of(pid),
                author: Author::of_process(self.machine, pid).unwrap_or_default(),
                pid,
                command,
            })),
            _ => None,
        }
    }
}

/// Whether nobody accounts for them. Who only holds them is a shim whose container is gone.
fn is_nobodys(accounted: Option<&Accounted>) -> bool {
    matches!(accounted, None | Some(Accounted::Held { .. }))
}
