//! What is kept of one container between two passes.

use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::fs::Stat;

use super::cgroups::{self, CgroupDir};
use super::container::{Condition, Container, Facts};
use super::control_file::Cgroups;
use super::detail::DetailSensors;
use super::entry::Entry;
use super::identity::{Identity, Rigour, identify};
use super::limits::Limits;
use super::machine::Machine;
use super::manager::manager_of;
use super::problem::Problem;
use super::rdt;
use super::scan::cgroups_of;
use super::sensors::Sensors;
use super::usage::{Detail, Usage};
use crate::cgroup::freezer::Freezer;
use crate::kernel::read::stat_beneath;
use crate::oci::record::{crun, runc};
use crate::oci::{ContainerKey, Record, RuntimeKind, Status};

/// Tells whether a state directory or its state file changed since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint {
    dir: Option<Stamp>,
    file: Option<Stamp>,
    runtime: Option<RuntimeKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    seconds: i64,
    nanoseconds: i64,
}

impl From<Stat> for Stamp {
    fn from(stat: Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            seconds: stat.st_mtime,
            nanoseconds: stat.st_mtime_nsec.cast_signed(),
        }
    }
}

impl Fingerprint {
    /// Of the directory, and of the state file of `runtime`.
    pub fn take(root: impl AsFd, key: &ContainerKey, runtime: Option<RuntimeKind>) -> Self {
        let stamp =
            |path: &std::ffi::OsStr| stat_beneath(&root, path).ok().flatten().map(Stamp::from);
        let file = runtime.map(|runtime| match runtime {
            RuntimeKind::Crun => crun::STATUS,
            RuntimeKind::Runc | RuntimeKind::Youki => runc::STATE,
        });
        let path = |file: &str| std::path::Path::new(key.name()).join(file).into_os_string();
        Self {
            dir: stamp(key.name()),
            file: file.and_then(|file| stamp(&path(file))),
            runtime,
        }
    }

    /// The same, with the state file of a runtime that is known only now.
    #[must_use]
    pub fn with_file(
        self,
        root: impl AsFd,
        key: &ContainerKey,
        runtime: Option<RuntimeKind>,
    ) -> Self {
        Self {
            dir: self.dir,
            ..Self::take(root, key, runtime)
        }
    }
}

/// One container between two passes.
#[derive(Debug)]
pub struct Tracked {
    /// The pass that saw it last.
    pub seen: u64,
    fingerprint: Fingerprint,
    base: Facts,
    usage: Usage,
    record: Option<Record>,
    exec_fifo: bool,
    named: Vec<CgroupDir>,
    cgroups: Vec<CgroupDir>,
    sensors: Option<(Sensors, DetailSensors)>,
    detail: Option<Arc<Detail>>,
}

impl Tracked {
    /// From an entry just read.
    pub fn new(
        entry: Entry<'_>,
        fingerprint: Fingerprint,
        owner: String,
        machine: &Machine,
    ) -> Self {
        let named = cgroups_of(machine, &entry);
        let mut base = blank(&entry.key);
        base.state_dir = Some(entry.inode);
        base.runtime = entry.runtime;
        base.owner = owner;
        let note = entry.note.as_ref().or(entry.record.as_ref().err());
        base.problem = note.map(|problem| crate::text::chain(problem));
        if let Ok(record) = &entry.record {
            describe(&mut base, record, machine);
        }
        Self {
            seen: 0,
            fingerprint,
            base,
            usage: Usage::default(),
            record: entry.record.ok(),
            exec_fifo: entry.exec_fifo,
            named,
            cgroups: Vec::new(),
            sensors: None,
            detail: None,
        }
    }

    /// From an entry that could not be opened.
    pub fn broken(key: &ContainerKey, fingerprint: Fingerprint, problem: &Problem) -> Self {
        let mut base = blank(key);
        base.problem = Some(crate::text::chain(problem));
        Self {
            seen: 0,
            fingerprint,
            base,
            usage: Usage::default(),
            record: None,
            exec_fifo: false,
            named: Vec::new(),
            cgroups: Vec::new(),
            sensors: None,
            detail: None,
        }
    }

    /// Whether its directory and state file are what they were.
    pub fn is_unchanged(&self, root: impl AsFd, key: &ContainerKey) -> bool {
        Fingerprint::take(root, key, self.fingerprint.runtime) == self.fingerprint
    }

    /// Reads its usage.
    pub fn sample(&mut self, machine: &Machine, buffer: &mut Vec<u8>) {
        if self.sensors.is_none() {
            self.cgroups = cgroups::existing(&self.named, &machine.hierarchies);
        }
        if self.cgroups.is_empty() {
            return;
        }
        let hierarchies = &machine.hierarchies;
        let (sensors, detail) = self.sensors.get_or_insert_with(|| {
            let init = self
                .record
                .as_ref()
                .and_then(|record| identify(machine, record, &self.named, Rigour::Shown).alive());
            (
                Sensors::open(&self.cgroups, hierarchies),
                DetailSensors::open(&self.cgroups, machine, init),
            )
        });
        self.usage = sensors.read();
        let detail = detail.read(machine, &self.cgroups, &mut self.usage, buffer);
        self.detail = Some(Arc::new(detail));
        // A kept file of a removed cgroup reads ENODEV: look for the cgroups again next time.
        let usage = self.usage;
        if usage.memory.is_none() && usage.pids.is_none() && usage.cpu.is_none() {
            let still = cgroups::existing(&self.cgroups, hierarchies);
            if still != self.cgroups {
                self.sensors = None;
                self.usage = Usage::default();
                self.detail = None;
                self.cgroups = still;
            }
        }
    }

