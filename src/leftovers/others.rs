//! What is left besides cgroups and state directories: resctrl groups, failed scopes, mounts.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::cgroups::settled;
use super::judge::{LeftoverFacts, Thing};
use super::names::{self, CgroupName};
use super::search::LeftoverSearch;
use super::walk::Tree;
use super::{Argument, Leftover, LeftoverKind, Producer, WhyItStays};
use crate::inventory::author::{Author, Whose};
use crate::inventory::cgroups::scope_path;
use crate::inventory::units;
use crate::kernel::read::{file_beneath, is_gone, kernel_text, open_dir};
use crate::kernel::{Inode, Scope};
use crate::oci::ContainerKey;

/// A unit file that systemd writes for a transient unit has a few hundred bytes.
const UNIT_CAP: u64 = 64 << 10;

/// What a job is pinned to; what cannot be looked at is none's to clean.
pub(super) fn inode_of(path: &Path) -> Option<Inode> {
    Inode::at(path).ok().flatten()
}

/// Whether nothing is there. A look that fails does not say so.
fn is_absent(path: &Path) -> bool {
    matches!(path.symlink_metadata(), Err(error) if is_gone(&error))
}

/// The directories in a directory, no link followed.
fn directories(search: &LeftoverSearch<'_>, dir: &Path) -> Vec<PathBuf> {
    let entries = search.entries(dir).into_iter();
    let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.map(|entry| entry.path()).collect()
}

/// Looks at something that is named after `id`, and grades it.
pub(super) fn graded(
    search: &LeftoverSearch<'_>,
    mut leftover: Leftover,
    id: &str,
    facts: LeftoverFacts,
) -> Leftover {
    let dir = leftover.key.dir();
    let age = search.age(&dir);
    let inode = leftover.parts.own;
    let thing = Thing::at(&dir, Some(id));
    let facts = LeftoverFacts {
        owner: search.owners.of(id, &thing.whose),
        age,
        watched: inode.is_some_and(|inode| search.watched(&[inode])),
        named: true,
        empty: true,
        ..facts
    };
    (leftover.confidence, leftover.arguments) = search.grade(&thing, facts);
    leftover.age = age;
    leftover.id = Some(id.to_owned());
    leftover
}

/// resctrl groups (resctrl.rst) that are named after a container and have neither tasks nor CPUs. A
/// name that is no id is an operator's class, and whether that is used is his business. Those of a
/// state directory in `states` become part of it.
pub(super) fn rdt(search: &LeftoverSearch<'_>, states: &mut [Leftover]) -> Vec<Leftover> {
    let mut found = Vec::new();
    let Some(mount) = search.machine.resctrl.as_deref() else {
        return found;
    };
    for dir in directories(search, mount) {
        let name = dir.file_name();
        if name.is_some_and(|name| name == "info" || name == "mon_data") {
            continue;
        }
        let monitoring = directories(search, &dir.join("mon_groups")).into_iter();
        let groups = if name.is_some_and(|name| name == "mon_groups") {
            directories(search, &dir)
        } else {
            monitoring.chain([dir.clone()]).collect()
        };
        for group in groups {
            found.extend(rdt_group(search, states, &group));
        }
    }
    found
}

fn rdt_group(search: &LeftoverSearch<'_>, states: &mut [Leftover], dir: &Path) -> Option<Leftover> {
    let id = dir.file_name()?.to_str()?;
    let inode = inode_of(dir).filter(|_| search.known.covers(dir))?;
    let state = states
        .iter_mut()
        // Only root makes these.
        .find(|state| state.id.as_deref() == Some(id) && state.parts.author == Author::Trusted);
    let is_named = matches!(names::parse(&[], id), CgroupName::Container(..));
    let is_known = state.is_some() || search.known.saw_end(id, &[Whose::ROOTS]);
    if !(is_named || is_known)
        || search.is_alive(id, &[Whose::ROOTS])
        || search.claims.names_rdt(dir)
    {
        return None;
    }
    // What cannot be read may be in use.
    let text = |file: &str| match kernel_text(&dir.join(file)) {
        Ok(text) => Some(text.unwrap_or_default()),
        Err(error) => {
            search.miss(&dir.join(file), &error);
            None
        }
    };
    let (mode, tasks, cpus) = (text("mode")?, text("tasks")?, text("cpus_list")?);
    let idle = tasks.trim().is_empty() && cpus.trim().is_empty();
    if !idle || !matches!(mode.trim(), "" | "shareable") {
        return None;
    }
    if let Some(state) = state {
        state.paths.push(dir.to_owned());
        state.parts.rdt.push((dir.to_owned(), inode));
        return None;
    }
    let key = ContainerKey::new(dir.parent()?, dir.file_name()?);
    let mut leftover = Leftover::new(key, LeftoverKind::RdtGroup);
    leftover.why = vec![WhyItStays::Nothing];
    leftover.parts.own = Some(inode);
    // Its own monitoring groups go with it, so they are pinned with it.
    let below = directories(search, &dir.join("mon_groups"));
    if !below.is_empty()
        && below
            .iter()
            .any(|group| group.file_name() != dir.file_name())
    {
        leftover.why = vec![WhyItStays::Children(below.len())];
    }
    leftover.parts.rdt = vec![(dir.to_owned(), inode)];
    let facts = LeftoverFacts::with(Argument::Named(Producer::Runtime));
    Some(graded(search, leftover, id, facts))
}

