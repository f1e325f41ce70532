//! Causes that are a process.

use std::path::PathBuf;

use serde::Serialize;

/// What dead processes that nobody reaps do to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZombieEffect {
    /// They take up their pids.
    Pids,
    /// Their parent is outside: once init of their pid namespace dies, it waits until they are reaped.
    InitLater,
    /// Init, this pid, waits for them.
    Init(i32),
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
    /// It faulted in the kernel on its way out, which leaves it asleep for good.
    Faulted {
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
        /// What they do to the container.
        hold: ZombieEffect,
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
        /// The cgroup it is in.
        cgroup: String,
    },
    /// Processes are in some of its cgroups and not in others (v1): somebody moved them.
    PartlyOutside {
        /// The processes.
        pids: Vec<i32>,
        /// The hierarchies in which the first of them is elsewhere.
        hierarchies: Vec<String>,
        /// Where it is there.
        places: Vec<String>,
        /// Something is limited or counted in one of these.
        limits: bool,
    },
    /// Processes are in its pid namespace and not in its cgroup.
    Outside {
        /// The processes.
        pids: Vec<i32>,
        /// Where the first of them is.
        cgroup: Option<String>,
    },
}

impl TaskCause {
    /// The process that waits for what another may wait for too.
    pub(super) fn waiter(&self) -> Option<i32> {
        match self {
            Self::Fuse { pid, .. }
            | Self::Network { pid, .. }
            | Self::BlockDevice { pid, .. }
            | Self::FrozenFilesystem { pid, .. }
            | Self::CgroupLock { pid }
            | Self::Uninterruptible { pid, .. } => Some(*pid),
            Self::MemoryLocked { .. }
            | Self::Faulted { .. }
            | Self::Vfork { .. }
            | Self::StoppedBySignal { .. }
            | Self::Traced { .. }
            | Self::HeldAtExit { .. }
            | Self::ZombieInit { .. }
            | Self::Zombies { .. }
            | Self::DeadLeader { .. }
            | Self::NamespaceWaits { .. }
            | Self::CoreDump { .. }
            | Self::LongExit { .. }
            | Self::IoUring { .. }
            | Self::KernelThread { .. }
            | Self::HostProcess { .. }
            | Self::PartlyOutside { .. }
            | Self::Outside { .. } => None,
        }
    }

    /// Whether another process waits for the same thing.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Fuse {
                    connection: a,
                    exiting: c,
                    ..
                },
                Self::Fuse {
                    connection: b,
                    exiting: d,
                    ..
                },
            ) => a == b && c == d,
            (Self::Network { source: a, .. }, Self::Network { source: b, .. })
            | (Self::Uninterruptible { wchan: a, .. }, Self::Uninterruptible { wchan: b, .. }) => {
                a == b
            }
            (Self::BlockDevice { device: a, .. }, Self::BlockDevice { device: b, .. }) => a == b,
            (Self::FrozenFilesystem { mount: a, .. }, Self::FrozenFilesystem { mount: b, .. }) => {
                a == b
            }
            (Self::CgroupLock { .. }, Self::CgroupLock { .. }) => true,
            _ => false,
        }
    }
}
