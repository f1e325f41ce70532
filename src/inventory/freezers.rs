//! The freezers over one task: of the cgroup that `/proc/PID/cgroup` names, and of each above it
//! (freezer-subsystem.rst, cgroup-v2.rst "Core Interface Files").
//!
//! A task is frozen where it is, which need not be the cgroup that a record names: another tool can
//! have moved it. What the kernel shows of a task does not tell: on v1 a frozen sleeper is in D and
//! waits in whatever it slept in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Machine;
use super::cgroups::freezer_at;
use crate::cgroup::freezer::Freezer;
use crate::cgroup::{CgroupPath, Hierarchy, Membership, Version};
use crate::kernel::read::{kernel_file, kernel_words};

/// A cgroup whose own setting freezes what is in it and below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenAt {
    /// Its directory.
    pub dir: PathBuf,
    /// v1 or v2.
    pub version: Version,
    /// The freeze has come to its end. Until then one task is frozen and another is not.
    pub done: bool,
}

/// What the freezers over a task say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezersOver {
    /// The cgroups that freeze it, or are about to; the nearest first.
    pub set: Vec<FrozenAt>,
    /// It is frozen, and none of the cgroups that are seen from here does that.
    pub hidden: bool,
    /// Why not all of them were looked at.
    pub unseen: Option<FreezersUnseen>,
}

impl Default for FreezersOver {
    /// Nothing was looked at.
    fn default() -> Self {
        Self {
            unseen: Some(FreezersUnseen::NotAsked),
            ..Self::THAWED
        }
    }
}

/// Why the freezers over a task cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezersUnseen {
    /// Nobody asked.
    NotAsked,
    /// `/proc/PID/cgroup` cannot be read, or does not name the hierarchy.
    NoMembership,
    /// On its way out: every v1 hierarchy reads as the root then.
    Exiting,
    /// The v1 freezer has no mount here.
    NotMounted,
    /// The cgroup it is in is not below what is mounted here.
    OutOfReach(PathBuf),
    /// The files of this cgroup cannot be read.
    Unreadable(PathBuf),
    /// It has more threads than were looked at.
    TooMany,
}

impl FreezersOver {
    /// All were looked at, and none freezes it.
    pub const THAWED: Self = Self {
        set: Vec::new(),
        hidden: false,
        unseen: None,
    };

    /// Whether it is frozen beyond doubt: nothing that it waits for matters before the thaw.
    pub fn holds(&self) -> bool {
        self.hidden || self.set.iter().any(|at| at.done)
    }

    /// What the freezers over another task of the same process say besides.
    pub fn add(&mut self, other: Self) {
        for at in other.set {
            if !self.set.contains(&at) {
                self.set.push(at);
            }
        }
        self.hidden |= other.hidden;
        self.unseen = self.unseen.take().or(other.unseen);
    }
}

/// Reads freezers, each once.
#[derive(Debug)]
pub struct Freezers<'a> {
    machine: &'a Machine,
    known: HashMap<PathBuf, Option<Freezer>>,
}

impl<'a> Freezers<'a> {
    /// Of this machine, as it is now.
    pub fn new(machine: &'a Machine) -> Self {
        Self {
            machine,
            known: HashMap::new(),
        }
    }

    /// Over a process, told by its first thread.
    pub fn over(&mut self, pid: i32, exiting: bool) -> FreezersOver {
        let membership = self.machine.membership(pid);
        self.of(membership.as_ref(), exiting)
    }

    /// Over threads of a process, which v1 lets be in cgroups of their own.
    pub fn over_threads(&mut self, pid: i32, tids: &[i32]) -> FreezersOver {
        let mut over = FreezersOver::THAWED;
        for tid in tids {
            over.add(self.over_thread(pid, *tid));
        }
        over
    }