/// Scopes of containers that failed: systemd removes their cgroup and keeps the unit, and with it the
/// name, so that the next container of that name cannot start.
pub(super) fn units(search: &LeftoverSearch<'_>, tree: &Tree) -> Vec<Leftover> {
    let home = search.machine.run.join("systemd/transient");
    let with_cgroup: BTreeSet<&OsStr> = tree
        .candidates
        .iter()
        .filter_map(|one| one.dir.file_name())
        .collect();
    let entries = search.entries(&home);
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.file_name();
        let Some(name) = file.to_str().filter(|name| names::is_unit(name, "scope")) else {
            continue;
        };
        let CgroupName::Container(producer, id) = names::parse(&[], name) else {
            continue;
        };
        let state = units::system_state(search.machine, name);
        let idle = state.is_ok_and(|state| !state.active) && !with_cgroup.contains(&*file);
        if !idle || !search.known.covers(&entry.path()) || search.is_alive(&id, &[Whose::ROOTS]) {
            continue;
        }
        let slice = slice_of(&home, name);
        let stem = name.trim_end_matches(".scope");
        let Some(path) = scope_path(&format!("{slice}::{stem}")) else {
            continue;
        };
        let exists = search
            .machine
            .hierarchies
            .iter()
            .any(|at| !is_absent(&at.mount.join(&path)));
        if exists {
            continue;
        }
        let key = ContainerKey::new(&*home, name);
        let mut leftover = Leftover::new(key, LeftoverKind::Unit);
        leftover.producer = Some(producer);
        leftover.why = vec![WhyItStays::UnitFailed(name.to_owned())];
        leftover.parts.own = inode_of(&entry.path());
        leftover.parts.scope = Some(Scope {
            name: name.to_owned(),
            cgroup: Path::new("/").join(path),
        });
        let facts = LeftoverFacts::with(Argument::Named(producer));
        found.push(graded(search, leftover, &id, facts));
    }
    found
}

/// The slice that a transient unit's file names.
fn slice_of(home: &Path, name: &str) -> String {
    let opened = open_dir(home).ok();
    let bytes = opened.and_then(|dir| file_beneath(&dir, name, UNIT_CAP).ok());
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let slice = text.as_deref().and_then(|text| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix("Slice="))
    });
    slice.map_or_else(
        || "system.slice".to_owned(),
        |slice| slice.trim().to_owned(),
    )
}

/// Mounts below the directory that an engine made for a container, of which no process is told and no
/// record is left. Only mountinfo is read: the mount itself is not touched.
pub(super) fn mounts(search: &LeftoverSearch<'_>) -> Vec<Leftover> {
    let mut found = Vec::new();
    for mount in &search.mounts {
        let point = &mount.point;
        let Some(id) = task_of(point).filter(|_| search.known.covers(point)) else {
            continue;
        };
        let known = search.claims.of_id(&id, &[Whose::ROOTS]).is_some();
        // The directory of the task is where the mount is: it is no owner, a shim is.
        if known
            || search
                .owners
                .of_beyond(&id, point, &[Whose::ROOTS])
                .is_some()
        {
            continue;
        }
        let (Some(above), Some(name)) = (point.parent(), point.file_name()) else {
            continue;
        };
        let mut leftover = Leftover::new(ContainerKey::new(above, name), LeftoverKind::Mount);
        leftover.producer = Some(Producer::Containerd);
        leftover.why = settled(vec![WhyItStays::Mounted(point.clone())]);
        leftover.id = Some(id.clone());
        let facts = LeftoverFacts {
            signs: vec![Argument::Named(Producer::Containerd)],
            named: true,
            empty: true,
            // Its directory is under the mount: its age cannot be told without touching that.
            watched: true,
            ..LeftoverFacts::default()
        };
        // Nor whose it is: root alone mounts where everybody sees it.
        let thing = Thing {
            id: Some(&id),
            path: point,
            whose: vec![Whose::ROOTS],
        };
        (leftover.confidence, leftover.arguments) = search.grade(&thing, facts);
        found.push(leftover);
    }
    // The last mounted is to be detached first, and hides those below it.
    found.reverse();
    found
}

/// The id of the containerd task in whose directory a path lies.
fn task_of(point: &Path) -> Option<String> {
    let mut parts = point.iter();
    parts.find(|part| *part == "io.containerd.runtime.v2.task")?;
    let id = parts.nth(1)?.to_str()?.to_owned();
    // The task's own directory may be a mount of its own; only what is in it is left by it.
    parts.next()?;
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_belongs_to_the_task_whose_directory_it_is_in() {
        let of = |path: &str| task_of(Path::new(path));
        let task = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/web";
        assert_eq!(of(&format!("{task}/rootfs")).as_deref(), Some("web"));
        assert_eq!(of(task), None);
        assert_eq!(of("/run/containerd/other/k8s.io/web/rootfs"), None);
    }
}
