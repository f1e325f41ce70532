//! What the engine can be asked for, and what it says before it does it.

use std::path::PathBuf;

use serde::Serialize;

use super::note::Note;
use super::refusal::Refusal;
use super::step::Plan;
use super::target::Target;
use crate::inventory::author::Author;
use crate::inventory::cgroups::CgroupDir;
use crate::kernel::{Cancel, Inode, Scope, Signal};
use crate::process::InitProcess;

/// Whether a container that is not stopped may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Force {
    /// Yes: its processes are killed first.
    Yes,
    /// No: only stopped and created containers are deleted.
    No,
}

/// What a leftover is made of, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Clean {
    /// The container id it is named after.
    pub id: Option<String>,
    /// Its cgroups, at most one in each hierarchy, each with what its directory was.
    pub cgroups: Vec<(CgroupDir, Inode)>,
    /// Its resctrl groups, monitoring before control.
    pub rdt: Vec<(PathBuf, Inode)>,
    /// Its systemd scope, which failed or has no process.
    pub scope: Option<Scope>,
    /// Mount points to detach, the last mounted first.
    pub mounts: Vec<PathBuf>,
    /// A pinned BPF program.
    pub pin: Option<(PathBuf, Inode)>,
    /// Who wrote the target's state directory: what is not that user's is not touched.
    #[serde(skip)]
    pub author: Author,
    /// Whether the target's state directory goes too.
    pub state_dir: bool,
    /// Whether processes in it are killed. Without it they are a reason to refuse.
    pub kill: bool,
    /// Whether it was shown as more than unknown: then all who may own it have to be asked again.
    pub sure: bool,
}

/// One order to the engine. One runs per container at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Tear down.
    Delete(Target, Force),
    /// Send a signal to init.
    Kill(Target, Signal),
    /// Send a signal to every process.
    KillAll(Target, Signal),
    /// Send a signal to one process of it, which need not be init: the one that was shown.
    SignalOne(Target, InitProcess, Signal),
    /// SIGTERM, wait, report whether it ended; never SIGKILL.
    Stop(Target),
    /// Freeze.
    Pause(Target),
    /// Thaw.
    Resume(Target),
    /// Start a created container.
    Start(Target),
    /// Remove a leftover: what is left of a container that nobody owns any more.
    Clean(Target, Box<Clean>),
}

impl Job {
    /// What it is aimed at.
    pub fn target(&self) -> &Target {
        match self {
            Self::Delete(target, _)
            | Self::Kill(target, _)
            | Self::KillAll(target, _)
            | Self::SignalOne(target, ..)
            | Self::Stop(target)
            | Self::Pause(target)
            | Self::Resume(target)
            | Self::Start(target)
            | Self::Clean(target, _) => target,
        }
    }

    /// The word for the log and the row: `delete --force`, `kill`, `pause`, …
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Delete(_, Force::Yes) => "delete --force",
            Self::Delete(_, Force::No) => "delete",
            Self::Kill(..) | Self::KillAll(..) => "kill",
            Self::SignalOne(..) => "signal",
            Self::Stop(_) => "stop",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Start(_) => "start",
            Self::Clean(..) => "clean",
        }
    }
}

/// How a job is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// One deadline for all that waits.
    pub timeout: std::time::Duration,
    /// Run hooks.
    pub hooks: bool,
    /// Asks the engine to leave off.
    pub cancel: Cancel,
}

impl From<&crate::config::Config> for Options {
    fn from(config: &crate::config::Config) -> Self {
        Self {
            timeout: config.timeout,
            hooks: config.hooks,
            cancel: Cancel::default(),
        }
    }
}

/// What a job would do, worked out without changing anything: for the confirmation and `--dry-run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The steps, in order. Empty if refused.
    pub plan: Plan,
    /// Live processes that it would kill.
    pub processes: usize,
    /// How many of them are in uninterruptible sleep (D) and not frozen: the kill may not work.
    pub uninterruptible: usize,
    /// Why the engine would not do it, if so.
    #[serde(flatten, serialize_with = "super::refusal::of_preview")]
    pub refused: Option<Refusal>,
    /// What the operator should know before saying yes: what could not be read, who may restart it.
    #[serde(flatten, serialize_with = "super::note::listed")]
    pub notes: Vec<Note>,
}
