//! What of the host can be seen from here.
//!
//! "Stopped", "gone", "none" and "certain" are conclusions from absence, and absence proves something
//! only where ocitop would have seen the thing. In a container with pids of its own a pid that is not
//! found may live outside; with one's own part of the cgroups mounted, a cgroup that is not found may
//! stand next to it. [`Sight`] says which of these looks count. It is made once for a
//! [`Machine`](super::Machine), and whoever concludes from `ENOENT` or `ESRCH` asks it first.
//!
//! The host's own namespaces have fixed numbers (`include/linux/proc_ns.h`). Another pid namespace may
//! still be the one the runtimes run in, as in a node of kind or in LXC. That cannot be told from the
//! namespace, only from a root: where a container of it is found alive, by its recorded pid, start time
//! and cgroup, the root was written by somebody with this very view ([`Sight::trust`]).

mod facts;
mod own;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cgroup::{Hierarchies, Hierarchy, Version};
use crate::oci::RecordedCgroup;
pub use facts::{Proc, SightFacts, is_procfs};
pub use own::is_own;

/// Why something that is not found may be there all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfSight {
    /// ocitop runs in a pid namespace of its own: the pids of records are another's.
    PidNamespace,
    /// procfs shows the pids of another namespace than ocitop's: they can be read, not signalled.
    ProcOfAnother,
    /// procfs is not mounted, or cannot be read.
    NoProc,
    /// procfs hides the processes of other users (`hidepid`), or refuses to show this one.
    Hidden,
    /// The cgroup namespace is not the host's.
    CgroupNamespace,
    /// Only a part of the hierarchy is mounted here.
    CgroupPart,
    /// The hierarchy is not mounted here.
    CgroupNotMounted,
    /// What is mounted here cannot be read, and so not which hierarchies are.
    MountsUnread,
    /// A look at the cgroup itself fails, and not because it is gone.
    CgroupUnreadable,
    /// The system does not let its record be read, though it is there.
    RecordUnread,
    /// A look at its process fails, and not because it is gone.
    ProcessUnread,
    /// The mount namespace is not the host's: what is mounted there may not be mounted here.
    MountNamespace,
    /// Whose mount namespace it is cannot be told.
    MountNamespaceUnknown,
}

impl OutOfSight {
    /// In words, as the end of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::PidNamespace => "ocitop runs in a pid namespace of its own",
            Self::ProcOfAnother => "/proc shows another pid namespace than ocitop's",
            Self::NoProc => "/proc cannot be read",
            Self::Hidden => "/proc hides processes of other users",
            Self::CgroupNamespace => "ocitop runs in a cgroup namespace of its own",
            Self::CgroupPart => "only a part of the cgroups is mounted here",
            Self::CgroupNotMounted => "not all cgroup hierarchies are mounted here",
            Self::MountsUnread => "/proc/self/mountinfo cannot be read",
            Self::CgroupUnreadable => "a look at it fails",
            Self::RecordUnread => "its record cannot be read",
            Self::ProcessUnread => "a look at its process fails",
            Self::MountNamespace => "ocitop runs in a mount namespace of its own",
            Self::MountNamespaceUnknown => "it cannot be told whether these are the host's mounts",
        }
    }

    /// In two words, for a header.
    pub fn badge(self) -> &'static str {
        match self {
            Self::PidNamespace => "own pids",
            Self::ProcOfAnother => "other's pids",
            Self::NoProc => "no /proc",
            Self::Hidden => "hidden pids",
            Self::CgroupNamespace => "own cgroups",
            Self::CgroupPart => "part of cgroups",
            Self::CgroupNotMounted => "unmounted cgroups",
            Self::MountsUnread => "unread mounts",
            Self::CgroupUnreadable => "unread cgroups",
            Self::RecordUnread => "unread record",
            Self::ProcessUnread => "unread pids",
            Self::MountNamespace | Self::MountNamespaceUnknown => "own mounts",
        }
    }

    /// What would let ocitop see it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PidNamespace | Self::ProcOfAnother | Self::NoProc => {
                "run ocitop with the host's pids (docker run --pid=host, hostPID: true)"
            }
            Self::Hidden => "run ocitop as root, or with CAP_SYS_PTRACE",
            Self::CgroupNamespace | Self::CgroupPart | Self::CgroupNotMounted => {
                "run ocitop with the host's cgroups (docker run --cgroupns=host -v /:/host, \
                 and --host /host)"
            }
            Self::MountsUnread => {
                "read it yourself (cat /proc/self/mountinfo), and see why that fails"
            }
            Self::CgroupUnreadable => "look at its cgroup yourself (stat), and why that fails",
            Self::RecordUnread => "read its state file yourself (cat), and see why that fails",
            Self::ProcessUnread => {
                "look at its process yourself (cat /proc/PID/stat), and why that fails"
            }
            Self::MountNamespace | Self::MountNamespaceUnknown => {
                "mount the host's file systems and name them (-v /:/host, --host /host)"
            }
        }
    }
}

