//! The counters that every container has: CPU time, memory, tasks. Three files, read at each pass.
//!
//! A `pread` of a kept descriptor costs a sixth of open, read and close, and over 4 KiB of kernel
//! memory; where descriptors are short the files are opened anew each time.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::cgroup::cpu::{Throttling, parse_throttling};
use crate::cgroup::freezer::{Freezer, parse_v1};
use crate::cgroup::io::{IoBytes, parse_blkio, parse_io_stat};
use crate::cgroup::memory::{OomControl, parse_events, parse_oom_control, parse_oom_kills};
use crate::cgroup::{CgroupPath, Hierarchies, Version, leading_number};
use crate::inventory::cgroups::{CgroupDir, for_controller};
use crate::kernel::read::{kernel_text, kernel_words};

/// One counter's file.
#[derive(Debug)]
struct File {
    /// Which of the container's cgroups.
    cgroup: u8,
    name: &'static str,
    kept: Option<OwnedFd>,
}

/// What the three files said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Just before the first was read.
    pub(super) at: Instant,
    /// CPU time so far.
    pub(super) cpu: Option<Duration>,
    /// Bytes charged.
    pub(super) memory: Option<u64>,
    /// Tasks.
    pub(super) pids: Option<u64>,
}

/// The three files of one container.
#[derive(Debug)]
pub(super) struct Counters {
    cpu: Option<File>,
    memory: Option<File>,
    pids: Option<File>,
    /// Its v1 freezer's state, where descriptors are kept: no event tells of that.
    freezer: Option<OwnedFd>,
}

/// Descriptors that one container's counters keep at most.
pub(super) const DESCRIPTORS: usize = 4;

impl Counters {
    /// Finds the files; opens them if they are to be kept.
    pub(super) fn open(dirs: &[CgroupDir], hierarchies: &Hierarchies, keep: bool) -> Self {
        let find = |controller: &str, v1: &'static str, v2: &'static str| {
            let (cgroup, version) = for_controller(dirs, controller, hierarchies)?;
            let index = dirs.iter().position(|dir| dir == cgroup)?;
            let name = if version == Version::V1 { v1 } else { v2 };
            let mut file = File {
                cgroup: u8::try_from(index).ok()?,
                name,
                kept: None,
            };
            let opened = file.open(dirs, hierarchies)?;
            file.kept = keep.then_some(opened);
            Some(file)
        };
        Self {
            cpu: find("cpuacct", "cpuacct.usage", "cpu.stat"),
            memory: find("memory", "memory.usage_in_bytes", "memory.current"),
            pids: find("pids", "pids.current", "pids.current"),
            freezer: keep.then(|| open_freezer(dirs, hierarchies)).flatten(),
        }
    }

    /// How many descriptors it keeps.
    pub(super) fn kept(&self) -> usize {
        let files = [&self.cpu, &self.memory, &self.pids];
        let counters = files.into_iter().flatten();
        let counters = counters.filter(|file| file.kept.is_some()).count();
        counters + usize::from(self.freezer.is_some())
    }

    /// What its freezer says by the kept descriptor, where that is all there is to say: one that is
    /// thawed is frozen by nobody. `None`: it has to be looked at.
    pub(super) fn thawed(&self) -> Option<Freezer> {
        let mut buffer = [0; 16];
        let count = rustix::io::pread(self.freezer.as_ref()?, &mut buffer, 0).ok()?;
        let state = std::str::from_utf8(buffer.get(..count)?).ok()?;
        parse_v1(state, None).filter(|state| *state == Freezer::Thawed)
    }

