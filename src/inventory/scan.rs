//! The scanner: state roots in, [`Snapshot`] out, as little read again as can be.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::FileType;

use super::cgroups;
use super::container::{CgroupView, Container, Facts};
use super::entry::{Depth, Entry, Lead};
use super::host::HostSensors;
use super::machine::Machine;
use super::own::OwnMeter;
use super::problem::Problem;
use super::snapshot::{RootState, RootView, Snapshot};
use super::tracked::{Fingerprint, Tracked};
use super::usage::HostUsage;
use super::users::Users;
use crate::config::StateRoot;
use crate::kernel::read::{is_gone, open_root};
use crate::oci::{ContainerKey, RuntimeKind};

/// Names in a root that are crun's own and no containers.
const NOT_CONTAINERS: [&str; 2] = [".cache", ".empty-directory"];

/// Reads the host again and again; keeps what makes the next pass cheap.
#[derive(Debug)]
pub struct Scanner {
    machine: Machine,
    tracked: HashMap<ContainerKey, Tracked>,
    users: Users,
    own: OwnMeter,
    meter: Option<HostSensors>,
    with_usage: bool,
    counters: bool,
    depth: Depth,
    hint: Option<RuntimeKind>,
    pass: u64,
    begun: Instant,
    buffer: Vec<u8>,
    /// Which part of each root it reads, of how many.
    part: (usize, usize),
}

impl Scanner {
    /// A scanner with live usage.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            tracked: HashMap::new(),
            users: Users::read(),
            own: OwnMeter::default(),
            meter: None,
            with_usage: true,
            counters: false,
            depth: Depth::State,
            hint: None,
            pass: 0,
            begun: Instant::now(),
            buffer: Vec::new(),
            part: (0, 1),
        }
    }

    /// Reads only part `index` of `count` of every root, so that several can read side by side.
    #[must_use]
    pub fn part(self, index: usize, count: usize) -> Self {
        Self {
            part: (index, count.max(1)),
            ..self
        }
    }

    /// A scanner that reads status only, for one pass.
    pub fn status_only(machine: Machine) -> Self {
        Self {
            with_usage: false,
            ..Self::new(machine)
        }
    }

    /// As [`Self::status_only`], and every file of a record, for its annotations.
    pub fn complete(machine: Machine) -> Self {
        Self {
            depth: Depth::Full,
            ..Self::status_only(machine)
        }
    }

    /// Reads counters and limits too, as far as one look gives them.
    #[must_use]
    pub fn with_counters(self) -> Self {
        Self {
            counters: true,
            ..self
        }
    }

    /// The machine it reads.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Reads everything once.
    pub fn scan(&mut self) -> Snapshot {
        let start = Instant::now();
        self.pass += 1;
        let mut roots = Vec::new();
        let mut containers = Vec::new();
        for root in self.machine.state_roots() {
            let state = self.scan_root(&root, &mut containers);
            roots.push(RootView {
                path: root.path,
                origin: root.origin,
                state,
            });
        }
        let pass = self.pass;
        self.tracked.retain(|_, tracked| tracked.seen == pass);
        Snapshot {
            taken: jiff::Timestamp::now(),
            took: start.elapsed(),
            host: Arc::clone(&self.machine.host),
            roots,
            containers,
            own: self.own.read(&self.machine),
            uptime: self.begun.elapsed(),
            usage: self.host_usage(),
            history: Arc::default(),
            happenings: Arc::default(),
        }
    }

    fn host_usage(&mut self) -> HostUsage {
        if !self.with_usage {
            return HostUsage::default();
        }
        let machine = &self.machine;
        let meter = self.meter.get_or_insert_with(|| HostSensors::open(machine));
        meter.read(machine, &mut self.buffer)
    }

    fn scan_root(&mut self, root: &StateRoot, out: &mut Vec<Arc<Container>>) -> RootState {
        let dir = match open_root(&root.path) {
            Ok(dir) => dir,
            Err(error) if is_gone(&error) => return RootState::Absent,
            Err(error) => return RootState::Failed(crate::text::visible(&error.to_string())),
        };
        let names = match entry_names(&dir) {
            Ok(names) => names,
            Err(error) => return RootState::Failed(crate::text::visible(&error.to_string())),
        };
        let before = out.len();
        let (index, count) = self.part;
        for name in names.into_iter().skip(index).step_by(count) {
            let key = ContainerKey::new(Arc::clone(&root.path), name);
            if let Some(container) = self.look(&dir, &key) {
                out.push(Arc::new(container));
            }
        }
        RootState::Read(out.len() - before)
    }

    /// One entry; `None` if it vanished while it was looked at.
    fn look(&mut self, root: &OwnedFd, key: &ContainerKey) -> Option<Container> {
        if !self.with_usage {
            // For one pass only: nothing is kept.
            let mut tracked = self.read(root, key)?;
            if self.counters {
                tracked.glance(&self.machine);
            }
            return Some(tracked.into_container(&self.machine));
        }
        let mut tracked = match self.tracked.remove(key) {
            Some(known) if known.is_unchanged(root, key) => known,
            _ => self.read(root, key)?,
        };
        tracked.seen = self.pass;
        tracked.sample(&self.machine, &mut self.buffer);
        let container = tracked.container(&self.machine);
        self.tracked.insert(key.clone(), tracked);
        Some(container)
    }

    fn read(&mut self, root: &OwnedFd, key: &ContainerKey) -> Option<Tracked> {
        // Before the files: a change while they are read is then seen next time.
        let fingerprint = if self.with_usage {
            Fingerprint::take(root, key, None)
        } else {
            // For one pass only: nothing will be compared.
            Fingerprint::default()
        };
        let lead = Lead {
            key,
            depth: self.depth,
            hint: self.hint,
        };
        match Entry::read(root.as_fd(), lead) {
            Ok(entry) => {
                self.hint = entry.runtime;
                let fingerprint = if self.with_usage {
                    fingerprint.with_file(root, key, entry.runtime)
                } else {
                    fingerprint
                };
                let owner = self.users.name(entry.uid);
                Some(Tracked::new(entry, fingerprint, owner, &self.machine))
            }
            Err(Problem::Open(error)) if is_gone(&error) => None,
            Err(problem) => Some(Tracked::broken(key, fingerprint, &problem)),
        }
    }
}

