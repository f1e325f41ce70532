//! Why a check cannot say that all is well: what of it was not looked at.

use super::About;
use crate::diagnosis::evidence::{CgroupSeen, Evidence, InitSeen, Resctrl, Task};
use crate::diagnosis::wording;
use crate::inventory::processes::Place;
use crate::inventory::sight::CgroupsOutOfSight;
use crate::text::visible_path;

/// The reason, safe to print; `None` where everything was seen.
pub(super) fn of(about: About, evidence: &Evidence) -> Option<String> {
    if let Some(why) = out_of_sight(about, evidence) {
        return Some(why);
    }
    match about {
        About::Leftover | About::Record => None,
        About::Init => init(evidence),
        About::Tasks => {
            let cgroups = || no_cgroup(evidence).map(|why| format!("its cgroups: {why}"));
            tasks(evidence).or_else(cgroups)
        }
        About::Stopped | About::Zombies => tasks(evidence),
        About::Unkillable => tasks(evidence).or_else(|| waits(evidence)),
        About::Exits => tasks(evidence).or_else(|| exits(evidence)),
        About::Frozen => frozen(evidence),
        About::Cgroups => no_cgroup(evidence),
        About::Outside => outside(evidence),
        About::Shared => roots(evidence),
        About::Pids => counted(evidence, "pids").or_else(|| {
            known(evidence, "the pids controller", |cgroup| {
                cgroup.pids.is_some()
            })
        }),
        About::Memory => counted(evidence, "memory").or_else(|| {
            known(evidence, "the memory controller", |cgroup| {
                cgroup.memory.is_some()
            })
        }),
        About::Cpu => counted(evidence, "cpu")
            .or_else(|| known(evidence, "a CPU quota", |cgroup| cgroup.quota.is_some())),
        About::Hooks => hooks(evidence),
        About::Mounts => evidence
            .unseen
            .mounts
            .then(|| "the list of mounts cannot be read".to_owned()),
        About::Rdt => rdt(evidence),
        About::Runtime | About::Owner => host(evidence),
        About::Unit => evidence
            .viewer
            .systemd
            .is_none()
            .then(|| "whether systemd runs is not known".to_owned()),
        About::Disk => match &evidence.disk {
            None => Some("the file system of the state root does not say".to_owned()),
            Some(_) => None,
        },
        About::Viewer => viewer(evidence),
    }
}

/// What no look from here can tell.
fn out_of_sight(about: About, evidence: &Evidence) -> Option<String> {
    let (of_pids, of_cgroups) = match about {
        About::Tasks | About::Unkillable | About::Exits | About::Stopped | About::Zombies => {
            (true, true)
        }
        About::Init | About::Outside | About::Runtime | About::Owner => (true, false),
        About::Frozen
        | About::Cgroups
        | About::Shared
        | About::Pids
        | About::Memory
        | About::Cpu
        | About::Unit => (false, true),
        About::Leftover
        | About::Record
        | About::Hooks
        | About::Mounts
        | About::Rdt
        | About::Disk
        | About::Viewer => (false, false),
    };
    let unseen = &evidence.unseen;
    let pids = unseen.pids.filter(|_| of_pids);
    let cgroups = unseen.cgroups.as_ref().filter(|_| of_cgroups);
    pids.map(|why| why.words().to_owned())
        .or_else(|| cgroups.map(CgroupsOutOfSight::words))
}

/// The cgroups of the container and those below.
fn own(evidence: &Evidence) -> impl Iterator<Item = &CgroupSeen> {
    let all = evidence.cgroups.iter();
    all.filter(|cgroup| cgroup.level.is_own())
}

fn init(evidence: &Evidence) -> Option<String> {
    match evidence.init {
        InitSeen::Unknown if evidence.record.problem.is_some() => {
            Some("no record says which process it is".to_owned())
        }
        _ => None,
    }
}

/// Where its processes would be looked for, if that is nowhere.
fn no_cgroup(evidence: &Evidence) -> Option<String> {
    if own(evidence).next().is_some() {
        return None;
    }
    if evidence.record.cgroup_disabled {
        return Some("its record says that it has none".to_owned());
    }
    if !evidence.gone.0.is_empty() && matches!(evidence.init, InitSeen::Alive(_)) {
        return Some("they are gone, and it lives".to_owned());
    }
    if evidence.record.problem.is_some() {
        return Some("no record says which they are, and none has its name".to_owned());
    }
    None
}

fn tasks(evidence: &Evidence) -> Option<String> {
    let alive = matches!(evidence.init, InitSeen::Alive(_));
    if evidence.record.cgroup_disabled && !alive {
        let why = "it has no cgroup: what outlives its init cannot be told";
        return Some(why.to_owned());
    }
    if let Some(why) = no_cgroup(evidence).filter(|_| !alive) {
        return Some(format!("its cgroups: {why}"));
    }
    if evidence.more > 0 {
        let read = evidence.tasks.len();
        let all = read + evidence.more;
        return Some(format!("{read} of {all} processes were read"));
    }
    let foreign: usize = own(evidence).map(|cgroup| cgroup.foreign).max()?;
    (foreign > 0).then(|| {
        let who = wording::processes(foreign);
        format!("{who} outside of ocitop's pid namespace cannot be seen")
    })
}

