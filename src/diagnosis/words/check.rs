//! What is said of checks in which nothing was found, and their names.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{cores, count, path, pids, processes, size};
use crate::cgroup::Limit;
use crate::diagnosis::checks::{
    About, AllTasks, CheckResult, LookedAt, OwnCgroups, ThawedFreezers, strictest,
};
use crate::diagnosis::evidence::{CgroupSeen, Evidence, InitSeen, Level, RdtSeen, Task, UnitSeen};
use crate::diagnosis::{Cause, Finding};
use crate::inventory::Condition;
use crate::inventory::processes::ProcessPlace;
use crate::oci::Status;
use crate::text::visible;

impl About {
    /// What is looked at.
    pub fn words(self) -> &'static str {
        match self {
            Self::Leftover => "that nobody owns it",
            Self::Record => "state file readable and complete",
            Self::Init => "init alive and the same process",
            Self::Tasks => "tasks in its cgroups",
            Self::Unkillable => "unkillable tasks (D)",
            Self::Exits => "exits that do not end",
            Self::Frozen => "frozen (its own, above, below)",
            Self::Stopped => "stopped or traced",
            Self::Zombies => "zombies not reaped",
            Self::Cgroups => "its cgroups, and those below",
            Self::Outside => "tasks outside, in its namespaces",
            Self::Shared => "cgroups shared with others",
            Self::Pids => "limit of processes",
            Self::Memory => "limit of memory",
            Self::Cpu => "limit of CPU time",
            Self::Hooks => "poststop hooks",
            Self::Mounts => "mounts that hold it",
            Self::Rdt => "resctrl group",
            Self::Runtime => "runtime still at work on it",
            Self::Owner => "engine above it",
            Self::Unit => "systemd unit",
            Self::Disk => "file system of its state",
            Self::Viewer => "what ocitop may see",
        }
    }

    /// The same where columns are few.
    pub fn short(self) -> &'static str {
        match self {
            Self::Leftover => "owned by nobody",
            Self::Record => "state file",
            Self::Init => "init",
            Self::Tasks => "tasks",
            Self::Unkillable => "tasks in D",
            Self::Exits => "exits",
            Self::Frozen => "frozen",
            Self::Stopped => "stopped, traced",
            Self::Zombies => "zombies",
            Self::Cgroups => "cgroups",
            Self::Outside => "tasks outside",
            Self::Shared => "shared",
            Self::Pids => "pids limit",
            Self::Memory => "memory limit",
            Self::Cpu => "CPU limit",
            Self::Hooks => "hooks",
            Self::Mounts => "mounts",
            Self::Rdt => "resctrl",
            Self::Runtime => "runtime at work",
            Self::Owner => "engine above",
            Self::Unit => "systemd unit",
            Self::Disk => "state's disk",
            Self::Viewer => "ocitop's sight",
        }
    }
}

impl CheckResult {
    /// Its word; the one that matters most is in capitals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cause => "CAUSE",
            Self::Look => "look",
            Self::Note => "note",
            Self::NotLookedAt => "not looked at",
            Self::Ok => "ok",
        }
    }
}

/// What was found, in one line: in the words of the findings, if there are any.
pub(in crate::diagnosis) fn found(
    about: About,
    evidence: &Evidence,
    findings: &[(usize, &Finding)],
    looked: Result<&LookedAt<'_>, &String>,
) -> String {
    let mut told = findings.iter().map(|(_, finding)| &finding.cause);
    // How a container is says less than what was seen of its init.
    let plain = |cause: &&Cause| {
        let is_state = about == About::Init && matches!(cause, Cause::State(_));
        // Of a leftover its argument says how sure that is, whatever else.
        !is_state && about != About::Leftover
    };
    let Some(first) = told.find(plain) else {
        return match looked {
            Ok(seen) => fine(about, evidence, seen),
            Err(why) => why.clone(),
        };
    };
    match told.count() {
        0 => first.words(),
        more => format!("{} (and {more} more)", first.words()),
    }
}

