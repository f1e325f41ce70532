//! Who lives in a container: read afresh each time, because members come and go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::process_table::ProcessTable;
use crate::cgroup::Version;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
pub use crate::inventory::members::Members;
use crate::inventory::members::{leaving, pid_namespace, populated};

/// Every process of these cgroups and those below, in every hierarchy.
pub fn members(machine: &Machine, cgroups: &[CgroupDir]) -> Members {
    let mut members = Members::default();
    for cgroup in cgroups {
        members.add(&cgroup.dir(&machine.hierarchies));
    }
    members
}

/// What lives in cgroups, where no process of theirs is listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unlisted {
    /// The cgroups of v2 that the kernel calls populated.
    pub populated: Vec<PathBuf>,
    /// The processes that exit and are still members, of those of which it does not say.
    pub leaving: Vec<i32>,
}

impl Unlisted {
    /// Asks the kernel. Costs a file for each cgroup of v2; on v1 there is nothing to ask.
    pub fn of(machine: &Machine, cgroups: &[CgroupDir]) -> Self {
        let mut found = Self::default();
        let mut silent = Vec::new();
        for cgroup in cgroups {
            let version = machine.hierarchies.at(cgroup.hierarchy).map(|h| h.version);
            let dir = cgroup.dir(&machine.hierarchies);
            match populated(&dir) {
                _ if version != Some(Version::V2) => {}
                Some(true) => found.populated.push(dir),
                None if dir.exists() => silent.push(cgroup.clone()),
                Some(false) | None => {}
            }
        }
        if !silent.is_empty() {
            found.leaving = leaving(machine, &silent).into_iter().collect();
        }
        found
    }

    /// Whether nothing does.
    pub fn is_empty(&self) -> bool {
        self.populated.is_empty() && self.leaving.is_empty()
    }

    /// The processes. Asks every process of the host.
    pub fn pids(&self, machine: &Machine, cgroups: &[CgroupDir]) -> Vec<i32> {
        match &self.populated[..] {
            [] => self.leaving.clone(),
            _ => leaving(machine, cgroups).into_iter().collect(),
        }
    }
}

/// A process, its descendants by parent, and every member of its pid namespace if that is not
/// ocitop's own; for containers without a cgroup.
pub fn family(machine: &Machine, init: i32) -> Members {
    let own = std::fs::read_link(machine.proc.join("self/ns/pid")).ok();
    let theirs = pid_namespace(machine, init).filter(|theirs| own.as_ref() != Some(theirs));
    let look = ProcessTable::once(machine);
    let is_inside = |pid: &i32| theirs.is_some() && pid_namespace(machine, *pid) == theirs;
    let mut pids = BTreeSet::from([init]);
    pids.extend(look.stats.keys().copied().filter(is_inside));
    let mut todo: Vec<i32> = pids.iter().copied().collect();
    while let Some(pid) = todo.pop() {
        let below = look.children.get(&pid).into_iter().flatten();
        todo.extend(below.filter(|pid| pids.insert(**pid)));
    }
    Members {
        pids,
        unseen: look.unseen,
    }
}

/// Whether a process lives: it exists and is more than an unreaped zombie. One that cannot be read
/// may be more.
pub fn lives(machine: &Machine, pid: i32) -> bool {
    match machine.stat(pid) {
        Ok(Some(stat)) => !stat.is_dead(),
        Ok(None) => false,
        Err(_) => true,
    }
}
