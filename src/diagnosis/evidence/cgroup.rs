//! What was seen of one cgroup.

use std::path::PathBuf;

use crate::cgroup::cpu::Throttling;
use crate::cgroup::freezer::Freezer;
use crate::cgroup::{Limit, Version};

/// Where a cgroup stands to the container's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Above it.
    Above,
    /// It is the container's.
    Own,
    /// Below it.
    Below,
    /// Neither: a task of the container was moved there, or below it.
    Elsewhere,
}

impl Level {
    /// The container's own, or below it: what goes with the container.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::Below)
    }
}

/// One cgroup directory. What a hierarchy does not have is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupSeen {
    /// The directory.
    pub dir: PathBuf,
    /// v1 or v2.
    pub version: Version,
    /// Where it stands.
    pub level: Level,
    /// Its list of processes could be read.
    pub listed: bool,
    /// Processes in it.
    pub processes: usize,
    /// Processes in it that are outside of ocitop's pid namespace.
    pub foreign: usize,
    /// Something lives in it or below, listed or not (v2).
    pub populated: Option<bool>,
    /// Its freezer.
    pub freezer: Option<Freezer>,
    /// `cgroup.type` (v2).
    pub kind: Option<String>,
    /// `pids.current`.
    pub pids: Option<u64>,
    /// `pids.max`.
    pub pids_limit: Option<Limit>,
    /// The OOM killer is off and memory is out (v1).
    pub oom_waits: bool,
    /// `memory.high` (v2).
    pub high: Option<Limit>,
    /// CPU quota, millionths of a core.
    pub quota: Option<Limit>,
    /// Memory charged to it, bytes.
    pub memory: Option<u64>,
    /// Its limit, bytes.
    pub memory_limit: Option<Limit>,
    /// What it has counted since it was made.
    pub counts: EventCounts,
    /// How much of that between two looks.
    pub since: EventCounts,
}

/// Counters that only rise. What a hierarchy does not count is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventCounts {
    /// Forks that were refused (`pids.events`).
    pub forks_refused: Option<u64>,
    /// How often memory was held back at `memory.high` (v2).
    pub high: Option<u64>,
    /// How often its own memory limit was hit (v1 `memory.failcnt`, v2 `max` of `memory.events`).
    pub at_limit: Option<u64>,
    /// Processes that the OOM killer ended.
    pub oom_kills: Option<u64>,
    /// Periods of its CPU quota.
    pub cpu: Option<Throttling>,
}

impl EventCounts {
    /// What came since `before`; `None` where either is not known.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let less = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?));
        Self {
            forks_refused: less(self.forks_refused, before.forks_refused),
            high: less(self.high, before.high),
            at_limit: less(self.at_limit, before.at_limit),
            oom_kills: less(self.oom_kills, before.oom_kills),
            cpu: self.cpu.zip(before.cpu).map(|(now, then)| Throttling {
                periods: now.periods.saturating_sub(then.periods),
                throttled: now.throttled.saturating_sub(then.throttled),
            }),
        }
    }
}
