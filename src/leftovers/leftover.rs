//! One leftover: what it is, how sure that is, and why it is still there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::names::Producer;
use crate::inventory::author::Author;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::owners::Owner;
use crate::inventory::{Manager, OutOfSight, Unread};
use crate::kernel::{Inode, Scope};
use crate::oci::{ContainerKey, RuntimeKind};

/// What kind of thing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A cgroup, in one or more hierarchies.
    Cgroup,
    /// A state directory, with the cgroups that belong to it.
    StateDir,
    /// A resctrl control or monitoring group.
    RdtGroup,
    /// A systemd scope that has no cgroup any more.
    Unit,
    /// A mount.
    Mount,
    /// A pinned BPF program.
    BpfPin,
}

/// How sure it is that nobody owns it. Only what is certain is ever chosen by ocitop itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Evidence of its container's end.
    Certain,
    /// Named as a container's, and nobody knows it.
    Likely,
    /// It may be anything.
    Unknown,
}

/// What speaks for or against a leftover being one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// A record names it, and its init is dead.
    InitDead(Option<RuntimeKind>),
    /// The bundle that the record names is gone.
    BundleGone,
    /// Its bundle is still there: a stopped container that somebody may still ask for.
    BundleThere,
    /// Its state cannot be read, and why; safe to print.
    StateBroken(String),
    /// The directory is empty: a create or a delete that did not get further.
    StateEmpty,
    /// This session saw its container end.
    SeenGone,
    /// It is named as this producer names its containers.
    Named(Producer),
    /// It is named as this producer names its pods, and no container is left in it.
    NamedPod(Producer),
    /// It is empty, for at least this long.
    #[serde(serialize_with = "seconds")]
    EmptyFor(Duration),
    /// No record in this many state roots, no engine and no process knows its id.
    NobodyKnows(usize),
    /// Processes live in it, and nobody owns them.
    Orphans(usize),
    /// It may have been made just now.
    Young,
    /// A process that the unreadable state names is alive.
    MayBeAlive(i32),
    /// An engine or a process knows its id.
    Known(Owner),
    /// This engine manages it, and cleans it up itself.
    Managed(Manager),
    /// systemd has the unit active.
    UnitActive(String),
    /// Its bundle is not found, and that proves nothing from here.
    OutOfSight(OutOfSight),
    /// systemd has the unit loaded.
    UnitLoaded(String),
    /// These could not be read, so somebody there may own it.
    Unread(Vec<Unread>),
    /// Its name is not that of a container.
    NotContainerLike,
    /// What it is cannot be told; safe to print.
    Unclear(String),
}

/// Why it is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyItStays {
    /// It has an owner, and is cleaned once that has let go of it.
    Owned(Owner),
    /// Processes live in it.
    Processes(usize),
    /// Something is in it that cannot be seen from here, or is on its way out.
    Unseen,
    /// It has cgroups below it.
    Children(usize),
    /// Something is mounted on or in it.
    Mounted(PathBuf),
    /// It is in some hierarchies only: a delete or a create that failed half-way.
    SomeHierarchies {
        /// In how many it is.
        found: usize,
        /// In how many it would have been.
        of: usize,
    },
    /// Its systemd unit failed and keeps the name.
    UnitFailed(String),
    /// systemd still has its unit loaded.
    UnitLoaded(String),
    /// Its hierarchy is mounted read-only.
    ReadOnly,
    /// Nothing holds it: it can go.
    Nothing,
}

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The directory it is in and its name: what it is told apart by.
    pub key: ContainerKey,
    /// What it is.
    pub kind: LeftoverKind,
    /// Who names things like this.
    pub producer: Option<Producer>,
    /// The container id it is named after.
    pub id: Option<String>,
    /// Every path of it.
    pub paths: Vec<PathBuf>,
    /// The labels of the hierarchies it is in.
    pub hierarchies: Vec<String>,
    /// Its age: it is at least so old. A young time stamp proves nothing, so it may be older.
    pub age: Option<Duration>,
    /// Its processes.
    pub processes: Vec<i32>,
    /// Whether anything lives in it, seen or not.
    pub populated: bool,
    /// Cgroups below it, in the hierarchy that has most.
    pub children: usize,
    /// Descendants that are removed and still hold memory (v2 `cgroup.stat`).
    pub dying: Option<u64>,
    /// Memory still charged to it, bytes.
    pub memory: Option<u64>,
    /// Why it is still there, what hinders most first.
    pub why: Vec<WhyItStays>,
    /// How sure it is that nobody owns it.
    pub confidence: Confidence,
    /// What speaks for that and against it.
    pub arguments: Vec<Argument>,
    /// What it is made of, for [`order`](super::order()).
    pub parts: LeftoverParts,
}

