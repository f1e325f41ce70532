//! Cgroups: one walk through every hierarchy, then one leftover per name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::judge::judge;
use super::names::{self, Name};
use super::{Argument, Kind, Leftover, Producer, Search, Why};
use crate::cgroup::{CgroupPath, Hierarchy, Version};
use crate::inventory::cgroups::{CgroupDir, YOUKI_V1};
use crate::inventory::members;
use crate::kernel::read::kernel_text;
use crate::kernel::{Inode, Unit};
use crate::oci::ContainerKey;

/// Deepest level at which containers are looked for: engines nest, in user slices and in kind.
const MAX_DEPTH: usize = 24;
/// Most directories looked at in one hierarchy: whoever has a subtree of his own can make millions.
const MAX_DIRS: usize = 50_000;
/// Most processes of one leftover that are kept.
const MOST_PIDS: usize = 1000;

/// A cgroup that no live container has.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) cgroup: CgroupDir,
    pub(super) dir: PathBuf,
    pub(super) inode: Inode,
    pub(super) name: Name,
}

impl Candidate {
    pub(super) fn id(&self) -> Option<&str> {
        match &self.name {
            Name::Container(_, id) | Name::Pod(_, id) => Some(id),
            Name::Plain => self.dir.file_name().and_then(OsStr::to_str),
            Name::Shared | Name::Unit => None,
        }
    }
}

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) candidates: Vec<Candidate>,
    /// Every cgroup with a plain name, populated ones too: a state directory may have its name.
    plain: Vec<Candidate>,
    pub(super) looked_at: usize,
}

impl Tree {
    /// Takes out those of an id: they belong to its state directory.
    pub(super) fn take(&mut self, id: &str) -> Vec<Candidate> {
        let (own, rest) = std::mem::take(&mut self.candidates)
            .into_iter()
            .partition(|candidate| candidate.id() == Some(id));
        self.candidates = rest;
        own
    }

    /// The cgroups with just this name that were not taken yet.
    pub(super) fn named(&self, id: &str, taken: &[Candidate]) -> Vec<Candidate> {
        let plain = self.plain.iter();
        let named = plain.filter(|one| {
            one.id() == Some(id) && !taken.iter().any(|taken| taken.cgroup == one.cgroup)
        });
        named.cloned().collect()
    }

    /// Takes out those that are one of these directories.
    pub(super) fn take_dirs(&mut self, dirs: &[CgroupDir]) -> Vec<Candidate> {
        let (own, rest) = std::mem::take(&mut self.candidates)
            .into_iter()
            .partition(|candidate| dirs.contains(&candidate.cgroup));
        self.candidates = rest;
        own
    }
}

/// One hierarchy being walked.
struct Walk<'a> {
    search: &'a Search<'a>,
    index: usize,
    hierarchy: &'a Hierarchy,
    /// Cgroups of live containers.
    live: HashSet<&'a CgroupPath>,
    /// Cgroups above those, above ocitop's own and above pid 1's, and the latter two.
    spared: HashSet<CgroupPath>,
    budget: usize,
    found: Vec<Candidate>,
    plain: Vec<Candidate>,
}

/// What a subtree holds.
#[derive(Debug, Clone, Copy, Default)]
struct Holds {
    /// Something that is, or may be, a container's, or is spared.
    something: bool,
    children: bool,
}

/// Walks every hierarchy.
pub(super) fn walk(search: &Search<'_>) -> Tree {
    let mut tree = Tree::default();
    let hierarchies = &search.machine.hierarchies;
    for (index, hierarchy) in hierarchies.iter().enumerate() {
        if !search.known.reaches(&hierarchy.mount) {
            continue;
        }
        let live: HashSet<&CgroupPath> = search.claims.live_in(index).collect();
        let mut spared = HashSet::new();
        for path in &live {
            spared.extend(above(path));
        }
        for pid in ["self", "1"] {
            let own = membership(search, hierarchy, pid);
            spared.extend(own.iter().flat_map(|path| above(path)));
            spared.extend(own);
        }
        let mut walk = Walk {
            search,
            index,
            hierarchy,
            live,
            spared,
            budget: MAX_DIRS,
            found: Vec::new(),
            plain: Vec::new(),
        };
        walk.children(&hierarchy.mount.clone(), &mut Vec::new());
        tree.looked_at += MAX_DIRS - walk.budget;
        tree.candidates.append(&mut walk.found);
        tree.plain.append(&mut walk.plain);
    }
    tree
}

