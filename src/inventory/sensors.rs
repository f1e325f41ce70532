//! The control files of one container, kept open and read again each pass.
//!
//! A `pread` of a kept descriptor costs a sixth of open, read and close. A kept descriptor that was
//! read once costs over 4 KiB of kernel memory, so only the counters that change are kept; limits
//! are read when the files are opened and now and then after.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};

use super::cgroups::{CgroupDir, for_controller};
use super::rates;
use super::usage::Usage;
use crate::cgroup::cpu::{self, CpuUsage};
use crate::cgroup::io::{self as block_io, IoBytes};
use crate::cgroup::{CgroupPath, Hierarchies, Hierarchy, Limit, Version, memory};
use crate::kernel::read::{kept, kernel_text};

/// Every this many passes the limits are read again: they change only when someone updates them.
const LIMITS_EVERY: u64 = 10;

/// The open files of one container and what they said last.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    cpu: Option<File>,
    cpu_stat: Option<File>,
    memory: Option<File>,
    memory_stat: Option<File>,
    oom: Option<File>,
    pids: Option<File>,
    io: Option<File>,
    limits: Limits,
    before: Option<Sample>,
    rates: Rates,
    passes: u64,
}

#[derive(Debug)]
struct File {
    fd: OwnedFd,
    version: Version,
}

#[derive(Debug, Default, Clone, Copy)]
struct Limits {
    cpu: Option<Limit>,
    memory: Option<Limit>,
    pids: Option<Limit>,
}

/// What two samples say together.
#[derive(Debug, Default, Clone, Copy)]
struct Rates {
    cpu: Option<f64>,
    throttled: Option<f64>,
    io: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    cpu: Option<CpuUsage>,
    io: Option<IoBytes>,
}

