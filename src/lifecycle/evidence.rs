//! Everything a teardown needs to know, gathered before the first change and kept to the end, so
//! that a retry works even when a file has gone meanwhile.

mod judge;
mod lost;

use std::path::PathBuf;

use super::claims::Claims;
use super::kin::{Births, Kin};
use super::note::Note;
use super::pin::{self, OwnPin};
use super::procs::Members;
use super::{Common, OuterFreeze, Refusal, procs, scope};
use crate::cgroup::Membership;
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::entry::Entry;
use crate::inventory::identity::{Identity, Recorded, Rigour, identify, is_member};
use crate::inventory::manager::{Managed, Request};
use crate::inventory::scan::cgroups_of;
use crate::inventory::sight::{CgroupsOutOfSight, OutOfSight};
use crate::inventory::tracked::derive;
use crate::inventory::{Condition, Machine, Problem, rdt};
use crate::kernel::read::{is_gone, open_root};
use crate::kernel::{Inode, Scope, StateDir};
use crate::oci::record::Hooks;
use crate::oci::{ContainerId, ContainerKey, InvalidId, RecordedCgroup};
use crate::process::InitProcess;

/// What is known of a container.
#[derive(Debug)]
pub struct TeardownEvidence {
    /// Its id.
    pub id: ContainerId,
    /// Its directory, held open.
    pub entry: Entry<'static>,
    /// Its status.
    pub condition: Condition,
    /// What became of its recorded init.
    pub identity: Identity,
    /// Its cgroups that existed, each with what its directory was.
    pins: Vec<(CgroupDir, Inode)>,
    /// Cgroups that another live container has too: not among those.
    pub common: Option<Common>,
    /// Whether they were found by their name alone.
    found_by_name: bool,
    /// Its systemd scope.
    pub scope: Option<Scope>,
    /// The device program that was pinned for its scope.
    pub pin: Option<OwnPin>,
    /// Whether all that is left of it is its directory: a delete of it was killed at its very end.
    pub emptied: bool,
    /// Its processes.
    pub pids: Vec<i32>,
    /// Without a cgroup: who is of it. Once init is dead nothing else tells them.
    kin: Option<Kin>,
    /// Its resctrl monitoring group.
    pub mon_group: Option<PathBuf>,
    /// Its resctrl control group, if it owns one.
    pub ctrl_group: Option<PathBuf>,
    /// Its hooks, if they could be read.
    pub hooks: Option<Hooks>,
    /// What freezes it from outside.
    pub held: Option<OuterFreeze>,
    /// Why nothing may be done with it.
    pub forbidden: Option<Refusal>,
    /// Which of its cgroups cannot be looked at from here.
    pub out_of_sight: Option<CgroupsOutOfSight>,
    /// What could not be known, and what else the operator should know.
    pub notes: Vec<Note>,
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum NoEvidence {
    /// No such directory, or no such root.
    #[error("container does not exist")]
    Absent,
    /// Its name is no id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// Its root cannot be opened.
    #[error("open state root {path}")]
    Root {
        /// The state root, safe to print.
        path: String,
        /// The error of the system.
        source: std::io::Error,
    },
    /// It is no directory that can be opened.
    #[error(transparent)]
    Entry(Problem),
}

impl From<NoEvidence> for Refusal {
    fn from(why: NoEvidence) -> Self {
        match why {
            NoEvidence::Absent => Self::Absent,
            NoEvidence::Id(why) => Self::Name(why),
            why @ (NoEvidence::Root { .. } | NoEvidence::Entry(_)) => {
                Self::Unread(crate::text::chain(&why))
            }
        }
    }
}

impl TeardownEvidence {
    /// Gathers it all. Changes nothing.
    pub fn gather(
        machine: &Machine,
        key: &ContainerKey,
        claims: &Claims,
    ) -> Result<Self, NoEvidence> {
        let id = key.id()?;
        let root = open_root(key.root()).map_err(|source| {
            if is_gone(&source) {
                return NoEvidence::Absent;
            }
            let path = crate::text::visible_path(key.root());
            NoEvidence::Root { path, source }
        })?;
        let entry = Entry::open(&root, key).map_err(|problem| {
            if matches!(&problem, Problem::Open(error) if is_gone(error)) {
                return NoEvidence::Absent;
            }
            NoEvidence::Entry(problem)
        })?;
        let mut evidence = Self::of(machine, id, entry);
        evidence.judge(machine, claims);
        Ok(evidence)
    }

