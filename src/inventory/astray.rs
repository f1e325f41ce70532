//! Whether a container's init is still in the cgroups that count for it.
//!
//! A daemon-reload of systemd or a tool can move processes of a v1 container in some hierarchies and
//! not in others. What its own cgroup counts there is somebody else's or nobody's: it is not shown as
//! the container's, least of all as 0.

use super::cgroups::{CgroupDir, for_controller};
use super::machine::Machine;
use super::usage::{CpuDetail, Detail, MemoryDetail, Pressure, Usage};
use crate::process::InitProcess;

/// The counters that do not count its init.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each controller can be left by itself"
)]
pub(super) struct Astray {
    cpu: bool,
    quota: bool,
    memory: bool,
    pids: bool,
    io: bool,
}

impl Astray {
    /// Asks `/proc/PID/cgroup`. What cannot be told is taken to be where it belongs.
    pub(super) fn of(machine: &Machine, init: InitProcess, cgroups: &[CgroupDir]) -> Self {
        let Some(membership) = machine.membership(init.pid) else {
            return Self::default();
        };
        let is_out = |controller: &str| {
            let own = for_controller(cgroups, controller, &machine.hierarchies);
            let own = own.and_then(|(cgroup, _)| {
                let hierarchy = machine.hierarchies.at(cgroup.hierarchy)?;
                Some((cgroup, membership.path(hierarchy)?))
            });
            own.is_some_and(|(cgroup, path)| !cgroup.path.contains(&path))
        };
        let found = Self {
            cpu: is_out("cpuacct"),
            quota: is_out("cpu"),
            memory: is_out("memory"),
            pids: is_out("pids"),
            io: is_out("blkio"),
        };
        // On its way out it seems to be in the root of every v1 hierarchy.
        let leaves = || {
            let stat = machine.stat(init.pid).ok().flatten();
            stat.is_none_or(|stat| stat.is_exiting() || stat.start_time != init.start_time)
        };
        if found != Self::default() && leaves() {
            return Self::default();
        }
        found
    }

    /// Takes away what is not the container's.
    pub(super) fn hide(self, usage: &mut Usage) {
        if self.cpu {
            usage.cpu = None;
        }
        if self.quota {
            (usage.cpu_limit, usage.throttled) = (None, None);
        }
        if self.memory {
            (usage.memory, usage.working_set, usage.memory_limit) = (None, None, None);
        }
        if self.pids {
            (usage.pids, usage.pids_limit) = (None, None);
        }
        if self.io {
            (usage.io_read, usage.io_write) = (None, None);
        }
    }

    /// The same of what is looked at closely.
    pub(super) fn hide_detail(self, detail: &mut Detail) {
        if self.cpu {
            detail.cpu = CpuDetail {
                stalled: detail.cpu.stalled,
                stalled_total: detail.cpu.stalled_total,
                ..CpuDetail::default()
            };
        }
        if self.quota {
            (detail.cpu.stalled, detail.cpu.stalled_total) = (None, None);
        }
        if self.memory {
            detail.memory = MemoryDetail::default();
        }
        if self.pids {
            detail.pids_peak = None;
        }
        if self.io {
            detail.io = Vec::new();
        }
        if self.cpu && self.memory {
            detail.pressure = Pressure::default();
        }
    }
}
