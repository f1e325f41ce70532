//! Causes that are a cgroup.

use std::path::PathBuf;

use serde::Serialize;

use crate::cgroup::Version;
use crate::diagnosis::evidence::Level;

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
    /// It is frozen, by a cgroup that cannot be seen from here.
    FrozenUnseen {
        /// Processes that are, as far as it is told of each.
        pids: Vec<i32>,
    },
    /// A freeze does not come to its end.
    FreezeUnfinished {
        /// The directory of the cgroup.
        cgroup: PathBuf,
        /// v1 or v2.
        version: Version,
        /// A process that cannot be frozen.
        pid: Option<i32>,
    },
    /// Cgroups that its record names are gone, and it lives.
    Gone {
        /// The first few.
        cgroups: Vec<PathBuf>,
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
    /// The kernel says that something lives in it, and nothing was found.
    Unlisted {
        /// The directory of the cgroup.
        cgroup: PathBuf,
    },
    /// Another live container has it too.
    Shared {
        /// Which cgroup.
        cgroup: PathBuf,
        /// Which container.
        with: String,
        /// A delete is refused: their processes cannot be told apart, or the other would die too.
        refused: bool,
    },
    /// An action on it would be refused.
    Forbidden {
        /// Why the engine would refuse it, safe to print.
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
        /// The directory of the cgroup.
        cgroup: PathBuf,
    },
    /// It cannot hold processes.
    Invalid {
        /// The directory of the cgroup.
        cgroup: PathBuf,
    },
    /// It holds processes that ocitop's pid namespace does not have.
    ForeignPids {
        /// The directory of the cgroup.
        cgroup: PathBuf,
        /// How many.
        count: usize,
    },
    /// No process can be made any more.
    PidsLimit {
        /// The directory of the cgroup.
        cgroup: PathBuf,
        /// Its limit.
        limit: u64,
        /// How often a fork was refused.
        refused: Option<u64>,
    },
    /// Processes fork as fast as they can.
    ForkBomb {
        /// The directory of the cgroup.
        cgroup: Option<PathBuf>,
        /// Processes now.
        processes: usize,
        /// Processes that appeared since the look before.
        fresh: usize,
    },
    /// Memory is out and the OOM killer is off.
    OomKillerOff {
        /// The directory of the cgroup.
        cgroup: PathBuf,
        /// Processes that wait.
        pids: Vec<i32>,
    },
    /// Memory stands above `memory.high`.
    MemoryHigh {
        /// The directory of the cgroup.
        cgroup: PathBuf,
        /// The limit, bytes.
        high: u64,
    },
    /// The CPU quota is far too small for what wants to run.
    CpuQuota {
        /// The directory of the cgroup.
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
    /// Its CPU quota holds it back.
    CpuThrottled {
        /// Which cgroup has the quota.
        cgroup: PathBuf,
        /// Where it stands.
        level: Level,
        /// Millionths of a core.
        quota: u64,
        /// Periods in which it was held back so far.
        throttled: u64,
        /// Of so many in which something wanted to run.
        periods: u64,
        /// The same two between two looks.
        now: (u64, u64),
    },
    /// The OOM killer ended processes of it.
    OomKills {
        /// Of which cgroup.
        cgroup: PathBuf,
        /// How many so far.
        kills: u64,
        /// How many of those between two looks.
        now: u64,
        /// Since init began, that many seconds ago.
        seconds: Option<u64>,
    },
    /// Its memory limit was hit: what was allocated then had to wait for memory given back.
    MemoryAtLimit {
        /// Which cgroup has the limit.
        cgroup: PathBuf,
        /// Where it stands.
        level: Level,
        /// The limit, bytes.
        limit: u64,
        /// How often so far.
        hits: u64,
        /// Since init began, that many seconds ago.
        seconds: Option<u64>,
        /// How often a second, between two looks.
        per_second: Option<u64>,
    },
    /// Something is mounted on it.
    MountOn {
        /// The mount point.
        mount: PathBuf,
    },
}
