//! Memory beyond what is charged: what it is made of, limits, and what came of them.

use crate::cgroup::memory::{self, MemoryStat};
use crate::cgroup::{Limit, Version};
use crate::inventory::control_file::{ContainerCgroups, ControlFile};
use crate::inventory::limits::MemoryLimits;
use crate::inventory::usage::{MemoryDetail, Usage};

/// The files of `memory`.
#[derive(Debug)]
pub(super) struct MemorySensor {
    stat_file: Option<ControlFile>,
    stat: MemoryStat,
    /// v2 `memory.events`, v1 `memory.oom_control`.
    events: Option<ControlFile>,
    /// v2.
    swap: Option<ControlFile>,
    /// v1.
    kernel: Option<ControlFile>,
    peak: Option<ControlFile>,
    /// v1.
    failures: Option<ControlFile>,
    limits: MemoryLimits,
}

impl MemorySensor {
    pub(super) fn open(cgroups: ContainerCgroups<'_>) -> Self {
        let open = |v1: &str, v2: &str| cgroups.open("memory", v1, v2);
        Self {
            stat_file: open("memory.stat", "memory.stat"),
            stat: MemoryStat::default(),
            events: open("memory.oom_control", "memory.events"),
            swap: open("", "memory.swap.current"),
            kernel: open("memory.kmem.usage_in_bytes", ""),
            peak: open("memory.max_usage_in_bytes", "memory.peak"),
            failures: open("memory.failcnt", ""),
            limits: MemoryLimits::read(cgroups),
        }
    }

    /// Reads `memory.stat`. The kernel gathers it from all CPUs and all cgroups below: not for
    /// every pass.
    pub(super) fn read_stat(&mut self, buffer: &mut Vec<u8>) {
        let stat = self.stat_file.as_ref().and_then(|file| {
            let text = file.text(buffer)?;
            Some(match file.version {
                Version::V1 => memory::parse_stat_v1(text),
                Version::V2 => memory::parse_stat_v2(text),
            })
        });
        self.stat = stat.unwrap_or_default();
    }

    pub(super) fn read_limits(&mut self, cgroups: ContainerCgroups<'_>) {
        self.limits = MemoryLimits::read(cgroups);
    }

    /// Reads the rest. [`Usage::working_set`] and [`Usage::oom_kills`] are set too, and
    /// [`Usage::memory_limit`] is made as strict as v1 says it is.
    pub(super) fn read(&self, usage: &mut Usage, buffer: &mut Vec<u8>) -> MemoryDetail {
        let inactive = usage.memory.zip(self.stat.inactive_file);
        usage.working_set = inactive.map(|(all, idle)| memory::working_set(all, idle));
        usage.memory_limit = stricter(usage.memory_limit, self.stat.hierarchical_limit);
        let mut number = |file: &Option<ControlFile>| file.as_ref()?.number(buffer);
        let mut detail = MemoryDetail {
            rss: self.stat.anon,
            cache: self.stat.file,
            kernel: self.stat.kernel.or_else(|| number(&self.kernel)),
            swap: self.stat.swap.or_else(|| number(&self.swap)),
            swap_limit: self.limits.swap,
            high: self.limits.high,
            peak: number(&self.peak),
            max_events: number(&self.failures),
            ..MemoryDetail::default()
        };
        self.read_events(usage, &mut detail, buffer);
        detail
    }

    fn read_events(&self, usage: &mut Usage, detail: &mut MemoryDetail, buffer: &mut Vec<u8>) {
        usage.oom_kills = None;
        let Some(file) = &self.events else { return };
        let Some(text) = file.text(buffer) else {
            return;
        };
        match file.version {
            Version::V1 => {
                let control = memory::parse_oom_control(text);
                usage.oom_kills = control.kills;
                detail.oom_kill_disabled = control.kill_disabled;
                detail.under_oom = control.under_oom;
            }
            Version::V2 => {
                let events = memory::parse_events(text);
                usage.oom_kills = events.oom_kill;
                detail.high_events = events.high;
                detail.max_events = events.max;
                detail.oom_events = events.oom;
            }
        }
    }
}

/// A number from 2^62 up is v1's way to say "none".
fn stricter(own: Option<Limit>, above: Option<u64>) -> Option<Limit> {
    let above = above.map(Limit::from);
    match (own, above) {
        (Some(own), Some(above)) => Some(own.min(above)),
        (own, above) => own.or(above),
    }
}
