//! Why a leftover is kept.

use crate::inventory::Unread;
use crate::inventory::pins::Holder;
use crate::lifecycle::Accounted;

/// Somebody owns it, it is not what was shown, or something lives in it. Names and paths are safe
/// to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// A container of its id is alive.
    #[error("container {id} in {root} is alive")]
    Alive {
        /// Its id.
        id: String,
        /// Its state root.
        root: String,
    },
    /// An engine, a shim or another process has it.
    #[error("it has an owner: {0}")]
    Owned(String),
    /// Who may own it could not be asked, and could when it was shown.
    #[error("not read, may own it: {0}")]
    NotAsked(Unread),
    /// It is the root of a hierarchy.
    #[error("{0} is the root of its hierarchy")]
    Root(String),
    /// A live container's record names it.
    #[error("{dir} is that of container {id}, which is alive")]
    Claimed {
        /// The cgroup.
        dir: String,
        /// The container.
        id: String,
    },
    /// A process is in it, and nobody said that it may be killed.
    #[error("{dir} is not empty: pid {pid} is in it")]
    Process {
        /// The cgroup.
        dir: String,
        /// The process.
        pid: i32,
    },
    /// A process is in it that must not be killed: somebody accounts for it.
    #[error("{dir}: {why}")]
    Accounted {
        /// The cgroup.
        dir: String,
        /// Who accounts for a process in it.
        why: Accounted,
    },
    /// The kernel says that it is populated, by what cannot be seen.
    #[error("{0} is not empty: a process that cannot be seen from here is in it")]
    Populated(String),
    /// Somebody moved in since it was looked at.
    #[error("{0} is no longer empty")]
    Entered(String),
    /// A pin of a container whose record is there.
    #[error("container {id} in {root} has it")]
    PinOf {
        /// Its id.
        id: String,
        /// Its state root.
        root: String,
    },
    /// A pin whose scope is there.
    #[error("it is needed: {0}")]
    PinHeld(Holder),
    /// What stands where a pin should is none.
    #[error("{0} is no pin")]
    NoPin(String),
    /// What has to be looked at, and cannot be: a resctrl file, a directory.
    #[error("read {file}: {cause}")]
    Unread {
        /// The file.
        file: String,
        /// The system's words.
        cause: String,
    },
    /// A resctrl group with tasks.
    #[error("{0} has tasks")]
    Tasks(String),
    /// A resctrl group with CPUs.
    #[error("{0} has CPUs")]
    Cpus(String),
    /// A resctrl group that is not shareable.
    #[error("{dir} is {mode}")]
    Mode {
        /// The group.
        dir: String,
        /// Its mode.
        mode: String,
    },
    /// A cgroup of its own that was not among what was shown.
    #[error("{0} is its cgroup too, and was not found before: look again")]
    Missed(String),
    /// Its directory is another one by now.
    #[error("another state directory has taken its place")]
    Replaced,
    /// Its record's init is alive.
    #[error("its init lives: pid {0}")]
    Init(i32),
    /// A process lives in the cgroup that its record names.
    #[error("pid {0} lives in its cgroup")]
    Lives(i32),
}

impl Kept {
    /// The reason as one stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Alive { .. } | Self::Claimed { .. } | Self::Init(_) => "alive",
            Self::Owned(_) | Self::PinOf { .. } | Self::PinHeld(_) => "owned",
            Self::Accounted { why, .. } => why.code(),
            Self::Root(_) => "hierarchy_root",
            Self::Process { .. } | Self::Populated(_) | Self::Entered(_) | Self::Lives(_) => {
                "not_empty"
            }
            Self::Unread { .. } | Self::NotAsked(_) => "unread",
            Self::Tasks(_) | Self::Cpus(_) | Self::Mode { .. } => "resctrl_in_use",
            Self::Replaced => "replaced",
            Self::Missed(_) => "not_shown",
            Self::NoPin(_) => "not_a_pin",
        }
    }
}
