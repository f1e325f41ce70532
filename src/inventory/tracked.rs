//! What is known of one container from its files, and when they have to be read again.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::Stat;

use super::attention::Frozen;
use super::cgroups::{self, CgroupDir, for_controller};
use super::container::{Condition, Facts};
use super::entry::Entry;
use super::freezers::Freezers;
use super::identity::{Identity, Recorded, Rigour, identify};
use super::machine::Machine;
use super::manager::Managed;
use super::problem::Problem;
use super::rdt;
use super::scan::cgroups_of;
use super::sight::OutOfSight;
use crate::cgroup::freezer::Freezer;
use crate::kernel::Inode;
use crate::kernel::read::stat_beneath;
use crate::oci::record::{crun, runc};
use crate::oci::{ContainerKey, Record, RuntimeKind, Status};
use crate::process::InitProcess;

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

/// How long a directory may be without a state file before it is shown as broken.
const AT_WORK: Duration = Duration::from_secs(1);

/// What is known of one container from its files.
#[derive(Debug)]
pub struct Tracked {
    fingerprint: Fingerprint,
    base: Facts,
    record: Option<Record>,
    exec_fifo: bool,
    named: Vec<CgroupDir>,
    /// There is no state file.
    stateless: bool,
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
        if entry.record.as_ref().is_err_and(Problem::is_unread) {
            base.condition = Condition::Unknown(OutOfSight::RecordUnread);
        }
        let note = entry.note.as_ref().or(entry.record.as_ref().err());
        base.problem = note.map(|problem| crate::text::chain(problem));
        if let Ok(record) = &entry.record {
            describe(&mut base, record, machine);
            base.manager = Managed::told_by(&entry.key, entry.uid, record);
        }
        Self {
            fingerprint,
            base,
            stateless: matches!(entry.record, Err(Problem::NoState(_) | Problem::Nothing)),
            record: entry.record.ok(),
            exec_fifo: entry.exec_fifo,
            named,
        }
    }

    /// From an entry that could not be opened.
    pub fn broken(key: &ContainerKey, fingerprint: Fingerprint, problem: &Problem) -> Self {
        let mut base = blank(key);
        base.problem = Some(crate::text::chain(problem));
        if problem.is_unread() {
            base.condition = Condition::Unknown(OutOfSight::RecordUnread);
        }
        Self {
            fingerprint,
            base,
            record: None,
            exec_fifo: false,
            named: Vec::new(),
            stateless: false,
        }
    }

    /// Whether its directory and state file are what they were.
    pub fn is_unchanged(&self, root: impl AsFd, key: &ContainerKey) -> bool {
        Fingerprint::take(root, key, self.fingerprint.runtime) == self.fingerprint
    }

    /// Whether it has no state file, and something was made or removed in it only a moment ago: a
    /// runtime is at work on it.
    pub fn is_unborn(&self) -> bool {
        let modified = self
            .fingerprint
            .dir
            .map(|dir| (dir.seconds, dir.nanoseconds));
        let age = modified.and_then(|(seconds, nanoseconds)| {
            let nanoseconds = i32::try_from(nanoseconds).ok()?;
            let modified = jiff::Timestamp::new(seconds, nanoseconds).ok()?;
            Duration::try_from(jiff::Timestamp::now().duration_since(modified)).ok()
        });
        self.stateless && age.is_some_and(|age| age < AT_WORK)
    }

    /// The cgroups its record names.
    pub fn named(&self) -> &[CgroupDir] {
        &self.named
    }

    /// The state directory it was read from.
    pub fn state_dir(&self) -> Option<Inode> {
        self.base.state_dir
    }

    /// Its record, if that makes sense.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// What it is now: status derived afresh, with those of its cgroups that exist.
    pub fn facts(&self, machine: &Machine, cgroups: &[CgroupDir]) -> Facts {
        self.finish(self.base.clone(), machine, cgroups)
    }

    /// As [`Self::facts`], once: what its files say goes with them.
    pub fn take_facts(&mut self, machine: &Machine) -> Facts {
        let blank = blank(&self.base.key);
        let base = std::mem::replace(&mut self.base, blank);
        self.finish(base, machine, &[])
    }

    /// Whether its status, its init and what is wrong with it are what they were; nothing else of it
    /// changes while its files and cgroups are the same. Spares a copy of all that.
    pub fn is_still(&self, shown: &Facts, machine: &Machine, known: RecentLook) -> bool {
        let Some(state) = self.state(machine, known) else {
            return true;
        };
        let problem = self.base.problem.as_ref().or(state.problem.as_ref());
        state.condition == shown.condition
            && state.init == shown.init
            && state.frozen == shown.frozen
            && problem == shown.problem.as_ref()
    }

    fn state(&self, machine: &Machine, known: RecentLook) -> Option<Derived> {
        let record = self.record.as_ref()?;
        let identity = known.init.map_or_else(
            || {
                let recorded = Recorded::at(&self.base.key, record, &self.named);
                identify(machine, recorded, Rigour::Shown)
            },
            Identity::Alive,
        );
        let freezer = match identity {
            Identity::Alive(_) => known
                .freezer
                .or_else(|| cgroups::freezer(&self.named, &machine.hierarchies)),
            Identity::Dead | Identity::Recycled(_) | Identity::Unknown(_) => None,
        };
        let problem = match identity {
            Identity::Unknown(why) => Some(crate::text::chain(&Problem::OutOfSight(why))),
            Identity::Recycled(pid) => Some(crate::text::chain(&Problem::Recycled(pid))),
            Identity::Alive(_) | Identity::Dead => None,
        };
        Some(Derived {
            condition: derive(record, identity, self.exec_fifo, freezer),
            init: identity.alive(),
            frozen: self.frozen(machine, identity.alive(), freezer),
            problem,
        })
    }

    /// Who freezes it, where its own freezer says that it is frozen.
    fn frozen(
        &self,
        machine: &Machine,
        init: Option<InitProcess>,
        freezer: Option<Freezer>,
    ) -> Option<Frozen> {
        let own = || {
            let cgroup = for_controller(&self.named, "freezer", &machine.hierarchies)?;
            Some(cgroup.0.dir(&machine.hierarchies))
        };
        match freezer? {
            Freezer::Frozen => own().map(Frozen::Own),
            Freezer::FrozenAbove => {
                let over = Freezers::new(machine).over(init?.pid, false);
                let own = own();
                let mut others = over.set.into_iter().map(|at| at.dir);
                let above = others.find(|dir| Some(dir) != own.as_ref());
                Some(Frozen::told(above, own.as_deref()))
            }
            Freezer::Freezing | Freezer::Thawed => None,
        }
    }

    fn finish(&self, base: Facts, machine: &Machine, cgroups: &[CgroupDir]) -> Facts {
        let mut facts = base;
        facts.cgroups = cgroups
            .iter()
            .map(|dir| dir.view(&machine.hierarchies))
            .collect();
        if let Some(state) = self.state(machine, RecentLook::default()) {
            (facts.condition, facts.init) = (state.condition, state.init);
            facts.frozen = state.frozen;
            facts.problem = facts.problem.or(state.problem);
        }
        facts
    }
}

/// What need not be looked at, because it was just now.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecentLook {
    /// Its init, which lives.
    pub init: Option<InitProcess>,
    /// What its freezer says.
    pub freezer: Option<Freezer>,
}

/// What has to be derived again and again.
struct Derived {
    condition: Condition,
    init: Option<InitProcess>,
    frozen: Option<Frozen>,
    /// Less than one of its files.
    problem: Option<String>,
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
    match identity {
        Identity::Alive(_) => {}
        Identity::Dead | Identity::Recycled(_) => return Condition::Known(Status::Stopped),
        Identity::Unknown(why) => return Condition::Unknown(why),
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
        frozen: None,
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
