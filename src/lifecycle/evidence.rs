//! Everything a teardown needs to know, gathered before the first change and kept to the end, so
//! that a retry works even when a file has gone meanwhile.

use std::path::PathBuf;

use super::claims::Claims;
use super::find;
use super::guard;
use super::procs;
use crate::inventory::cgroups::{self, CgroupDir};
use crate::inventory::entry::{Depth, Entry};
use crate::inventory::identity::{Identity, identify, is_member};
use crate::inventory::scan::cgroups_of;
use crate::inventory::tracked::derive;
use crate::inventory::{Condition, Machine, Problem, manager, rdt};
use crate::kernel::read::{is_gone, open_root};
use crate::oci::record::Hooks;
use crate::oci::{ContainerId, ContainerKey, InvalidId, RecordedCgroup};

/// What is known of a container.
#[derive(Debug)]
pub struct Evidence {
    /// Its id.
    pub id: ContainerId,
    /// Its directory, held open.
    pub entry: Entry,
    /// Its status.
    pub condition: Condition,
    /// What became of its recorded init.
    pub identity: Identity,
    /// Its cgroups that exist.
    pub cgroups: Vec<CgroupDir>,
    /// Its processes.
    pub pids: Vec<i32>,
    /// Its resctrl monitoring group.
    pub mon_group: Option<PathBuf>,
    /// Its resctrl control group, if it owns one.
    pub ctrl_group: Option<PathBuf>,
    /// Its hooks, if they could be read.
    pub hooks: Option<Hooks>,
    /// Why nothing may be done with its cgroups.
    pub forbidden: Option<String>,
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
        let entry = Entry::read(&root, key, Depth::Full).map_err(|problem| match problem {
            Problem::Open(error) if is_gone(&error) => NoEvidence::Absent,
            problem => NoEvidence::Entry(problem),
        })?;
        let mut evidence = Self::of(machine, id, entry);
        evidence.judge(machine, claims);
        Ok(evidence)
    }

    fn of(machine: &Machine, id: ContainerId, entry: Entry) -> Self {
        let named = cgroups_of(machine, &entry);
        let mut notes: Vec<String> = entry
            .note
            .iter()
            .map(|note| crate::text::chain(note))
            .collect();
        let (identity, condition) = match &entry.record {
            Ok(record) => {
                let identity = identify(machine, record, &named);
                let freezer = cgroups::freezer(&named, &machine.hierarchies);
                (identity, derive(record, identity, entry.exec_fifo, freezer))
            }
            Err(problem) => {
                notes.push(crate::text::chain(problem));
                (Identity::Dead, Condition::Broken)
            }
        };
        if let Identity::Recycled(pid) = identity {
            notes.push(format!(
                "recorded pid {pid} belongs to another process: not touched"
            ));
        }
        let cgroups = cgroups::existing(&named, &machine.hierarchies);
        let mut evidence = Self {
            id,
            condition,
            identity,
            cgroups,
            pids: Vec::new(),
            mon_group: None,
            ctrl_group: None,
            hooks: entry
                .record
                .as_ref()
                .ok()
                .and_then(|record| record.hooks.clone()),
            forbidden: None,
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
        if !self.cgroups.is_empty() || disabled || !unknown {
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
                self.cgroups = found;
            }
            Err(ambiguous) => self.notes.push(format!("cgroup not known: {ambiguous}")),
        }
    }

    fn find_rdt(&mut self, machine: &Machine) {
        let (Ok(record), Some(mount)) = (&self.entry.record, machine.resctrl.as_deref()) else {
            return;
        };
        let dir = |group| rdt::dir_of(group, mount).filter(|dir| dir.is_dir());
        self.mon_group = record.rdt.monitoring.as_ref().and_then(dir);
        let owned = record
            .rdt
            .control
            .as_ref()
            .filter(|_| record.rdt.owns_control);
        self.ctrl_group = owned.and_then(dir);
    }

    fn note_manager(&mut self) {
        let Ok(record) = &self.entry.record else {
            return;
        };
        let root = self.entry.key.root();
        if let Some(found) = manager::manager_of(root, &record.bundle, &record.annotations) {
            let clean = found.remove_command(self.id.as_str());
            self.notes.push(format!(
                "{found} manages it and may start it again; clean way: {clean}"
            ));
        }
    }

    /// Applies the guard and counts who would die.
    fn judge(&mut self, machine: &Machine, claims: &Claims) {
        let inside = self.identity.alive().is_some_and(|init| {
            let membership = machine.membership(init.pid);
            membership.is_some_and(|membership| is_member(machine, &membership, &self.cgroups))
        });
        match guard::check(machine, &self.entry, &self.cgroups, claims, inside) {
            Ok(()) => {}
            // Its own processes are gone, so what is another's is simply left alone. Processes of
            // nobody known keep the record: it may be all that tells of them.
            Err(forbidden)
                if self.identity.alive().is_none()
                    && !matches!(forbidden, guard::Forbidden::HostProcess(..)) =>
            {
                self.notes.push(format!("cgroups left alone: {forbidden}"));
                self.cgroups.clear();
            }
            Err(forbidden) => self.forbidden = Some(forbidden.to_string()),
        }
        self.pids = self.members(machine);
    }

    /// Its processes, read afresh: those of its cgroups and its init; without a cgroup, init's
    /// family.
    pub fn members(&self, machine: &Machine) -> Vec<i32> {
        let mut pids = procs::members(machine, &self.cgroups);
        if let Some(init) = self.identity.alive() {
            let same = machine
                .stat(init.pid)
                .ok()
                .flatten()
                .is_some_and(|stat| stat.start_time == init.start_time && !stat.is_dead());
            match (same, self.cgroups.is_empty()) {
                (true, true) => pids.extend(procs::family(machine, init.pid)),
                (true, false) => drop(pids.insert(init.pid)),
                (false, _) => {}
            }
        }
        pids.into_iter().collect()
    }
}
