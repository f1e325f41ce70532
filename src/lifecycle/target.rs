//! What an action is aimed at, as it was shown when the operator confirmed it.

use serde::Serialize;

use super::{Clean, Refusal};
use crate::inventory::{Container, Inode};
use crate::kernel::{Cancel, Signal};
use crate::oci::{ContainerKey, InvalidId};
use crate::process::InitProcess;

/// A container as it was when the operator said yes. The engine looks again before its first
/// change and refuses if it has become another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Where it is.
    pub key: ContainerKey,
    /// Its state directory itself: a new container of the same id has another inode.
    pub state_dir: Inode,
    /// Its live init, if there was one.
    pub init: Option<InitProcess>,
}

/// Why a row cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// Its name is no container id.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// It is not a directory that could be opened.
    #[error("{0} is not a directory ocitop can open")]
    NoDirectory(String),
}

impl Target {
    /// The target for the row shown.
    pub fn of(container: &Container) -> Result<Self, NotATarget> {
        container.key.id()?;
        let state_dir = container
            .state_dir
            .ok_or_else(|| NotATarget::NoDirectory(container.key.label()))?;
        Ok(Self {
            key: container.key.clone(),
            state_dir,
            init: container.init,
        })
    }
}

/// Whether a container that is not stopped may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Force {
    /// Yes.
    Yes,
    /// No: only stopped and created containers are deleted.
    No,
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
    pub plan: crate::lifecycle::Plan,
    /// Live processes that it would kill.
    pub processes: usize,
    /// How many of them are in uninterruptible sleep (D) and not frozen: the kill may not work.
    pub uninterruptible: usize,
    /// Why the engine would not do it, if so.
    #[serde(flatten, serialize_with = "super::refusal::of_preview")]
    pub refused: Option<Refusal>,
    /// What the operator should know before saying yes: what could not be read, who may restart it.
    pub notes: Vec<String>,
}
