//! Leftovers: cgroups, resctrl groups, state directories, scopes, mounts and BPF pins that no live
//! container owns; how sure that is, and why each is still there.
//!
//! [`find`] reads and changes nothing. What it says is graded ([`Confidence`]), and every grade has
//! its arguments ([`Argument`]), for the operator to judge. Never found at all: anything of a known
//! live container, what systemd has in a unit that is no container's, what a process of the host is in,
//! ocitop's own cgroup and those above it, and what many containers share. [`order()`] makes of a leftover a job for [`crate::lifecycle`],
//! which looks a second time before it touches anything.

mod carriers;
mod cgroups;
mod judge;
pub mod names;
mod order;
mod others;
mod pins;
mod state;
mod strays;
mod walk;
mod words;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::inventory::author::{Author, Whose};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::owners::{Owner, Owners};
use crate::inventory::unread::{Place, WhyUnread};
use crate::inventory::{Machine, Manager, OutOfSight, Unread, mounts};
use crate::kernel::read::{is_gone, kernel_file};
use crate::kernel::{Inode, Scope};
use crate::lifecycle::{Accounts, Claims};
use crate::oci::{ContainerKey, RuntimeKind};

pub use carriers::{Carried, Carriers};
pub use names::Producer;
pub use order::{KillOrphans, NoOrder, order};

/// A cgroup without a process that is younger than this may be one whose container is being made.
pub const YOUNG: Duration = Duration::from_mins(1);
/// What this session has seen for so long without a process is no longer young.
pub const SEEN: Duration = Duration::from_secs(30);

/// Most entries of one directory that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// What the caller knows beforehand.
#[derive(Debug, Clone, Default)]
pub struct KnownBefore {
    /// Ids of containers that this session saw die or vanish, and who wrote their records.
    pub gone: BTreeSet<(String, Author)>,
    /// When this session first saw a directory.
    pub seen: BTreeMap<(u64, u64), jiff::Timestamp>,
    /// Only what lies below one of these is looked at; without any, everything.
    pub within: Vec<PathBuf>,
}

impl KnownBefore {
    /// Remembers when the directories of `found` were seen first, and forgets those that are gone.
    pub fn remember(&mut self, found: &FoundLeftovers) {
        let before = std::mem::take(&mut self.seen);
        for inode in found.list.iter().flat_map(Leftover::inodes) {
            let key = (inode.device, inode.number);
            let since = before.get(&key).copied().unwrap_or(found.taken);
            self.seen.insert(key, since);
        }
    }

    /// Takes in which containers were seen to end. Who wrote their records is told by their roots, which
    /// are still there; of one that anybody may have written nothing is known.
    pub fn saw(&mut self, ended: &BTreeSet<ContainerKey>) {
        let ended = ended.iter().filter_map(|key| {
            let author = Author::of_dir(key.root())?;
            Some((key.name().to_str()?.to_owned(), author))
        });
        self.gone = ended.collect();
    }

    /// Whether a container of this id, which may have had what is at these places, was seen to end.
    fn saw_end(&self, id: &str, places: &[Whose]) -> bool {
        let mut gone = self.gone.iter();
        gone.any(|(name, author)| name == id && author.speaks_for_all(places))
    }

    /// Whether a path is to be looked at.
    fn covers(&self, path: &Path) -> bool {
        self.within.is_empty() || self.within.iter().any(|dir| path.starts_with(dir))
    }

    /// Whether something below a directory may be to be looked at.
    fn reaches(&self, dir: &Path) -> bool {
        self.covers(dir) || self.within.iter().any(|within| within.starts_with(dir))
    }
}

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
    /// What it is made of, for [`order()`].
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
    fn tell_owner(&mut self) {
        let owner = self.arguments.iter().find_map(|argument| match argument {
            Argument::Known(owner) => Some(owner.clone()),
            _ => None,
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
            _ => None,
        })
    }

    /// Every directory or file of it.
    fn inodes(&self) -> impl Iterator<Item = Inode> {
        let cgroups = self.parts.cgroups.iter().map(|(_, inode)| *inode);
        let rdt = self.parts.rdt.iter().map(|(_, inode)| *inode);
        self.parts.own.into_iter().chain(cgroups).chain(rdt)
    }

    /// Whether a path is one of its own.
    pub fn is_at(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| own == path)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLeftovers {
    /// The leftovers: those of which it is surest first, then by kind and path.
    pub list: Vec<Leftover>,
    /// When.
    pub taken: jiff::Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Cgroup directories looked at.
    pub cgroups: usize,
    /// State roots read.
    pub roots: usize,
    /// What could not be read: nothing that somebody there may own is more than unknown.
    pub unread: Vec<Unread>,
}

