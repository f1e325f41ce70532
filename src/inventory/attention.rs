//! What of a container needs a person, and on what evidence.
//!
//! A container whose tasks no signal reaches looks like any other that has nothing to do: its status
//! is `running`, its counters stand still. What tells it apart is a [`Trouble`], with what was seen.
//! How that is seen, and how often, is the matter of `vitals` and `strain` beside this file.

mod words;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

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
