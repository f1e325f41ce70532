//! What was seen of one container, as plain data: all that [`super::judge()`] knows.

mod cgroup;

use std::path::PathBuf;
use std::time::Duration;

use crate::inventory::freezers::FreezersOver;
use crate::inventory::processes::{Closeup, Process, ProcessPlace};
use crate::inventory::sight::{CgroupsOutOfSight, OutOfSight};
use crate::inventory::{Condition, Managed};
use crate::leftovers::{Leftover, LeftoverKind};
use crate::oci::{ContainerKey, RuntimeKind};
use crate::process::InitProcess;

use super::wait_kind::WaitKind;
pub use cgroup::{CgroupSeen, EventCounts, Level};

/// Everything that was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Which container.
    pub key: ContainerKey,
    /// Who wrote it, if that can be told.
    pub runtime: Option<RuntimeKind>,
    /// Its status as derived from the machine.
    pub condition: Condition,
    /// What its record says and is.
    pub record: RecordSeen,
    /// Its recorded init.
    pub init: InitSeen,
    /// Whose pid namespace init is in.
    pub pid_namespace: PidNamespace,
    /// Its processes, and those in its namespaces.
    pub tasks: Vec<Task>,
    /// Its cgroups, those below, and those above.
    pub cgroups: Vec<CgroupSeen>,
    /// Cgroups that its record names and that are not there, and how many it names.
    pub gone: (Vec<PathBuf>, usize),
    /// A cgroup of its own that another live container has too, and which.
    pub shared: Option<(PathBuf, String)>,
    /// Why an action on its cgroups would be refused.
    pub forbidden: Option<String>,
    /// Its poststop hooks.
    pub hooks: Vec<HookSeen>,
    /// Its systemd scope.
    pub unit: Option<UnitSeen>,
    /// The engine above it.
    pub manager: Option<Managed>,
    /// The process of that engine that holds it: a shim, conmon.
    pub supervisor: Option<Neighbour>,
    /// Commands of a runtime that are about it.
    pub runtimes: Vec<RuntimeSeen>,
    /// Mounts on its cgroups, or in its state directory.
    pub mounts: Vec<PathBuf>,
    /// The file system of its state root.
    pub disk: Option<Disk>,
    /// resctrl.
    pub rdt: RdtSeen,
    /// What ocitop itself may see and do.
    pub viewer: Viewer,
    /// What could not be looked at.
    pub unseen: NotSeen,
    /// What the search for leftovers says of it, if it is one.
    pub leftover: Option<Box<Leftover>>,
    /// Time over which changes were seen.
    pub span: Duration,
    /// Processes that appeared in that time.
    pub fresh: usize,
    /// Processes that there are beyond those that were read.
    pub more: usize,
    /// It has more cgroups than were read.
    pub more_cgroups: bool,
}

impl Evidence {
    /// Whether it is a leftover without a record: there is no container to be said anything of.
    pub fn is_bare(&self) -> bool {
        let leftover = self.leftover.as_ref();
        leftover.is_some_and(|leftover| leftover.kind != LeftoverKind::StateDir)
    }
}

/// What became of the state file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordSeen {
    /// What is wrong with it.
    pub problem: Option<RecordProblem>,
    /// A lesser problem beside a good one.
    pub note: Option<String>,
    /// The uid that owns the directory, if that is neither root nor ocitop's.
    pub foreign: Option<u32>,
    /// youki stored that it is not paused; `None` where the record does not say.
    pub stored_running: bool,
    /// The cgroup is recorded to be disabled.
    pub cgroup_disabled: bool,
    /// It tells when init started; otherwise that was judged by its cgroup or its age.
    pub has_start: bool,
}

/// Why a state file is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordProblem {
    /// There is none.
    Missing(String),
    /// It is empty or cut short.
    Torn(String),
    /// It is whole and makes no sense.
    Corrupt(String),
    /// It cannot be read.
    Unreadable(String),
}

/// The recorded init.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InitSeen {
    /// None is known.
    #[default]
    Unknown,
    /// It lives.
    Alive(InitProcess),
    /// It is gone.
    Gone(i32),
    /// It is dead, and its parent has not taken note.
    Zombie(InitProcess, Option<Neighbour>),
    /// Its pid is another process's.
    Recycled(Neighbour),
    /// It cannot be told from here.
    OutOfSight(OutOfSight),
}

/// Whose pid namespace a container's init is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PidNamespace {
    /// The container's alone: who is in it is of the container, wherever its cgroup is.
    Private,
    /// The host's, or that of other containers too.
    Shared,
    /// It cannot be read, or there is no init.
    #[default]
    Unknown,
}

/// One process, with what is seen of it besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The process.
    pub process: Process,
    /// Where it was found.
    pub place: ProcessPlace,
    /// It runs in the host's mount and pid namespaces, and init does not.
    pub of_host: bool,
    /// Hierarchies in which it is not in the container's cgroup, though it is in others.
    pub missing_from: Vec<MissingFrom>,
    /// It was forked and has not executed a program since.
    pub not_executed: bool,
    /// A core dump of it is being written.
    pub dumping: bool,
    /// Its parent.
    pub parent: Option<Neighbour>,
    /// Who traces it.
    pub tracer: Option<Neighbour>,
    /// The freezers over it and its threads, wherever they are by now.
    pub freezers: FreezersOver,
    /// Where it and its threads wait, those worth a look.
    pub waits: Vec<Wait>,
}

