//! runc's events as JSON (its `types/events.go`): every field in its place, and left out where Go's
//! `omitempty` leaves it out, which a host that does not have the thing comes to as well.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cgroup::pressure::Stall;

/// One line.
#[derive(Serialize)]
pub(super) struct EventLine<'a> {
    #[serde(rename = "type")]
    pub(super) kind: EventType,
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Stats>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EventType {
    Stats,
    Oom,
}

#[derive(Default, Serialize)]
pub(super) struct Stats {
    pub(super) cpu: Cpu,
    pub(super) cpuset: Cpuset,
    pub(super) memory: Memory,
    pub(super) pids: Pids,
    pub(super) blkio: Blkio,
    pub(super) hugetlb: BTreeMap<String, RuncHugetlb>,
    pub(super) intel_rdt: Nothing,
    /// runc lists those it made itself: none.
    pub(super) network_interfaces: Option<Nothing>,
}

/// An object without fields.
#[derive(Default, Serialize)]
pub(super) struct Nothing {}

#[derive(Default, Serialize)]
pub(super) struct Cpu {
    pub(super) usage: RuncCpuUsage,
    pub(super) throttling: RuncThrottling,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psi: Option<Stall>,
}

#[derive(Default, Serialize)]
pub(super) struct RuncCpuUsage {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) percpu: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) percpu_kernel: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) percpu_user: Vec<u64>,
    pub(super) kernel: u64,
    pub(super) user: u64,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuncThrottling {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) throttled_periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) throttled_time: u64,
}

#[derive(Default, Serialize)]
pub(super) struct Cpuset {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cpus: Vec<u32>,
    pub(super) cpu_exclusive: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mems: Vec<u32>,
    pub(super) mem_hardwall: i64,
    pub(super) mem_exclusive: i64,
    pub(super) memory_migrate: i64,
    pub(super) memory_spread_page: i64,
    pub(super) memory_spread_slab: i64,
    pub(super) memory_pressure: i64,
    pub(super) sched_load_balance: i64,
    pub(super) sched_relax_domain_level: i64,
}

#[derive(Default, Serialize)]
pub(super) struct MemoryEntry {
    pub(super) limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max: u64,
    pub(super) failcnt: u64,
}

#[derive(Default, Serialize)]
pub(super) struct Memory {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) cache: u64,
    pub(super) usage: MemoryEntry,
    pub(super) swap: MemoryEntry,
    pub(super) kernel: MemoryEntry,
    #[serde(rename = "kernelTCP")]
    pub(super) kernel_tcp: MemoryEntry,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psi: Option<Stall>,
}

#[derive(Default, Serialize)]
pub(super) struct Pids {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) current: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) limit: u64,
}

/// The two of runc's eight lists for which today's kernels have files.
#[derive(Default, Serialize)]
pub(super) struct Blkio {
    #[serde(
        rename = "ioServiceBytesRecursive",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(super) bytes: Vec<BlkioEntry>,
    #[serde(rename = "ioServicedRecursive", skip_serializing_if = "Vec::is_empty")]
    pub(super) operations: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) psi: Option<Stall>,
}

#[derive(Default, Serialize)]
pub(super) struct BlkioEntry {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) minor: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) op: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) value: u64,
}

#[derive(Default, Serialize)]
pub(super) struct RuncHugetlb {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max: u64,
    pub(super) failcnt: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
