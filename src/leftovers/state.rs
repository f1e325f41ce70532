//! State directories whose container is dead, or never came to be.

use std::path::{Path, PathBuf};

use super::cgroups;
use super::judge::{LeftoverFacts, Thing};
use super::search::LeftoverSearch;
use super::walk::{Candidate, Tree};
use super::{Argument, Leftover, LeftoverKind};
use crate::inventory::author::Whose;
use crate::inventory::cgroups::existing;
use crate::inventory::entry::Entry;
use crate::inventory::identity::{Recorded, Rigour, identify};
use crate::inventory::manager::manager_of;
use crate::inventory::remnant::Remnant;
use crate::inventory::scan::{cgroups_of, entry_names};
use crate::inventory::{Problem, Unread, mounts};
use crate::kernel::read::{is_gone, open_root};
use crate::oci::{ContainerKey, Record, RuntimeKind};
use crate::text::visible_path;

/// Every one below the roots looked at, with the cgroups that belong to it, which are taken out of
/// `tree`.
pub(super) fn find(search: &LeftoverSearch<'_>, tree: &mut Tree) -> Vec<Leftover> {
    let mut found = Vec::new();
    // One that may never answer is said by the claims, and asked nothing.
    let roots = search.machine.parted(search.machine.state_roots()).near;
    for root in roots {
        if !search.known.reaches(&root.path) {
            continue;
        }
        let opened = open_root(&root.path);
        let listed = opened.and_then(|dir| entry_names(&dir).map(|names| (dir, names)));
        let (dir, names) = match listed {
            Ok(found) => found,
            Err(error) if is_gone(&error) => continue,
            Err(error) => {
                let unread = Unread::root(&root.path, &error);
                search.missed.borrow_mut().push(unread);
                continue;
            }
        };
        for name in names {
            let key = ContainerKey::new(std::sync::Arc::clone(&root.path), name);
            if !search.known.covers(&key.dir()) {
                continue;
            }
            // Its init was identified when the claims were read.
            if search.claims.has_live_init(&key) {
                continue;
            }
            // What cannot be opened, or is no directory, is the list's to show as broken.
            if let Ok(entry) = Entry::open(&dir, &key) {
                found.extend(leftover(search, tree, &entry));
            }
        }
    }
    found
}

fn leftover(
    search: &LeftoverSearch<'_>,
    tree: &mut Tree,
    entry: &Entry<'static>,
) -> Option<Leftover> {
    let id = entry.key.name().to_str()?.to_owned();
    let named = cgroups_of(search.machine, entry);
    let mut signs = Vec::new();
    let mut doubts = Vec::new();
    let proven = match &entry.record {
        Ok(record) => {
            let recorded_at = Recorded::at(&entry.key, record, &named);
            let identity = identify(search.machine, recorded_at, Rigour::Signalled);
            // One that may live is no leftover: the list shows it as unknown.
            if identity.may_live() {
                return None;
            }
            recorded(search, entry, record, &mut signs, &mut doubts)
        }
        Err(problem) => unreadable(entry, problem, &mut signs, &mut doubts)?,
    };
    // A live one in another root has the cgroups of this name.
    let author = entry.author();
    let mut own = tree.take_dirs(&existing(&named, &search.machine.hierarchies), author);
    // Whose the directory is was seen when it was opened.
    let whose = Whose {
        uid: entry.uid,
        above: entry.uid,
    };
    if !search.is_alive(&id, &[whose]) {
        own.extend(tree.take(&id, author));
        if entry.record.is_err() {
            own.extend(tree.named(&id, author, &own));
        }
    }
    if is_ambiguous(&own) {
        let doubt = "several cgroups of one hierarchy have its name".to_owned();
        doubts.push(Argument::Unclear(doubt));
    }
    if let Err(error) = entry.key.id() {
        doubts.push(Argument::Unclear(crate::text::chain(&error)));
    }
    if let Err(Problem::Record(_)) = &entry.record {
        doubts.extend(doubts_of_text(search, entry, &own));
    }
    let mut leftover = assembled(search, entry, own);
    leftover.age = search.age(&entry.key.dir());
    let facts = LeftoverFacts {
        proven,
        named: true,
        empty: !leftover.populated,
        processes: leftover.processes.len(),
        age: leftover.age,
        watched: search.watched(&[entry.inode]),
        doubts,
        signs,
        owner: search.owners.of(&id, &[whose]),
        ..LeftoverFacts::default()
    };
    let thing = Thing {
        id: Some(&id),
        path: &entry.key.dir(),
        whose: vec![whose],
    };
    (leftover.confidence, leftover.arguments) = search.grade(&thing, facts);
    leftover.id = Some(id);
    Some(leftover)
}

/// A container has at most one cgroup in each hierarchy: of several that its name could mean, which
/// is its own cannot be known.
fn is_ambiguous(own: &[Candidate]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    !own.iter().all(|one| seen.insert(one.cgroup.hierarchy))
}