    /// Reads what one look gives: the three counters and their limits, no rate. CPU time so far is
    /// in [`Detail::cpu`].
    pub fn glance(&mut self, machine: &Machine) {
        self.cgroups = cgroups::existing(&self.named, &machine.hierarchies);
        if self.cgroups.is_empty() {
            return;
        }
        let hierarchies = &machine.hierarchies;
        let mut sensors = Sensors::open(&self.cgroups, hierarchies);
        let limits = Limits::read(Cgroups {
            dirs: &self.cgroups,
            hierarchies,
        });
        self.usage = Usage {
            cpu_limit: limits.cpu,
            memory_limit: limits.memory,
            pids_limit: limits.pids,
            ..sensors.read()
        };
        let mut detail = Detail::default();
        detail.cpu.total = sensors.time().map(|(_, total)| total.as_secs_f64());
        self.detail = Some(Arc::new(detail));
    }

    /// The row as of now: status derived afresh.
    pub fn container(&self, machine: &Machine) -> Container {
        self.finish(self.base.clone(), machine)
    }

    /// As [`Self::container`], when nothing is kept for another pass.
    pub fn into_container(mut self, machine: &Machine) -> Container {
        let blank = blank(&self.base.key);
        let base = std::mem::replace(&mut self.base, blank);
        self.finish(base, machine)
    }

    fn finish(&self, base: Facts, machine: &Machine) -> Container {
        Container {
            usage: self.usage,
            detail: self.detail.clone(),
            ..Container::of(self.facts(base, machine))
        }
    }

    fn facts(&self, base: Facts, machine: &Machine) -> Facts {
        let mut container = base;
        container.cgroups = self
            .cgroups
            .iter()
            .map(|dir| dir.view(&machine.hierarchies))
            .collect();
        let Some(record) = &self.record else {
            return container;
        };
        let identity = identify(machine, record, &self.named, Rigour::Shown);
        let freezer = match identity {
            Identity::Alive(_) => cgroups::freezer(&self.named, &machine.hierarchies),
            Identity::Dead | Identity::Recycled(_) => None,
        };
        container.condition = derive(record, identity, self.exec_fifo, freezer);
        container.init = identity.alive();
        match (identity, freezer) {
            (Identity::Recycled(pid), _) => {
                let problem = Problem::Recycled(pid);
                container
                    .problem
                    .get_or_insert_with(|| crate::text::chain(&problem));
            }
            (_, Some(Freezer::FrozenAbove)) => {
                container
                    .problem
                    .get_or_insert_with(|| "frozen by a cgroup above".to_owned());
            }
            _ => {}
        }
        container
    }
}

/// The status as the runtimes mean it, without their traps: init's identity first, then whether it
/// is frozen, then whether it was started.
pub fn derive(
    record: &Record,
    identity: Identity,
    exec_fifo: bool,
    freezer: Option<Freezer>,
) -> Condition {
    // youki writes `creating` before there is a process.
    let creating = record.stored_status == Some(Status::Creating);
    if record.init.is_none() && creating {
        return Condition::Known(Status::Creating);
    }
    if identity.alive().is_none() {
        return Condition::Known(Status::Stopped);
    }
    match freezer {
        Some(Freezer::Frozen) => return Condition::Known(Status::Paused),
        Some(Freezer::Freezing) => return Condition::Freezing,
        Some(Freezer::Thawed | Freezer::FrozenAbove) | None => {}
    }
    let created = match record.runtime {
        RuntimeKind::Youki => record.stored_status == Some(Status::Created),
        RuntimeKind::Runc | RuntimeKind::Crun => exec_fifo,
    };
    Condition::Known(match (creating, created) {
        (true, _) => Status::Creating,
        (_, true) => Status::Created,
        _ => Status::Running,
    })
}

fn describe(base: &mut Facts, record: &Record, machine: &Machine) {
    base.runtime = Some(record.runtime);
    base.recorded_pid = record.init.map(|init| init.pid);
    base.oci_version.clone_from(&record.oci_version);
    base.bundle = Some(record.bundle.clone());
    base.rootfs.clone_from(&record.rootfs);
    base.created.clone_from(&record.created);
    base.manager = manager_of(base.key.root(), &record.bundle, &record.annotations);
    base.annotations.clone_from(&record.annotations);
    base.rdt = rdt::groups(&record.rdt, machine.resctrl.as_deref());
}

fn blank(key: &ContainerKey) -> Facts {
    Facts {
        key: key.clone(),
        state_dir: None,
        runtime: None,
        condition: Condition::Broken,
        problem: None,
        init: None,
        recorded_pid: None,
        oci_version: None,
        bundle: None,
        rootfs: None,
        created: None,
        owner: String::new(),
        manager: None,
        annotations: std::collections::BTreeMap::new(),
        cgroups: Vec::new(),
        rdt: Vec::new(),
    }
}
