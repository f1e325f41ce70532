//! What a container can be stuck on, as data. The words are in `words`.

mod cgroup;
mod leftover;
mod task;

use std::path::PathBuf;

use serde::Serialize;

use crate::inventory::{Condition, Manager, OutOfSight};

pub use cgroup::CgroupCause;
pub use leftover::LeftoverCause;
pub use task::{TaskCause, ZombieEffect};

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
    /// Something that only a leftover has.
    Leftover(LeftoverCause),
}

impl Cause {
    /// The process that waits, if that is what it is about.
    pub(super) fn waiter(&self) -> Option<i32> {
        match self {
            Self::Task(cause) => cause.waiter(),
            Self::State(_)
            | Self::Cgroup(_)
            | Self::Record(_)
            | Self::Host(_)
            | Self::Leftover(_) => None,
        }
    }

    /// Whether another process waits for the same thing.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Task(one), Self::Task(two)) => one.is_alike(two),
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
        /// The cgroup whose freezer is set.
        cgroup: PathBuf,
    },
    /// Its init is gone and nothing of it lives.
    Stopped {
        /// The pid that init had.
        pid: Option<i32>,
        /// Processes that live on without it; `None` where that was not all looked at.
        left: Option<usize>,
    },
    /// Whether it lives cannot be told from where ocitop runs.
    OutOfSight {
        /// What hides it.
        why: OutOfSight,
    },
    /// Nothing can be said of it.
    Unknown {
        /// Its status.
        #[serde(serialize_with = "word")]
        condition: Condition,
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
        /// The user who wrote it.
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
        /// What is wrong with it, safe to print.
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
    /// A command of a runtime is at work on it, or attached to it.
    RuntimeWorks {
        /// The process.
        pid: i32,
        /// Its name.
        name: String,
        /// What it does.
        verb: String,
        /// For this long.
        seconds: u64,
    },
    /// systemd keeps the scope as failed.
    UnitFailed {
        /// The name of the scope.
        unit: String,
    },
    /// It lives, and systemd has no such scope.
    UnitGone {
        /// The name of the scope.
        unit: String,
    },
    /// An engine has it and may act on it.
    Managed {
        /// The engine.
        manager: Option<Manager>,
        /// The process that holds it.
        pid: i32,
        /// Its name.
        name: String,
    },
    /// An engine made it, and no process of that engine for it was found.
    Abandoned {
        /// The engine.
        manager: Manager,
        /// Not every process of the host can be seen: one may hold it.
        unseen: bool,
    },
    /// Something is mounted in the state directory.
    MountIn {
        /// The mount point.
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
        /// Files that can still be made; `None` where they are not counted.
        files: Option<u64>,
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
    /// The container is to be in a group of resctrl, which is not mounted.
    ResctrlNotMounted {
        /// The group.
        group: String,
    },
    /// The same, where the kernel or the processor has no resctrl.
    NoResctrl {
        /// The group.
        group: String,
    },
    /// The group is not there.
    ResctrlGroupGone {
        /// The group.
        group: String,
    },
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

macro_rules! into_cause {
    ($($variant:ident($kind:ident)),*) => {
        $(impl From<$kind> for Cause {
            fn from(cause: $kind) -> Self {
                Self::$variant(cause)
            }
        })*
    };
}

into_cause!(
    State(StateCause),
    Task(TaskCause),
    Cgroup(CgroupCause),
    Record(RecordCause),
    Host(HostCause),
    Leftover(LeftoverCause)
);
