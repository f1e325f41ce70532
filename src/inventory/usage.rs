//! What a container uses: counters turned into rates, gauges, limits. `None` is "not available",
//! never zero. Formulas: cgroup-v2.rst, cgroup-v1/*.rst, psi.rst, proc(5).

use std::sync::Arc;

use serde::Serialize;

use super::series::Series;
use crate::cgroup::Limit;
pub use crate::cgroup::pressure::{Stall, StallLine};
use crate::oci::ContainerKey;

/// Live usage; `None` is "not available", never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Usage {
    /// Percent of one core since the last pass.
    pub cpu: Option<f64>,
    /// CPU limit in millionths of a core.
    pub cpu_limit: Option<Limit>,
    /// Percent of the quota's periods that were throttled since the last pass; of the strictest
    /// quota, which may be that of a cgroup above.
    pub throttled: Option<f64>,
    /// Bytes charged (`memory.current`, `memory.usage_in_bytes`).
    pub memory: Option<u64>,
    /// Bytes charged without inactive page cache.
    pub working_set: Option<u64>,
    /// Bytes at which the OOM killer comes.
    pub memory_limit: Option<Limit>,
    /// Processes the OOM killer took so far.
    pub oom_kills: Option<u64>,
    /// Tasks (threads and zombies).
    pub pids: Option<u64>,
    /// Most tasks.
    pub pids_limit: Option<Limit>,
    /// Bytes a second read from block devices.
    pub io_read: Option<f64>,
    /// Bytes a second written to block devices.
    pub io_write: Option<f64>,
}

/// What is looked at closely, because somebody looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    /// The rows on the screen.
    pub visible: Vec<ContainerKey>,
    /// All that is shown of them changes with each pass, not only the numbers in a table.
    pub in_full: bool,
    /// The one under the cursor.
    pub selected: Option<ContainerKey>,
    /// What every container's is wanted of, on the screen or not: something is sorted or filtered
    /// by it.
    pub of_all: OfAll,
}

/// Numbers that containers beyond the screen have only where they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfAll {
    /// [`Usage::io_read`] and [`Usage::io_write`].
    pub io: bool,
    /// [`Usage::throttled`].
    pub throttled: bool,
}

impl OfAll {
    /// What a table of containers shows.
    pub const TABLE: Self = Self {
        io: true,
        throttled: true,
    };
}

/// What is read of a container only while its row is on the screen, or asked for by an export.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Detail {
    /// CPU beyond [`Usage::cpu`].
    pub cpu: CpuDetail,
    /// Memory beyond [`Usage::memory`].
    pub memory: MemoryDetail,
    /// Most tasks there ever were (`pids.peak`).
    pub pids_peak: Option<u64>,
    /// Block IO by device; empty where nothing was counted.
    pub io: Vec<DeviceIo>,
    /// Network of init's network namespace.
    pub network: Option<Network>,
    /// Pressure stall information.
    pub pressure: Pressure,
    /// Huge pages by page size; empty without the controller.
    pub hugetlb: Vec<Hugetlb>,
    /// Its resctrl groups.
    pub rdt: Option<RdtUsage>,
    /// The last hours.
    #[serde(skip)]
    pub history: Arc<Series>,
}

/// CPU time, in percent of one core since the last pass.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CpuDetail {
    /// In user mode. The kernel estimates the split: their sum is not [`Usage::cpu`] exactly.
    pub user: Option<f64>,
    /// In the kernel.
    pub system: Option<f64>,
    /// CPU time so far, seconds.
    pub total: Option<f64>,
    /// Seconds, summed over CPUs, in which the quota held it back, in each second; where a cgroup
    /// above has the strictest, all that is in that.
    pub stalled: Option<f64>,
    /// The same so far, seconds.
    pub stalled_total: Option<f64>,
}

/// Memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct MemoryDetail {
    /// Anonymous memory (v2 `anon`, v1 `total_rss`).
    pub rss: Option<u64>,
    /// Page cache (v2 `file`, v1 `total_cache`).
    pub cache: Option<u64>,
    /// Kernel memory (v2 `kernel`, v1 `memory.kmem.usage_in_bytes`).
    pub kernel: Option<u64>,
    /// Swap in use (v2 `memory.swap.current`, v1 `total_swap`).
    pub swap: Option<u64>,
    /// Most swap (v2 `memory.swap.max`, v1 memsw limit minus memory limit).
    pub swap_limit: Option<Limit>,
    /// Where throttling begins (v2 `memory.high`).
    pub high: Option<Limit>,
    /// Most there ever was (`memory.peak`, `memory.max_usage_in_bytes`).
    pub peak: Option<u64>,
    /// How often it was over `memory.high` (v2).
    pub high_events: Option<u64>,
    /// How often the limit was hit (v2 `max`, v1 `memory.failcnt`).
    pub max_events: Option<u64>,
    /// How often an allocation was about to fail (v2 `oom`).
    pub oom_events: Option<u64>,
    /// v1: the OOM killer is off, and processes wait instead (`oom_kill_disable`).
    pub oom_kill_disabled: Option<bool>,
    /// v1: processes wait for memory right now (`under_oom`).
    pub under_oom: Option<bool>,
}

/// Block IO on one device.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DeviceIo {
    /// Its number, `MAJ:MIN`.
    pub device: String,
    /// Its name below /dev, if it has one.
    pub name: Option<String>,
    /// Bytes read a second.
    pub read: Option<f64>,
    /// Bytes written a second.
    pub write: Option<f64>,
    /// Reads a second.
    pub read_ops: Option<f64>,
    /// Writes a second.
    pub write_ops: Option<f64>,
    /// Bytes read so far.
    pub read_total: u64,
    /// Bytes written so far.
    pub write_total: u64,
    /// Whether it lies on other devices (LVM, dm, md): they count the same bytes again, so a sum
    /// leaves it out.
    pub stacked: bool,
}

/// Network, as the network namespace of a container's init sees it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Network {
    /// The namespace's inode.
    pub namespace: u64,
    /// It is the host's: the numbers are the host's too.
    pub host: bool,
    /// Interfaces, loopback last.
    pub interfaces: Vec<Interface>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Interface {
    /// Its name, safe to print.
    pub name: String,
    /// Bytes received a second.
    pub received: Option<f64>,
    /// Bytes sent a second.
    pub sent: Option<f64>,
    /// Bytes received so far.
    pub received_total: u64,
    /// Bytes sent so far.
    pub sent_total: u64,
    /// Packets dropped and errors, both ways, so far.
    pub troubles: u64,
}

/// Pressure stall information (psi.rst); `None` where the kernel does not count it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pressure {
    /// Of CPU.
    pub cpu: Option<Stall>,
    /// Of memory.
    pub memory: Option<Stall>,
    /// Of IO.
    pub io: Option<Stall>,
    /// Of interrupts: only `full`.
    pub irq: Option<Stall>,
}

/// Huge pages of one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hugetlb {
    /// The page size as the kernel writes it: `2MB`.
    pub size: String,
    /// Bytes in use.
    pub usage: Option<u64>,
    /// Most.
    pub limit: Option<Limit>,
    /// Allocations refused so far.
    pub failures: Option<u64>,
}

/// A container's share of resctrl, summed over cache domains.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RdtUsage {
    /// Its control group below the mount; empty for the default group.
    pub control: String,
    /// Whether other containers are in that group.
    pub shared: bool,
    /// Its own monitoring group; without one the numbers are the control group's.
    pub monitoring: Option<String>,
    /// Bytes of last level cache in use.
    pub llc: RdtValue,
    /// Bytes a second from all memory.
    pub mbm_total: RdtValue,
    /// Bytes a second from the memory next to its CPUs.
    pub mbm_local: RdtValue,
    /// The group's schemata, a line each, as `L3:0=fff;1=fff`.
    pub schemata: Vec<String>,
}

/// A monitoring value, or the kernel's word why there is none (resctrl.rst): `Unavailable`,
/// `Unassigned`, `Error`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(untagged)]
pub enum RdtValue {
    /// Not offered, or too early for a rate.
    #[default]
    None,
    /// A number.
    Value(f64),
    /// A word.
    Word(String),
}

/// What the host as a whole uses (proc(5)).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HostUsage {
    /// Percent of one core, all CPUs together.
    pub cpu: Option<f64>,
    /// Bytes that are not available (`MemTotal - MemAvailable`).
    pub memory: Option<u64>,
    /// Bytes of swap in use, and of swap.
    pub swap: Option<(u64, u64)>,
    /// Load over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Tasks.
    pub tasks: Option<u64>,
    /// Pressure stall information.
    pub pressure: Pressure,
}