    /// Reads the three.
    pub(super) fn read(&self, dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Counts {
        let at = Instant::now();
        let read = |file: &Option<File>| file.as_ref()?.number(dirs, hierarchies);
        let cpu = self.cpu.as_ref().and_then(|file| {
            let value = file.number(dirs, hierarchies)?;
            // v1 counts nanoseconds, v2 microseconds.
            Some(if file.name == "cpu.stat" {
                Duration::from_micros(value)
            } else {
                Duration::from_nanos(value)
            })
        });
        Counts {
            at,
            cpu,
            memory: read(&self.memory),
            pids: read(&self.pids),
        }
    }
}

fn open_freezer(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<OwnedFd> {
    let (cgroup, version) = for_controller(dirs, "freezer", hierarchies)?;
    let path = cgroup.dir(hierarchies).join("freezer.state");
    (version == Version::V1).then(|| open(&path)).flatten()
}

fn open(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

impl File {
    fn open(&self, dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<OwnedFd> {
        let mut path: PathBuf = dirs.get(usize::from(self.cgroup))?.dir(hierarchies);
        path.push(self.name);
        open(&path)
    }

    fn number(&self, dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<u64> {
        let mut buffer = [0; 64];
        let count = if let Some(fd) = &self.kept {
            rustix::io::pread(fd, &mut buffer, 0)
        } else {
            let fd = self.open(dirs, hierarchies)?;
            rustix::io::pread(&fd, &mut buffer, 0)
        };
        let bytes = buffer.get(..count.ok()?)?;
        // v2's cpu.stat begins with it.
        leading_number(bytes.strip_prefix(b"usage_usec ").unwrap_or(bytes))
    }
}

/// What the OOM killer did so far, and whether tasks wait for it (v1).
pub(super) fn oom(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<OomControl> {
    let (cgroup, version) = for_controller(dirs, "memory", hierarchies)?;
    let text = |name: &str| kernel_words(&cgroup.dir(hierarchies).join(name)).ok()?;
    Some(match version {
        Version::V1 => parse_oom_control(&text("memory.oom_control")?),
        Version::V2 => OomControl {
            kills: parse_oom_kills(&text("memory.events")?),
            ..OomControl::default()
        },
    })
}

/// How often the limit of memory was hit so far.
pub(super) fn memory_hits(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<u64> {
    let (cgroup, version) = for_controller(dirs, "memory", hierarchies)?;
    let text = |name: &str| kernel_words(&cgroup.dir(hierarchies).join(name)).ok()?;
    match version {
        Version::V1 => leading_number(text("memory.failcnt")?.as_bytes()),
        Version::V2 => parse_events(&text("memory.events")?).max,
    }
}

/// Bytes read from and written to block devices so far, stacked devices counted once more each.
pub(super) fn io_bytes(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Option<IoBytes> {
    let (cgroup, version) = for_controller(dirs, "blkio", hierarchies)?;
    let text = |name: &str| kernel_text(&cgroup.dir(hierarchies).join(name)).ok()?;
    match version {
        Version::V1 => parse_blkio(&text("blkio.throttle.io_service_bytes_recursive")?),
        Version::V2 => Some(parse_io_stat(&text("io.stat")?)),
    }
}

/// How often the CPU quota throttled it so far: its own, or that of the cgroup above that has the
/// strictest.
pub(super) fn throttling(
    dirs: &[CgroupDir],
    hierarchies: &Hierarchies,
    above: Option<&Path>,
) -> Option<Throttling> {
    let own = || Some(for_controller(dirs, "cpu", hierarchies)?.0.dir(hierarchies));
    let dir = above.map(Path::to_owned).or_else(own)?;
    parse_throttling(&kernel_words(&dir.join("cpu.stat")).ok()??)
}

/// As [`throttling`], by the nearest quota: its own, or else one above, whose directory is told.
pub(super) fn throttling_upwards(
    dirs: &[CgroupDir],
    hierarchies: &Hierarchies,
) -> Option<(Throttling, Option<PathBuf>)> {
    let (cgroup, _) = for_controller(dirs, "cpu", hierarchies)?;
    let hierarchy = hierarchies.at(cgroup.hierarchy)?;
    let upwards = std::iter::successors(Some(cgroup.path.clone()), CgroupPath::parent);
    let dirs = upwards
        .take_while(|path| !path.is_root())
        .map(|path| hierarchy.dir(&path));
    dirs.enumerate().find_map(|(level, dir)| {
        let text = kernel_words(&dir.join("cpu.stat")).ok()??;
        // Periods are counted only where there is a quota.
        let counts = parse_throttling(&text).filter(|counts| counts.periods > 0)?;
        Some((counts, (level > 0).then_some(dir)))
    })
}
