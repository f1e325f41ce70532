//! The statistics of one container, from the kernel's files into runc's shape.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::shape::{
    Blkio, BlkioEntry, Cpu, Cpuset, Memory, MemoryEntry, Pids, RuncCpuUsage, RuncHugetlb,
    RuncThrottling, Stats,
};
use crate::cgroup::Version;
use crate::cgroup::cpu;
use crate::cgroup::cpuset::parse_list;
use crate::cgroup::hugetlb::page_size;
use crate::cgroup::pressure::{Stall, parse_pressure};
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, for_controller};
use crate::kernel::read::kernel_text;

/// One controller's directory of the container.
struct ControllerDir {
    dir: PathBuf,
    version: Version,
}

impl ControllerDir {
    fn text(&self, file: &str) -> Option<String> {
        kernel_text(&self.dir.join(file)).ok()?
    }

    fn number(&self, file: &str) -> Option<u64> {
        match self.text(file)?.trim() {
            "max" => Some(u64::MAX),
            number => number.parse().ok(),
        }
    }

    fn keys(&self, file: &str) -> Vec<(String, u64)> {
        let text = self.text(file).unwrap_or_default();
        let pair = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_owned(), value.trim().parse().ok()?))
        };
        text.lines().filter_map(pair).collect()
    }

    fn key(&self, file: &str, key: &str) -> Option<u64> {
        self.keys(file)
            .into_iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    fn pressure(&self, file: &str) -> Option<Stall> {
        parse_pressure(&self.text(file)?)
    }
}

/// Everything.
pub(super) fn of(machine: &Machine, dirs: &[CgroupDir]) -> Stats {
    let place = |controller: &str| {
        let (cgroup, version) = for_controller(dirs, controller, &machine.hierarchies)?;
        Some(ControllerDir {
            dir: cgroup.dir(&machine.hierarchies),
            version,
        })
    };
    let (usage, quota) = (place("cpuacct"), place("cpu"));
    Stats {
        cpu: Cpu {
            usage: usage
                .map(|place| cpu_usage(&place, machine.host.ticks))
                .unwrap_or_default(),
            throttling: quota.as_ref().map(throttling).unwrap_or_default(),
            psi: quota.and_then(|place| place.pressure("cpu.pressure")),
        },
        cpuset: place("cpuset")
            .map(|place| cpuset(&place))
            .unwrap_or_default(),
        memory: place("memory")
            .map(|place| memory(&place))
            .unwrap_or_default(),
        pids: place("pids").map(|place| pids(&place)).unwrap_or_default(),
        blkio: place("blkio")
            .map(|place| blkio(&place))
            .unwrap_or_default(),
        hugetlb: place("hugetlb")
            .map(|place| hugetlb(&place))
            .unwrap_or_default(),
        ..Stats::default()
    }
}

fn pids(place: &ControllerDir) -> Pids {
    let limit = place.number("pids.max").filter(|limit| *limit != u64::MAX);
    Pids {
        current: place.number("pids.current").unwrap_or_default(),
        limit: limit.unwrap_or_default(),
    }
}

/// Nanoseconds throughout, whatever unit the kernel's file has.
fn cpu_usage(place: &ControllerDir, hertz: u64) -> RuncCpuUsage {
    let (spent, modes) = match place.version {
        Version::V1 => {
            let percpu = place.text("cpuacct.usage_percpu").unwrap_or_default();
            let stat = place.text("cpuacct.stat").unwrap_or_default();
            let (users, kernels) = per_cpu(&place.text("cpuacct.usage_all").unwrap_or_default());
            let spent = RuncCpuUsage {
                total: place.number("cpuacct.usage").unwrap_or_default(),
                percpu: percpu
                    .split_ascii_whitespace()
                    .filter_map(|word| word.parse().ok())
                    .collect(),
                percpu_kernel: kernels,
                percpu_user: users,
                ..RuncCpuUsage::default()
            };
            (spent, cpu::parse_modes_v1(&stat, hertz))
        }
        Version::V2 => {
            let stat = place.text("cpu.stat").unwrap_or_default();
            let total = cpu::parse_cpu_stat_v2(&stat).map(|cpu| nanos(cpu.total));
            let spent = RuncCpuUsage {
                total: total.unwrap_or_default(),
                ..RuncCpuUsage::default()
            };
            (spent, cpu::parse_modes_v2(&stat))
        }
    };
    let modes = modes.unwrap_or_default();
    RuncCpuUsage {
        kernel: nanos(modes.system),
        user: nanos(modes.user),
        ..spent
    }
}

