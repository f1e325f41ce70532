//! Which check a cause belongs to.

use super::About;
use crate::diagnosis::Cause;
use crate::diagnosis::cause::{
    CgroupCause, HostCause, LeftoverCause, RecordCause, StateCause, TaskCause,
};

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