fn above(path: &CgroupPath) -> impl Iterator<Item = CgroupPath> {
    std::iter::successors(path.parent(), CgroupPath::parent)
}

fn membership(search: &Search<'_>, hierarchy: &Hierarchy, pid: &str) -> Option<CgroupPath> {
    let file = search.machine.proc.join(pid).join("cgroup");
    let bytes = crate::kernel::read::kernel_file(&file).ok()?;
    crate::cgroup::Membership::parse(&bytes).path(hierarchy)
}

impl Walk<'_> {
    /// Looks at what is directly below `dir`, whose names from the root are `names`.
    fn children(&mut self, dir: &Path, names: &mut Vec<String>) -> Holds {
        let mut holds = Holds::default();
        let Ok(metadata) = std::fs::symlink_metadata(dir) else {
            return holds;
        };
        // kernfs counts two links and one for each child; file systems that do not count say 1.
        if metadata.nlink() == 2 || names.len() >= MAX_DEPTH {
            return holds;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if self.budget == 0 {
                // Not seen to its end, so nothing may be said of it as a whole.
                holds.something = true;
                return holds;
            }
            self.budget -= 1;
            holds.children = true;
            holds.something |= self.look(&entry.path(), names);
        }
        holds
    }

    /// Looks at one cgroup; true if it or one below it is anything but nobody's.
    fn look(&mut self, dir: &Path, names: &mut Vec<String>) -> bool {
        let relative = dir.strip_prefix(&self.hierarchy.mount).ok();
        let Some(path) = relative.and_then(CgroupPath::new) else {
            return true;
        };
        if self.live.contains(&path) || !self.search.known.reaches(dir) {
            return true;
        }
        let Some(last) = dir.file_name().and_then(OsStr::to_str).map(str::to_owned) else {
            // No runtime makes names that are not text.
            return true;
        };
        let spared = self.spared.contains(&path);
        let above: Vec<&str> = names.iter().map(String::as_str).collect();
        let name = names::parse(&above, &last);
        let is_container = matches!(name, Name::Container(..));
        if is_container {
            if !spared {
                let found = self.candidate(dir, path, name);
                self.found.extend(found);
            }
            // What lies below a container's cgroup belongs to it.
            return true;
        }
        let before = self.found.len();
        let candidate = self.candidate(dir, path, name.clone()).filter(|_| !spared);
        if matches!(name, Name::Plain) {
            self.plain.extend(candidate.clone());
        }
        names.push(last);
        let holds = self.children(dir, names);
        names.pop();
        match name {
            Name::Pod(..) if !holds.children && !spared => {
                self.found.extend(candidate);
                true
            }
            Name::Plain if !holds.something && !spared && self.is_empty(dir) => {
                // Empty as a whole: its children are not told apart.
                self.found.truncate(before);
                self.found.extend(candidate);
                false
            }
            _ => holds.something || spared || !matches!(name, Name::Plain),
        }
    }

    fn is_empty(&self, dir: &Path) -> bool {
        members::is_empty(dir, self.hierarchy.version)
    }

    fn candidate(&self, dir: &Path, path: CgroupPath, name: Name) -> Option<Candidate> {
        let stat = rustix::fs::lstat(dir)
            .ok()
            .filter(|_| self.search.known.covers(dir))?;
        Some(Candidate {
            cgroup: CgroupDir {
                hierarchy: self.index,
                path,
            },
            dir: dir.to_owned(),
            inode: Inode::from(&stat),
            name,
        })
    }
}

/// What the directories of one leftover say together.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) processes: Vec<i32>,
    pub(super) populated: bool,
    pub(super) children: usize,
    pub(super) dying: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) why: Vec<Why>,
}

