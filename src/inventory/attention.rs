//! What of a container needs a person, and on what evidence.
//!
//! A container whose tasks no signal reaches looks like any other that has nothing to do: its status
//! is `running`, its counters stand still. What tells it apart is a [`Trouble`], with what was seen.
//! How that is seen, and how often, is the matter of `vitals` and `strain` beside this file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::text::{lasting, visible_path};

/// A task that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OddTask {
    /// Its number: of a process, or of one of its threads.
    pub pid: i32,
    /// Its command's first bytes, safe to print.
    pub command: String,
    /// Since when it was seen like this, without a change.
    #[serde(serialize_with = "crate::text::timestamp")]
    pub since: Timestamp,
    /// It is the container's init.
    pub init: bool,
    /// A SIGKILL was sent to it and not taken.
    pub killed: bool,
    /// The kernel function it waits in, if that can be read.
    pub waits_in: Option<String>,
}

/// How a task can be held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plight {
    /// In uninterruptible sleep (D), at two looks the same sleep, and no freezer does that.
    Uninterruptible,
    /// SIGKILL was sent and is still not taken at the second look.
    Unkilled,
    /// On its way out, and not getting there.
    Exiting,
    /// Stopped by a tracer, at two looks the same stop.
    Traced,
    /// Stopped by a signal.
    Stopped,
}

/// Who freezes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "cgroup")]
pub enum Frozen {
    /// Its own cgroup: the runtime paused it, or somebody did by that cgroup.
    Own(#[serde(serialize_with = "lossy")] PathBuf),
    /// A cgroup above its own; none if that is not seen from here.
    Above(#[serde(serialize_with = "lossy_or_none")] Option<PathBuf>),
    /// A cgroup below its own, which is a part of it.
    Below(#[serde(serialize_with = "lossy")] PathBuf),
    /// A cgroup that is none of its own, with tasks of it.
    Foreign(#[serde(serialize_with = "lossy")] PathBuf),
}

/// A limit that is reached all the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "limit")]
pub enum Reached {
    /// Of memory.
    Memory {
        /// How often it is hit in a second.
        hits_a_second: u64,
    },
    /// Of tasks.
    Tasks {
        /// How many there may be.
        most: u64,
    },
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "trouble")]
pub enum Trouble {
    /// Tasks are held up.
    Tasks {
        /// How.
        plight: Plight,
        /// The first of them.
        task: OddTask,
        /// How many more there are.
        more: usize,
        /// Who traces it.
        #[serde(skip_serializing_if = "Option::is_none")]
        tracer: Option<i32>,
    },
    /// At its limit its tasks wait for memory, because its OOM killer is off (v1).
    NoMemory {
        /// Since when that was seen.
        #[serde(serialize_with = "crate::text::timestamp")]
        since: Timestamp,
    },
    /// Its init is dead, and its parent does not take note.
    Unreaped {
        /// Its init.
        pid: i32,
        /// Whose child it is.
        parent: i32,
        /// The parent's command, safe to print.
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<String>,
        /// Since when that was seen.
        #[serde(serialize_with = "crate::text::timestamp")]
        since: Timestamp,
    },
    /// All of it or a part is frozen.
    Frozen(Frozen),
    /// The OOM killer took processes of it.
    OomKilled {
        /// In its cgroup's life.
        kills: u64,
        /// Since ocitop began to look, if it looked more than once.
        lately: Option<u64>,
        /// When the last of those were noticed.
        #[serde(serialize_with = "moment")]
        last: Option<Timestamp>,
    },
    /// A limit is hit all the time.
    AtLimit {
        /// Which.
        #[serde(flatten)]
        reached: Reached,
        /// Since when.
        #[serde(serialize_with = "crate::text::timestamp")]
        since: Timestamp,
    },
    /// Its CPU quota, or one above it, holds it back nearly all the time.
    Throttled {
        /// Percent of the periods.
        percent: u64,
        /// Since when.
        #[serde(serialize_with = "crate::text::timestamp")]
        since: Timestamp,
        /// The cgroup above whose quota it is.
        #[serde(serialize_with = "lossy_or_none")]
        above: Option<PathBuf>,
    },
}

/// Why its tasks were not looked at, or not all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unlooked {
    /// Their files may not be read.
    Permission,
    /// They are in another pid namespace than ocitop's.
    Namespace,
    /// It has more cgroups below its own than are looked at.
    TooMany,
}

impl Unlooked {
    /// Why, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Permission => "tasks not looked at: permission",
            Self::Namespace => "tasks not looked at: they are in another pid namespace",
            Self::TooMany => "not all tasks looked at: it has too many cgroups below its own",
        }
    }
}

/// What of one container needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attention {
    troubles: Vec<Trouble>,
    /// Why its tasks were not looked at: then nothing said of them is no good sign.
    pub unlooked: Option<Unlooked>,
}

impl Attention {
    /// These, the gravest first.
    pub fn new(mut troubles: Vec<Trouble>, unlooked: Option<Unlooked>) -> Self {
        troubles.sort_by_key(Trouble::rank);
        Self { troubles, unlooked }
    }

    /// What needs a person, the gravest first.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// The same for programs, as of `now`.
    pub fn told(&self, now: Timestamp) -> AttentionReport<'_> {
        let first = self.troubles.first();
        AttentionReport {
            state: first.map(Trouble::code),
            reason: first
                .map(|first| first.reason(now))
                .or(self.unlooked.map(|why| why.words().to_owned())),
            troubles: &self.troubles,
            unlooked: self.unlooked,
        }
    }
}

/// What of one container needs a person, for programs.
#[derive(Debug, Serialize)]
pub struct AttentionReport<'a> {
    /// The gravest of what needs a person, in a word.
    state: Option<&'static str>,
    /// The same in a few words.
    reason: Option<String>,
    /// All of it, the gravest first.
    troubles: &'a [Trouble],
    /// Why its tasks were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlooked: Option<Unlooked>,
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

fn between(since: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(since).try_into().unwrap_or_default()
}

fn tasks(
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

fn oom(kills: u64, lately: Option<u64>, last: Option<String>) -> String {
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

#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
fn moment<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => crate::text::timestamp(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// A cgroup may have any name, JSON may not.
fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
fn lossy_or_none<S: serde::Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, serializer),
        None => serializer.serialize_none(),
    }
}
