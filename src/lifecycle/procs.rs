//! Who lives in a container: read afresh each time, because members come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cgroup::Version;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
pub use crate::inventory::members::Members;
use crate::inventory::members::{leaving, populated};

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
pub fn family(machine: &Machine, init: i32) -> BTreeSet<i32> {
    let namespace = |pid: &str| std::fs::read_link(machine.proc.join(pid).join("ns/pid")).ok();
    let theirs =
        namespace(&init.to_string()).filter(|theirs| namespace("self").as_ref() != Some(theirs));
    let mut parents = Vec::new();
    let mut family = BTreeSet::from([init]);
    for entry in std::fs::read_dir(&machine.proc)
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Ok(Some(stat)) = machine.stat(pid) {
            parents.push((pid, stat.ppid));
        }
        if theirs.is_some() && namespace(&pid.to_string()) == theirs {
            family.insert(pid);
        }
    }
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (pid, parent) in parents {
        children.entry(parent).or_default().push(pid);
    }
    let mut todo: Vec<i32> = family.iter().copied().collect();
    while let Some(pid) = todo.pop() {
        let below = children.get(&pid).into_iter().flatten();
        todo.extend(below.filter(|pid| family.insert(**pid)));
    }
    family
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