impl FoundLeftovers {
    /// Those of a confidence.
    pub fn of(&self, confidence: Confidence) -> impl Iterator<Item = &Leftover> {
        let all = self.list.iter();
        all.filter(move |leftover| leftover.confidence == confidence)
    }
}

/// What the parts of the search share.
struct LeftoverSearch<'a> {
    machine: &'a Machine,
    known: &'a KnownBefore,
    claims: &'a Claims,
    accounts: Accounts<'a>,
    owners: Owners,
    mounts: Vec<mounts::Mount>,
    now: jiff::Timestamp,
    unread: Vec<Unread>,
    /// Where leftovers themselves could not be looked for: they own nothing, and not all was found.
    missed: RefCell<Vec<Unread>>,
}

impl LeftoverSearch<'_> {
    /// The entries of a directory in which leftovers may be; that it could not be listed is remembered.
    fn entries(&self, dir: &Path) -> Vec<DirEntry> {
        let listed = std::fs::read_dir(dir).and_then(|all| all.take(MOST_ENTRIES).collect());
        listed.unwrap_or_else(|error: io::Error| {
            if !is_gone(&error) {
                let unread = Unread::dir(dir, (&error).into());
                self.missed.borrow_mut().push(unread);
            }
            Vec::new()
        })
    }
}

/// Looks for leftovers. Reading only: no file system that may never answer is asked, and what can
/// wait for a lock is read by a thread that can be left behind.
pub fn find(machine: &Machine, known: &KnownBefore) -> FoundLeftovers {
    search(machine, known).0
}

/// As [`find`], with who was asked.
fn search(machine: &Machine, known: &KnownBefore) -> (FoundLeftovers, Owners) {
    let start = Instant::now();
    let claims = Claims::read(machine);
    let owners = Owners::read(machine);
    let listed = machine.proc.join("self/mountinfo");
    let mountinfo = kernel_file(&listed);
    let missed = mountinfo.as_ref().err().filter(|error| !is_gone(error));
    let missed = missed.map(|error| Unread::dir(&listed, error.into()));
    let unread = claims
        .unread
        .iter()
        .chain(&owners.unread)
        .cloned()
        .chain(out_of_sight(machine))
        .collect();
    let mut search = LeftoverSearch {
        machine,
        known,
        claims: &claims,
        accounts: Accounts::new(machine, &claims),
        owners,
        mounts: mounts::mounts(&mountinfo.unwrap_or_default()),
        now: jiff::Timestamp::now(),
        unread,
        missed: RefCell::new(missed.into_iter().collect()),
    };
    let mut tree = walk::walk(&search);
    search.unread.append(&mut tree.unread);
    let mut list = state::find(&search, &mut tree);
    let looked_at = tree.looked_at;
    let groups = others::rdt(&search, &mut list);
    list.extend(groups);
    list.extend(others::units(&search, &tree));
    list.extend(cgroups::leftovers(&search, tree));
    list.extend(others::mounts(&search));
    list.extend(pins::find(&search));
    list.iter_mut().for_each(Leftover::tell_owner);
    list.sort_by(|a, b| {
        let order = |one: &Leftover| (one.confidence, one.kind);
        order(a).cmp(&order(b)).then_with(|| a.paths.cmp(&b.paths))
    });
    let found = FoundLeftovers {
        list,
        taken: search.now,
        took: start.elapsed(),
        cgroups: looked_at,
        roots: search.claims.roots,
        unread: [search.unread, search.missed.into_inner()].concat(),
    };
    (found, search.owners)
}

/// What may own things here and cannot be seen from here. What procfs hides, the owners tell.
fn out_of_sight(machine: &Machine) -> Vec<Unread> {
    let sight = &machine.sight;
    let unread = |place, why| Unread {
        place,
        why: WhyUnread::OutOfSight(why),
    };
    let processes = sight.processes().filter(|why| *why != OutOfSight::Hidden);
    let processes = processes.map(|why| unread(Place::HostProcesses, why));
    let hierarchies = sight.cgroups().iter();
    let cgroups = hierarchies.map(|(label, why)| unread(Place::Cgroups(label.clone()), *why));
    processes.into_iter().chain(cgroups).collect()
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}
