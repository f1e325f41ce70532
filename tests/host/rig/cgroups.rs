//! The cgroups of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use super::{unique_prefix, until};

/// The mount of all cgroup hierarchies.
pub(crate) const CGROUPS: &str = "/sys/fs/cgroup";

/// The pids in one cgroup.
pub(crate) fn pids_of(cgroup: &Path) -> Vec<i32> {
    let text = fs::read_to_string(cgroup.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Tells a cgroup to freeze, which may not come to its end.
pub(crate) fn ask_to_freeze(cgroup: &Path) {
    let (file, value) = freezer_of(cgroup);
    fs::write(cgroup.join(file), value).unwrap();
}

/// Freezes a cgroup by itself, as its hierarchy's version does it; returns once it is frozen.
pub(crate) fn freeze(cgroup: &Path) {
    ask_to_freeze(cgroup);
    until("it is frozen", || is_frozen(cgroup));
}

/// Thaws a cgroup.
pub(crate) fn thaw(cgroup: &Path) {
    let (file, _) = freezer_of(cgroup);
    let value = if file == "cgroup.freeze" {
        "0"
    } else {
        "THAWED"
    };
    fs::write(cgroup.join(file), value).unwrap();
}

/// Whether the kernel says that a cgroup is frozen.
pub(crate) fn is_frozen(cgroup: &Path) -> bool {
    let read = |file: &str| fs::read_to_string(cgroup.join(file)).unwrap();
    match freezer_of(cgroup) {
        ("cgroup.freeze", _) => read("cgroup.events").contains("frozen 1"),
        (file, _) => read(file) == "FROZEN\n",
    }
}

pub(crate) fn freezer_of(cgroup: &Path) -> (&'static str, &'static str) {
    if cgroup.join("cgroup.freeze").exists() {
        ("cgroup.freeze", "1")
    } else {
        ("freezer.state", "FROZEN")
    }
}

/// A number in a cgroup's file.
pub(crate) fn number(cgroup: &Path, file: &str) -> u64 {
    let path = cgroup.join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim().parse().unwrap()
}

/// A cgroup and all below it, parents first.
pub(crate) fn tree(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut next = 0;
    while let Some(dir) = found.get(next).cloned() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    found
}

/// Whether v1 hierarchies are mounted.
pub(crate) fn has_v1() -> bool {
    !Path::new(CGROUPS).join("cgroup.controllers").exists()
}

pub(crate) fn is_hybrid() -> bool {
    Path::new(CGROUPS)
        .join("unified/cgroup.controllers")
        .exists()
}

/// The top of every hierarchy.
pub(crate) fn tops() -> Vec<PathBuf> {
    if !has_v1() {
        return vec![CGROUPS.into()];
    }
    let tops = fs::read_dir(CGROUPS).into_iter().flatten().flatten();
    let dirs = tops.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.map(|entry| entry.path()).collect()
}

pub(crate) fn writable_cgroups() -> bool {
    let tops = tops();
    let Some(top) = tops.first() else {
        return false;
    };
    let probe = top.join(unique_prefix());
    fs::create_dir(&probe).is_ok() && fs::remove_dir(&probe).is_ok()
}