/// Puts it together with its cgroups and mounts.
fn assembled(search: &LeftoverSearch<'_>, entry: &Entry<'static>, own: Vec<Candidate>) -> Leftover {
    let mut leftover = Leftover::new(entry.key.clone(), LeftoverKind::StateDir);
    let measured = cgroups::measure(search, &own);
    leftover.producer = entry.runtime.map(|runtime| match runtime {
        RuntimeKind::Youki => super::Producer::Youki,
        RuntimeKind::Runc => super::Producer::Runc,
        RuntimeKind::Crun => super::Producer::Crun,
    });
    leftover.paths.extend(own.iter().map(|one| one.dir.clone()));
    leftover.hierarchies = cgroups::labels(search, &own);
    leftover.processes = measured.processes;
    leftover.populated = measured.populated;
    leftover.children = measured.children;
    leftover.dying = measured.dying;
    leftover.memory = measured.memory;
    let mut why = measured.why;
    let dir = entry.key.dir();
    let bundle = entry
        .record
        .as_ref()
        .ok()
        .map(|record| record.bundle.clone());
    why.extend(search.mounts_in(&dir).map(super::WhyItStays::Mounted));
    let bundle = bundle.filter(|bundle| bundle.components().count() > 2);
    let bundle = bundle.iter().flat_map(|bundle| search.mounts_in(bundle));
    why.extend(bundle.map(super::WhyItStays::Mounted));
    leftover.why = cgroups::settled(why);
    leftover.parts.own = Some(entry.inode);
    leftover.parts.author = entry.author();
    leftover.parts.recorded = entry.record.is_ok();
    leftover.parts.cgroups = cgroups::pinned(own);
    leftover
}

/// A record that can be read, of a container whose init is dead; true if its end is beyond doubt.
fn recorded(
    search: &LeftoverSearch<'_>,
    entry: &Entry<'static>,
    record: &Record,
    signs: &mut Vec<Argument>,
    doubts: &mut Vec<Argument>,
) -> bool {
    signs.push(Argument::InitDead(entry.runtime));
    let manager = manager_of(entry.key.root(), &record.bundle, &record.annotations);
    doubts.extend(manager.map(Argument::Managed));
    let bundle = search.machine.on_host(&record.bundle);
    let apart = mounts::is_apart(&bundle, &search.mounts);
    // A bundle on a file system that may never answer is not asked for.
    let gone = !apart
        && record.bundle.is_absolute()
        && matches!(bundle.symlink_metadata(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    // What is not mounted here may be mounted where the runtime ran.
    if let Some(why) = search.machine.sight.mounts().filter(|_| gone) {
        doubts.push(Argument::OutOfSight(why));
        return false;
    }
    signs.push(if gone {
        Argument::BundleGone
    } else {
        Argument::BundleThere
    });
    gone
}

/// State that cannot be read. `None` if the directory is not to be judged at all.
fn unreadable(
    entry: &Entry<'static>,
    problem: &Problem,
    signs: &mut Vec<Argument>,
    doubts: &mut Vec<Argument>,
) -> Option<bool> {
    let said = crate::text::chain(problem);
    match problem {
        // Begun and not finished, or cut short: no runtime can do anything with it any more.
        Problem::NoState(_) => signs.push(Argument::StateBroken(said)),
        Problem::Record(error) if error.may_be_torn() => signs.push(Argument::StateBroken(said)),
        Problem::Nothing if is_empty(&entry.key.dir()) => signs.push(Argument::StateEmpty),
        // Perhaps of a version that ocitop does not know.
        Problem::Record(_) => {
            signs.push(Argument::StateBroken(said));
            return Some(false);
        }
        Problem::Open(_) | Problem::NotDirectory(_) => return None,
        Problem::Id(_)
        | Problem::Read(_)
        | Problem::OtherId(_)
        | Problem::Nothing
        | Problem::Recycled(_)
        | Problem::OutOfSight(_)
        | Problem::NoConfig(_) => {
            doubts.push(Argument::Unclear(said));
            return Some(false);
        }
    }
    Some(true)
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

/// What the text of a state file names, whatever else is wrong with it, and is there: a process, or a
/// cgroup that was not found otherwise.
fn doubts_of_text(
    search: &LeftoverSearch<'_>,
    entry: &Entry<'static>,
    own: &[Candidate],
) -> Vec<Argument> {
    let left = Remnant::read(search.machine, entry);
    let pid = left.alive.map(Argument::MayBeAlive);
    let mut other = left.cgroups.into_iter();
    let other = other.find(|(cgroup, _)| !own.iter().any(|one| one.cgroup == *cgroup));
    let cgroup = other.map(|(cgroup, _)| {
        let dir = visible_path(&cgroup.dir(&search.machine.hierarchies));
        Argument::Unclear(format!(
            "{dir} stands in what is left of its record, and is there"
        ))
    });
    pid.into_iter().chain(cgroup).collect()
}

impl LeftoverSearch<'_> {
    /// What is mounted on a directory or in it.
    pub(super) fn mounts_in(&self, dir: &Path) -> impl Iterator<Item = PathBuf> {
        let mounts = self.mounts.iter();
        let inside = mounts.filter(move |mount| mount.point.starts_with(dir));
        inside
            .map(|mount| mount.point.clone())
            .collect::<Vec<_>>()
            .into_iter()
    }
}