/// What was seen, in which there was nothing to find.
fn fine(about: About, evidence: &Evidence, seen: &LookedAt<'_>) -> String {
    match seen {
        LookedAt::Leftover(leftover) => leftover.argument(),
        LookedAt::Record(kind) => format!("{kind}'s, complete"),
        LookedAt::Init(init) => {
            let waits = evidence.condition == Condition::Known(Status::Created);
            let waits = if waits {
                "; it waits for its start"
            } else {
                ""
            };
            format!("{}{waits}", of_init(init, evidence))
        }
        LookedAt::Tasks(all) => tasks(*all),
        LookedAt::Unkillable(all) => in_d(*all),
        LookedAt::Exits(all) => {
            let exiting = those(*all, |task| task.process.exiting);
            said(
                &exiting,
                "is exiting, and gets on",
                "are exiting, and get on",
            )
        }
        LookedAt::Frozen(freezers) => thawed(freezers),
        LookedAt::Cgroups(own) => cgroups(own),
        LookedAt::Nobody | LookedAt::Hooks([]) => "none".to_owned(),
        LookedAt::Shared => "with no other live container".to_owned(),
        LookedAt::Limit(own) => limit(about, evidence, own),
        LookedAt::Hooks([_]) => "1, which can be run and is not running".to_owned(),
        LookedAt::Hooks(many) => {
            format!("{}, which can be run and are not running", many.len())
        }
        LookedAt::Mounts => "none in ocitop's mount namespace".to_owned(),
        LookedAt::Rdt(rdt) => of_rdt(rdt),
        LookedAt::Runtime => "no command of runc, crun, youki, ocitop".to_owned(),
        LookedAt::Owner => "none known".to_owned(),
        LookedAt::NoSystemd => "systemd does not run here".to_owned(),
        LookedAt::NoUnit => "none recorded".to_owned(),
        LookedAt::Unit(unit) => of_unit(unit),
        LookedAt::Disk(disk) => format!("{} free, writable", size(disk.free)),
        LookedAt::Viewer => "all: root, CAP_SYS_PTRACE, the host's pids".to_owned(),
    }
}

fn of_init(init: &InitSeen, evidence: &Evidence) -> String {
    match init {
        InitSeen::Unknown => "none is recorded".to_owned(),
        InitSeen::Alive(who) if evidence.record.has_start => {
            format!(
                "pid {}, start {}: the one recorded",
                who.pid, who.start_time
            )
        }
        InitSeen::Alive(who) => format!(
            "pid {}, by its cgroup or its age: no start time is recorded",
            who.pid
        ),
        InitSeen::Gone(pid) => format!("pid {pid} is gone"),
        InitSeen::Zombie(who, _) => format!("pid {} is dead and not reaped", who.pid),
        InitSeen::Recycled(other) => format!("pid {} is another process now", other.who.pid),
        InitSeen::OutOfSight(why) => format!("cannot be known from here: {}", why.words()),
    }
}

/// `3 (1 S, 1 D, 1 Z) in 2 cgroups`.
fn tasks(tasks: AllTasks<'_>) -> String {
    let inside = || {
        let all = tasks.all().iter();
        all.filter(|task| task.place != ProcessPlace::Outside)
    };
    let number = inside().count();
    if number == 0 {
        return "none".to_owned();
    }
    let mut states: BTreeMap<char, usize> = BTreeMap::new();
    for task in inside() {
        *states.entry(task.process.state).or_default() += 1;
    }
    let states: Vec<String> = states
        .iter()
        .map(|(state, number)| format!("{number} {state}"))
        .collect();
    let places: BTreeSet<&ProcessPlace> = inside()
        .map(|task| &task.place)
        .filter(|place| matches!(place, ProcessPlace::Own(_) | ProcessPlace::Below(_)))
        .collect();
    let places = match places.len() {
        0 => String::new(),
        number => format!(" in {}", count(number, "cgroup", "cgroups")),
    };
    format!("{number} ({}){places}", states.join(", "))
}

fn those(tasks: AllTasks<'_>, which: impl Fn(&Task) -> bool) -> Vec<i32> {
    let all = tasks.all().iter();
    all.filter(|task| which(task))
        .map(|task| task.process.who.pid)
        .collect()
}

/// `none`, `pid 7 is …`, `3 processes are …`.
fn said(who: &[i32], one: &str, many: &str) -> String {
    match who {
        [] => "none".to_owned(),
        [_] => format!("{} {one}", pids(who)),
        _ => format!("{} {many}", processes(who.len())),
    }
}