/// The entries of a root, sorted. Plain files are passed over, as the runtimes do; anything else
/// that is no directory is listed, as a problem.
pub fn entry_names(root: &OwnedFd) -> std::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(root)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let skip = matches!(name, b"." | b"..")
            || entry.file_type() == FileType::RegularFile
            || NOT_CONTAINERS.iter().any(|known| known.as_bytes() == name);
        if !skip {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// One container looked up by its key, for the command line: its entry read in full, and what
/// the scanner would show of it.
pub fn look_up(machine: &Machine, key: &ContainerKey) -> std::io::Result<Option<Container>> {
    let root = open_root(key.root())?;
    let mut scanner = Scanner::complete(machine.clone());
    Ok(scanner.look(&root, key))
}

impl Facts {
    /// The cgroups it has, as the last pass saw them or, without live usage, as they are found now.
    pub fn cgroups_named(&self, machine: &Machine) -> Vec<CgroupView> {
        if !self.cgroups.is_empty() {
            return self.cgroups.clone();
        }
        let entry = open_root(self.key.root())
            .ok()
            .and_then(|root| Entry::open(&root, &self.key).ok());
        let named = entry
            .map(|entry| cgroups_of(machine, &entry))
            .unwrap_or_default();
        let there = cgroups::existing(&named, &machine.hierarchies);
        there
            .iter()
            .map(|dir| dir.view(&machine.hierarchies))
            .collect()
    }
}

/// Where in `machine` a container's cgroups are, from its entry.
pub fn cgroups_of(machine: &Machine, entry: &Entry<'_>) -> Vec<cgroups::CgroupDir> {
    let id = entry.key.name().to_str().unwrap_or_default();
    match &entry.record {
        Ok(record) => cgroups::recorded(&record.cgroup, record.runtime, id, &machine.hierarchies),
        Err(_) => match entry.runtime {
            Some(runtime) => {
                let cgroup = super::entry::cgroup_without_record(entry);
                cgroups::recorded(&cgroup, runtime, id, &machine.hierarchies)
            }
            None => Vec::new(),
        },
    }
}