/// What would be removed, pinned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftoverParts {
    /// The state directory, the file or the first directory itself.
    pub own: Option<Inode>,
    /// Cgroups, each with what its directory was.
    pub cgroups: Vec<(CgroupDir, Inode)>,
    /// resctrl groups, likewise.
    pub rdt: Vec<(PathBuf, Inode)>,
    /// The systemd scope that failed.
    pub scope: Option<Scope>,
    /// Who wrote the state directory: nothing goes with it that is not that user's.
    pub author: Author,
    /// Its record can be read: deleting it is the engine's usual work, hooks included.
    pub recorded: bool,
}

impl Leftover {
    /// A leftover of which nothing else is known.
    pub fn new(key: ContainerKey, kind: LeftoverKind) -> Self {
        Self {
            paths: vec![key.dir()],
            key,
            kind,
            producer: None,
            id: None,
            hierarchies: Vec::new(),
            age: None,
            processes: Vec::new(),
            populated: false,
            children: 0,
            dying: None,
            memory: None,
            why: Vec::new(),
            confidence: Confidence::Unknown,
            arguments: Vec::new(),
            parts: LeftoverParts::default(),
        }
    }

    /// Whose it is, as the first reason why it stays: its cleaning is refused. What has a record is
    /// deleted, whoever else knows it.
    pub(super) fn tell_owner(&mut self) {
        let owner = self.arguments.iter().find_map(|argument| match argument {
            Argument::Known(owner) => Some(owner.clone()),
            Argument::InitDead(_)
            | Argument::BundleGone
            | Argument::BundleThere
            | Argument::StateBroken(_)
            | Argument::StateEmpty
            | Argument::SeenGone
            | Argument::Named(_)
            | Argument::NamedPod(_)
            | Argument::EmptyFor(_)
            | Argument::NobodyKnows(_)
            | Argument::Orphans(_)
            | Argument::Young
            | Argument::MayBeAlive(_)
            | Argument::Managed(_)
            | Argument::UnitActive(_)
            | Argument::OutOfSight(_)
            | Argument::UnitLoaded(_)
            | Argument::Unread(_)
            | Argument::NotContainerLike
            | Argument::Unclear(_) => None,
        });
        if let Some(owner) = owner.filter(|_| !self.parts.recorded) {
            self.why.retain(|why| *why != WhyItStays::Nothing);
            self.why.insert(0, WhyItStays::Owned(owner));
        }
    }

    /// Who has it.
    pub fn owned_by(&self) -> Option<&Owner> {
        self.why.iter().find_map(|why| match why {
            WhyItStays::Owned(owner) => Some(owner),
            WhyItStays::Processes(_)
            | WhyItStays::Unseen
            | WhyItStays::Children(_)
            | WhyItStays::Mounted(_)
            | WhyItStays::SomeHierarchies { .. }
            | WhyItStays::UnitFailed(_)
            | WhyItStays::UnitLoaded(_)
            | WhyItStays::ReadOnly
            | WhyItStays::Nothing => None,
        })
    }

    /// Every directory or file of it.
    pub(super) fn inodes(&self) -> impl Iterator<Item = Inode> {
        let cgroups = self.parts.cgroups.iter().map(|(_, inode)| *inode);
        let rdt = self.parts.rdt.iter().map(|(_, inode)| *inode);
        self.parts.own.into_iter().chain(cgroups).chain(rdt)
    }

    /// Whether a path is one of its own.
    pub fn is_at(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| own == path)
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}
