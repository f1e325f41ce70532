//! What is said of cgroups.

use std::path::Path;

use super::parts::{self, cores, path, pids, processes, size};
use crate::diagnosis::cause::CgroupCause;
use crate::diagnosis::evidence::Level;

fn shared(cgroup: &Path, with: &str, refused: bool) -> String {
    let then = if refused {
        "a delete is refused"
    } else {
        "it is not paused, and its cgroup stays when it is deleted"
    };
    let cgroup = path(cgroup);
    format!("its cgroup {cgroup} is shared with container {with}, which is alive: {then}")
}

impl CgroupCause {
    #[expect(clippy::too_many_lines, reason = "one flat match")]
    pub(super) fn words(&self) -> String {
        match self {
            Self::Frozen {
                cgroup,
                level,
                killed,
                ..
            } => frozen(cgroup, *level, killed),
            Self::FrozenUnseen { pids } => unseen(pids),
            Self::FreezeUnfinished { cgroup, pid, .. } => {
                let why = pid.map_or_else(String::new, |pid| {
                    format!(": pid {pid} is in D state and cannot be frozen")
                });
                format!("the freeze of {} does not end{why}", path(cgroup))
            }
            Self::Gone { count, of, .. } => gone(*count, *of),
            Self::Shared {
                cgroup,
                with,
                refused,
            } => shared(cgroup, with, *refused),
            Self::Unlisted { cgroup } => format!(
                "the kernel says that something lives in {}, and no process of it was found",
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
                    parts::count(*count, "cgroup", "cgroups"),
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
            Self::CpuQuota {
                cgroup,
                quota,
                runnable,
                killed,
                level,
                ..
            } => too_small(cgroup, *quota, *runnable, *killed, *level),
            Self::CpuThrottled {
                cgroup,
                level,
                quota,
                throttled,
                periods,
                now: (now, of),
            } => format!(
                "held back by {}, in {throttled} of {periods} periods so far, {now} of {of} just now",
                whose("quota", &cores(*quota), *level, cgroup)
            ),
            Self::OomKills {
                kills,
                now,
                seconds,
                ..
            } => {
                let now = match now {
                    0 => String::new(),
                    now => format!(", {now} of them just now"),
                };
                format!(
                    "the OOM killer ended {} of it {}{now}",
                    processes(usize::try_from(*kills).unwrap_or(usize::MAX)),
                    in_time(*seconds)
                )
            }
            Self::MemoryAtLimit {
                cgroup,
                level,
                limit,
                hits,
                seconds,
                per_second,
            } => {
                let now = per_second.filter(|rate| *rate > 0);
                let now = now.map_or_else(
                    || "not just now".to_owned(),
                    |rate| format!("{rate} a second now"),
                );
                format!(
                    "{} was hit {hits} times {}, {now}",
                    whose("memory limit", &size(*limit), *level, cgroup),
                    in_time(*seconds)
                )
            }
            Self::MountOn { mount } => format!(
                "something is mounted on {}: the cgroup cannot be removed",
                path(mount)
            ),
        }
    }
}

fn too_small(cgroup: &Path, quota: u64, runnable: usize, killed: bool, level: Level) -> String {
    let whose = match level {
        Level::Above => " (a cgroup above)",
        Level::Own | Level::Below | Level::Elsewhere => "",
    };
    let dying = if killed {
        "; SIGKILL waits for CPU time"
    } else {
        ""
    };
    let cores = quota as f64 / 1e6;
    format!(
        "{} want to run on {cores} of a CPU: the quota of {}{whose} is too small{dying}",
        processes(runnable),
        path(cgroup)
    )
}

/// `its quota of 0.5 CPU`, or whose it is.
fn whose(what: &str, much: &str, level: Level, cgroup: &Path) -> String {
    match level {
        Level::Own => format!("its {what} of {much}"),
        Level::Above | Level::Below | Level::Elsewhere => {
            format!("the {what} of {much} of {}", path(cgroup))
        }
    }
}

fn in_time(seconds: Option<u64>) -> String {
    seconds.map_or_else(
        || "so far".to_owned(),
        |seconds| format!("in {}", time(seconds)),
    )
}

/// `40 s`, `12 min`, `3 h`, `5 days`: rounded down.
fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn gone(count: usize, of: usize) -> String {
    let which = if count == of {
        format!(
            "all {} that its record names",
            parts::count(of, "cgroup", "cgroups")
        )
    } else {
        format!("{count} of the {of} cgroups that its record names")
    };
    format!("{which} are gone, and it lives: it is not limited and not counted there")
}

fn unseen(frozen: &[i32]) -> String {
    let who = if frozen.is_empty() {
        String::new()
    } else {
        format!(" ({})", pids(frozen))
    };
    format!("frozen by a cgroup that cannot be seen from here{who}")
}

fn frozen(cgroup: &Path, level: Level, killed: &[i32]) -> String {
    let which = match level {
        Level::Above => format!("frozen from above: {}", path(cgroup)),
        Level::Own => format!("frozen: {}", path(cgroup)),
        Level::Below => format!("a cgroup below its own is frozen: {}", path(cgroup)),
        Level::Elsewhere => format!(
            "frozen by {}, a cgroup that is not its own and has its processes",
            path(cgroup)
        ),
    };
    let waits = if killed.is_empty() {
        String::new()
    } else {
        format!("; SIGKILL of {} waits for the thaw", pids(killed))
    };
    format!("{which}{waits}")
}