    /// Over one thread of a process.
    pub fn over_thread(&mut self, pid: i32, tid: i32) -> FreezersOver {
        let file = self.machine.pid_file(pid, &format!("task/{tid}/cgroup"));
        let membership = kernel_file(&file).ok();
        let membership = membership.map(|bytes| Membership::parse(&bytes));
        self.of(membership.as_ref(), false)
    }

    fn of(&mut self, membership: Option<&Membership>, exiting: bool) -> FreezersOver {
        let mut over = FreezersOver::THAWED;
        let Some(membership) = membership else {
            over.unseen = Some(FreezersUnseen::NoMembership);
            return over;
        };
        let machine = self.machine;
        for hierarchy in machine.hierarchies.iter().filter(|one| freezes(one)) {
            over.add(self.in_hierarchy(hierarchy, membership, exiting));
        }
        let elsewhere =
            membership.has("freezer") && machine.hierarchies.controller("freezer").is_none();
        if elsewhere {
            over.unseen = over.unseen.or(Some(FreezersUnseen::NotMounted));
        }
        over
    }

    fn in_hierarchy(
        &mut self,
        hierarchy: &Hierarchy,
        membership: &Membership,
        exiting: bool,
    ) -> FreezersOver {
        let mut over = FreezersOver::THAWED;
        let Some(raw) = membership.raw(hierarchy) else {
            over.unseen = Some(FreezersUnseen::NoMembership);
            return over;
        };
        let Some(own) = hierarchy.path_in_mount(raw) else {
            over.unseen = Some(FreezersUnseen::OutOfReach(raw.to_owned()));
            return over;
        };
        if own.is_root() {
            over.unseen =
                (exiting && hierarchy.version == Version::V1).then_some(FreezersUnseen::Exiting);
            return over;
        }
        let mut inherited = false;
        let upwards = std::iter::successors(Some(own), CgroupPath::parent);
        for path in upwards.take_while(|path| !path.is_root()) {
            let dir = hierarchy.dir(&path);
            let freezer = self.freezer(&dir, hierarchy.version);
            match freezer {
                Some(Freezer::Freezing) if inherits(&dir, hierarchy.version) => inherited = true,
                Some(Freezer::FrozenAbove) => inherited = true,
                Some(Freezer::Frozen | Freezer::Freezing) => over.set.push(FrozenAt {
                    dir,
                    version: hierarchy.version,
                    done: freezer == Some(Freezer::Frozen),
                }),
                Some(Freezer::Thawed) => {}
                None if cannot_freeze(&dir, hierarchy.version) => {}
                None => over.unseen = over.unseen.or(Some(FreezersUnseen::Unreadable(dir))),
            }
        }
        // A freeze that is under way is told by the cgroup that it is of.
        over.hidden = inherited && over.set.is_empty();
        over
    }

    fn freezer(&mut self, dir: &Path, version: Version) -> Option<Freezer> {
        let known = self.known.get(dir).copied();
        known.unwrap_or_else(|| {
            let read = freezer_at(dir, version);
            self.known.insert(dir.to_owned(), read);
            read
        })
    }
}

/// Whether a freeze that has not come to its end is that of a cgroup above (v1).
fn inherits(dir: &Path, version: Version) -> bool {
    let own = || {
        kernel_words(&dir.join("freezer.self_freezing"))
            .ok()
            .flatten()
    };
    version == Version::V1 && own().is_some_and(|own| own.trim() == "0")
}

/// Whether a kernel's v2 has no freezer yet (before 5.2).
fn cannot_freeze(dir: &Path, version: Version) -> bool {
    version == Version::V2
        && matches!(kernel_words(&dir.join("cgroup.freeze")), Ok(None))
        && matches!(kernel_words(&dir.join("cgroup.events")), Ok(Some(_)))
}

/// Whether a hierarchy freezes: v2, and v1's freezer.
fn freezes(hierarchy: &Hierarchy) -> bool {
    hierarchy.version == Version::V2 || hierarchy.has("freezer")
}