/// A hierarchy in which a task is not in the container's cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFrom {
    /// Its controllers, safe to print.
    pub hierarchy: String,
    /// Where the task is instead; safe to print.
    pub place: String,
    /// Something is limited or counted there.
    pub limits: bool,
}

/// Where in the kernel a task waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// The task: a process, or a thread of it.
    pub tid: i32,
    /// Its state letter.
    pub state: char,
    /// It did not run between two looks.
    pub still: bool,
    /// It is frozen: where it sleeps tells nothing.
    pub frozen: bool,
    /// The function it waits in.
    pub wchan: Option<String>,
    /// Stack, system call and file.
    pub closeup: Closeup,
    /// The mount that file is on, or the one that it must be.
    pub mount: Option<MountSeen>,
    /// What all that says.
    pub kind: WaitKind,
}

/// A mount, as the process sees it and as ocitop does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSeen {
    /// Type of the file system.
    pub kind: String,
    /// What is mounted.
    pub source: String,
    /// Where, as the process sees it.
    pub point: PathBuf,
    /// Where ocitop sees the same file system, if it does.
    pub here: Option<PathBuf>,
    /// Device numbers.
    pub device: (u32, u32),
    /// A process answers for it.
    pub fuse: bool,
    /// A network or a process is behind it.
    pub remote: bool,
    /// Requests that wait for an answer, where fusectl tells.
    pub waiting: Option<u64>,
}

/// Another process that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The process, by pid and start.
    pub who: InitProcess,
    /// Its name, safe to print.
    pub name: String,
    /// Its state letter.
    pub state: char,
    /// It is a process of this container.
    pub inside: bool,
}

/// A poststop hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSeen {
    /// Its program.
    pub path: PathBuf,
    /// What it is on, if a look at it could hang there or did; safe to print.
    pub apart: Option<String>,
    /// Why it cannot be run, if so.
    pub broken: Option<String>,
    /// It runs now, for this long.
    pub running: Option<(Neighbour, Duration)>,
}

/// A command of a runtime that is about the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSeen {
    /// The process.
    pub process: Neighbour,
    /// What it does: `delete`, `run`.
    pub verb: String,
    /// For this long.
    pub time: Duration,
}

/// A systemd scope. `None` where that is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSeen {
    /// Its name, as it is.
    pub name: String,
    /// systemd has it loaded.
    pub loaded: Option<bool>,
    /// It is active.
    pub active: Option<bool>,
}

/// The file system of a state root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The root.
    pub path: PathBuf,
    /// Bytes that are free.
    pub free: u64,
    /// Files that can still be made; `None` where they are not counted.
    pub files: Option<u64>,
    /// Mounted read-only.
    pub read_only: bool,
}

/// resctrl, as far as the container has to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RdtSeen {
    /// The control group that the record names or asks for; bytes of disk.
    pub wanted: Option<String>,
    /// Whether that is there, as far as it could be looked for.
    pub there: Option<bool>,
    /// Whether there is resctrl here.
    pub mount: ResctrlPresence,
    /// Control groups in use, and how many there can be.
    pub closids: Option<(u64, u64)>,
    /// Groups that are monitored, and how many can be.
    pub rmids: Option<(u64, u64)>,
    /// It has a group of its own there.
    pub has_group: bool,
}

/// Whether a host has resctrl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResctrlPresence {
    /// The kernel does not know it.
    #[default]
    Absent,
    /// The kernel knows it and it is not mounted.
    NotMounted,
    /// It is mounted.
    Mounted,
}

/// What ocitop may see and do. `None` where that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewer {
    /// It runs as root.
    pub root: Option<bool>,
    /// `CAP_SYS_PTRACE`.
    pub ptrace: Option<bool>,
    /// It is in the host's pid namespace.
    pub host_pids: Option<bool>,
    /// Mounts of cgroup hierarchies that are read-only.
    pub read_only: Vec<PathBuf>,
    /// The command that core dumps are piped to.
    pub core_handler: Option<String>,
    /// systemd runs here.
    pub systemd: Option<bool>,
    /// Where it was told to find the host.
    pub host_dir: Option<PathBuf>,
}

/// What could not be looked at, beyond what the rest says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotSeen {
    /// Its hooks cannot be read.
    pub hooks: bool,
    /// The mounts cannot be read.
    pub mounts: bool,
    /// resctrl is mounted and does not answer.
    pub rdt: bool,
    /// Processes of the host whose command lines do not answer.
    pub mute: Vec<i32>,
    /// State roots that could not be read, and why; safe to print.
    pub roots: Vec<String>,
    /// Why processes that were not found may be there.
    pub pids: Option<OutOfSight>,
    /// Which of its cgroups cannot be looked at from here.
    pub cgroups: Option<CgroupsOutOfSight>,
}
