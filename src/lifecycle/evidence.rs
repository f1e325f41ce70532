//! Everything a teardown needs to know, gathered before the first change and kept to the end, so
//! that a retry works even when a file has gone meanwhile.

use std::path::PathBuf;

use super::claims::Claims;
use super::find;
use super::guard::{self, Forbidden};
use super::pin::{self, OwnPin};
use super::{Common, Held, Kept, Refusal, held, procs, sharing, unit};
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::entry::Entry;
use crate::inventory::identity::{Identity, Recorded, Rigour, identify, is_member};
use crate::inventory::manager::{Managed, Request};
use crate::inventory::scan::{cgroups_of, cgroups_out_of_sight};
use crate::inventory::sight::CgroupsOutOfSight;
use crate::inventory::tracked::derive;
use crate::inventory::{Condition, Machine, Problem, rdt};
use crate::kernel::read::{is_gone, open_root};
use crate::kernel::{Inode, StateDir, Unit};
use crate::oci::record::Hooks;
use crate::oci::{ContainerId, ContainerKey, InvalidId, RecordedCgroup};
use crate::process::InitProcess;

/// What is known of a container.
#[derive(Debug)]
pub struct Evidence {
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
    pub unit: Option<Unit>,
    /// The device program that was pinned for its scope.
    pub pin: Option<OwnPin>,
    /// Its processes.
    pub pids: Vec<i32>,
    /// Without a cgroup: those, beyond doubt. Once init is dead nothing else tells them.
    family: Vec<InitProcess>,
    /// Its resctrl monitoring group.
    pub mon_group: Option<PathBuf>,
    /// Its resctrl control group, if it owns one.
    pub ctrl_group: Option<PathBuf>,
    /// Its hooks, if they could be read.
    pub hooks: Option<Hooks>,
    /// What freezes it from outside.
    pub held: Option<Held>,
    /// Why nothing may be done with it.
    pub forbidden: Option<Refusal>,
    /// Which of its cgroups cannot be looked at from here.
    pub out_of_sight: Option<CgroupsOutOfSight>,
    /// What could not be known, and what else the operator should know.
    pub notes: Vec<String>,
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
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no directory that can be opened.
    #[error(transparent)]
    Entry(Problem),
}