/// Of a crowd in D not every place in the kernel is read.
fn waits(evidence: &Evidence) -> Option<String> {
    let unread = evidence.tasks.iter().filter(|task| {
        let looked_at = task
            .waits
            .iter()
            .any(|wait| wait.tid == task.process.who.pid);
        task.process.is_stuck() && !looked_at
    });
    let count = unread.count();
    (count > 0).then(|| format!("where {} in D wait was not read", wording::processes(count)))
}

/// What an exit waits for is told from the stack, which not everybody may read.
fn exits(evidence: &Evidence) -> Option<String> {
    let viewer = &evidence.viewer;
    let blind = viewer.root == Some(false) || viewer.ptrace == Some(false);
    let exiting = |task: &&Task| task.process.exiting;
    let some = evidence.tasks.iter().any(|task| exiting(&task));
    (blind && some).then(|| "what those that exit wait for may not be read".to_owned())
}

/// A task is frozen where it is, which need not be the container's cgroup.
fn frozen(evidence: &Evidence) -> Option<String> {
    let untold = |task: &Task| {
        let why = task.freezers.unseen.as_ref()?;
        let pid = task.process.who.pid;
        Some(format!(
            "the freezer of pid {pid}: {}",
            wording::of_unseen(why)
        ))
    };
    let living = evidence
        .tasks
        .iter()
        .filter(|task| !task.process.is_zombie());
    if let Some(why) = tasks(evidence).or_else(|| living.clone().find_map(untold)) {
        return Some(why);
    }
    // Where its tasks are was looked at; without any there are its cgroups.
    let nobody = living.count() == 0;
    nobody
        .then(|| known(evidence, "the freezer", |cgroup| cgroup.freezer.is_some()))
        .flatten()
}

/// Whether any own cgroup tells of a controller.
fn known(evidence: &Evidence, what: &str, tells: impl Fn(&CgroupSeen) -> bool) -> Option<String> {
    if let Some(why) = no_cgroup(evidence) {
        return Some(format!("its cgroups: {why}"));
    }
    let none = own(evidence).next().is_none();
    (!none && !own(evidence).any(tells)).then(|| format!("none of its cgroups tells of {what}"))
}

/// Whether its processes are where a controller would count them.
fn counted(evidence: &Evidence, controller: &str) -> Option<String> {
    let out = |task: &&Task| {
        let mut hierarchies = task.missing_from.iter().map(|from| &from.hierarchy);
        let left = hierarchies.any(|it| it.split(',').any(|name| name == controller));
        left || (task.place == Place::Outside && task.process.is_init)
    };
    let out = evidence.tasks.iter().find(out)?;
    let pid = out.process.who.pid;
    Some(format!(
        "pid {pid} is outside of its cgroup and not counted there"
    ))
}

fn outside(evidence: &Evidence) -> Option<String> {
    if evidence.viewer.host_pids == Some(false) {
        return host(evidence);
    }
    match evidence.init {
        InitSeen::Alive(_) => tasks(evidence),
        _ => Some("without a live init its namespaces cannot be told".to_owned()),
    }
}

fn roots(evidence: &Evidence) -> Option<String> {
    let (first, rest) = evidence.unseen.roots.split_first()?;
    let more = match rest.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Some(format!("containers of {first}{more}"))
}

fn hooks(evidence: &Evidence) -> Option<String> {
    if evidence.unseen.hooks {
        return Some("its configuration cannot be read".to_owned());
    }
    let apart = evidence
        .hooks
        .iter()
        .find_map(|hook| Some((&hook.path, hook.apart.as_ref()?)));
    if let Some((path, mount)) = apart {
        return Some(format!("on {mount}: {}", visible_path(path)));
    }
    host(evidence).filter(|_| !evidence.hooks.is_empty())
}

/// Processes of the host that may be about this container.
fn host(evidence: &Evidence) -> Option<String> {
    match evidence.viewer.host_pids {
        Some(false) => {
            let why = "processes outside of ocitop's pid namespace cannot be seen";
            return Some(why.to_owned());
        }
        None => return Some("whether ocitop sees all processes is not known".to_owned()),
        Some(true) => {}
    }
    let mute = evidence.unseen.mute.first()?;
    Some(format!("the command line of pid {mute} does not answer"))
}

fn rdt(evidence: &Evidence) -> Option<String> {
    let rdt = &evidence.rdt;
    if evidence.unseen.rdt {
        return Some("resctrl does not answer".to_owned());
    }
    if evidence.record.problem.is_some() {
        return Some("no record says whether it wants one".to_owned());
    }
    let unasked = rdt.mount == Resctrl::Mounted && rdt.there.is_none() && !rdt.has_group;
    let group = rdt.wanted.as_ref().filter(|_| unasked)?;
    let group = crate::text::visible(group);
    Some(format!("whether its group {group} is there"))
}

fn viewer(evidence: &Evidence) -> Option<String> {
    let viewer = &evidence.viewer;
    let known = [viewer.root, viewer.ptrace, viewer.host_pids];
    let unknown = known.iter().any(Option::is_none);
    unknown.then(|| "what ocitop may see is not known".to_owned())
}
