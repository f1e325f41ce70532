//! What a check looked at in full, or what of it was not looked at.
//!
//! A check without a finding is fine only by a [`LookedAt`], and there is none by default: each is made
//! here, of what was there to be seen. Where the thing that a check is about was never met (no cgroup,
//! no record, a list that was not read), the answer is the reason.

use super::About;
use crate::cgroup::Limit;
use crate::diagnosis::evidence::{
    CgroupSeen, Disk, Evidence, HookSeen, InitSeen, Level, NotSeen, PidNamespace, RdtSeen,
    ResctrlPresence, Task, UnitSeen,
};
use crate::diagnosis::words;
use crate::inventory::processes::ProcessPlace;
use crate::inventory::sight::CgroupsOutOfSight;
use crate::leftovers::Leftover;
use crate::oci::RuntimeKind;
use crate::text::visible_path;

/// Why a check was not made, or not all of it; safe to print.
pub(in crate::diagnosis) type NotLookedAt = String;

/// What a check saw, all of it.
#[derive(Debug)]
pub(in crate::diagnosis) enum LookedAt<'e> {
    /// Who was searched for an owner.
    Leftover(&'e Leftover),
    /// A record that could be read, whose.
    Record(RuntimeKind),
    /// What became of init.
    Init(&'e InitSeen),
    /// The processes in its cgroups.
    Tasks(AllTasks<'e>),
    /// All of its processes, and where each in D waits.
    Unkillable(AllTasks<'e>),
    /// All of its processes, and what each that exits waits for.
    Exits(AllTasks<'e>),
    /// All of its processes, of which none is meant.
    Nobody,
    /// Its freezers, or those over each of its processes.
    Frozen(ThawedFreezers),
    /// Its cgroups.
    Cgroups(OwnCgroups<'e>),
    /// The records of all state roots.
    Shared,
    /// What a controller says of it.
    Limit(OwnCgroups<'e>),
    /// Its poststop hooks.
    Hooks(&'e [HookSeen]),
    /// The mounts of ocitop's mount namespace.
    Mounts,
    /// resctrl.
    Rdt(&'e RdtSeen),
    /// The command lines of all runtimes that run.
    Runtime,
    /// The record, and the command lines of all shims.
    Owner,
    /// systemd does not run this host.
    NoSystemd,
    /// Its record, which names no scope.
    NoUnit,
    /// What systemd says of its scope.
    Unit(&'e UnitSeen),
    /// The file system of its state root.
    Disk(&'e Disk),
    /// Its own rights and namespaces.
    Viewer,
}

/// Every process of a container, or every one in its cgroups: none is missing.
#[derive(Debug, Clone, Copy)]
pub(in crate::diagnosis) struct AllTasks<'e>(&'e [Task]);

impl<'e> AllTasks<'e> {
    /// Them.
    pub(in crate::diagnosis) fn all(self) -> &'e [Task] {
        self.0
    }
}

/// The cgroups of a container.
#[derive(Debug)]
pub(in crate::diagnosis) enum OwnCgroups<'e> {
    /// Its own and those below.
    There(Vec<&'e CgroupSeen>),
    /// Every one that it was in is gone, as it is.
    Gone,
}

/// Freezers that say they are thawed.
#[derive(Debug)]
pub(in crate::diagnosis) enum ThawedFreezers {
    /// Those of its cgroups, above and below.
    OfCgroups {
        /// So many above.
        above: usize,
        /// So many below.
        below: usize,
    },
    /// Those over each of its processes.
    OfTasks,
    /// None is left, and no process.
    Gone,
}

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
        About::Pids | About::Memory | About::Cpu => limits(about, evidence).map(LookedAt::Limit),
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

/// The cgroups of the container and those below.
pub(in crate::diagnosis) fn own(evidence: &Evidence) -> impl Iterator<Item = &CgroupSeen> {
    let all = evidence.cgroups.iter();
    all.filter(|cgroup| cgroup.level.is_own())
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
        _ => Ok(&evidence.init),
    }
}

/// Its cgroups, or where they would be. That none is found says something only of one that named them
/// all, and ended.
fn cgroups(evidence: &Evidence) -> Result<OwnCgroups<'_>, NotLookedAt> {
    let found: Vec<&CgroupSeen> = own(evidence).collect();
    if let Some(unread) = found.iter().find(|cgroup| !cgroup.listed) {
        return Err(format!("the list of {}", visible_path(&unread.dir)));
    }
    if !found.is_empty() {
        if evidence.more_cgroups {
            return Err(format!("only {} of its cgroups were read", found.len()));
        }
        return Ok(OwnCgroups::There(found));
    }
    if evidence.record.cgroup_disabled {
        return Err("its record says that it has none".to_owned());
    }
    let (gone, named) = &evidence.gone;
    if *named > 0 && gone.len() == *named {
        return match evidence.init {
            InitSeen::Alive(_) => Err("they are gone, and it lives".to_owned()),
            _ => Ok(OwnCgroups::Gone),
        };
    }
    if evidence.record.problem.is_some() {
        return Err("no record says which they are, and none has its name".to_owned());
    }
    Err("its record does not say which they are".to_owned())
}

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
fn waits(tasks: AllTasks<'_>) -> Result<AllTasks<'_>, NotLookedAt> {
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
fn exits<'e>(evidence: &Evidence, tasks: AllTasks<'e>) -> Result<AllTasks<'e>, NotLookedAt> {
    if is_blind(evidence) && tasks.0.iter().any(|task| task.process.exiting) {
        return Err("what those that exit wait for may not be read".to_owned());
    }
    Ok(tasks)
}

/// Whether it may not look into processes of others, or does not know.
fn is_blind(evidence: &Evidence) -> bool {
    let viewer = &evidence.viewer;
    viewer.root != Some(true) || viewer.ptrace != Some(true)
}

/// A task is frozen where it is, which need not be the container's cgroup.
fn freezers(evidence: &Evidence) -> Result<ThawedFreezers, NotLookedAt> {
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

/// Whether its processes are where a controller would count them, and what that says.
fn limits(about: About, evidence: &Evidence) -> Result<OwnCgroups<'_>, NotLookedAt> {
    type Tells = fn(&CgroupSeen) -> bool;
    let (controller, what, tells): (_, _, Tells) = match about {
        About::Pids => ("pids", "the pids controller", |it| it.pids.is_some()),
        About::Memory => ("memory", "the memory controller", |it| it.memory.is_some()),
        _ => ("cpu", "a CPU quota", |it| it.quota.is_some()),
    };
    let out = |task: &&Task| {
        let mut hierarchies = task.missing_from.iter().map(|from| &from.hierarchy);
        let left = hierarchies.any(|it| it.split(',').any(|name| name == controller));
        left || (task.place == ProcessPlace::Outside && task.process.is_init)
    };
    if let Some(out) = evidence.tasks.iter().find(out) {
        let pid = out.process.who.pid;
        return Err(format!(
            "pid {pid} is outside of its cgroup and not counted there"
        ));
    }
    let cgroups = cgroups(evidence).map_err(|why| format!("its cgroups: {why}"))?;
    match &cgroups {
        OwnCgroups::There(own) if !own.iter().any(|cgroup| tells(cgroup)) => {
            Err(format!("none of its cgroups tells of {what}"))
        }
        _ => Ok(cgroups),
    }
}

/// Who left its cgroups is told by its pid namespace: one that it shares tells of everybody in it.
fn outside(evidence: &Evidence) -> Result<AllTasks<'_>, NotLookedAt> {
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

/// The strictest limit over the container's own cgroup and those above it; its own, if that is it.
pub(in crate::diagnosis) fn strictest<'e>(
    evidence: &'e Evidence,
    limit: &dyn Fn(&CgroupSeen) -> Option<Limit>,
) -> Option<(Limit, &'e CgroupSeen)> {
    let levels = [Level::Own, Level::Above].into_iter();
    let at = levels.flat_map(|level| {
        let all = evidence.cgroups.iter();
        all.filter(move |cgroup| cgroup.level == level)
    });
    at.filter_map(|cgroup| Some((limit(cgroup)?, cgroup)))
        .min_by_key(|(limit, _)| limit.value().unwrap_or(u64::MAX))
}
