//! English for causes, evidence and remedies: the one place where it is made.

mod check;
mod leftover;
mod proof;
mod remedy;
mod task;

use std::path::Path;

pub(super) use check::found;
pub(super) use proof::proof;
pub(super) use task::{of_init, of_more, of_neighbour, of_task, of_wait};

use super::Cause;
use super::cause::{CgroupCause, HostCause, RecordCause, StateCause};
use super::evidence::{CgroupSeen, Level};
use crate::cgroup::freezer::Freezer;
use crate::text::{visible, visible_path};

impl Cause {
    /// A sentence.
    pub fn words(&self) -> String {
        match self {
            Self::State(cause) => cause.words(),
            Self::Task(cause) => cause.words(),
            Self::Cgroup(cause) => cause.words(),
            Self::Record(cause) => cause.words(),
            Self::Host(cause) => cause.words(),
            Self::Leftover(cause) => cause.words(),
        }
    }
}

/// `1 process`, `3 processes`.
fn count(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

pub(super) fn processes(number: usize) -> String {
    count(number, "process", "processes")
}

/// `pid 7`, `pids 7, 8`.
fn pids(pids: &[i32]) -> String {
    let list: Vec<String> = pids.iter().map(ToString::to_string).collect();
    let word = if list.len() == 1 { "pid" } else { "pids" };
    format!("{word} {}", list.join(", "))
}

fn path(path: &Path) -> String {
    visible_path(path)
}

impl StateCause {
    fn words(&self) -> String {
        match self {
            Self::Running { pid, processes } => format!(
                "nothing is wrong: it runs (init pid {pid}, {})",
                self::processes(*processes)
            ),
            Self::Created { pid } => format!("created: init pid {pid} waits for its start"),
            Self::Creating => "it is being created, or that was broken off half-way".to_owned(),
            Self::Paused { cgroup } => {
                format!("paused: its own freezer is set ({})", path(cgroup))
            }
            Self::Stopped { pid, left } => {
                let init = pid.map_or_else(
                    || "no init of it is known".to_owned(),
                    |pid| format!("its init, pid {pid}, is gone"),
                );
                let rest = match left {
                    0 => "nothing of it lives".to_owned(),
                    1 => "1 process lives on".to_owned(),
                    left => format!("{left} processes live on"),
                };
                format!("stopped: {init}, {rest}")
            }
            Self::Unknown { condition } => {
                format!("it is {condition}, and nothing was seen that says why")
            }
        }
    }
}

impl CgroupCause {
    fn words(&self) -> String {
        match self {
            Self::Frozen {
                cgroup,
                level,
                killed,
                ..
            } => frozen(cgroup, *level, killed),
            Self::FreezeUnfinished { cgroup, pid, .. } => {
                let why = pid.map_or_else(String::new, |pid| {
                    format!(": pid {pid} is in D state and cannot be frozen")
                });
                format!("the freeze of {} does not end{why}", path(cgroup))
            }
            Self::Shared { cgroup, with } => format!(
                "its cgroup {} is shared with container {with}, which is alive: a delete is refused",
                path(cgroup)
            ),
            Self::Forbidden { why } => format!("ocitop would refuse to act on it: {why}"),
            Self::SubCgroups {
                cgroups,
                count,
                processes,
            } => {
                let first = cgroups.first().map(|dir| path(dir)).unwrap_or_default();
                let rest = if *count > 1 { " ..." } else { "" };
                format!(
                    "{} below its own, with {}: {first}{rest}",
                    self::count(*count, "cgroup", "cgroups"),
                    self::processes(*processes)
                )
            }
            Self::Threaded { cgroup } => format!(
                "{} is threaded: its processes are listed and killed in the cgroup above only",
                path(cgroup)
            ),
            Self::Invalid { cgroup } => format!(
                "{} stands beside or below a threaded cgroup and can hold no process",
                path(cgroup)
            ),
            Self::ForeignPids { cgroup, count } => format!(
                "{} of {} are outside of ocitop's pid namespace and cannot be seen",
                processes(*count),
                path(cgroup)
            ),
            _ => self.of_limits(),
        }
    }

    fn of_limits(&self) -> String {
        match self {
            Self::PidsLimit {
                cgroup,
                limit,
                refused,
            } => {
                let refused = refused.filter(|count| *count > 0);
                let refused = refused.map(|count| format!(", {count} forks were refused"));
                format!(
                    "no process can be made: {} is at its pids.max of {limit}{}",
                    path(cgroup),
                    refused.unwrap_or_default()
                )
            }
            Self::ForkBomb {
                processes, fresh, ..
            } => format!(
                "its processes fork as fast as they can: {processes} now, {fresh} of them new"
            ),
            Self::OomKillerOff { cgroup, pids } => {
                let who = if pids.is_empty() {
                    String::new()
                } else {
                    format!(": {} wait for memory", self::pids(pids))
                };
                format!(
                    "memory of {} is used up and its OOM killer is off{who}",
                    path(cgroup)
                )
            }
            Self::MemoryHigh { cgroup, high } => format!(
                "{} is above its memory.high of {high} bytes: the kernel holds it back",
                path(cgroup)
            ),
            Self::CpuQuota { .. } => self.of_quota(),
            Self::MountOn { mount } => format!(
                "something is mounted on {}: the cgroup cannot be removed",
                path(mount)
            ),
            // The rest has been said.
            _ => String::new(),
        }
    }

    fn of_quota(&self) -> String {
        let Self::CpuQuota {
            cgroup,
            quota,
            runnable,
            killed,
            level,
            ..
        } = self
        else {
            return String::new();
        };
        let whose = match level {
            Level::Above => " (a cgroup above)",
            Level::Own | Level::Below => "",
        };
        let dying = if *killed {
            "; SIGKILL waits for CPU time"
        } else {
            ""
        };
        let cores = *quota as f64 / 1e6;
        format!(
            "{} want to run on {cores} of a CPU: the quota of {}{whose} is too small{dying}",
            processes(*runnable),
            path(cgroup)
        )
    }
}

fn frozen(cgroup: &Path, level: Level, killed: &[i32]) -> String {
    let which = match level {
        Level::Above => format!("frozen from above: {}", path(cgroup)),
        Level::Own => format!("frozen: {}", path(cgroup)),
        Level::Below => format!("a cgroup below its own is frozen: {}", path(cgroup)),
    };
    let waits = if killed.is_empty() {
        String::new()
    } else {
        format!("; SIGKILL of {} waits for the thaw", pids(killed))
    };
    format!("{which}{waits}")
}

/// Who is in a cgroup.
pub(super) fn of_members(cgroup: &CgroupSeen) -> String {
    format!("{}: {}", path(&cgroup.dir), processes(cgroup.processes))
}

/// What the files of a freezer say.
pub(super) fn of_freezer(cgroup: &CgroupSeen) -> String {
    let word = match cgroup.freezer {
        Some(Freezer::Frozen) => "frozen by its own setting",
        Some(Freezer::Freezing) => "being frozen",
        Some(Freezer::FrozenAbove) => "frozen with a cgroup above",
        Some(Freezer::Thawed) | None => "thawed",
    };
    format!(
        "{}: {word}, {}",
        path(&cgroup.dir),
        processes(cgroup.processes)
    )
}

/// What the pids controller says.
pub(super) fn of_pids(cgroup: &CgroupSeen) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let limit = cgroup
        .pids_limit
        .map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    format!(
        "{}: pids.current {}, pids.max {limit}, forks refused {} (just now {})",
        path(&cgroup.dir),
        number(cgroup.pids),
        number(cgroup.pids_refused),
        cgroup.pids_refused_since
    )
}