    fn of(machine: &Machine, id: ContainerId, entry: Entry<'static>) -> Self {
        let named = cgroups_of(machine, &entry);
        let of_record = |problem: &Problem| Note::Record(crate::text::chain(problem));
        let mut notes: Vec<Note> = entry.note.iter().map(of_record).collect();
        let emptied = entry.is_emptied();
        let (identity, condition) = match &entry.record {
            Ok(record) => {
                let recorded = Recorded::at(&entry.key, record, &named);
                let identity = identify(machine, recorded, Rigour::Signalled);
                let freezer = cgroups::freezer(&named, &machine.hierarchies);
                (identity, derive(record, identity, entry.exec_fifo, freezer))
            }
            Err(problem) => {
                notes.push(if emptied {
                    Note::Emptied
                } else {
                    of_record(problem)
                });
                unrecorded(machine, &entry, problem)
            }
        };
        if let Identity::Recycled(pid) = identity {
            notes.push(Note::Recycled(pid));
        }
        let unseen = machine
            .sight
            .unseen(entry.key.root(), recorded(&entry), &machine.hierarchies);
        let looked = cgroups::look(&named, &machine.hierarchies);
        let unread = || cgroups::out_of_sight(&looked.unread, &machine.hierarchies);
        let scope = scope::own(machine, &entry, &named);
        let mut evidence = Self {
            id,
            condition,
            identity,
            out_of_sight: unseen.or_else(unread),
            pins: looked.there,
            common: None,
            found_by_name: false,
            pin: pin::own(machine, &entry, scope.as_ref()),
            scope,
            emptied,
            pids: Vec::new(),
            kin: None,
            mon_group: None,
            ctrl_group: None,
            hooks: entry
                .record
                .as_ref()
                .ok()
                .and_then(|record| record.hooks.clone()),
            held: None,
            forbidden: lost::unread(&entry).map(Refusal::CannotKnow),
            notes,
            entry,
        };
        evidence.find_lost_cgroups(machine, named.is_empty());
        evidence.doubt_torn(machine);
        evidence.find_rdt(machine);
        evidence.note_manager();
        evidence
    }

    fn find_rdt(&mut self, machine: &Machine) {
        let (Ok(record), Some(mount)) = (&self.entry.record, machine.resctrl.as_deref()) else {
            return;
        };
        let id = self.id.as_str();
        self.mon_group = rdt::own_monitoring(&record.rdt, id, mount);
        self.ctrl_group = rdt::own_control(&record.rdt, id, mount);
    }

    fn note_manager(&mut self) {
        let Ok(record) = &self.entry.record else {
            return;
        };
        let Some(found) = Managed::told_by(&self.entry.key, self.entry.uid, record) else {
            return;
        };
        self.notes.push(Note::Managed {
            engine: found.engine,
            way: found.way(Request::Remove),
        });
    }

    /// Without a cgroup: whether a process is known to be of it.
    pub fn knows(&self, process: InitProcess) -> bool {
        self.kin.as_ref().is_some_and(|kin| kin.knows(process))
    }

    /// Whether its processes are told by their kin alone.
    pub(super) fn is_by_kin(&self) -> bool {
        self.kin.is_some()
    }

    /// Looks for processes that were forked since.
    pub fn look_again(&mut self, machine: &Machine) {
        if let Some(kin) = &mut self.kin {
            kin.look(machine);
        }
    }

    /// Lets go of what was held to tell its processes, which have gone.
    pub fn let_go(&mut self) {
        if let Some(kin) = &mut self.kin {
            kin.let_go();
        }
    }

    /// Whether processes were born at the last look.
    pub(super) fn births(&self) -> Births {
        self.kin.as_ref().map(Kin::births).unwrap_or_default()
    }

