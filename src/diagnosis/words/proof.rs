//! What a check looked at, a line each.

use super::parts::{cores, of_freezer, of_members, of_pids, path};
use super::task::{of_neighbour, of_task, of_wait};
use crate::cgroup::Limit;
use crate::diagnosis::checks::About;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, HookSeen, InitSeen, Task};
use crate::inventory::processes::ProcessPlace;

/// Most lines of one check: what is dead or asleep by the thousand tells no more.
const MOST: usize = 48;

/// Everything that one check saw.
pub(in crate::diagnosis) fn proof(about: About, evidence: &Evidence) -> Vec<String> {
    let mut lines = all(about, evidence);
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("and {more} lines more"));
    }
    lines
}

#[expect(clippy::too_many_lines, reason = "one flat match")]
fn all(about: About, evidence: &Evidence) -> Vec<String> {
    let tasks = |which: &dyn Fn(&Task) -> bool| -> Vec<String> {
        let tasks = evidence.tasks.iter().filter(|task| which(task));
        tasks.flat_map(of_task).collect()
    };
    match about {
        About::Leftover => of_leftover(evidence),
        About::Record => vec![path(&evidence.key.dir())],
        About::Init => match &evidence.init {
            InitSeen::Alive(init) => tasks(&|task| task.process.who == *init),
            InitSeen::Zombie(init, parent) => {
                let mut lines = tasks(&|task| task.process.who == *init);
                lines.extend(parent.iter().map(of_neighbour));
                lines
            }
            InitSeen::Recycled(other) => vec![of_neighbour(other)],
            InitSeen::Gone(_) | InitSeen::Unknown | InitSeen::OutOfSight(_) => Vec::new(),
        },
        About::Tasks => tasks(&|task| task.place != ProcessPlace::Outside),
        About::Unkillable => {
            let stuck = evidence.tasks.iter().filter(|task| task.process.is_stuck());
            let lines = |task| of_task(task).into_iter().chain(of_waits(task));
            stuck.flat_map(lines).collect()
        }
        About::Exits => tasks(&|task| task.process.exiting),
        About::Frozen => {
            let told = evidence.cgroups.iter();
            let told = told.filter(|cgroup| cgroup.freezer.is_some());
            told.map(of_freezer).collect()
        }
        About::Stopped => {
            let halted = |task: &Task| {
                matches!(task.process.state, 'T' | 't') || task.process.tracer.is_some()
            };
            tasks(&halted)
        }
        About::Zombies => tasks(&|task| task.process.is_zombie()),
        About::Outside => {
            tasks(&|task| task.place == ProcessPlace::Outside || !task.missing_from.is_empty())
        }
        About::Cgroups => own(evidence).map(of_members).collect(),
        About::Shared => {
            let shared = evidence.shared.iter();
            shared
                .map(|(dir, with)| format!("{}: {with}", path(dir)))
                .collect()
        }
        About::Pids => {
            let told = evidence.cgroups.iter();
            let told = told.filter(|cgroup| cgroup.pids.is_some());
            told.map(of_pids).collect()
        }
        About::Memory => evidence.cgroups.iter().filter_map(of_memory).collect(),
        About::Cpu => evidence.cgroups.iter().filter_map(of_quota).collect(),
        About::Hooks => evidence.hooks.iter().map(of_hook).collect(),
        About::Mounts => evidence.mounts.iter().map(|mount| path(mount)).collect(),
        About::Rdt => {
            let pair = |word: &str, pair: Option<(u64, u64)>| {
                pair.map(|(used, of)| format!("{used} of {of} {word} in use"))
            };
            let rdt = &evidence.rdt;
            let pairs = [pair("CLOSIDs", rdt.closids), pair("RMIDs", rdt.rmids)];
            pairs.into_iter().flatten().collect()
        }
        About::Runtime => {
            let runtimes = evidence.runtimes.iter();
            runtimes
                .map(|runtime| of_neighbour(&runtime.process))
                .collect()
        }
        About::Owner => evidence.supervisor.iter().map(of_neighbour).collect(),
        About::Unit => {
            let unit = evidence.unit.iter();
            unit.map(|unit| {
                let said = |it: Option<bool>, word: &str| match it {
                    Some(true) => word.to_owned(),
                    Some(false) => format!("not {word}"),
                    None => format!("whether {word} is not told"),
                };
                let (loaded, active) = (said(unit.loaded, "loaded"), said(unit.active, "active"));
                format!("{}: {loaded}, {active}", crate::text::visible(&unit.name))
            })
            .collect()
        }
        About::Disk => {
            let disk = evidence.disk.iter();
            disk.map(|disk| {
                let files = disk
                    .files
                    .map(|files| format!(", {files} files can be made"));
                let (root, free) = (path(&disk.path), disk.free);
                format!("{root}: {free} bytes free{}", files.unwrap_or_default())
            })
            .collect()
        }
        About::Viewer => {
            let handler = evidence.viewer.core_handler.iter();
            handler
                .map(|handler| format!("core dumps go to {handler}"))
                .collect()
        }
    }
}

fn of_leftover(evidence: &Evidence) -> Vec<String> {
    let leftover = evidence.leftover.iter();
    let arguments = leftover.clone().flat_map(|it| &it.arguments);
    let arguments = arguments.map(crate::leftovers::Argument::words);
    let paths = leftover.flat_map(|it| &it.paths).map(|dir| path(dir));
    arguments.chain(paths).collect()
}

fn own(evidence: &Evidence) -> impl Iterator<Item = &CgroupSeen> {
    let all = evidence.cgroups.iter();
    all.filter(|cgroup| cgroup.level.is_own())
}

fn of_waits(task: &Task) -> Vec<String> {
    task.waits.iter().flat_map(of_wait).collect()
}

fn of_memory(cgroup: &CgroupSeen) -> Option<String> {
    let limit = cgroup.memory_limit.map(|limit| format!(", limit {limit}"));
    let (dir, now) = (path(&cgroup.dir), cgroup.memory?);
    let told = |count: Option<u64>, words: &str| {
        let count = count.filter(|count| *count > 0);
        count.map_or_else(String::new, |count| format!(", {words} {count}"))
    };
    Some(format!(
        "{dir}: {now} bytes{}{}{}",
        limit.unwrap_or_default(),
        told(cgroup.counts.at_limit, "limit hits"),
        told(cgroup.counts.oom_kills, "OOM kills")
    ))
}

fn of_quota(cgroup: &CgroupSeen) -> Option<String> {
    let quota = match cgroup.quota? {
        Limit::Max => "no quota".to_owned(),
        Limit::At(millionths) => format!("quota of {}", cores(millionths)),
    };
    let cpu = cgroup.counts.cpu.unwrap_or_default();
    Some(format!(
        "{}: {quota}, held back in {} of {} periods",
        path(&cgroup.dir),
        cpu.throttled,
        cpu.periods
    ))
}

fn of_hook(hook: &HookSeen) -> String {
    let state = match (&hook.apart, &hook.broken, &hook.running) {
        (_, _, Some((process, _))) => format!("runs as pid {}", process.who.pid),
        (Some(mount), ..) => format!("not looked at: on {mount}"),
        (None, Some(why), None) => why.clone(),
        (None, None, None) => "can be run".to_owned(),
    };
    format!("{} {state}", path(&hook.path))
}