/// Cgroups that cannot be looked at from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupsOutOfSight {
    /// Their hierarchies, by controllers.
    pub hierarchies: Vec<String>,
    /// Why not.
    pub why: OutOfSight,
}

impl CgroupsOutOfSight {
    /// In words, as the end of a sentence.
    pub fn words(&self) -> String {
        format!(
            "its cgroups ({}) cannot be looked at from here: {}",
            self.hierarchies.join(", "),
            self.why.words()
        )
    }
}

/// What of the host can be seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    pids: Option<OutOfSight>,
    /// Processes exist that procfs does not show; each is asked for by kill(2) with signal 0.
    hides: bool,
    /// Each hierarchy that is there and not whole here.
    cgroups: Vec<(String, OutOfSight)>,
    /// Which hierarchies there are could not be read: any may be out of sight.
    unlisted: bool,
    mounts: Option<OutOfSight>,
    trusted: BTreeSet<PathBuf>,
}

impl Sight {
    /// Everything: a tree that stands for a machine, and in tests.
    pub fn whole() -> Self {
        Self::default()
    }

    /// What the facts say.
    pub fn of(facts: &SightFacts, hierarchies: &Hierarchies) -> Self {
        // A plain tree in place of procfs stands for a whole machine.
        if facts.proc == Proc::Tree {
            return Self::whole();
        }
        let pids = pids(facts);
        let nested = pids == Some(OutOfSight::PidNamespace);
        let foreign = match facts.cgroup_namespace {
            Some(own) if own == facts::INITIAL_CGROUP => false,
            // Beside the pid 1 of a container, its cgroup namespace says nothing of the host's.
            Some(own) => nested || facts.cgroup_namespace_of_1 != Some(own),
            None => facts.has_cgroup_namespaces,
        };
        Self {
            pids,
            hides: facts.hides,
            cgroups: cgroups(facts, hierarchies, foreign),
            unlisted: facts.active_unread,
            mounts: mounts(facts, nested),
            trusted: BTreeSet::new(),
        }
    }

    /// Takes a root's records for those of this very view: its pids and cgroups are the ones here.
    pub fn trust(&mut self, root: &Path) {
        self.trusted.insert(root.to_owned());
    }

    /// Whether any look is in doubt, other than at mounts.
    pub fn is_whole(&self) -> bool {
        self.pids.is_none() && self.cgroups.is_empty() && !self.unlisted
    }

    /// Whether a record of `root` may be of pids that are not these.
    pub fn pids(&self, root: &Path) -> Option<OutOfSight> {
        match self.pids {
            Some(OutOfSight::PidNamespace) if self.trusted.contains(root) => None,
            pids => pids,
        }
    }

    /// Why what seems to have no owner, in a state root or beside one, may have one.
    pub fn doubt(&self, root: &Path) -> Option<OutOfSight> {
        if self.trusted.contains(root) {
            return None;
        }
        let cgroup = self.cgroups.first().map(|(_, why)| *why);
        let unlisted = self.unlisted.then_some(OutOfSight::CgroupUnreadable);
        self.processes().or(cgroup).or(unlisted)
    }

    /// Why processes cannot be signalled by the pids that procfs shows.
    pub fn signals(&self) -> Option<OutOfSight> {
        self.pids
            .filter(|why| matches!(why, OutOfSight::ProcOfAnother | OutOfSight::NoProc))
    }

    /// Why a process that no root tells of may not be seen.
    pub fn processes(&self) -> Option<OutOfSight> {
        self.pids.or(self.hides.then_some(OutOfSight::Hidden))
    }

    /// Whether procfs may hide a process that exists.
    pub fn hides(&self) -> bool {
        self.hides
    }

    /// Why a path of the host that is not found may be there.
    pub fn mounts(&self) -> Option<OutOfSight> {
        self.mounts
    }

    /// The hierarchies that are there and cannot be looked at whole.
    pub fn cgroups(&self) -> &[(String, OutOfSight)] {
        &self.cgroups
    }