impl Sensors {
    /// Opens the files of these cgroups; what is not there is not available.
    pub(super) fn open(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Self {
        let open = |controller: &str, v1: &str, v2: &str| {
            let (cgroup, version) = for_controller(dirs, controller, hierarchies)?;
            let name = if version == Version::V1 { v1 } else { v2 };
            if name.is_empty() {
                return None;
            }
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let path = cgroup.dir(hierarchies).join(name);
            let fd = rustix::fs::open(path, flags, Mode::empty()).ok()?;
            Some(File { fd, version })
        };
        Self {
            cpu: open("cpuacct", "cpuacct.usage", "cpu.stat"),
            cpu_stat: open("cpu", "cpu.stat", ""),
            memory: open("memory", "memory.usage_in_bytes", "memory.current"),
            memory_stat: open("memory", "memory.stat", "memory.stat"),
            oom: open("memory", "memory.oom_control", "memory.events"),
            pids: open("pids", "pids.current", "pids.current"),
            io: open(
                "blkio",
                "blkio.throttle.io_service_bytes_recursive",
                "io.stat",
            ),
            limits: Limits::read(dirs, hierarchies),
            before: None,
            rates: Rates::default(),
            passes: 0,
        }
    }

    /// Reads everything once.
    pub(super) fn read(
        &mut self,
        dirs: &[CgroupDir],
        hierarchies: &Hierarchies,
        buffer: &mut Vec<u8>,
    ) -> Usage {
        self.passes += 1;
        if self.passes.is_multiple_of(LIMITS_EVERY) {
            self.limits = Limits::read(dirs, hierarchies);
        }
        let at = Instant::now();
        let cpu = self.cpu_usage(buffer);
        let sample = Sample {
            at,
            cpu,
            io: self.io_bytes(buffer),
        };
        // Passes in quick succession (a held Ctrl-R) say nothing new: the last rates stand.
        let soon = |before: Sample| at.duration_since(before.at) < rates::SHORTEST;
        if !self.before.is_some_and(soon) {
            let before = self.before.replace(sample);
            self.rates = before.map_or_else(Rates::default, |before| Rates::of(&before, &sample));
        }
        let memory = number(self.memory.as_ref(), buffer);
        let stat = self.memory_stat.as_ref().and_then(|file| {
            let text = kept(&file.fd, buffer).ok()?;
            Some(match file.version {
                Version::V1 => memory::parse_stat_v1(text),
                Version::V2 => memory::parse_stat_v2(text),
            })
        });
        let inactive = stat.and_then(|stat| stat.inactive_file);
        let above = stat.and_then(|stat| stat.hierarchical_limit);
        let oom = self
            .oom
            .as_ref()
            .and_then(|file| kept(&file.fd, buffer).ok());
        Usage {
            cpu: self.rates.cpu,
            throttled: self.rates.throttled,
            io_read: self.rates.io.map(|(read, _)| read),
            io_write: self.rates.io.map(|(_, write)| write),
            cpu_limit: self.limits.cpu,
            memory,
            working_set: memory
                .zip(inactive)
                .map(|(all, idle)| memory::working_set(all, idle)),
            memory_limit: stricter(self.limits.memory, above),
            oom_kills: oom.and_then(memory::parse_oom_kills),
            pids: number(self.pids.as_ref(), buffer),
            pids_limit: self.limits.pids,
        }
    }

    fn cpu_usage(&self, buffer: &mut Vec<u8>) -> Option<CpuUsage> {
        let file = self.cpu.as_ref()?;
        match file.version {
            Version::V2 => cpu::parse_cpu_stat_v2(kept(&file.fd, buffer).ok()?).ok(),
            Version::V1 => {
                let mut usage = cpu::parse_cpu_v1(kept(&file.fd, buffer).ok()?, None).ok()?;
                if let Some(stat) = &self.cpu_stat {
                    usage.throttling = cpu::parse_throttling(kept(&stat.fd, buffer).ok()?);
                }
                Some(usage)
            }
        }
    }

    fn io_bytes(&self, buffer: &mut Vec<u8>) -> Option<IoBytes> {
        let file = self.io.as_ref()?;
        let text = kept(&file.fd, buffer).ok()?;
        match file.version {
            Version::V1 => block_io::parse_blkio(text),
            Version::V2 => Some(block_io::parse_io_stat(text)),
        }
    }
}

fn number(file: Option<&File>, buffer: &mut Vec<u8>) -> Option<u64> {
    kept(&file?.fd, buffer).ok()?.trim().parse().ok()
}

/// A number from 2^62 up is v1's way to say "none".
fn stricter(own: Option<Limit>, above: Option<u64>) -> Option<Limit> {
    let above = above.and_then(|value| value.to_string().parse::<Limit>().ok());
    match (own, above) {
        (Some(own), Some(above)) => Some(own.min(above)),
        (own, above) => own.or(above),
    }
}

impl Rates {
    fn of(before: &Sample, after: &Sample) -> Self {
        let elapsed = after.at.saturating_duration_since(before.at);
        let cpu = before.cpu.zip(after.cpu);
        let io = before.io.zip(after.io);
        Self {
            cpu: cpu.and_then(|(before, after)| rates::cpu_percent(&before, &after, elapsed)),
            throttled: cpu.and_then(|(before, after)| rates::throttled_percent(&before, &after)),
            io: io.and_then(|(before, after)| rates::io_rates(&before, &after, elapsed)),
        }
    }
}

impl Limits {
    /// The strictest of the container's own cgroup and those above it.
    fn read(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Self {
        let along = |controller: &str, read: &dyn Fn(&Path, Version) -> Option<Limit>| {
            let (cgroup, version) = for_controller(dirs, controller, hierarchies)?;
            let hierarchy = hierarchies.at(cgroup.hierarchy)?;
            strictest(hierarchy, &cgroup.path, &|dir| read(dir, version))
        };
        Self {
            cpu: along("cpu", &cpu_limit),
            memory: along("memory", &|dir, version| match version {
                Version::V1 => limit(dir, "memory.limit_in_bytes"),
                Version::V2 => limit(dir, "memory.max"),
            }),
            pids: along("pids", &|dir, _| limit(dir, "pids.max")),
        }
    }
}

fn strictest(
    hierarchy: &Hierarchy,
    path: &CgroupPath,
    read: &dyn Fn(&Path) -> Option<Limit>,
) -> Option<Limit> {
    let mut found: Option<Limit> = None;
    let mut at = Some(path.clone());
    while let Some(path) = at.filter(|path| !path.is_root()) {
        if let Some(limit) = read(&hierarchy.dir(&path)) {
            found = Some(found.map_or(limit, |so_far| so_far.min(limit)));
        }
        at = path.parent();
    }
    found
}

fn limit(dir: &Path, name: &str) -> Option<Limit> {
    kernel_text(&dir.join(name)).ok()??.parse().ok()
}

fn cpu_limit(dir: &Path, version: Version) -> Option<Limit> {
    let text = |name: &str| kernel_text(&dir.join(name)).ok()?;
    match version {
        Version::V2 => cpu::parse_cpu_max(&text("cpu.max")?).ok(),
        Version::V1 => cpu::parse_cfs(&text("cpu.cfs_quota_us")?, &text("cpu.cfs_period_us")?).ok(),
    }
}
