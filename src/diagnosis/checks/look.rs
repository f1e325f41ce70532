//! What a check looked at in full, or what of it was not looked at.
//!
//! A check without a finding is fine only by a [`LookedAt`], and there is none by default: each is made
//! here, of what was there to be seen. Where the thing that a check is about was never met (no cgroup,
//! no record, a list that was not read), the answer is the reason.

mod cgroups;
mod processes;
mod seen;

use super::about::About;
use crate::diagnosis::evidence::{Evidence, HookSeen, InitSeen, NotSeen, RdtSeen, ResctrlPresence};
use crate::inventory::sight::CgroupsOutOfSight;
use crate::oci::RuntimeKind;
use crate::text::visible_path;
use cgroups::{CPU, MEMORY, PIDS, cgroups, limits};
use processes::{exits, freezers, outside, waits};

pub(in crate::diagnosis) use cgroups::strictest;
pub(in crate::diagnosis) use processes::{processes_of_host, tasks};
pub(in crate::diagnosis) use seen::{AllTasks, LookedAt, NotLookedAt, OwnCgroups, ThawedFreezers};

/// All that a check is about, or why that was not all looked at.
pub(super) fn at(about: About, evidence: &Evidence) -> Result<LookedAt<'_>, NotLookedAt> {
    within_sight(about, evidence)?;
    match about {
        About::Leftover => {
            let searched = evidence.leftover.as_deref().map(LookedAt::Leftover);
            searched.ok_or_else(|| "nobody searched for its owner".to_owned())
        }
        About::Record => record(evidence, "it was not read").map(LookedAt::Record),
        About::Init => init(evidence).map(LookedAt::Init),
        About::Tasks => {
            let tasks = tasks(evidence)?;
            cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))?;
            Ok(LookedAt::Tasks(tasks))
        }
        About::Stopped | About::Zombies => tasks(evidence).map(|_| LookedAt::Nobody),
        About::Unkillable => waits(tasks(evidence)?).map(LookedAt::Unkillable),
        About::Exits => exits(evidence, tasks(evidence)?).map(LookedAt::Exits),
        About::Frozen => freezers(evidence).map(LookedAt::Frozen),
        About::Cgroups => cgroups(evidence).map(LookedAt::Cgroups),
        About::Outside => outside(evidence).map(|_| LookedAt::Nobody),
        About::Shared => roots(evidence).map(|()| LookedAt::Shared),
        About::Pids => limits(&PIDS, evidence).map(LookedAt::Limit),
        About::Memory => limits(&MEMORY, evidence).map(LookedAt::Limit),
        About::Cpu => limits(&CPU, evidence).map(LookedAt::Limit),
        About::Hooks => hooks(evidence).map(LookedAt::Hooks),
        About::Mounts if evidence.unseen.mounts => {
            Err("the list of mounts cannot be read".to_owned())
        }
        About::Mounts => Ok(LookedAt::Mounts),
        About::Rdt => rdt(evidence).map(LookedAt::Rdt),
        About::Runtime => processes_of_host(evidence).map(|()| LookedAt::Runtime),
        About::Owner => {
            processes_of_host(evidence)?;
            record(evidence, "no record says who made it").map(|_| LookedAt::Owner)
        }
        About::Unit => unit(evidence),
        About::Disk => {
            let disk = evidence.disk.as_ref().map(LookedAt::Disk);
            disk.ok_or_else(|| "the file system of the state root does not say".to_owned())
        }
        About::Viewer => viewer(evidence).map(|()| LookedAt::Viewer),
    }
}

/// What no look from here can tell.
fn within_sight(about: About, evidence: &Evidence) -> Result<(), NotLookedAt> {
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
    let NotSeen { pids, cgroups, .. } = &evidence.unseen;
    let pids = pids.filter(|_| of_pids);
    let cgroups = cgroups.as_ref().filter(|_| of_cgroups);
    let why = pids.map(|why| why.words().to_owned());
    match why.or_else(|| cgroups.map(CgroupsOutOfSight::words)) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}

fn record(evidence: &Evidence, why: &str) -> Result<RuntimeKind, NotLookedAt> {
    let whole = evidence.record.problem.is_none();
    let runtime = evidence.runtime.filter(|_| whole);
    runtime.ok_or_else(|| why.to_owned())
}

fn init(evidence: &Evidence) -> Result<&InitSeen, NotLookedAt> {
    match evidence.init {
        InitSeen::Unknown => {
            record(evidence, "no record says which process it is").map(|_| &evidence.init)
        }
        InitSeen::OutOfSight(why) => Err(why.words().to_owned()),
        InitSeen::Alive(_) | InitSeen::Gone(_) | InitSeen::Zombie(..) | InitSeen::Recycled(_) => {
            Ok(&evidence.init)
        }
    }
}

fn roots(evidence: &Evidence) -> Result<(), NotLookedAt> {
    let Some((first, rest)) = evidence.unseen.roots.split_first() else {
        return Ok(());
    };
    let more = match rest.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    Err(format!("containers of {first}{more}"))
}

fn hooks(evidence: &Evidence) -> Result<&[HookSeen], NotLookedAt> {
    if evidence.unseen.hooks {
        return Err("its configuration cannot be read".to_owned());
    }
    let apart = evidence
        .hooks
        .iter()
        .find_map(|hook| Some((&hook.path, hook.apart.as_ref()?)));
    if let Some((path, mount)) = apart {
        return Err(format!("on {mount}: {}", visible_path(path)));
    }
    if !evidence.hooks.is_empty() {
        processes_of_host(evidence)?;
    }
    Ok(&evidence.hooks)
}

fn rdt(evidence: &Evidence) -> Result<&RdtSeen, NotLookedAt> {
    let rdt = &evidence.rdt;
    if evidence.unseen.rdt {
        return Err("resctrl does not answer".to_owned());
    }
    record(evidence, "no record says whether it wants one")?;
    let unasked = rdt.mount == ResctrlPresence::Mounted && rdt.there.is_none() && !rdt.has_group;
    match rdt.wanted.as_ref().filter(|_| unasked) {
        Some(group) => {
            let group = crate::text::visible(group);
            Err(format!("whether its group {group} is there"))
        }
        None => Ok(rdt),
    }
}

fn unit(evidence: &Evidence) -> Result<LookedAt<'_>, NotLookedAt> {
    match evidence.viewer.systemd {
        None => return Err("whether systemd runs is not known".to_owned()),
        Some(false) => return Ok(LookedAt::NoSystemd),
        Some(true) => {}
    }
    let Some(unit) = &evidence.unit else {
        if evidence.record.foreign.is_some() {
            let why = "root asks systemd nothing of what another user wrote";
            return Err(why.to_owned());
        }
        return record(evidence, "no record says which it is").map(|_| LookedAt::NoUnit);
    };
    if unit.loaded.is_none() || unit.active.is_none() {
        let name = crate::text::visible(&unit.name);
        return Err(format!("what systemd says of {name} is not told to ocitop"));
    }
    Ok(LookedAt::Unit(unit))
}

fn viewer(evidence: &Evidence) -> Result<(), NotLookedAt> {
    let viewer = &evidence.viewer;
    let known = [viewer.root, viewer.ptrace, viewer.host_pids];
    if known.iter().any(Option::is_none) {
        return Err("what ocitop may see is not known".to_owned());
    }
    let NotSeen { pids, cgroups, .. } = &evidence.unseen;
    let pids = pids.map(|why| why.words().to_owned());
    match pids.or_else(|| cgroups.as_ref().map(CgroupsOutOfSight::words)) {
        Some(why) => Err(why),
        None => Ok(()),
    }
}
