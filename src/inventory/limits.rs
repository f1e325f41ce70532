//! Limits: of each the strictest over a container's own cgroup and those above it
//! (cgroup-v2.rst; v1: memory.rst, sched-bwc.rst, pids.rst).

use std::path::Path;
use std::sync::Arc;

use super::cgroups::for_controller;
use super::control_file::ContainerCgroups;
use crate::cgroup::{CgroupPath, Hierarchy, Limit, Version, cpu};
use crate::kernel::read::kernel_words;

/// What every row shows.
#[derive(Debug, Default, Clone)]
pub(super) struct Limits {
    /// Millionths of a core.
    pub(super) cpu: Option<Limit>,
    /// The cgroup that sets it, if that is one above the container's: what it holds back is counted
    /// there.
    pub(super) cpu_above: Option<Arc<Path>>,
    /// Bytes.
    pub(super) memory: Option<Limit>,
    /// Tasks.
    pub(super) pids: Option<Limit>,
}

/// What is shown of one container.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct MemoryLimits {
    /// Bytes of swap.
    pub(super) swap: Option<Limit>,
    /// Bytes from which on the kernel throttles (v2).
    pub(super) high: Option<Limit>,
}

impl Limits {
    pub(super) fn read(cgroups: ContainerCgroups<'_>) -> Self {
        let cpu = strictest_at(cgroups, "cpu", &cpu_limit);
        Self {
            cpu: cpu.as_ref().map(|(limit, _)| *limit),
            cpu_above: cpu.and_then(|(limit, above)| above.filter(|_| limit != Limit::Max)),
            memory: memory(cgroups),
            pids: strictest(cgroups, "pids", &|dir, _| number(dir, "pids.max")),
        }
    }
}

impl MemoryLimits {
    pub(super) fn read(cgroups: ContainerCgroups<'_>) -> Self {
        let swap = strictest(cgroups, "memory", &|dir, version| match version {
            Version::V1 => number(dir, "memory.memsw.limit_in_bytes"),
            Version::V2 => number(dir, "memory.swap.max"),
        });
        let version = for_controller(cgroups.dirs, "memory", cgroups.hierarchies);
        let swap = match version {
            Some((_, Version::V1)) => swap.map(|both| without(both, memory(cgroups))),
            _ => swap,
        };
        let high = strictest(cgroups, "memory", &|dir, version| match version {
            Version::V1 => None,
            Version::V2 => number(dir, "memory.high"),
        });
        Self { swap, high }
    }
}

fn memory(cgroups: ContainerCgroups<'_>) -> Option<Limit> {
    strictest(cgroups, "memory", &|dir, version| match version {
        Version::V1 => number(dir, "memory.limit_in_bytes"),
        Version::V2 => number(dir, "memory.max"),
    })
}

/// v1 limits memory and swap together.
fn without(both: Limit, memory: Option<Limit>) -> Limit {
    match (both, memory.and_then(Limit::value)) {
        (Limit::At(both), Some(memory)) => Limit::At(both.saturating_sub(memory)),
        (both, _) => both,
    }
}

/// The strictest along the way up, and whose that is if it is not the container's own.
fn strictest_at(
    cgroups: ContainerCgroups<'_>,
    controller: &str,
    read: &dyn Fn(&Path, Version) -> Option<Limit>,
) -> Option<(Limit, Option<Arc<Path>>)> {
    let (cgroup, version) = for_controller(cgroups.dirs, controller, cgroups.hierarchies)?;
    let hierarchy = cgroups.hierarchies.at(cgroup.hierarchy)?;
    let mut found: Option<(Limit, Option<Arc<Path>>)> = None;
    for (at, dir) in upwards(&cgroup.path, hierarchy).enumerate() {
        let known = found.as_ref().map(|(known, _)| *known);
        let stricter = |limit: &Limit| known.is_none_or(|known| limit.min(known) != known);
        if let Some(limit) = read(&dir, version).filter(stricter) {
            found = Some((limit, (at > 0).then(|| Arc::from(dir))));
        }
    }
    found
}

/// The strictest along the way up; the root has none.
pub(super) fn strictest(
    cgroups: ContainerCgroups<'_>,
    controller: &str,
    read: &dyn Fn(&Path, Version) -> Option<Limit>,
) -> Option<Limit> {
    let (cgroup, version) = for_controller(cgroups.dirs, controller, cgroups.hierarchies)?;
    let hierarchy = cgroups.hierarchies.at(cgroup.hierarchy)?;
    upwards(&cgroup.path, hierarchy)
        .filter_map(|dir| read(&dir, version))
        .reduce(Limit::min)
}

fn upwards(path: &CgroupPath, hierarchy: &Hierarchy) -> impl Iterator<Item = std::path::PathBuf> {
    std::iter::successors(Some(path.clone()), CgroupPath::parent)
        .take_while(|path| !path.is_root())
        .map(|path| hierarchy.dir(&path))
}

/// A file of one limit.
pub(super) fn number(dir: &Path, name: &str) -> Option<Limit> {
    kernel_words(&dir.join(name)).ok()??.parse().ok()
}

fn cpu_limit(dir: &Path, version: Version) -> Option<Limit> {
    let text = |name: &str| kernel_words(&dir.join(name)).ok()?;
    match version {
        Version::V2 => cpu::parse_cpu_max(&text("cpu.max")?).ok(),
        Version::V1 => cpu::parse_cfs(&text("cpu.cfs_quota_us")?, &text("cpu.cfs_period_us")?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_swap_is_what_the_limit_of_both_leaves_beside_memory() {
        let memory = Some(Limit::At(100));
        assert_eq!(without(Limit::At(150), memory), Limit::At(50));
        assert_eq!(without(Limit::At(100), memory), Limit::At(0));
        assert_eq!(without(Limit::Max, memory), Limit::Max);
        assert_eq!(without(Limit::At(150), None), Limit::At(150));
    }
}
