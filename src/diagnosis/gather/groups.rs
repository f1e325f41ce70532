//! The cgroups of a container, those below and those above: what each file says.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::cgroup::{CgroupPath, Hierarchy, Limit, Version, cpu, memory};
use crate::diagnosis::evidence::{CgroupSeen, EventCounts, Level, Task};
use crate::inventory::Machine;
use crate::inventory::cgroups::{CgroupDir, freezer_at};
use crate::inventory::members::{populated, tree};
use crate::kernel::read::{is_gone, kernel_text};

/// Most cgroups that are read: a delegated container can make millions.
const MOST: usize = 512;

/// All of them, hierarchy by hierarchy, from the top down.
pub(super) fn seen(
    machine: &Machine,
    cgroups: &[CgroupDir],
    before: &HashMap<PathBuf, EventCounts>,
    tasks: &[Task],
) -> Vec<CgroupSeen> {
    let mut out = Vec::new();
    for cgroup in cgroups {
        let Some(hierarchy) = machine.hierarchies.at(cgroup.hierarchy) else {
            continue;
        };
        let own = cgroup.dir(&machine.hierarchies);
        let mut below = tree(&own);
        below.reverse();
        let dirs = above(hierarchy, cgroup)
            .into_iter()
            .map(|dir| (dir, Level::Above))
            .chain(below.into_iter().map(|dir| {
                let level = if dir == own { Level::Own } else { Level::Below };
                (dir, level)
            }));
        let room = MOST.saturating_sub(out.len());
        out.extend(dirs.take(room).map(|(dir, level)| {
            let before = before.get(&dir).copied();
            one(hierarchy, dir, level, before)
        }));
    }
    elsewhere(machine, tasks, &mut out);
    out
}

/// Whether there may be more than were read.
pub(super) fn are_cut(seen: &[CgroupSeen]) -> bool {
    let listed = seen
        .iter()
        .filter(|cgroup| cgroup.level != Level::Elsewhere);
    listed.count() >= MOST
}

/// Those that freeze a task of it, and are none of its own.
fn elsewhere(machine: &Machine, tasks: &[Task], out: &mut Vec<CgroupSeen>) {
    let set = tasks.iter().flat_map(|task| &task.freezers.set);
    let dirs: BTreeSet<&PathBuf> = set.map(|at| &at.dir).collect();
    for dir in dirs.into_iter().take(MOST) {
        let found = CgroupDir::at(dir, &machine.hierarchies);
        let hierarchy = found.and_then(|found| machine.hierarchies.at(found.hierarchy));
        if let Some(hierarchy) = hierarchy
            && !out.iter().any(|seen| seen.dir == *dir)
        {
            out.push(one(hierarchy, dir.clone(), Level::Elsewhere, None));
        }
    }
}

fn one(
    hierarchy: &Hierarchy,
    dir: PathBuf,
    level: Level,
    before: Option<EventCounts>,
) -> CgroupSeen {
    let text = |name: &str| kernel_text(&dir.join(name)).ok().flatten();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let limit = |name: &str| text(name)?.parse::<Limit>().ok();
    let procs = text("cgroup.procs").or_else(|| text("cgroup.threads"));
    // That it went meanwhile is no failure to read it.
    let listed = procs.is_some() || dir.symlink_metadata().is_err_and(|error| is_gone(&error));
    let procs: Vec<&str> = procs.as_deref().unwrap_or_default().lines().collect();
    let v2 = hierarchy.version == Version::V2;
    let quota = if v2 {
        text("cpu.max").and_then(|max| cpu::parse_cpu_max(&max).ok())
    } else {
        let both = text("cpu.cfs_quota_us").zip(text("cpu.cfs_period_us"));
        both.and_then(|(quota, period)| cpu::parse_cfs(&quota, &period).ok())
    };
    let oom = text("memory.oom_control").map(|oom| memory::parse_oom_control(&oom));
    let counts = counts(&dir, hierarchy.version, level);
    let since = counts.since(before.unwrap_or(counts));
    CgroupSeen {
        version: hierarchy.version,
        level,
        listed,
        processes: procs.iter().filter(|line| **line != "0").count(),
        foreign: procs.iter().filter(|line| **line == "0").count(),
        populated: v2.then(|| populated(&dir)).flatten(),
        freezer: (v2 || hierarchy.has("freezer"))
            .then(|| freezer_at(&dir, hierarchy.version))
            .flatten(),
        kind: text("cgroup.type").map(|kind| kind.trim().to_owned()),
        pids: number("pids.current"),
        pids_limit: limit("pids.max"),
        oom_waits: oom
            .is_some_and(|oom| oom.kill_disabled == Some(true) && oom.under_oom == Some(true)),
        high: limit("memory.high").filter(|limit| *limit != Limit::Max),
        quota,
        memory: number("memory.current").or_else(|| number("memory.usage_in_bytes")),
        memory_limit: limit("memory.max").or_else(|| limit("memory.limit_in_bytes")),
        counts,
        since,
        dir,
    }
}

/// What a cgroup has counted so far. Of one that others are in too, only what befell itself.
fn counts(dir: &Path, version: Version, level: Level) -> EventCounts {
    let text = |name: &str| kernel_text(&dir.join(name)).ok().flatten();
    let pids = text("pids.events");
    let cpu = text("cpu.stat").as_deref().and_then(cpu::parse_throttling);
    let refused = pids.and_then(|text| crate::cgroup::flat_key(&text, "max"));
    let counts = EventCounts {
        forks_refused: refused,
        cpu,
        ..EventCounts::default()
    };
    if version == Version::V1 {
        let oom = text("memory.oom_control");
        return EventCounts {
            at_limit: text("memory.failcnt").and_then(|text| text.trim().parse().ok()),
            oom_kills: oom.and_then(|text| memory::parse_oom_control(&text).kills),
            ..counts
        };
    }
    let file = match level {
        Level::Own | Level::Below => "memory.events",
        Level::Above | Level::Elsewhere => "memory.events.local",
    };
    let events = text(file).map(|text| memory::parse_events(&text));
    EventCounts {
        high: events.and_then(|events| events.high),
        at_limit: events.and_then(|events| events.max),
        oom_kills: events.and_then(|events| events.oom_kill),
        ..counts
    }
}

/// What the cgroups of a container and those above have counted, to be compared with later.
pub(super) fn counted(machine: &Machine, cgroups: &[CgroupDir]) -> HashMap<PathBuf, EventCounts> {
    let mut out = HashMap::new();
    for cgroup in cgroups {
        let Some(hierarchy) = machine.hierarchies.at(cgroup.hierarchy) else {
            continue;
        };
        let above = above(hierarchy, cgroup).into_iter();
        let own = (cgroup.dir(&machine.hierarchies), Level::Own);
        for (dir, level) in above.map(|dir| (dir, Level::Above)).chain([own]) {
            let counts = counts(&dir, hierarchy.version, level);
            out.insert(dir, counts);
        }
    }
    out
}

/// The cgroups above one, from the top down, without the root.
fn above(hierarchy: &Hierarchy, cgroup: &CgroupDir) -> Vec<PathBuf> {
    let mut above: Vec<PathBuf> = std::iter::successors(cgroup.path.parent(), CgroupPath::parent)
        .take_while(|path| !path.is_root())
        .map(|path| hierarchy.dir(&path))
        .collect();
    above.reverse();
    above
}
