//! What a container can be stuck on, as data. The words are in `wording`.

use std::path::PathBuf;

use serde::Serialize;

use crate::cgroup::Version;
use crate::inventory::{Condition, Manager};

use super::evidence::Level;

/// A cause, with what tells this one from another of its kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cause {
    /// How the container is, when nothing is wrong.
    State(StateCause),
    /// Something about one of its processes.
    Task(TaskCause),
    /// Something about a cgroup.
    Cgroup(CgroupCause),
    /// Something about its record, its hooks, who owns it.
    Record(RecordCause),
    /// Something about the host, or about what ocitop may see of it.
    Host(HostCause),
}

impl Cause {
    /// The process that waits, if that is what it is about.
    pub(super) fn waiter(&self) -> Option<i32> {
        match self {
            Self::Task(
                TaskCause::Fuse { pid, .. }
                | TaskCause::Network { pid, .. }
                | TaskCause::BlockDevice { pid, .. }
                | TaskCause::FrozenFilesystem { pid, .. }
                | TaskCause::CgroupLock { pid }
                | TaskCause::Uninterruptible { pid, .. },
            ) => Some(*pid),
            _ => None,
        }
    }

    /// Whether another process waits for the same thing.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let (Self::Task(one), Self::Task(two)) = (self, other) else {
            return false;
        };
        match (one, two) {
            (
                TaskCause::Fuse {
                    connection: a,
                    exiting: c,
                    ..
                },
                TaskCause::Fuse {
                    connection: b,
                    exiting: d,
                    ..
                },
            ) => a == b && c == d,
            (TaskCause::Network { source: a, .. }, TaskCause::Network { source: b, .. }) => a == b,
            (
                TaskCause::BlockDevice { device: a, .. },
                TaskCause::BlockDevice { device: b, .. },
            ) => a == b,
            (
                TaskCause::FrozenFilesystem { mount: a, .. },
                TaskCause::FrozenFilesystem { mount: b, .. },
            ) => a == b,
            (TaskCause::CgroupLock { .. }, TaskCause::CgroupLock { .. }) => true,
            (
                TaskCause::Uninterruptible { wchan: a, .. },
                TaskCause::Uninterruptible { wchan: b, .. },
            ) => a == b,
            _ => false,
        }
    }
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum StateCause {
    /// Nothing is wrong: it runs.
    Running {
        /// Its init.
        pid: i32,
        /// Its processes.
        processes: usize,
    },
    /// It waits for its start.
    Created {
        /// Its init.
        pid: i32,
    },
    /// It is being made, or that was broken off.
    Creating,
    /// Frozen by its own freezer, as `pause` does.
    Paused {
        /// Where.
        cgroup: PathBuf,
    },
    /// Its init is gone and nothing of it lives.
    Stopped {
        /// The pid that init had.
        pid: Option<i32>,
        /// Processes that live on without it.
        left: usize,
    },
    /// Nothing can be said of it.
    Unknown {
        /// Its status.
        #[serde(serialize_with = "word")]
        condition: Condition,
    },
}

