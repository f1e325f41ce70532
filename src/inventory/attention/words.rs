//! What needs a person, in words.

use super::{Frozen, OddTask, Plight, Reached, Trouble};
use crate::text::{lasting, visible_path};
use jiff::Timestamp;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) fn between(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

pub(super) fn tasks(
    plight: Plight,
    task: &OddTask,
    more: usize,
    tracer: Option<i32>,
    lasting: &str,
) -> String {
    let OddTask { pid, command, .. } = task;
    let how = match (plight, tracer) {
        (Plight::Uninterruptible, _) => format!("in D for {lasting}"),
        (Plight::Unkilled, _) => format!("does not end for {lasting}"),
        (Plight::Exiting, _) => format!("exiting for {lasting}"),
        (Plight::Traced, Some(tracer)) => format!("held by its tracer {tracer} for {lasting}"),
        (Plight::Traced, None) => format!("held by a tracer for {lasting}"),
        (Plight::Stopped, _) => "stopped by a signal".to_owned(),
    };
    let init = if task.init { "init " } else { "" };
    let mut text = format!("{init}{pid} ({command}) {how}");
    if task.killed {
        text.push_str(", SIGKILL pending");
    }
    if let Some(function) = &task.waits_in {
        write!(text, ", waits in {function}").ok();
    }
    match more {
        0 => {}
        1 => text.push_str("; and 1 more task"),
        more => drop(write!(text, "; and {more} more tasks")),
    }
    text
}

pub(super) fn oom(kills: u64, lately: Option<u64>, last: Option<String>) -> String {
    let processes = if kills == 1 { "process" } else { "processes" };
    let all = format!("{kills} {processes} taken in its life");
    match (lately, last) {
        (None, _) => all,
        (Some(0), _) => format!("none since ocitop looks; {all}"),
        (Some(lately), None) => format!("{lately} since ocitop looks; {all}"),
        (Some(lately), Some(last)) => {
            format!("last {last} ago, {lately} since ocitop looks; {all}")
        }
    }
}

impl Trouble {
    /// The order of gravity; the least number first.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Tasks { task, .. } if task.killed => 0,
            Self::Tasks { plight, .. } => match plight {
                Plight::Uninterruptible | Plight::Unkilled => 0,
                Plight::Exiting => 1,
                Plight::Traced => 2,
                Plight::Stopped => 3,
            },
            Self::NoMemory { .. } => 1,
            Self::Unreaped { .. } => 4,
            Self::Frozen(Frozen::Own(_)) => 9,
            Self::Frozen(_) => 5,
            Self::OomKilled { .. } => 6,
            Self::AtLimit { .. } => 7,
            Self::Throttled { .. } => 8,
        }
    }

    /// The word for the column of states.
    pub fn state(&self) -> String {
        let word = match self {
            Self::Tasks { task, .. } if task.killed => "STUCK",
            Self::Tasks { plight, .. } => match plight {
                Plight::Uninterruptible | Plight::Unkilled | Plight::Exiting => "STUCK",
                Plight::Traced => "TRACED",
                Plight::Stopped => "STOPPED",
            },
            Self::NoMemory { .. } => "STUCK",
            Self::Unreaped { .. } => "ZOMBIE",
            Self::Frozen(_) => "FROZEN",
            Self::OomKilled { kills, .. } if *kills > 99_999 => "OOM x100k+",
            Self::OomKilled { kills, .. } => return format!("OOM x{kills}"),
            Self::AtLimit { .. } => "AT LIMIT",
            Self::Throttled { .. } => "THROTTLED",
        };
        word.to_owned()
    }

    /// The word by which it is looked for, and for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tasks { task, .. } if task.killed => "stuck",
            Self::Tasks { plight, .. } => match plight {
                Plight::Uninterruptible | Plight::Unkilled | Plight::Exiting => "stuck",
                Plight::Traced => "traced",
                Plight::Stopped => "stopped-by-signal",
            },
            Self::NoMemory { .. } => "stuck",
            Self::Unreaped { .. } => "zombie",
            Self::Frozen(_) => "frozen",
            Self::OomKilled { .. } => "oom",
            Self::AtLimit { .. } => "limit",
            Self::Throttled { .. } => "throttled",
        }
    }

    /// Whether it keeps the container, or a part of it, from going on.
    pub fn holds(&self) -> bool {
        !matches!(
            self,
            Self::OomKilled { .. } | Self::AtLimit { .. } | Self::Throttled { .. }
        )
    }

    /// The reason in a few words, safe to print; how long is told as of `now`.
    pub fn reason(&self, now: Timestamp) -> String {
        let ago = |since: Timestamp| lasting(between(since, now));
        match self {
            Self::Tasks {
                plight,
                task,
                more,
                tracer,
            } => tasks(*plight, task, *more, *tracer, &ago(task.since)),
            Self::NoMemory { since } => format!(
                "waits for memory for {}: at its limit, its OOM killer is off",
                ago(*since)
            ),
            Self::Unreaped {
                pid,
                parent,
                command,
                since,
            } => {
                let command = command.as_ref().map(|name| format!(" ({name})"));
                let command = command.unwrap_or_default();
                format!(
                    "init {pid} is dead, its parent {parent}{command} has not reaped it for {}",
                    ago(*since)
                )
            }
            Self::Frozen(by) => by.words(),
            Self::OomKilled {
                kills,
                lately,
                last,
            } => oom(*kills, *lately, last.map(ago)),
            Self::AtLimit { reached, since } => match reached {
                Reached::Memory { hits_a_second } => format!(
                    "memory limit hit {hits_a_second} times a second, for {}",
                    ago(*since)
                ),
                Reached::Tasks { most } => {
                    format!("{most} tasks, all there may be, for {}", ago(*since))
                }
            },
            Self::Throttled {
                percent,
                since,
                above,
            } => {
                let whose = above.as_deref().map_or("its CPU quota".to_owned(), |dir| {
                    format!("the CPU quota of {}", visible_path(dir))
                });
                format!("{percent} % of the last {} by {whose}", ago(*since))
            }
        }
    }
}

impl Frozen {
    /// Frozen by the cgroup at `dir`, seen from `own`, the container's; none is one that is not seen
    /// from here.
    pub fn told(dir: Option<PathBuf>, own: Option<&Path>) -> Self {
        match (dir, own) {
            (None, _) => Self::Above(None),
            (Some(dir), Some(own)) if dir == own => Self::Own(dir),
            (Some(dir), Some(own)) if own.starts_with(&dir) => Self::Above(Some(dir)),
            (Some(dir), Some(own)) if dir.starts_with(own) => Self::Below(dir),
            (Some(dir), _) => Self::Foreign(dir),
        }
    }

    fn words(&self) -> String {
        let named = |dir: &Path| visible_path(dir);
        match self {
            Self::Own(dir) => format!("frozen by {}, its own cgroup", named(dir)),
            Self::Above(Some(dir)) => format!("frozen by {}, above it", named(dir)),
            Self::Above(None) => "frozen by a cgroup above that is not seen from here".to_owned(),
            Self::Below(dir) => format!("frozen in part by {}, below it", named(dir)),
            Self::Foreign(dir) => format!("frozen by {}, not its own cgroup", named(dir)),
        }
    }
}