impl Evidence {
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
        let entry = Entry::open(&root, key).map_err(|problem| match problem {
            Problem::Open(error) if is_gone(&error) => NoEvidence::Absent,
            problem => NoEvidence::Entry(problem),
        })?;
        let mut evidence = Self::of(machine, id, entry);
        evidence.judge(machine, claims);
        Ok(evidence)
    }

    fn of(machine: &Machine, id: ContainerId, entry: Entry<'static>) -> Self {
        let named = cgroups_of(machine, &entry);
        let mut notes: Vec<String> = entry
            .note
            .iter()
            .map(|note| crate::text::chain(note))
            .collect();
        let (identity, condition) = match &entry.record {
            Ok(record) => {
                let recorded = Recorded::at(&entry.key, record, &named);
                let identity = identify(machine, recorded, Rigour::Signalled);
                let freezer = cgroups::freezer(&named, &machine.hierarchies);
                (identity, derive(record, identity, entry.exec_fifo, freezer))
            }
            Err(problem) => {
                notes.push(crate::text::chain(problem));
                // Nobody says who it was; where processes cannot be seen, it may be anybody.
                let blind = machine.sight.pids(entry.key.root());
                let identity = blind.map_or(Identity::Dead, Identity::Unknown);
                (identity, Condition::Broken)
            }
        };
        if let Identity::Recycled(pid) = identity {
            notes.push(format!(
                "recorded pid {pid} belongs to another process: not touched"
            ));
        }
        let cgroups = cgroups::existing(&named, &machine.hierarchies);
        let unit = unit::own(machine, &entry, &named);
        let mut evidence = Self {
            id,
            condition,
            identity,
            pins: pinned(machine, &cgroups),
            common: None,
            found_by_name: false,
            pin: pin::own(machine, &entry, unit.as_ref()),
            unit,
            pids: Vec::new(),
            family: Vec::new(),
            mon_group: None,
            ctrl_group: None,
            hooks: entry
                .record
                .as_ref()
                .ok()
                .and_then(|record| record.hooks.clone()),
            held: None,
            forbidden: None,
            out_of_sight: cgroups_out_of_sight(machine, &entry),
            notes,
            entry,
        };
        evidence.find_lost_cgroups(machine, named.is_empty());
        evidence.find_rdt(machine);
        evidence.note_manager();
        evidence
    }

    /// Where the record does not say (or says where nothing is), the name does.
    fn find_lost_cgroups(&mut self, machine: &Machine, nothing_named: bool) {
        let disabled = matches!(
            &self.entry.record,
            Ok(record) if record.cgroup == RecordedCgroup::Disabled
        );
        let unknown = match &self.entry.record {
            Ok(record) => record.cgroup == RecordedCgroup::Unknown || nothing_named,
            Err(_) => true,
        };
        if !self.pins.is_empty() || disabled || !unknown {
            return;
        }
        match find::by_name(machine, self.id.as_str()) {
            Ok(found) if found.is_empty() => {
                self.notes
                    .push("no cgroup recorded, none found by its name".to_owned());
            }
            Ok(found) => {
                self.notes.push(format!(
                    "cgroup found by its name, in {} hierarchies",
                    found.len()
                ));
                self.pins = pinned(machine, &found);
                self.found_by_name = true;
                self.unit = unit::found(machine, &self.entry, &found);
            }
            Err(ambiguous) => self.notes.push(format!("cgroup not known: {ambiguous}")),
        }
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
        let way = found.way(Request::Remove);
        let way = way.map(|way| format!("; clean way: {way}"));
        self.notes.push(format!(
            "{} manages it and may start it again{}",
            found.engine,
            way.unwrap_or_default()
        ));
    }

    /// Applies the guard and counts who would die.
    fn judge(&mut self, machine: &Machine, claims: &Claims) {
        let cgroups = self.cgroups(machine);
        let init = self.identity.alive();
        let inside = init.is_some_and(|init| {
            let membership = machine.membership(init.pid);
            membership.is_some_and(|membership| is_member(machine, &membership, &cgroups))
        });
        let suspect = guard::Suspect {
            entry: &self.entry,
            cgroups: &cgroups,
            init: init.map(|init| init.pid),
            init_inside: inside,
            // A name alone is no proof: any cgroup may be called `web`.
            name_counts: !self.found_by_name,
        };
        let judged = match (guard::check(machine, &suspect, claims), init) {
            (Err(Forbidden::Shared(..)), Some(init)) => {
                sharing::part_from(machine, init, &suspect, claims).map(Some)
            }
            (judged, _) => judged.map(|()| None),
        };
        match judged {
            Ok(None) => {}
            Ok(Some(common)) => self.leave(common),
            // Its own processes are gone, so what is another's is simply left alone. Processes of
            // nobody known keep the record: it may be all that tells of them.
            Err(forbidden) if init.is_none() && !forbidden.keeps_record() => {
                self.notes.push(format!("cgroups left alone: {forbidden}"));
                self.pins.clear();
                (self.unit, self.pin) = (None, None);
            }
            Err(forbidden) => self.forbidden = Some(forbidden.into()),
        }
        self.pids = self.members(machine);
        if self.pids.is_empty() {
            let cgroups = self.cgroups(machine);
            let unlisted = procs::Unlisted::of(machine, &cgroups);
            self.pids = unlisted.pids(machine, &cgroups);
        }
        self.held = held::look(
            machine,
            &self.entry.key,
            (&self.cgroups(machine), &self.pids),
            claims,
        );
        if let Some(held) = self.held.as_ref().filter(|held| held.kills_wait) {
            self.notes.push(held.to_string());
        }
        self.spare_namesake(claims);
        self.spare_pin(claims);
        if self.pins.is_empty() {
            let known = self.pids.iter().filter_map(|pid| {
                let start_time = machine.stat(*pid).ok().flatten()?.start_time;
                Some(InitProcess {
                    pid: *pid,
                    start_time,
                })
            });
            self.family = known.collect();
        }
    }

    /// What another container has too is nobody's: nothing is done with it.
    fn leave(&mut self, common: Common) {
        self.notes.push(common.note());
        let shared = |cgroup: &CgroupDir| common.cgroups.contains(cgroup);
        self.pins.retain(|(cgroup, _)| !shared(cgroup));
        (self.unit, self.pin) = (None, None);
        self.common = Some(common);
    }

    /// Whether a process was of init's family before the first change.
    pub fn knows(&self, process: InitProcess) -> bool {
        self.family.contains(&process)
    }

    /// A live container of the same id in another root has the resctrl groups of that name.
    fn spare_namesake(&mut self, claims: &Claims) {
        let has_groups = self.ctrl_group.is_some() || self.mon_group.is_some();
        if let Some(other) = claims.namesake(&self.entry.key).filter(|_| has_groups) {
            let root = crate::text::visible_path(other.root());
            self.notes.push(format!(
                "resctrl groups left alone: {root} has a live container of the same id"
            ));
            (self.ctrl_group, self.mon_group) = (None, None);
        }
    }

    /// A scope is of one name in all of systemd: another record that names it may be of the one that
    /// has it now.
    fn spare_pin(&mut self, claims: &Claims) {
        let pin = self.pin.as_ref();
        let other = pin.and_then(|pin| claims.of_pin_beside(&self.entry.key, pin.name()));
        if let Some(other) = other {
            let (id, root) = (other.label(), crate::text::visible_path(other.root()));
            let why = Kept::PinOf { id, root };
            self.notes.push(format!("BPF pin left alone: {why}"));
            self.pin = None;
        }
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

    /// Its processes, read afresh: those of its cgroups and its init; without a cgroup, init's
    /// family.
    pub fn members(&self, machine: &Machine) -> Vec<i32> {
        let cgroups = self.cgroups(machine);
        let mut pids = procs::members(machine, &cgroups);
        if let Some(init) = self.identity.alive() {
            let stat = machine.stat(init.pid).ok().flatten();
            let same = stat.is_some_and(|s| s.start_time == init.start_time && !s.is_dead());
            match (same, self.pins.is_empty()) {
                (true, true) => pids.extend(procs::family(machine, init.pid)),
                (true, false) => drop(pids.insert(init.pid)),
                (false, _) => {}
            }
        }
        let known = self.family.iter().filter(|process| {
            let stat = machine.stat(process.pid).ok().flatten();
            stat.is_some_and(|s| s.start_time == process.start_time && !s.is_dead())
        });
        pids.extend(known.map(|process| process.pid));
        pids.into_iter().collect()
    }

    /// Whether it has, or had, a cgroup that is known.
    pub fn has_cgroup(&self) -> bool {
        !self.pins.is_empty()
    }
}

fn pinned(machine: &Machine, cgroups: &[CgroupDir]) -> Vec<(CgroupDir, Inode)> {
    let pinned = |cgroup: &CgroupDir| {
        let dir = cgroup.dir(&machine.hierarchies);
        let is_dir = dir.symlink_metadata().is_ok_and(|found| found.is_dir());
        let inode = Inode::at(&dir).ok()?.filter(|_| is_dir)?;
        Some((cgroup.clone(), inode))
    };
    cgroups.iter().filter_map(pinned).collect()
}
