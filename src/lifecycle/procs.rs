//! Who lives in a container: read afresh each time, because members come and go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Survivor;
use crate::cgroup::Version;
use crate::cgroup::freezer::Freezer;
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, freezer_at};
use crate::inventory::members::{home_of_leaving, leaving, populated};
pub use crate::inventory::members::{procs, tree};
use crate::kernel::read::kernel_text;

/// Every process of these cgroups and those below, in every hierarchy. A process outside this pid
/// namespace reads as 0 and is left out: signal 0's target would be ocitop's own group.
pub fn members(machine: &Machine, cgroups: &[CgroupDir]) -> BTreeSet<i32> {
    let mut pids = BTreeSet::new();
    for cgroup in cgroups {
        for dir in tree(&cgroup.dir(&machine.hierarchies)) {
            pids.extend(procs(&dir));
        }
    }
    pids
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
    loop {
        let children = parents.iter().filter(|(_, parent)| family.contains(parent));
        let found: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        let before = family.len();
        family.extend(found);
        if family.len() == before {
            return family;
        }
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

/// What is known of a process that did not die.
pub fn survivor(machine: &Machine, pid: i32, cgroups: &[CgroupDir]) -> Option<Survivor> {
    let stat = machine.stat(pid).ok().flatten()?;
    let wchan = kernel_text(&machine.pid_file(pid, "wchan")).ok().flatten();
    let holders: Vec<(PathBuf, Version)> = cgroups
        .iter()
        .flat_map(|cgroup| {
            let version = machine.hierarchies.at(cgroup.hierarchy).map(|h| h.version);
            let dirs = tree(&cgroup.dir(&machine.hierarchies)).into_iter();
            dirs.filter_map(move |dir| Some((dir, version?)))
        })
        .filter(|(dir, _)| procs(dir).contains(&pid))
        .collect();
    let frozen = holders.iter().any(|(dir, version)| {
        matches!(
            freezer_at(dir, *version),
            Some(Freezer::Frozen | Freezer::FrozenAbove)
        )
    });
    let home = || {
        let (cgroup, below) = home_of_leaving(machine, pid, &stat, cgroups)?;
        // The path of the cgroup itself is empty, and would end it with a `/`.
        Some(
            cgroup
                .dir(&machine.hierarchies)
                .components()
                .chain(below.components())
                .collect(),
        )
    };
    Some(Survivor {
        pid,
        command: crate::text::visible_bytes(&stat.comm),
        state: stat.state,
        wchan: wchan.filter(|name| !name.is_empty() && name != "0"),
        frozen,
        cgroup: holders.into_iter().next().map(|(dir, _)| dir).or_else(home),
    })
}