/// What is in D and no finding: it moves, or another check says why it is there.
fn in_d(tasks: AllTasks<'_>) -> String {
    let held = |task: &Task| task.waits.iter().any(|wait| wait.still);
    let frozen = those(tasks, |task| {
        task.process.state == 'D' && task.process.frozen
    });
    let moving = those(tasks, |task| task.process.is_stuck() && !held(task));
    let others = those(tasks, |task| task.process.is_stuck() && held(task));
    let parts = [
        (frozen, "is in D: frozen", "are in D: frozen"),
        (moving, "is in D and moves on", "are in D and move on"),
        (
            others,
            "is in D: another check says why",
            "are in D: other checks say why",
        ),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(who, ..)| !who.is_empty())
        .map(|(who, one, many)| said(who, one, many))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join("; ")
    }
}

fn thawed(freezers: &ThawedFreezers) -> String {
    match freezers {
        ThawedFreezers::Gone => no_cgroup(),
        ThawedFreezers::OfTasks => "no: thawed where its tasks are".to_owned(),
        ThawedFreezers::OfCgroups { above: 0, below: 0 } => "no: thawed".to_owned(),
        ThawedFreezers::OfCgroups { above, below } => {
            format!("no: thawed, as are {above} above and {below} below")
        }
    }
}

fn no_cgroup() -> String {
    "no cgroup of it is there".to_owned()
}

fn cgroups(cgroups: &OwnCgroups<'_>) -> String {
    let OwnCgroups::There(all) = cgroups else {
        return no_cgroup();
    };
    match all.as_slice() {
        [one] => format!("{}, none below", path(&one.dir)),
        many => format!("in {} hierarchies, none below", many.len()),
    }
}

fn limit(about: About, evidence: &Evidence, cgroups: &OwnCgroups<'_>) -> String {
    let OwnCgroups::There(all) = cgroups else {
        return no_cgroup();
    };
    let mut own = all.iter().filter(|cgroup| cgroup.level == Level::Own);
    let told = if about == About::Pids {
        own.find_map(|cgroup| {
            let limit = strictest(evidence, &|cgroup| cgroup.pids_limit);
            Some(of(&cgroup.pids?.to_string(), limit, &|limit| {
                limit.to_string()
            }))
        })
    } else if about == About::Memory {
        own.find_map(|cgroup| {
            let limit = strictest(evidence, &|cgroup| cgroup.memory_limit);
            Some(of(&size(cgroup.memory?), limit, &size))
        })
    } else {
        quota(evidence)
    };
    told.unwrap_or_else(|| "-".to_owned())
}

/// `7 of 512`, and who says so.
fn of(now: &str, limit: Option<(Limit, &CgroupSeen)>, words: &dyn Fn(u64) -> String) -> String {
    match limit {
        Some((Limit::At(limit), whose)) => {
            format!("{now} of {}{}", words(limit), set_by(whose))
        }
        Some((Limit::Max, _)) => format!("{now}, no limit"),
        None => now.to_owned(),
    }
}

fn set_by(cgroup: &CgroupSeen) -> String {
    match cgroup.level {
        Level::Above => format!(", set above by {}", path(&cgroup.dir)),
        Level::Own | Level::Below | Level::Elsewhere => String::new(),
    }
}

fn quota(evidence: &Evidence) -> Option<String> {
    let (limit, cgroup) = strictest(evidence, &|cgroup| cgroup.quota)?;
    let held = cgroup.counts.cpu.filter(|cpu| cpu.throttled > 0);
    let held = held.map(|cpu| {
        format!(
            ", held back in {} of {} periods so far",
            cpu.throttled, cpu.periods
        )
    });
    let quota = match limit {
        Limit::Max => "no quota".to_owned(),
        Limit::At(millionths) => format!("quota of {}", cores(millionths)),
    };
    Some(format!(
        "{quota}{}{}",
        set_by(cgroup),
        held.unwrap_or_default()
    ))
}

fn of_rdt(rdt: &RdtSeen) -> String {
    match (rdt.has_group, &rdt.wanted) {
        (true, _) => "has one of its own".to_owned(),
        (false, Some(group)) => format!("in {}, which is there", visible(group)),
        (false, None) => "none wanted".to_owned(),
    }
}

fn of_unit(unit: &UnitSeen) -> String {
    let name = visible(&unit.name);
    match unit.active {
        Some(true) => format!("{name} is active"),
        _ => format!("{name} is gone"),
    }
}