fn throttling(place: &ControllerDir) -> RuncThrottling {
    let text = place.text("cpu.stat").unwrap_or_default();
    let counted = cpu::parse_throttling(&text).unwrap_or_default();
    RuncThrottling {
        periods: counted.periods,
        throttled_periods: counted.throttled,
        throttled_time: cpu::parse_stalled(&text).map(nanos).unwrap_or_default(),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// `cpuacct.usage_all`: user and system time of each CPU, under a header line.
fn per_cpu(text: &str) -> (Vec<u64>, Vec<u64>) {
    let line = |line: &str| -> Option<(u64, u64)> {
        let mut words = line.split_ascii_whitespace().skip(1);
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().skip(1).filter_map(line).unzip()
}

fn cpuset(place: &ControllerDir) -> Cpuset {
    let list = |v1: &str, v2: &str| {
        let file = match place.version {
            Version::V1 => v1,
            Version::V2 => v2,
        };
        parse_list(&place.text(file).unwrap_or_default())
    };
    // v2 has no files of these names: runc writes 0.
    let flag = |name: &str| {
        let text = place.text(&format!("cpuset.{name}"));
        text.and_then(|text| text.trim().parse().ok())
            .unwrap_or_default()
    };
    Cpuset {
        cpus: list("cpuset.cpus", "cpuset.cpus.effective"),
        cpu_exclusive: flag("cpu_exclusive"),
        mems: list("cpuset.mems", "cpuset.mems.effective"),
        mem_hardwall: flag("mem_hardwall"),
        mem_exclusive: flag("mem_exclusive"),
        memory_migrate: flag("memory_migrate"),
        memory_spread_page: flag("memory_spread_page"),
        memory_spread_slab: flag("memory_spread_slab"),
        memory_pressure: flag("memory_pressure"),
        sched_load_balance: flag("sched_load_balance"),
        sched_relax_domain_level: flag("sched_relax_domain_level"),
    }
}

fn memory(place: &ControllerDir) -> Memory {
    let raw: BTreeMap<_, _> = place.keys("memory.stat").into_iter().collect();
    let cached = |key: &str| raw.get(key).copied().unwrap_or_default();
    let v1 = |kind: &str| {
        let number = |what: &str| place.number(&format!("memory.{kind}{what}"));
        MemoryEntry {
            limit: number("limit_in_bytes").unwrap_or_default(),
            usage: number("usage_in_bytes").unwrap_or_default(),
            max: number("max_usage_in_bytes").unwrap_or_default(),
            failcnt: number("failcnt").unwrap_or_default(),
        }
    };
    match place.version {
        Version::V1 => Memory {
            cache: cached("cache"),
            usage: v1(""),
            swap: v1("memsw."),
            kernel: v1("kmem."),
            kernel_tcp: v1("kmem.tcp."),
            psi: None,
            raw,
        },
        Version::V2 => Memory {
            cache: cached("file"),
            usage: MemoryEntry {
                limit: place.number("memory.max").unwrap_or_default(),
                usage: place.number("memory.current").unwrap_or_default(),
                max: place.number("memory.peak").unwrap_or_default(),
                failcnt: 0,
            },
            swap: swap_v2(place),
            psi: place.pressure("memory.pressure"),
            raw,
            ..Memory::default()
        },
    }
}

/// runc counts memory and swap together, as v1's `memsw` does.
fn swap_v2(place: &ControllerDir) -> MemoryEntry {
    let both = |memory: &str, swap: &str| {
        let (memory, swap) = (place.number(memory)?, place.number(swap)?);
        Some(memory.saturating_add(swap))
    };
    MemoryEntry {
        limit: both("memory.max", "memory.swap.max").unwrap_or_default(),
        usage: both("memory.current", "memory.swap.current").unwrap_or_default(),
        ..MemoryEntry::default()
    }
}

/// Huge pages by page size.
fn hugetlb(place: &ControllerDir) -> BTreeMap<String, RuncHugetlb> {
    let names = std::fs::read_dir(&place.dir)
        .into_iter()
        .flatten()
        .flatten();
    let page = |file: &str| {
        let size = page_size(file)?;
        let number = |what: &str| place.number(&format!("hugetlb.{size}.{what}"));
        let (max, failures) = match place.version {
            Version::V1 => (number("max_usage_in_bytes"), number("failcnt")),
            Version::V2 => (None, place.key(&format!("hugetlb.{size}.events"), "max")),
        };
        let counted = RuncHugetlb {
            usage: place.number(file).unwrap_or_default(),
            max: max.unwrap_or_default(),
            failcnt: failures.unwrap_or_default(),
        };
        Some((size.to_owned(), counted))
    };
    let pages = names.filter_map(|name| page(name.file_name().to_str()?));
    pages.collect()
}

fn blkio(place: &ControllerDir) -> Blkio {
    match place.version {
        Version::V1 => Blkio {
            bytes: v1_entries(place, "blkio.throttle.io_service_bytes_recursive"),
            operations: v1_entries(place, "blkio.throttle.io_serviced_recursive"),
            psi: None,
        },
        Version::V2 => Blkio {
            bytes: v2_entries(place, &[("rbytes", "Read"), ("wbytes", "Write")]),
            operations: v2_entries(place, &[("rios", "Read"), ("wios", "Write")]),
            psi: place.pressure("io.pressure"),
        },
    }
}

fn block_entry(device: &str, op: &str, value: u64) -> Option<BlkioEntry> {
    let (major, minor) = device.split_once(':')?;
    Some(BlkioEntry {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        op: op.to_owned(),
        value,
    })
}

fn v1_entries(place: &ControllerDir, file: &str) -> Vec<BlkioEntry> {
    let text = place.text(file).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (device, operation, value) = (words.next()?, words.next()?, words.next()?);
        block_entry(device, operation, value.parse().ok()?)
    };
    text.lines().filter_map(entry).collect()
}

fn v2_entries(place: &ControllerDir, keys: &[(&str, &str)]) -> Vec<BlkioEntry> {
    let text = place.text("io.stat").unwrap_or_default();
    let entries = text.lines().flat_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let device = words.next().unwrap_or_default();
        let pairs: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
        keys.iter().filter_map(move |(key, operation)| {
            let (_, value) = pairs.iter().find(|(name, _)| name == key)?;
            block_entry(device, operation, value.parse().ok()?)
        })
    });
    entries.collect()
}