/// What a process waits for, or why it does not go.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum TaskCause {
    /// A process that answers for a FUSE file system does not.
    Fuse {
        /// The process that waits.
        pid: i32,
        /// Its thread.
        tid: i32,
        /// Number of the connection.
        connection: Option<u32>,
        /// Where it is mounted.
        mount: Option<PathBuf>,
        /// The process is on its way out.
        exiting: bool,
    },
    /// A server on the network does not answer.
    Network {
        /// The process that waits.
        pid: i32,
        /// Type of the file system.
        kind: Option<String>,
        /// Server and export.
        source: Option<String>,
        /// Where it is mounted.
        mount: Option<PathBuf>,
    },
    /// A device does not answer.
    BlockDevice {
        /// The process that waits.
        pid: i32,
        /// Major and minor number.
        device: Option<(u32, u32)>,
        /// Where it is mounted.
        mount: Option<PathBuf>,
    },
    /// A file system is frozen.
    FrozenFilesystem {
        /// The process that waits.
        pid: i32,
        /// Which, if that can be told.
        mount: Option<PathBuf>,
    },
    /// It waits for the lock of all cgroups.
    CgroupLock {
        /// The process.
        pid: i32,
    },
    /// Its memory is locked by a thread that waits itself.
    MemoryLocked {
        /// The process.
        pid: i32,
    },
    /// In uninterruptible sleep, in a place that is none of the others.
    Uninterruptible {
        /// The process.
        pid: i32,
        /// Its thread.
        tid: i32,
        /// The kernel function it waits in.
        wchan: Option<String>,
    },
    /// A parent waits in vfork(2) for a child that neither executes nor exits.
    Vfork {
        /// The parent.
        pid: i32,
        /// The child.
        child: Option<i32>,
    },
    /// Stopped by a signal.
    StoppedBySignal {
        /// The processes.
        pids: Vec<i32>,
    },
    /// Stopped by a tracer.
    Traced {
        /// The process.
        pid: i32,
        /// Who traces it.
        tracer: i32,
    },
    /// Killed, and held where it would exit by a tracer (`PTRACE_O_TRACEEXIT`).
    HeldAtExit {
        /// The process.
        pid: i32,
        /// Who traces it.
        tracer: i32,
    },
    /// Its init is dead, and its parent does not take note.
    ZombieInit {
        /// Init.
        pid: i32,
        /// Its parent.
        parent: Option<i32>,
        /// It is traced: the parent cannot reap it before that ends.
        tracer: Option<i32>,
    },
    /// Processes are dead, and their parent does not take note.
    Zombies {
        /// The first few.
        pids: Vec<i32>,
        /// How many.
        count: usize,
        /// Whose children they are.
        parent: i32,
    },
    /// The first thread of a process is dead, others live.
    DeadLeader {
        /// The process.
        pid: i32,
        /// Threads that live.
        threads: u64,
    },
    /// Init of a pid namespace waits for the last process in it.
    NamespaceWaits {
        /// Init.
        pid: i32,
        /// What it waits for.
        waits_for: Option<i32>,
        /// That one is a zombie whose parent is outside: this one.
        parent: Option<i32>,
    },
    /// A core dump is being written.
    CoreDump {
        /// The process.
        pid: i32,
        /// The program it is piped to.
        handler: Option<String>,
    },
    /// It gives its memory back, which takes long.
    LongExit {
        /// The process.
        pid: i32,
        /// Bytes still resident.
        resident: Option<u64>,
    },
    /// At its end it waits for requests of io_uring.
    IoUring {
        /// The process.
        pid: i32,
    },
    /// Kernel threads are in its cgroup.
    KernelThread {
        /// The thread.
        pid: i32,
        /// Its name.
        name: String,
    },
    /// A process of the host is in its cgroup.
    HostProcess {
        /// The process.
        pid: i32,
        /// Where.
        cgroup: String,
    },
    /// Processes are in some of its cgroups and not in others (v1): somebody moved them.
    PartlyOutside {
        /// The processes.
        pids: Vec<i32>,
        /// The hierarchies in which the first of them is elsewhere.
        hierarchies: Vec<String>,
    },
    /// Processes are in its pid namespace and not in its cgroup.
    Outside {
        /// The processes.
        pids: Vec<i32>,
        /// Where the first of them is.
        cgroup: Option<String>,
    },
}