impl RecordCause {
    fn words(&self) -> String {
        let living = |number: &usize| match number {
            0 => "nothing of it was found alive".to_owned(),
            number => format!("{} found by its cgroup", processes(*number)),
        };
        match self {
            Self::Missing { problem, processes } => {
                format!("its record is lost: {problem}; {}", living(processes))
            }
            Self::Torn { problem, processes } => {
                format!("its record is cut short: {problem}; {}", living(processes))
            }
            Self::Corrupt { problem, processes } => {
                format!(
                    "its record makes no sense: {problem}; {}",
                    living(processes)
                )
            }
            Self::Unreadable { problem } => format!("its record cannot be read: {problem}"),
            Self::Incomplete { problem } => format!("its record is not complete: {problem}"),
            Self::Foreign { uid } => format!(
                "its record was written by uid {uid}: ocitop acts only within what is that user's"
            ),
            Self::Recycled { pid, name } => format!(
                "its init is gone, and its recorded pid {pid} is another process by now: {name}"
            ),
            Self::HookBroken { hook, why } => format!(
                "its poststop hook {} {why}: its runtime's own delete fails",
                path(hook)
            ),
            Self::HookRuns { hook, pid, seconds } => format!(
                "its poststop hook {} has run for {seconds} s as pid {pid}",
                path(hook)
            ),
            Self::RuntimeWorks {
                pid,
                name,
                verb,
                seconds,
            } => {
                format!("{name} {verb} has been at it for {seconds} s as pid {pid}")
            }
            Self::UnitFailed { unit } => format!("systemd keeps its scope {unit} as failed"),
            Self::Managed { manager, pid, name } => {
                let whose = manager.map_or_else(
                    || "an engine has it".to_owned(),
                    |manager| format!("{manager} has it"),
                );
                format!("{whose} and may start it again: {name}, pid {pid}, holds it")
            }
            Self::Abandoned { manager } => {
                format!("{manager} made it, and no shim or conmon of {manager} holds it any more")
            }
            Self::MountIn { mount } => format!(
                "something is mounted in its state directory: {}",
                path(mount)
            ),
        }
    }
}

impl HostCause {
    fn words(&self) -> String {
        match self {
            Self::StateFull { root, free } => {
                format!(
                    "the file system of {} is full ({free} bytes left)",
                    path(root)
                )
            }
            Self::StateReadOnly { root } => {
                format!("the file system of {} is mounted read-only", path(root))
            }
            Self::OutOfClosids { used, of } => {
                format!("resctrl has no CLOSID left ({used} of {of}): no control group can be made")
            }
            Self::OutOfRmids { used, of } => format!(
                "resctrl has no RMID left ({used} of {of}): no further group can be monitored"
            ),
            Self::ResctrlNotMounted => {
                "its record names a resctrl group, and resctrl is not mounted".to_owned()
            }
            Self::NotRoot => {
                "ocitop is not root: processes of others show neither stack nor files".to_owned()
            }
            Self::NoPtrace => {
                "ocitop has no CAP_SYS_PTRACE: where processes wait cannot be seen".to_owned()
            }
            Self::CgroupReadOnly { mount } => format!(
                "{} is mounted read-only: cgroups can be neither thawed nor removed",
                path(mount)
            ),
            Self::OtherPidNamespace => {
                "ocitop is not in the host's pid namespace: recorded pids may mean other processes"
                    .to_owned()
            }
        }
    }
}

/// Text of a machine in the middle of a sentence.
fn name(text: &str) -> String {
    visible(text)
}