    /// Who may be of it, is not told by its kin, and lives.
    pub(super) fn away(&self) -> Vec<i32> {
        self.kin.as_ref().map(Kin::away).unwrap_or_default()
    }

    /// Its cgroups that still are the directories they were: one that was made anew under the same
    /// path belongs to somebody else. One that cannot be looked at any more is not said to be gone:
    /// what is done to it fails, and the record stays.
    pub fn cgroups(&self, machine: &Machine) -> Vec<CgroupDir> {
        let same = |(cgroup, inode): &&(CgroupDir, Inode)| {
            inode.is_still_at(&cgroup.dir(&machine.hierarchies))
        };
        self.pins
            .iter()
            .filter(same)
            .map(|(cgroup, _)| cgroup.clone())
            .collect()
    }

    /// The state directory, for the kernel.
    pub fn state_dir(&self) -> StateDir<'_> {
        StateDir {
            root: self.entry.key.root(),
            id: &self.id,
            inode: self.entry.inode,
        }
    }

    /// Its processes, read afresh: those of its cgroups and its init; without a cgroup, init's kin.
    pub fn members(&self, machine: &Machine) -> Members {
        let cgroups = self.cgroups(machine);
        let mut members = procs::members(machine, &cgroups);
        let pids = &mut members.pids;
        let init = self.identity.alive();
        let kin = self.kin.iter().flat_map(Kin::all);
        let told = init.into_iter().chain(kin);
        pids.extend(
            told.filter(|one| is_still(machine, *one))
                .map(|one| one.pid),
        );
        let unseen = self.kin.as_ref().and_then(Kin::unseen);
        members.unseen = members.unseen.or(unseen);
        members
    }

    /// Whether a process is the container's: its verified init, or a member of its cgroups, or, where
    /// it has none, of init's family.
    pub fn belongs(&self, machine: &Machine, pid: i32) -> bool {
        let Ok(Some(stat)) = machine.stat(pid) else {
            return false;
        };
        if stat.is_kernel_thread() {
            return false;
        }
        match self.identity.alive() {
            Some(init) if init.pid == pid => return init.start_time == stat.start_time,
            Some(_) if !self.has_cgroup() => {
                let process = InitProcess {
                    pid,
                    start_time: stat.start_time,
                };
                return self.knows(process);
            }
            _ => {}
        }
        let cgroups = self.cgroups(machine);
        let inside = |membership: Membership| is_member(machine, &membership, &cgroups);
        machine.membership(pid).is_some_and(inside)
            // A first thread that is dead reads as a member of the root; those that live tell.
            || (stat.is_exiting() && machine.thread_memberships(pid).into_iter().any(inside))
    }

    /// Whether it has, or had, a cgroup that is known.
    pub fn has_cgroup(&self) -> bool {
        !self.pins.is_empty()
    }
}

/// Whether a process lives and is the one that it was. One that cannot be looked at may be.
fn is_still(machine: &Machine, process: InitProcess) -> bool {
    match machine.stat(process.pid) {
        Ok(Some(stat)) => stat.start_time == process.start_time && !stat.is_dead(),
        Ok(None) => false,
        Err(_) => true,
    }
}

/// What a record says of its cgroups; one that makes no sense, nothing.
fn recorded<'e>(entry: &'e Entry<'_>) -> &'e RecordedCgroup {
    let record = entry.record.as_ref();
    record.map_or(&RecordedCgroup::Unknown, |record| &record.cgroup)
}

/// Who it was and what it is, where the record does not say. One that is there and cannot be read may
/// say that it lives; one that makes no sense says nothing, and where processes cannot be seen, it may
/// be anybody's.
fn unrecorded(machine: &Machine, entry: &Entry<'_>, problem: &Problem) -> (Identity, Condition) {
    if problem.is_unread() {
        let why = OutOfSight::RecordUnread;
        return (Identity::Unknown(why), Condition::Unknown(why));
    }
    let blind = machine.sight.pids(entry.key.root());
    let identity = blind.map_or(Identity::Dead, Identity::Unknown);
    (identity, Condition::Broken)
}