/// What is special about a cgroup.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum CgroupCause {
    /// It is frozen, otherwise than by a plain pause.
    Frozen {
        /// Where the freezer was set.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
        /// Where that stands to the container.
        level: Level,
        /// Processes whose SIGKILL waits for the thaw.
        killed: Vec<i32>,
    },
    /// A freeze does not come to its end.
    FreezeUnfinished {
        /// Where.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
        /// A process that cannot be frozen.
        pid: Option<i32>,
    },
    /// Another live container has it too.
    Shared {
        /// Which cgroup.
        cgroup: PathBuf,
        /// Which container.
        with: String,
    },
    /// An action on it would be refused.
    Forbidden {
        /// Why.
        why: String,
    },
    /// There are cgroups below.
    SubCgroups {
        /// The first few.
        cgroups: Vec<PathBuf>,
        /// How many.
        count: usize,
        /// Processes in them.
        processes: usize,
    },
    /// It is threaded: its processes cannot be listed, nor killed as one.
    Threaded {
        /// Which.
        cgroup: PathBuf,
    },
    /// It cannot hold processes.
    Invalid {
        /// Which.
        cgroup: PathBuf,
    },
    /// It holds processes that ocitop's pid namespace does not have.
    ForeignPids {
        /// Which.
        cgroup: PathBuf,
        /// How many.
        count: usize,
    },
    /// No process can be made any more.
    PidsLimit {
        /// Which.
        cgroup: PathBuf,
        /// Its limit.
        limit: u64,
        /// How often a fork was refused.
        refused: Option<u64>,
    },
    /// Processes fork as fast as they can.
    ForkBomb {
        /// Which.
        cgroup: Option<PathBuf>,
        /// Processes now.
        processes: usize,
        /// Processes that appeared since the look before.
        fresh: usize,
    },
    /// Memory is out and the OOM killer is off.
    OomKillerOff {
        /// Which.
        cgroup: PathBuf,
        /// Processes that wait.
        pids: Vec<i32>,
    },
    /// Memory stands above `memory.high`.
    MemoryHigh {
        /// Which.
        cgroup: PathBuf,
        /// The limit, bytes.
        high: u64,
    },
    /// The CPU quota is far too small for what wants to run.
    CpuQuota {
        /// Which.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
        /// Where it stands.
        level: Level,
        /// Millionths of a core.
        quota: u64,
        /// Processes that want to run.
        runnable: usize,
        /// A SIGKILL waits for CPU time.
        killed: bool,
    },
    /// Something is mounted on it.
    MountOn {
        /// Where.
        mount: PathBuf,
    },
}

/// What is wrong with what is recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum RecordCause {
    /// The state file is missing.
    Missing {
        /// What was looked for.
        problem: String,
        /// Processes that live in its cgroups.
        processes: usize,
    },
    /// It is empty or cut short.
    Torn {
        /// What is wrong.
        problem: String,
        /// Processes that live in its cgroups.
        processes: usize,
    },
    /// It makes no sense.
    Corrupt {
        /// What is wrong.
        problem: String,
        /// Processes that live in its cgroups.
        processes: usize,
    },
    /// It cannot be read.
    Unreadable {
        /// What is wrong.
        problem: String,
    },
    /// A second file is missing or wrong.
    Incomplete {
        /// What is wrong.
        problem: String,
    },
    /// Another user wrote it.
    Foreign {
        /// Who.
        uid: u32,
    },
    /// The recorded pid is another process's.
    Recycled {
        /// The pid.
        pid: i32,
        /// The name of who has it.
        name: String,
    },
    /// A hook cannot be run.
    HookBroken {
        /// Its program.
        hook: PathBuf,
        /// Why.
        why: String,
    },
    /// A hook runs and does not end.
    HookRuns {
        /// Its program.
        hook: PathBuf,
        /// The process.
        pid: i32,
        /// For this long.
        seconds: u64,
    },
    /// systemd keeps the scope as failed.
    UnitFailed {
        /// Which.
        unit: String,
    },
    /// An engine has it and may act on it.
    Managed {
        /// Which.
        manager: Option<Manager>,
        /// The process that holds it.
        pid: i32,
        /// Its name.
        name: String,
    },
    /// An engine had it, and its process for it is gone.
    Abandoned {
        /// Which.
        manager: Manager,
    },
    /// Something is mounted in the state directory.
    MountIn {
        /// Where.
        mount: PathBuf,
    },
}

/// What is wrong with the host, or keeps ocitop from seeing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum HostCause {
    /// The file system of the state root is full.
    StateFull {
        /// The state root.
        root: PathBuf,
        /// Bytes left.
        free: u64,
    },
    /// It is mounted read-only.
    StateReadOnly {
        /// The state root.
        root: PathBuf,
    },
    /// No control group can be made any more.
    OutOfClosids {
        /// In use.
        used: u64,
        /// Of so many.
        of: u64,
    },
    /// No group can be monitored any more.
    OutOfRmids {
        /// In use.
        used: u64,
        /// Of so many.
        of: u64,
    },
    /// The container has a group in resctrl, which is not mounted.
    ResctrlNotMounted,
    /// ocitop is not root.
    NotRoot,
    /// It may not look into processes of others.
    NoPtrace,
    /// A cgroup hierarchy is mounted read-only.
    CgroupReadOnly {
        /// Its mount.
        mount: PathBuf,
    },
    /// ocitop is in a pid namespace of its own: recorded pids mean other processes.
    OtherPidNamespace,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references out"
)]
fn word<S: serde::Serializer>(condition: &Condition, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(condition.as_str())
}