    /// Which of the cgroups that a record of `root` names cannot be looked at.
    pub fn unseen(
        &self,
        root: &Path,
        recorded: &RecordedCgroup,
        hierarchies: &Hierarchies,
    ) -> Option<CgroupsOutOfSight> {
        if self.unlisted && *recorded != RecordedCgroup::Disabled {
            return Some(CgroupsOutOfSight {
                hierarchies: vec!["any".to_owned()],
                why: OutOfSight::CgroupUnreadable,
            });
        }
        if self.cgroups.is_empty() || self.trusted.contains(root) {
            return None;
        }
        let named = |label: &str| match recorded {
            RecordedCgroup::Disabled => false,
            RecordedCgroup::PerController(paths) => {
                paths.iter().any(|(controller, _)| is_of(label, controller))
            }
            // Named once for all hierarchies, or not at all. A named one that some container made
            // for itself is none the runtimes know of; nor is v1 beside a whole v2, or v2 beside v1.
            RecordedCgroup::Everywhere(_)
            | RecordedCgroup::SliceOrLiteral(_)
            | RecordedCgroup::Unknown => {
                let v1 = hierarchies.v1().next().is_some();
                match label {
                    UNIFIED => !v1,
                    _ if !v1 && hierarchies.v2().is_some() => false,
                    label => !label.starts_with("name=") || label == "name=systemd",
                }
            }
        };
        let unseen = self.cgroups.iter().filter(|(label, _)| named(label));
        let unseen: Vec<&(String, OutOfSight)> = unseen.collect();
        let (_, why) = unseen.first()?;
        Some(CgroupsOutOfSight {
            hierarchies: unseen.iter().map(|(label, _)| label.clone()).collect(),
            why: *why,
        })
    }

    /// Everything that is in doubt, each once, for people.
    pub fn doubts(&self) -> Vec<OutOfSight> {
        let cgroups = self.cgroups.iter().map(|(_, why)| *why);
        let hidden = self.hides.then_some(OutOfSight::Hidden);
        let all = self.pids.into_iter().chain(hidden).chain(cgroups);
        let mut doubts: Vec<OutOfSight> = all.chain(self.mounts).collect();
        let mut seen = BTreeSet::new();
        doubts.retain(|doubt| seen.insert(*doubt));
        doubts
    }
}

/// How the v2 hierarchy is called.
const UNIFIED: &str = "unified";

/// Whether a controller of a record (`""` is v2) is one of a hierarchy's.
fn is_of(label: &str, controller: &str) -> bool {
    match controller {
        "" => label == UNIFIED,
        name => label.split(',').any(|one| one == name),
    }
}

fn pids(facts: &SightFacts) -> Option<OutOfSight> {
    if facts.proc == Proc::Missing {
        return Some(OutOfSight::NoProc);
    }
    // procfs of an outer namespace tells every pid of this process, of a foreign one none.
    if facts.self_link != Some(facts.own_pid) || facts.pids_of_self != Some(1) {
        return Some(OutOfSight::ProcOfAnother);
    }
    match facts.pid_namespace {
        Some(facts::INITIAL_PID) => None,
        // A kernel without pid namespaces has no link.
        None if !facts.has_pid_namespaces => None,
        _ => Some(OutOfSight::PidNamespace),
    }
}

fn mounts(facts: &SightFacts, nested: bool) -> Option<OutOfSight> {
    match (facts.mount_namespace, facts.mount_namespace_of_1) {
        (Some(own), Some(first)) if own == first && !nested => None,
        (Some(own), _) if facts::INITIAL_MOUNT.contains(&own) => None,
        (Some(_), Some(_)) => Some(OutOfSight::MountNamespace),
        (Some(_), None) if nested => Some(OutOfSight::MountNamespace),
        _ => Some(OutOfSight::MountNamespaceUnknown),
    }
}

/// The hierarchies that exist, and what is wrong with the view of each.
fn cgroups(
    facts: &SightFacts,
    hierarchies: &Hierarchies,
    foreign: bool,
) -> Vec<(String, OutOfSight)> {
    let mut unseen = Vec::new();
    // A tree that stands for all of them (`--cgroup-root`) is whole.
    if hierarchies.iter().next().is_some() && facts.real_mounts.is_empty() {
        return unseen;
    }
    for active in &facts.active {
        let found = hierarchies
            .iter()
            .find(|hierarchy| is_it(hierarchy, active));
        let why = match found {
            None if facts.mounts_unread => Some(OutOfSight::MountsUnread),
            None => Some(OutOfSight::CgroupNotMounted),
            // A tree that stands for a hierarchy is whole.
            Some(hierarchy) if !facts.real_mounts.contains(&hierarchy.mount) => None,
            Some(_) if foreign => Some(OutOfSight::CgroupNamespace),
            // A part of it may be mounted there.
            Some(_) if facts.mounts_unread => Some(OutOfSight::MountsUnread),
            Some(hierarchy) if hierarchy.root != Path::new("/") => Some(OutOfSight::CgroupPart),
            Some(_) => None,
        };
        unseen.extend(why.map(|why| (active.clone(), why)));
    }
    // A v2 mount without a line in /proc/self/cgroup cannot be; v1 that was never joined can.
    unseen
}

/// Whether a hierarchy is the one that `/proc/PID/cgroup` names by these controllers.
fn is_it(hierarchy: &Hierarchy, active: &str) -> bool {
    match hierarchy.version {
        Version::V2 => active == UNIFIED,
        Version::V1 => active
            .split(',')
            .any(|name| hierarchy.controllers.iter().any(|own| own == name)),
    }
}

#[cfg(test)]
mod tests;
