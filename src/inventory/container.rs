//! One row: a container as it was seen.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::attention::{Attention, Frozen, Trouble};
use super::manager::{Managed, Manager};
use super::sight::OutOfSight;
use super::usage::{Detail, Usage};
use crate::kernel::Inode;
use crate::oci::{ContainerKey, CreatedAt, RuntimeKind, Status};
use crate::process::InitProcess;

/// A container's status as derived from the machine, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// One of the spec's words or paused.
    Known(Status),
    /// Its freezer is under way.
    Freezing,
    /// Its state cannot be read or does not make sense; the row's problem says why.
    Broken,
    /// Whether it lives cannot be told from here.
    Unknown(OutOfSight),
}

impl Condition {
    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known(status) => status.as_str(),
            Self::Freezing => "freezing",
            Self::Broken => "broken",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether its processes live, as far as known.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Known(status) => status != Status::Stopped,
            Self::Freezing => true,
            Self::Broken | Self::Unknown(_) => false,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One cgroup of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupView {
    /// The hierarchy: its controllers, or `unified`.
    pub hierarchy: String,
    /// The directory.
    pub dir: PathBuf,
}

/// What of a container changes seldom: shared by all snapshots in which it is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Where it is.
    pub key: ContainerKey,
    /// The state directory itself; `None` if the entry is not a directory that can be opened.
    pub state_dir: Option<Inode>,
    /// Who wrote it, if that can be told.
    pub runtime: Option<RuntimeKind>,
    /// Status.
    pub condition: Condition,
    /// What is wrong with it: a broken state file, or something less that the operator should know.
    /// Safe to print.
    pub problem: Option<String>,
    /// Who freezes it, as far as its own freezer tells.
    pub frozen: Option<Frozen>,
    /// Its live init, identity verified.
    pub init: Option<InitProcess>,
    /// The pid its state file names, alive or not, its own or not.
    pub recorded_pid: Option<i32>,
    /// Runtime-spec version of its state file.
    pub oci_version: Option<String>,
    /// Bundle directory.
    pub bundle: Option<PathBuf>,
    /// Root filesystem.
    pub rootfs: Option<PathBuf>,
    /// Creation time as written.
    pub created: Option<CreatedAt>,
    /// Name of the user who owns the state directory, or `#uid`.
    pub owner: String,
    /// The engine above, if any.
    pub manager: Option<Managed>,
    /// Annotations known without opening more files.
    pub annotations: BTreeMap<String, String>,
    /// Its cgroups that exist.
    pub cgroups: Vec<CgroupView>,
    /// Its resctrl groups that exist: control group, monitoring group.
    pub rdt: Vec<PathBuf>,
}

/// One container directory of a state root: its row.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// What changes seldom.
    pub facts: Arc<Facts>,
    /// Live usage, the counters that every row has.
    pub usage: Usage,
    /// What is read only of the rows on the screen.
    pub detail: Option<Arc<Detail>>,
    /// What of it needs a person; `None` if nothing does, as far as was looked.
    pub attention: Option<Arc<Attention>>,
    /// Its state root has not answered for this long: all else is as it was then.
    pub silent: Option<Duration>,
}

impl Deref for Container {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl DerefMut for Container {
    /// Facts that another snapshot has too are copied first.
    fn deref_mut(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.facts)
    }
}

impl Container {
    /// A row without usage.
    pub fn of(facts: Facts) -> Self {
        Self {
            facts: Arc::new(facts),
            usage: Usage::default(),
            detail: None,
            attention: None,
            silent: None,
        }
    }

    /// What of it needs a person, the gravest first.
    pub fn troubles(&self) -> &[Trouble] {
        self.attention.as_deref().map_or(&[], Attention::troubles)
    }
}

impl Facts {
    /// Which engine is above it.
    pub fn engine(&self) -> Option<Manager> {
        self.manager.as_ref().map(|managed| managed.engine)
    }

    /// Age at `now`, if the creation time can be read and is not in the future.
    pub fn age(&self, now: jiff::Timestamp) -> Option<Duration> {
        let created = self.created.as_ref()?.timestamp()?;
        now.duration_since(created).try_into().ok()
    }
}