/// Reads what is in these cgroups.
pub(super) fn measure(search: &Search<'_>, candidates: &[Candidate]) -> Measured {
    let mut measured = Measured::default();
    let mut pids = BTreeSet::new();
    let number = |dir: &Path, file: &str| -> Option<u64> {
        let text = kernel_text(&dir.join(file)).ok()??;
        text.trim().parse().ok()
    };
    for candidate in candidates {
        let dir = &candidate.dir;
        let Some(hierarchy) = search.machine.hierarchies.at(candidate.cgroup.hierarchy) else {
            continue;
        };
        let tree = members::tree(dir);
        measured.children = measured.children.max(tree.len().saturating_sub(1));
        pids.extend(tree.iter().flat_map(|dir| members::procs(dir)));
        measured.populated |= !members::is_empty(dir, hierarchy.version);
        if hierarchy.version == Version::V2 {
            let stat = kernel_text(&dir.join("cgroup.stat")).ok().flatten();
            let dying = stat.as_deref().and_then(dying);
            measured.dying = measured.dying.max(dying);
        }
        let memory = number(dir, "memory.current").or_else(|| number(dir, "memory.usage_in_bytes"));
        measured.memory = measured.memory.max(memory);
        if hierarchy.read_only {
            measured.why.push(Why::ReadOnly);
        }
        let mounts = search.mounts.iter();
        let on = mounts.filter(|mount| mount.point.starts_with(dir));
        measured
            .why
            .extend(on.map(|mount| Why::Mounted(mount.point.clone())));
    }
    measured.why.dedup();
    if measured.children > 0 {
        measured.why.push(Why::Children(measured.children));
    }
    match pids.len() {
        0 if measured.populated => measured.why.insert(0, Why::Unseen),
        0 => {}
        count => measured.why.insert(0, Why::Processes(count)),
    }
    measured.processes = pids.into_iter().take(MOST_PIDS).collect();
    measured
}

fn dying(stat: &str) -> Option<u64> {
    let mut lines = stat.lines();
    lines
        .find_map(|line| line.strip_prefix("nr_dying_descendants "))?
        .trim()
        .parse()
        .ok()
}

/// What the candidates are, one leftover per name.
pub(super) fn leftovers(search: &Search<'_>, tree: Tree) -> Vec<Leftover> {
    let groups = grouped(tree.candidates);
    groups
        .into_iter()
        .filter_map(|group| leftover(search, group))
        .collect()
}

/// The cgroups of one container have the same name in every hierarchy; mostly, but not always, the
/// same path. A name that one hierarchy has twice is no container's alone: then only the path counts.
fn grouped(candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut by_name: BTreeMap<(Option<String>, bool), Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let last = candidate.dir.file_name().and_then(OsStr::to_str);
        let plain = matches!(candidate.name, Name::Plain);
        by_name
            .entry((last.map(str::to_owned), plain))
            .or_default()
            .push(candidate);
    }
    let mut groups = Vec::new();
    for ((_, plain), group) in by_name {
        let hierarchies: HashSet<usize> = group.iter().map(|one| one.cgroup.hierarchy).collect();
        if !plain && hierarchies.len() == group.len() {
            groups.push(group);
            continue;
        }
        let mut by_path: HashMap<CgroupPath, Vec<Candidate>> = HashMap::new();
        for candidate in group {
            by_path
                .entry(candidate.cgroup.path.clone())
                .or_default()
                .push(candidate);
        }
        groups.extend(by_path.into_values());
    }
    groups
}

fn leftover(search: &Search<'_>, group: Vec<Candidate>) -> Option<Leftover> {
    let first = group.first()?;
    let key = ContainerKey::new(first.dir.parent()?, first.dir.file_name()?);
    let id = first.id().map(str::to_owned);
    let producer = match &first.name {
        Name::Container(producer, _) | Name::Pod(producer, _) => Some(*producer),
        _ => None,
    };
    if producer.is_some() && id.as_deref().is_some_and(|id| search.is_alive(id)) {
        return None;
    }
    let measured = measure(search, &group);
    let mut facts = search.facts(id.as_deref().filter(|_| producer.is_some()));
    // Known and alive: its engine's business.
    if measured.populated && facts.owner.is_some() {
        return None;
    }
    let (unit, mut why) = unit_of(search, first, measured.populated, &mut facts.doubts)?;
    why.extend(measured.why);
    facts.empty = !measured.populated;
    facts.processes = measured.processes.len();
    facts.age = group.iter().filter_map(|one| search.age(&one.dir)).max();
    let inodes: Vec<Inode> = group.iter().map(|one| one.inode).collect();
    facts.watched = search.watched(&inodes);
    facts.named = producer.is_some();
    facts.signs.push(match (&first.name, producer) {
        (Name::Pod(..), Some(producer)) => Argument::NamedPod(producer),
        (_, Some(producer)) => Argument::Named(producer),
        (_, None) => Argument::NotContainerLike,
    });
    // Whose records ocitop does not know, nobody can be said to be without an owner.
    let foreign = matches!(
        producer,
        Some(Producer::Lxc | Producer::Kata | Producer::Nomad)
    );
    if let Some(producer) = producer.filter(|_| foreign && measured.populated) {
        let doubt = format!("the records of {producer} are not known to ocitop");
        facts.doubts.push(Argument::Unclear(doubt));
    }
    let age = facts.age;
    why.extend(partial(search, producer, &group));
    let (confidence, arguments) = judge(facts);
    let mut leftover = Leftover::new(key, Kind::Cgroup);
    leftover.paths = group.iter().map(|one| one.dir.clone()).collect();
    leftover.hierarchies = labels(search, &group);
    leftover.parts.own = Some(first.inode);
    leftover.parts.unit = unit;
    leftover.parts.cgroups = pinned(group);
    Some(Leftover {
        producer,
        id,
        age,
        processes: measured.processes,
        populated: measured.populated,
        children: measured.children,
        dying: measured.dying,
        memory: measured.memory,
        why: settled(why),
        confidence,
        arguments,
        ..leftover
    })
}

