//! One look at the tasks of a container.

use super::super::attention::{Frozen, OddTask, Plight, Unlooked};
use super::super::cgroups::{CgroupDir, for_controller, freezer_at};
use super::super::freezers::Freezers;
use super::super::machine::Machine;
use super::super::members;
use super::{LONG_EXIT, MOST_CGROUPS, Now, Odd, SETTLED};
use crate::cgroup::freezer::Freezer;
use crate::cgroup::{Hierarchies, Version};
use crate::kernel::read::kernel_words;
use crate::process::{InitProcess, ProcStat};
use std::path::PathBuf;
use std::time::Duration;

/// Tasks as listed by cgroups.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) tasks: Vec<i32>,
    pub(super) unlooked: Option<Unlooked>,
    pub(super) reads: usize,
    /// Init, where it is not among them.
    pub(super) strayed: Option<i32>,
    /// A cgroup below the container's own that is frozen (v2: its tasks do not show it).
    pub(super) frozen: Option<PathBuf>,
}

impl Listed {
    /// Every thread in one of the container's cgroups, and below it.
    pub(super) fn of(machine: &Machine, cgroups: &[CgroupDir]) -> Self {
        let hierarchies = &machine.hierarchies;
        let counted = for_controller(cgroups, "pids", hierarchies).map(|(cgroup, _)| cgroup);
        let mut listed = Self::default();
        let Some(cgroup) = counted.or(cgroups.first()) else {
            return listed;
        };
        let Some(hierarchy) = hierarchies.at(cgroup.hierarchy) else {
            return listed;
        };
        let top = cgroup.dir(hierarchies);
        let dirs = members::tree_of(&top, MOST_CGROUPS);
        if dirs.len() >= MOST_CGROUPS {
            listed.unlooked = Some(Unlooked::TooMany);
        }
        for dir in dirs {
            listed.reads += 1;
            match members::threads(&dir, hierarchy.version) {
                Ok(tasks) => listed.tasks.extend(tasks),
                Err(_) => listed.unlooked = Some(Unlooked::Permission),
            }
            if hierarchy.version == Version::V2 && dir != top && listed.frozen.is_none() {
                listed.reads += 2;
                let frozen = freezer_at(&dir, Version::V2) == Some(Freezer::Frozen);
                listed.frozen = frozen.then_some(dir);
            }
        }
        // Outside of ocitop's pid namespace a task has no number here.
        if listed.tasks.contains(&0) {
            listed.unlooked = Some(Unlooked::Namespace);
            listed.tasks.retain(|pid| *pid != 0);
        }
        listed.tasks.sort_unstable();
        listed.tasks.dedup();
        listed
    }
}

/// One look at tasks.
pub(super) struct TaskLook<'a> {
    pub(super) machine: &'a Machine,
    pub(super) freezers: Freezers<'a>,
    /// The cgroup whose freezer is the container's.
    pub(super) own: Option<PathBuf>,
    pub(super) init: Option<InitProcess>,
    pub(super) explained: bool,
    pub(super) idle: bool,
    pub(super) now: Now,
    pub(super) frozen: Option<Frozen>,
    pub(super) unlooked: Option<Unlooked>,
}

impl TaskLook<'_> {
    /// One task; `None` if nothing is odd about it.
    pub(super) fn at(&mut self, pid: i32, before: Option<&Odd>) -> Option<Odd> {
        let Ok(stat) = self.machine.stat(pid) else {
            self.unlooked = Some(Unlooked::Permission);
            return None;
        };
        let stat = stat?;
        // Linux 6.1 to 6.4 show what is frozen as running.
        if stat.state == 'R' && self.idle && !self.explained {
            self.is_frozen(pid, stat.is_exiting());
        }
        let plight = plight(&stat)?;
        let at_rest = matches!(plight, Plight::Uninterruptible | Plight::Unkilled);
        if at_rest && (self.explained || self.is_frozen(pid, stat.is_exiting())) {
            return None;
        }
        let who = InitProcess {
            pid,
            start_time: stat.start_time,
        };
        let status = members::status(self.machine, pid);
        let (switches, tracer) =
            status.map_or((None, 0), |status| (status.switches, status.tracer));
        let same = before.filter(|before| {
            let ran = switches.is_none() || before.switches != switches;
            let moves = matches!(plight, Plight::Uninterruptible | Plight::Traced);
            before.who == who && before.plight == plight && !(moves && ran)
        });
        let first = same.map_or(self.now.uptime, |before| before.first);
        let enough = match plight {
            Plight::Stopped => Duration::ZERO,
            Plight::Exiting => LONG_EXIT,
            Plight::Uninterruptible | Plight::Unkilled | Plight::Traced => SETTLED,
        };
        let sure = self.now.uptime.saturating_sub(first) >= enough;
        let known = same.filter(|before| before.sure);
        let waits_in = match known {
            Some(known) => known.task.waits_in.clone(),
            None if sure && plight != Plight::Stopped => self.waits_in(pid),
            None => None,
        };
        Some(Odd {
            who,
            plight,
            task: OddTask {
                pid,
                command: crate::text::visible_bytes(&stat.comm),
                since: same.map_or(self.now.wall, |before| before.task.since),
                init: self.init == Some(who),
                killed: stat.killed,
                waits_in,
            },
            first,
            switches,
            tracer: Some(tracer).filter(|tracer| *tracer > 0),
            sure,
        })
    }

    /// Whether a freezer explains its sleep; remembers which, if it is not the container's own.
    pub(super) fn is_frozen(&mut self, pid: i32, exiting: bool) -> bool {
        let over = self.freezers.over(pid, exiting);
        if !over.holds() {
            return false;
        }
        let nearest = over.set.into_iter().next().map(|at| at.dir);
        let frozen = Frozen::told(nearest, self.own.as_deref());
        self.frozen = self.frozen.take().or(Some(frozen));
        true
    }

    pub(super) fn waits_in(&self, pid: i32) -> Option<String> {
        let name = kernel_words(&self.machine.pid_file(pid, "wchan")).ok()??;
        let name = name.trim();
        (!name.is_empty() && name != "0").then(|| crate::text::visible(name))
    }
}

/// What is odd about a task, as far as one look tells.
pub(super) fn plight(stat: &ProcStat) -> Option<Plight> {
    // A leader that died before its threads is no task any more.
    if stat.is_kernel_thread() || matches!(stat.state, 'Z' | 'X') {
        return None;
    }
    match stat.state {
        'D' => Some(Plight::Uninterruptible),
        'T' => Some(Plight::Stopped),
        't' => Some(Plight::Traced),
        _ if stat.killed => Some(Plight::Unkilled),
        _ if stat.is_exiting() => Some(Plight::Exiting),
        _ => None,
    }
}

pub(super) fn own_freezer(cgroups: &[CgroupDir], hierarchies: &Hierarchies) -> Option<PathBuf> {
    for_controller(cgroups, "freezer", hierarchies).map(|(cgroup, _)| cgroup.dir(hierarchies))
}

pub(super) fn command(machine: &Machine, pid: i32) -> Option<String> {
    let stat = machine.stat(pid).ok().flatten()?;
    Some(crate::text::visible_bytes(&stat.comm))
}
