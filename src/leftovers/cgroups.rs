//! From the cgroups that the walk found to one leftover per name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;

use super::judge::{LeftoverFacts, Thing};
use super::names::{self, CgroupName};
use super::search::LeftoverSearch;
use super::walk::{Candidate, Tree};
use super::{Argument, Leftover, LeftoverKind, Producer, WhyItStays};
use crate::cgroup::{CgroupPath, Hierarchy, Version};
use crate::inventory::author::Whose;
use crate::inventory::cgroups::{CgroupDir, YOUKI_V1};
use crate::inventory::{members, units};
use crate::kernel::read::kernel_words;
use crate::kernel::{Inode, Scope};
use crate::lifecycle::{Accounted, procs};
use crate::oci::ContainerKey;
use crate::text::visible_path;

/// Most processes of one leftover that are kept.
pub(super) const MOST_PIDS: usize = 1000;

/// What the directories of one leftover say together.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) processes: Vec<i32>,
    pub(super) populated: bool,
    pub(super) children: usize,
    pub(super) dying: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) why: Vec<WhyItStays>,
}

/// Reads what is in these cgroups.
pub(super) fn measure(search: &LeftoverSearch<'_>, candidates: &[Candidate]) -> Measured {
    let mut measured = Measured::default();
    let mut pids = BTreeSet::new();
    let number = |dir: &Path, file: &str| -> Option<u64> {
        let text = kernel_words(&dir.join(file)).ok()??;
        text.trim().parse().ok()
    };
    for candidate in candidates {
        let dir = &candidate.dir;
        let Some(hierarchy) = search.machine.hierarchies.at(candidate.cgroup.hierarchy) else {
            continue;
        };
        measured.children = measured.children.max(members::below(dir));
        if !members::is_empty(dir, hierarchy.version) {
            measured.populated = true;
            let inside = std::slice::from_ref(&candidate.cgroup);
            pids.extend(procs::members(search.machine, inside).pids);
        }
        if hierarchy.version == Version::V2 {
            let stat = kernel_words(&dir.join("cgroup.stat")).ok().flatten();
            let dying = stat.as_deref().and_then(dying);
            measured.dying = measured.dying.max(dying);
        }
        let memory = match hierarchy.version {
            Version::V2 => number(dir, "memory.current"),
            Version::V1 if hierarchy.has("memory") => number(dir, "memory.usage_in_bytes"),
            Version::V1 => None,
        };
        measured.memory = measured.memory.max(memory);
        if hierarchy.read_only {
            measured.why.push(WhyItStays::ReadOnly);
        }
        let mounts = search.mounts.iter();
        let on = mounts.filter(|mount| mount.point.starts_with(dir));
        measured
            .why
            .extend(on.map(|mount| WhyItStays::Mounted(mount.point.clone())));
    }
    measured.why.dedup();
    if measured.children > 0 {
        measured.why.push(WhyItStays::Children(measured.children));
    }
    match pids.len() {
        0 if measured.populated => measured.why.insert(0, WhyItStays::Unseen),
        0 => {}
        count => measured.why.insert(0, WhyItStays::Processes(count)),
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
pub(super) fn leftovers(search: &LeftoverSearch<'_>, tree: Tree) -> Vec<Leftover> {
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
        let plain = matches!(candidate.name, CgroupName::Plain);
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

fn leftover(search: &LeftoverSearch<'_>, group: Vec<Candidate>) -> Option<Leftover> {
    let first = group.first()?;
    let key = ContainerKey::new(first.dir.parent()?, first.dir.file_name()?);
    let id = first.id().map(str::to_owned);
    let producer = match &first.name {
        CgroupName::Container(producer, _) | CgroupName::Pod(producer, _) => Some(*producer),
        CgroupName::Shared | CgroupName::Unit | CgroupName::Plain => None,
    };
    let whose: Vec<Whose> = group.iter().map(|one| one.whose).collect();
    let is_alive = |id: &str| search.is_alive(id, &whose);
    if producer.is_some() && id.as_deref().is_some_and(is_alive) {
        return None;
    }
    let measured = measure(search, &group);
    let named_after = id.as_deref().filter(|_| producer.is_some());
    let inside: Vec<CgroupDir> = group.iter().map(|one| one.cgroup.clone()).collect();
    let accounted = search.accounted(&measured.processes, &inside, named_after.is_some());
    // Of a live container that was moved here, or the kernel's.
    if matches!(&accounted, Some(by) if !matches!(by, Accounted::Held { .. })) {
        return None;
    }
    let known = named_after.and_then(|id| search.owners.of(id, &whose));
    let mut facts = LeftoverFacts {
        owner: known.or_else(|| search.held(accounted)),
        ..by_name(&first.name, measured.populated)
    };
    let (scope, mut why) = unit_of(search, first, measured.populated, &mut facts.doubts);
    why.extend(measured.why);
    facts.empty = !measured.populated;
    facts.processes = measured.processes.len();
    facts.age = group.iter().filter_map(|one| search.age(&one.dir)).max();
    let inodes: Vec<Inode> = group.iter().map(|one| one.inode).collect();
    facts.watched = search.watched(&inodes);
    let age = facts.age;
    why.extend(partial(search, producer, &group));
    let thing = Thing {
        id: named_after,
        path: &first.dir,
        whose,
    };
    let (confidence, arguments) = search.grade(&thing, facts);
    let mut leftover = Leftover::new(key, LeftoverKind::Cgroup);
    leftover.paths = group.iter().map(|one| one.dir.clone()).collect();
    leftover.hierarchies = labels(search, &group);
    leftover.parts.own = Some(first.inode);
    leftover.parts.scope = scope;
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

/// What its name says of it.
fn by_name(name: &CgroupName, populated: bool) -> LeftoverFacts {
    let (named, sign) = match name {
        CgroupName::Container(producer, _) => (true, Argument::Named(*producer)),
        CgroupName::Pod(producer, _) => (true, Argument::NamedPod(*producer)),
        CgroupName::Shared | CgroupName::Unit | CgroupName::Plain => {
            (false, Argument::NotContainerLike)
        }
    };
    // Whose records ocitop does not know, nobody can be said to be without an owner.
    let doubt = if let CgroupName::Container(producer, _) = name
        && matches!(producer, Producer::Lxc | Producer::Kata | Producer::Nomad)
        && populated
    {
        let doubt = format!("the records of {producer} are not known to ocitop");
        Some(Argument::Unclear(doubt))
    } else {
        None
    };
    LeftoverFacts {
        named,
        signs: vec![sign],
        doubts: doubt.into_iter().collect(),
        ..LeftoverFacts::default()
    }
}

/// That nothing holds it, if nothing was found that does.
pub(super) fn settled(why: Vec<WhyItStays>) -> Vec<WhyItStays> {
    if why.is_empty() {
        vec![WhyItStays::Nothing]
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

pub(super) fn labels(search: &LeftoverSearch<'_>, group: &[Candidate]) -> Vec<String> {
    let at = group
        .iter()
        .map(|one| search.machine.hierarchies.at(one.cgroup.hierarchy));
    at.flatten().map(Hierarchy::label).collect()
}

/// Its systemd unit, and what that says.
fn unit_of(
    search: &LeftoverSearch<'_>,
    first: &Candidate,
    populated: bool,
    doubts: &mut Vec<Argument>,
) -> (Option<Scope>, Vec<WhyItStays>) {
    let last = first.dir.file_name().and_then(OsStr::to_str);
    let is_unit = |name: &&str| names::is_unit(name, "slice") || names::is_unit(name, "scope");
    let Some(name) = last.filter(is_unit) else {
        return (None, Vec::new());
    };
    let is_slice = names::is_unit(name, "slice");
    let unit = Scope {
        name: name.to_owned(),
        cgroup: Path::new("/").join(first.cgroup.path.relative()),
    };
    let Ok(state) = units::state(search.machine, &unit) else {
        let home = visible_path(&units::home_of(search.machine, &unit.cgroup));
        let why = format!("whether systemd has the unit cannot be read in {home}");
        doubts.push(Argument::Unclear(why));
        return (None, Vec::new());
    };
    match (state.active, state.loaded) {
        // systemd has a scope active for as long as anything lives in it, whoever made it.
        (true, _) => {
            doubts.push(Argument::UnitActive(name.to_owned()));
            let unit = search.machine.systemd.then_some(unit);
            let unit = unit.filter(|_| populated && !is_slice);
            (unit, vec![WhyItStays::UnitLoaded(name.to_owned())])
        }
        // A slice is loaded for as long as anything names it; it is not ocitop's to stop.
        (false, true) if is_slice => (None, vec![WhyItStays::UnitLoaded(name.to_owned())]),
        (false, true) => {
            let unit = search.machine.systemd.then_some(unit);
            (unit, vec![WhyItStays::UnitFailed(name.to_owned())])
        }
        (false, false) => (None, Vec::new()),
    }
}

/// Whether it is missing where its producer would have made it.
fn partial(
    search: &LeftoverSearch<'_>,
    producer: Option<Producer>,
    group: &[Candidate],
) -> Option<WhyItStays> {
    let youki = producer == Some(Producer::Youki);
    let hierarchies = search.machine.hierarchies.iter();
    let joined =
        hierarchies.filter(|hierarchy| !youki || YOUKI_V1.iter().any(|name| hierarchy.has(name)));
    let (found, of) = (group.len(), joined.count());
    (producer.is_some() && found < of && search.known.within.is_empty())
        .then_some(WhyItStays::SomeHierarchies { found, of })
}
