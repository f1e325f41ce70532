//! The scanner: state roots in, [`Snapshot`] out, once.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::astray::Astray;
use super::budget::RootBudget;
use super::cgroups::{self, CgroupDir};
use super::container::{CgroupView, Container, Facts};
use super::control_file::ContainerCgroups;
use super::counters::Counters;
use super::entry::{Depth, Entry, Lead};
use super::glance::{self, Tasks, Unsure};
use super::limits::Limits;
use super::machine::Machine;
use super::problem::Problem;
use super::sight::CgroupsOutOfSight;
use super::snapshot::{RootState, RootView, Snapshot};
use super::tracked::{Fingerprint, Tracked};
use super::usage::{Detail, HostUsage, Usage};
use super::users::Users;
use crate::config::StateRoot;
use crate::kernel::read::{is_gone, open_root};
use crate::oci::{ContainerKey, RecordedCgroup, RuntimeKind};

/// Names in a root that are crun's own and no containers.
const NOT_CONTAINERS: [&str; 2] = [".cache", ".empty-directory"];

/// Reads the host once: every record and status, no usage.
#[derive(Debug)]
pub struct Scanner {
    machine: Machine,
    users: Users,
    depth: Depth,
    counters: bool,
    tasks: Tasks,
    unsure: Vec<Unsure>,
    roots: Option<Vec<StateRoot>>,
    hint: Option<RuntimeKind>,
    /// Which part of each root it reads, of how many.
    part: (usize, usize),
}

impl Scanner {
    /// A scanner of what status needs.
    pub fn status_only(machine: Machine) -> Self {
        Self {
            users: Users::read(&machine),
            machine,
            depth: Depth::State,
            counters: false,
            tasks: Tasks::None,
            unsure: Vec::new(),
            roots: None,
            hint: None,
            part: (0, 1),
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

    /// Looks at tasks too.
    #[must_use]
    pub fn with_tasks(self, tasks: Tasks) -> Self {
        Self { tasks, ..self }
    }

    /// The containers of the last scan of which one look is not enough.
    pub fn take_unsure(&mut self) -> Vec<Unsure> {
        std::mem::take(&mut self.unsure)
    }

    /// Looks at these roots only.
    #[must_use]
    pub fn at(self, roots: Vec<StateRoot>) -> Self {
        Self {
            roots: Some(roots),
            ..self
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

    /// Reads everything.
    pub fn scan(&mut self) -> Snapshot {
        let start = Instant::now();
        let mut roots = Vec::new();
        let mut containers = Vec::new();
        let all = || self.machine.state_roots();
        for root in self.roots.clone().unwrap_or_else(all) {
            let state = self.scan_root(&root, &mut containers);
            roots.push(RootView {
                path: root.path,
                origin: root.origin,
                state,
            });
        }
        Snapshot {
            taken: jiff::Timestamp::now(),
            took: start.elapsed(),
            host: Arc::clone(&self.machine.host),
            roots,
            containers,
            own: None,
            uptime: Duration::ZERO,
            usage: HostUsage::default(),
            history: Arc::default(),
            happenings: Arc::default(),
        }
    }

    fn scan_root(&mut self, root: &StateRoot, out: &mut Vec<Arc<Container>>) -> RootState {
        let dir = match open_root(&root.path) {
            Ok(dir) => dir,
            Err(error) if is_gone(&error) => return RootState::Absent,
            Err(error) => return RootState::Failed(crate::text::safe(&error.to_string())),
        };
        let names = match entry_names(&dir) {
            Ok(names) => names,
            Err(error) => return RootState::Failed(crate::text::safe(&error.to_string())),
        };
        let before = out.len();
        let budget = RootBudget::of(&dir);
        let (index, count) = self.part;
        for name in names.into_iter().skip(index).step_by(count) {
            let key = ContainerKey::new(Arc::clone(&root.path), name);
            if let Some(container) = self.look(&dir, &key, &budget) {
                out.push(Arc::new(container));
            }
        }
        RootState::Read(out.len() - before)
    }

    /// One entry; `None` if it vanished while it was looked at.
    fn look(
        &mut self,
        root: &OwnedFd,
        key: &ContainerKey,
        budget: &RootBudget,
    ) -> Option<Container> {
        let lead = Lead {
            key,
            depth: self.depth,
            hint: self.hint,
            budget: Some(budget),
        };
        // For one pass only: nothing will be compared.
        let fingerprint = Fingerprint::default();
        let mut tracked = match Entry::read(root.as_fd(), lead) {
            Ok(entry) => {
                self.hint = entry.runtime;
                let owner = self.users.name(entry.uid);
                Tracked::new(entry, fingerprint, owner, &self.machine)
            }
            Err(Problem::Open(error)) if is_gone(&error) => return None,
            Err(problem) => Tracked::broken(key, fingerprint, &problem),
        };
        let glance = self
            .counters
            .then(|| gauges(tracked.named(), &self.machine));
        let mut container = Container::of(tracked.take_facts(&self.machine));
        if let Some(Some((cgroups, mut usage, mut detail))) = glance {
            if let Some(init) = container.init {
                let astray = Astray::of(&self.machine, init, &cgroups);
                astray.hide(&mut usage);
                astray.hide_detail(&mut detail);
            }
            (container.usage, container.detail) = (usage, Some(Arc::new(detail)));
        }
        let unsure = glance::look(&self.machine, &mut container, &tracked, self.tasks);
        self.unsure.extend(unsure);
        Some(container)
    }
}

/// What one look gives: the three counters and their limits, no rate. CPU time so far is in
/// [`Detail::cpu`]. With the cgroups that were looked at.
fn gauges(named: &[CgroupDir], machine: &Machine) -> Option<(Vec<CgroupDir>, Usage, Detail)> {
    let hierarchies = &machine.hierarchies;
    let dirs = cgroups::existing(named, hierarchies);
    if dirs.is_empty() {
        return None;
    }
    let counts = Counters::open(&dirs, hierarchies, false).read(&dirs, hierarchies);
    let limits = Limits::read(ContainerCgroups {
        dirs: &dirs,
        hierarchies,
    });
    let usage = Usage {
        cpu_limit: limits.cpu,
        memory: counts.memory,
        memory_limit: limits.memory,
        pids: counts.pids,
        pids_limit: limits.pids,
        ..Usage::default()
    };
    let mut detail = Detail::default();
    detail.cpu.total = counts.cpu.map(|total| total.as_secs_f64());
    Some((dirs, usage, detail))
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
    Ok(scanner.look(&root, key, &RootBudget::none()))
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

/// Which of a container's cgroups cannot be looked at: from here, or because the look fails.
pub fn cgroups_out_of_sight(machine: &Machine, entry: &Entry<'_>) -> Option<CgroupsOutOfSight> {
    let unknown = RecordedCgroup::Unknown;
    let recorded = entry
        .record
        .as_ref()
        .map_or(&unknown, |record| &record.cgroup);
    let (root, hierarchies) = (entry.key.root(), &machine.hierarchies);
    let unseen = machine.sight.unseen(root, recorded, hierarchies);
    unseen.or_else(|| cgroups::unreadable(&cgroups_of(machine, entry), hierarchies))
}

/// Where in `machine` a container's cgroups are, from its entry.
pub fn cgroups_of(machine: &Machine, entry: &Entry<'_>) -> Vec<CgroupDir> {
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
