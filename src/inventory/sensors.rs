//! The three counters that every container gets each pass: CPU time, memory, tasks.
//!
//! Three kept descriptors and three `pread` calls of a few bytes; what else there is to know is
//! read by [`super::detail`], of what somebody looks at.

use std::time::{Duration, Instant};

use super::cgroups::CgroupDir;
use super::control_file::{Cgroups, ControlFile};
use super::rates::{self, Paced};
use super::usage::Usage;
use crate::cgroup::{Hierarchies, Version, cpu, leading_number};
use crate::kernel::read::kept_start;

/// The open files of one container and what they said last.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    cpu: Option<ControlFile>,
    memory: Option<ControlFile>,
    pids: Option<ControlFile>,
    time: Option<(Instant, Duration)>,
    rate: Paced<Duration, Option<f64>>,
}

impl Sensors {
    /// Opens the files of these cgroups; what is not there is not available.
    pub(super) fn open(dirs: &[CgroupDir], hierarchies: &Hierarchies) -> Self {
        let cgroups = Cgroups { dirs, hierarchies };
        Self {
            cpu: cgroups.open("cpuacct", "cpuacct.usage", "cpu.stat"),
            memory: cgroups.open("memory", "memory.usage_in_bytes", "memory.current"),
            pids: cgroups.open("pids", "pids.current", "pids.current"),
            ..Self::default()
        }
    }

    /// Reads them once: [`Usage::cpu`], [`Usage::memory`] and [`Usage::pids`], nothing else. None
    /// of them there means that the cgroups are gone.
    pub(super) fn read(&mut self) -> Usage {
        self.time = self.cpu.as_ref().and_then(cpu_time);
        match self.time {
            Some((at, total)) => {
                self.rate.add(at, total, |before, total, elapsed| {
                    rates::time_percent(*before?, *total, elapsed)
                });
            }
            None => self.rate = Paced::default(),
        }
        Usage {
            cpu: *self.rate.rates(),
            memory: self.memory.as_ref().and_then(number),
            pids: self.pids.as_ref().and_then(number),
            ..Usage::default()
        }
    }

    /// CPU time so far as last read, and when that was.
    pub(super) fn time(&self) -> Option<(Instant, Duration)> {
        self.time
    }
}

/// The moment is that just before the read: a pass over many files takes milliseconds.
fn cpu_time(file: &ControlFile) -> Option<(Instant, Duration)> {
    // Longer than the longest first line: `usage_usec ` and twenty digits.
    let mut start = [0; 40];
    let at = Instant::now();
    let bytes = kept_start(file, &mut start).ok()?;
    let total = match file.version {
        Version::V1 => Duration::from_nanos(leading_number(bytes)?),
        Version::V2 => cpu::parse_usage_usec(bytes)?,
    };
    Some((at, total))
}

fn number(file: &ControlFile) -> Option<u64> {
    leading_number(kept_start(file, &mut [0; 24]).ok()?)
}