/// That nothing holds it, if nothing was found that does.
pub(super) fn settled(why: Vec<Why>) -> Vec<Why> {
    if why.is_empty() {
        vec![Why::Nothing]
    } else {
        why
    }
}

pub(super) fn pinned(group: Vec<Candidate>) -> Vec<(CgroupDir, Inode)> {
    group
        .into_iter()
        .map(|one| (one.cgroup, one.inode))
        .collect()
}

pub(super) fn labels(search: &Search<'_>, group: &[Candidate]) -> Vec<String> {
    let at = group
        .iter()
        .map(|one| search.machine.hierarchies.at(one.cgroup.hierarchy));
    at.flatten().map(Hierarchy::label).collect()
}

/// Its systemd unit, and what that says; `None` if systemd runs it and it is populated.
fn unit_of(
    search: &Search<'_>,
    first: &Candidate,
    populated: bool,
    doubts: &mut Vec<Argument>,
) -> Option<(Option<Unit>, Vec<Why>)> {
    let name = first.dir.file_name()?.to_str()?;
    if !name.ends_with(".scope") && !name.ends_with(".slice") {
        return Some((None, Vec::new()));
    }
    let state = search.unit(name);
    let unit = Unit {
        name: name.to_owned(),
        cgroup: Path::new("/").join(first.cgroup.path.relative()),
    };
    match (state.active, state.loaded) {
        (true, _) if populated => None,
        (true, _) => {
            doubts.push(Argument::UnitActive(name.to_owned()));
            Some((None, vec![Why::UnitLoaded(name.to_owned())]))
        }
        // A slice is loaded for as long as anything names it; it is not ocitop's to stop.
        (false, true) if name.ends_with(".slice") => {
            Some((None, vec![Why::UnitLoaded(name.to_owned())]))
        }
        (false, true) => {
            let unit = search.machine.systemd.then_some(unit);
            Some((unit, vec![Why::UnitFailed(name.to_owned())]))
        }
        (false, false) => Some((None, Vec::new())),
    }
}

/// Whether it is missing where its producer would have made it.
fn partial(search: &Search<'_>, producer: Option<Producer>, group: &[Candidate]) -> Option<Why> {
    let youki = producer == Some(Producer::Youki);
    let hierarchies = search.machine.hierarchies.iter();
    let joined =
        hierarchies.filter(|hierarchy| !youki || YOUKI_V1.iter().any(|name| hierarchy.has(name)));
    let (found, of) = (group.len(), joined.count());
    (producer.is_some() && found < of && search.known.within.is_empty())
        .then_some(Why::SomeHierarchies { found, of })
}

/// What systemd knows of a unit, told without asking it.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitState {
    pub(super) active: bool,
    pub(super) loaded: bool,
}

impl Search<'_> {
    /// systemd keeps a link for each unit that is active, and a file for each transient one that is
    /// loaded; user managers keep their own below the user's directory.
    pub(super) fn unit(&self, name: &str) -> UnitState {
        let there = |path: PathBuf| path.symlink_metadata().is_ok();
        let mut homes = vec![self.machine.run.join("systemd")];
        let users = std::fs::read_dir(self.machine.run.join("user"));
        let users = users.into_iter().flatten().flatten();
        homes.extend(users.map(|user| user.path().join("systemd")));
        let link = format!("invocation:{name}");
        UnitState {
            active: homes
                .iter()
                .any(|home| there(home.join("units").join(&link))),
            loaded: homes
                .iter()
                .any(|home| there(home.join("transient").join(name))),
        }
    }
}
