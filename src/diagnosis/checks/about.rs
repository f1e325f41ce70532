//! What the checks are about, and which of them a cause belongs to.

use serde::Serialize;

use crate::diagnosis::cause::{
    Cause, CgroupCause, HostCause, LeftoverCause, RecordCause, StateCause, TaskCause,
};
use crate::diagnosis::evidence::Evidence;

/// What a check is about, in the order they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Whether anybody owns it: of leftovers only.
    Leftover,
    /// The state file: readable, complete, of who may write it.
    Record,
    /// The recorded init: alive, and the same process.
    Init,
    /// Who is in its cgroups.
    Tasks,
    /// Tasks that no signal reaches.
    Unkillable,
    /// Tasks on their way out.
    Exits,
    /// Its freezer, and those above and below.
    Frozen,
    /// Tasks that are stopped, by a signal or a tracer.
    Stopped,
    /// Tasks that are dead and not reaped.
    Zombies,
    /// Its cgroups and those below.
    Cgroups,
    /// Tasks in its namespaces, but not in its cgroups.
    Outside,
    /// Whose its cgroups are besides.
    Shared,
    /// How many processes there may be.
    Pids,
    /// Memory and its limits.
    Memory,
    /// CPU time and its quota.
    Cpu,
    /// Its poststop hooks.
    Hooks,
    /// What is mounted where it would be removed.
    Mounts,
    /// resctrl.
    Rdt,
    /// A command of a runtime that still works on it.
    Runtime,
    /// The engine above.
    Owner,
    /// Its systemd scope.
    Unit,
    /// The file system of its state root.
    Disk,
    /// What ocitop itself may see and do.
    Viewer,
}

/// Every check, in order.
pub(super) const ALL: [About; 23] = [
    About::Leftover,
    About::Record,
    About::Init,
    About::Tasks,
    About::Unkillable,
    About::Exits,
    About::Frozen,
    About::Stopped,
    About::Zombies,
    About::Cgroups,
    About::Outside,
    About::Shared,
    About::Pids,
    About::Memory,
    About::Cpu,
    About::Hooks,
    About::Mounts,
    About::Rdt,
    About::Runtime,
    About::Owner,
    About::Unit,
    About::Disk,
    About::Viewer,
];

impl About {
    /// Whether there is anything to look at: a cgroup without a record has neither an init nor hooks.
    pub(super) fn concerns(self, evidence: &Evidence) -> bool {
        let bare = evidence.is_bare();
        match self {
            Self::Leftover => evidence.leftover.is_some(),
            Self::Mounts | Self::Viewer => true,
            Self::Tasks
            | Self::Unkillable
            | Self::Exits
            | Self::Frozen
            | Self::Stopped
            | Self::Zombies
            | Self::Cgroups
            | Self::Pids
            | Self::Memory
            | Self::Cpu => !bare || !evidence.cgroups.is_empty(),
            Self::Record
            | Self::Init
            | Self::Outside
            | Self::Shared
            | Self::Hooks
            | Self::Rdt
            | Self::Runtime
            | Self::Owner
            | Self::Unit
            | Self::Disk => !bare,
        }
    }
}

impl Cause {
    /// The one check that this is found by.
    pub fn about(&self) -> About {
        match self {
            Self::State(StateCause::Paused { .. }) => About::Frozen,
            Self::State(_) => About::Init,
            Self::Task(cause) => cause.about(),
            Self::Cgroup(cause) => cause.about(),
            Self::Record(cause) => cause.about(),
            Self::Host(cause) => cause.about(),
            Self::Leftover(cause) => cause.about(),
        }
    }
}

impl TaskCause {
    fn about(&self) -> About {
        match self {
            Self::Fuse { .. }
            | Self::Network { .. }
            | Self::BlockDevice { .. }
            | Self::FrozenFilesystem { .. }
            | Self::CgroupLock { .. }
            | Self::MemoryLocked { .. }
            | Self::Faulted { .. }
            | Self::Uninterruptible { .. }
            | Self::Vfork { .. } => About::Unkillable,
            Self::StoppedBySignal { .. } | Self::Traced { .. } | Self::HeldAtExit { .. } => {
                About::Stopped
            }
            Self::ZombieInit { .. } => About::Init,
            Self::Zombies { .. } => About::Zombies,
            Self::DeadLeader { .. }
            | Self::NamespaceWaits { .. }
            | Self::CoreDump { .. }
            | Self::LongExit { .. }
            | Self::IoUring { .. } => About::Exits,
            Self::KernelThread { .. } | Self::HostProcess { .. } => About::Tasks,
            Self::PartlyOutside { .. } | Self::Outside { .. } => About::Outside,
        }
    }
}

impl CgroupCause {
    fn about(&self) -> About {
        match self {
            Self::Frozen { .. } | Self::FrozenUnseen { .. } | Self::FreezeUnfinished { .. } => {
                About::Frozen
            }
            Self::Shared { .. } | Self::Forbidden { .. } => About::Shared,
            Self::Gone { .. }
            | Self::SubCgroups { .. }
            | Self::Threaded { .. }
            | Self::Invalid { .. } => About::Cgroups,
            Self::ForeignPids { .. } | Self::Unlisted { .. } => About::Tasks,
            Self::PidsLimit { .. } | Self::ForkBomb { .. } => About::Pids,
            Self::OomKillerOff { .. }
            | Self::MemoryHigh { .. }
            | Self::OomKills { .. }
            | Self::MemoryAtLimit { .. } => About::Memory,
            Self::CpuQuota { .. } | Self::CpuThrottled { .. } => About::Cpu,
            Self::MountOn { .. } => About::Mounts,
        }
    }
}

impl RecordCause {
    fn about(&self) -> About {
        match self {
            Self::Missing { .. }
            | Self::Torn { .. }
            | Self::Corrupt { .. }
            | Self::Unreadable { .. }
            | Self::Incomplete { .. }
            | Self::Foreign { .. } => About::Record,
            Self::Recycled { .. } => About::Init,
            Self::HookBroken { .. } | Self::HookRuns { .. } => About::Hooks,
            Self::RuntimeWorks { .. } => About::Runtime,
            Self::UnitFailed { .. } | Self::UnitGone { .. } => About::Unit,
            Self::Managed { .. } | Self::Abandoned { .. } => About::Owner,
            Self::MountIn { .. } => About::Mounts,
        }
    }
}

impl LeftoverCause {
    fn about(&self) -> About {
        match self {
            Self::Owned { .. } => About::Owner,
            Self::Orphans { .. } => About::Tasks,
            Self::Abandoned | Self::Unsure { .. } => About::Leftover,
            Self::Mounted { .. } | Self::BundleMounted { .. } => About::Mounts,
            Self::HalfWay { .. } | Self::Dying { .. } => About::Cgroups,
            Self::UnitLoaded { .. } => About::Unit,
        }
    }
}

impl HostCause {
    fn about(&self) -> About {
        match self {
            Self::StateFull { .. } | Self::StateReadOnly { .. } => About::Disk,
            Self::OutOfClosids { .. }
            | Self::OutOfRmids { .. }
            | Self::ResctrlNotMounted { .. }
            | Self::NoResctrl { .. }
            | Self::ResctrlGroupGone { .. } => About::Rdt,
            Self::CgroupReadOnly { .. } => About::Cgroups,
            Self::NotRoot | Self::NoPtrace | Self::OtherPidNamespace => About::Viewer,
        }
    }
}
