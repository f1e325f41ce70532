//! The processes of a container, and those of the host that may be about it.

use super::cgroups::{cgroups, own};
use super::seen::{AllTasks, NotLookedAt, OwnCgroups, ThawedFreezers};
use crate::diagnosis::evidence::{Evidence, InitSeen, Level, PidNamespace, Task};
use crate::diagnosis::words;

/// Its processes: those in its cgroups and, of one that lives, those in its pid namespace.
pub(in crate::diagnosis) fn tasks(evidence: &Evidence) -> Result<AllTasks<'_>, NotLookedAt> {
    let alive = matches!(evidence.init, InitSeen::Alive(_));
    if evidence.record.cgroup_disabled && !alive {
        let why = "it has no cgroup: what outlives its init cannot be told";
        return Err(why.to_owned());
    }
    // Whatever left its cgroups is found by a namespace of its own, and by no other.
    if !(alive && evidence.pid_namespace == PidNamespace::Private) {
        cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))?;
    }
    let read = evidence.tasks.len();
    if evidence.more > 0 {
        return Err(format!(
            "{read} of {} processes were read",
            read + evidence.more
        ));
    }
    let foreign: usize = own(evidence)
        .map(|cgroup| cgroup.foreign)
        .max()
        .unwrap_or(0);
    if foreign > 0 {
        let who = words::processes(foreign);
        return Err(format!(
            "{who} outside of ocitop's pid namespace cannot be seen"
        ));
    }
    Ok(AllTasks(&evidence.tasks))
}

/// Of a crowd in D not every place in the kernel is read.
pub(super) fn waits(tasks: AllTasks<'_>) -> Result<AllTasks<'_>, NotLookedAt> {
    let unread = tasks.0.iter().filter(|task| {
        let looked_at = task
            .waits
            .iter()
            .any(|wait| wait.tid == task.process.who.pid);
        task.process.is_stuck() && !looked_at
    });
    match unread.count() {
        0 => Ok(tasks),
        count => Err(format!(
            "where {} in D wait was not read",
            words::processes(count)
        )),
    }
}

/// What an exit waits for is told from the stack, which not everybody may read.
pub(super) fn exits<'e>(
    evidence: &Evidence,
    tasks: AllTasks<'e>,
) -> Result<AllTasks<'e>, NotLookedAt> {
    if is_blind(evidence) && tasks.0.iter().any(|task| task.process.exiting) {
        return Err("what those that exit wait for may not be read".to_owned());
    }
    Ok(tasks)
}

/// Whether it may not look into processes of others, or does not know.
pub(super) fn is_blind(evidence: &Evidence) -> bool {
    let viewer = &evidence.viewer;
    viewer.root != Some(true) || viewer.ptrace != Some(true)
}

/// A task is frozen where it is, which need not be the container's cgroup.
pub(super) fn freezers(evidence: &Evidence) -> Result<ThawedFreezers, NotLookedAt> {
    let mut living = tasks(evidence)?
        .all()
        .iter()
        .filter(|task| !task.process.is_zombie())
        .peekable();
    let peopled = living.peek().is_some();
    let untold = |task: &Task| {
        let why = task.freezers.unseen.as_ref()?;
        let pid = task.process.who.pid;
        let why = words::of_unseen(why);
        Some(format!("the freezer of pid {pid}: {why}"))
    };
    if let Some(why) = living.find_map(untold) {
        return Err(why);
    }
    let tell = |level: Level| {
        let all = evidence.cgroups.iter();
        all.filter(|cgroup| cgroup.level == level && cgroup.freezer.is_some())
            .count()
    };
    if tell(Level::Own) > 0 {
        cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))?;
        return Ok(ThawedFreezers::OfCgroups {
            above: tell(Level::Above),
            below: tell(Level::Below),
        });
    }
    if peopled {
        return Ok(ThawedFreezers::OfTasks);
    }
    match cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))? {
        OwnCgroups::Gone => Ok(ThawedFreezers::Gone),
        OwnCgroups::There(_) => Err("none of its cgroups tells of the freezer".to_owned()),
    }
}

/// Who left its cgroups is told by its pid namespace: one that it shares tells of everybody in it.
pub(super) fn outside(evidence: &Evidence) -> Result<AllTasks<'_>, NotLookedAt> {
    if evidence.viewer.host_pids != Some(true) {
        processes_of_host(evidence)?;
    }
    if !matches!(evidence.init, InitSeen::Alive(_)) {
        return Err("without a live init its namespaces cannot be told".to_owned());
    }
    match evidence.pid_namespace {
        PidNamespace::Private => {}
        PidNamespace::Shared => {
            let why = "it shares its pid namespace: who left its cgroups cannot be told";
            return Err(why.to_owned());
        }
        PidNamespace::Unknown => return Err("its pid namespace cannot be read".to_owned()),
    }
    if is_blind(evidence) {
        return Err("the namespaces of others may not be read".to_owned());
    }
    tasks(evidence)
}

/// Processes of the host that may be about this container.
pub(in crate::diagnosis) fn processes_of_host(evidence: &Evidence) -> Result<(), NotLookedAt> {
    if let Some(why) = evidence.unseen.pids {
        return Err(why.words().to_owned());
    }
    match (evidence.viewer.host_pids, evidence.unseen.mute.first()) {
        (Some(false), _) => {
            Err("processes outside of ocitop's pid namespace cannot be seen".to_owned())
        }
        (None, _) => Err("whether ocitop sees all processes is not known".to_owned()),
        (Some(true), Some(mute)) => Err(format!("the command line of pid {mute} does not answer")),
        (Some(true), None) => Ok(()),
    }
}
