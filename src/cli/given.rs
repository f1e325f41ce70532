//! The roots that are given are what they must be: with a word mistyped, nothing would be found there,
//! and what is not found would be taken for gone.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Failure;
use crate::cgroup::hierarchy::is_cgroupfs;
use crate::config::Roots;
use crate::inventory::sight::is_procfs;
use crate::text::visible_path;

/// Refuses what is none, as any other argument that cannot be right.
pub(super) fn check(roots: &Roots) -> Result<(), Failure> {
    let proc = roots.proc.as_path();
    // Where nothing is mounted at its usual place, the commands say what cannot be seen for it.
    let is_given = roots.host.is_none() && proc != Roots::default().proc;
    if is_given && !is_procfs(proc) {
        return Err(not_a("--proc-root", proc, "procfs is not mounted there"));
    }
    match roots.cgroup.as_deref().map(|dir| (dir, what_is(dir))) {
        Some((dir, Err(why))) => Err(not_a("--cgroup-root", dir, &why)),
        Some((_, Ok(()))) | None => Ok(()),
    }
}

fn not_a(flag: &str, dir: &Path, why: &str) -> Failure {
    Failure::usage(format!("{flag} {}: {why}", visible_path(dir)))
}

/// The v2 tree from its root, or a directory in which hierarchies are mounted; why it is neither.
fn what_is(dir: &Path) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    if is_cgroupfs(dir).map_err(said)? {
        let is_v2 = dir.join("cgroup.controllers").exists();
        return match (is_v2, is_mount(dir)) {
            (true, true) => Ok(()),
            (true, false) => Err("a part of the cgroups, not their root".to_owned()),
            (false, _) => {
                Err("one hierarchy of cgroups; it must be the directory above".to_owned())
            }
        };
    }
    let mut entries = std::fs::read_dir(dir).map_err(said)?.flatten();
    let is_hierarchy = |dir: &Path| is_cgroupfs(dir).unwrap_or(false) && is_mount(dir);
    if entries.any(|entry| is_hierarchy(&entry.path())) {
        Ok(())
    } else {
        Err("no cgroups are mounted there".to_owned())
    }
}

/// Whether something is mounted at a directory.
fn is_mount(dir: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    device(dir) != device(&dir.join(".."))
}
