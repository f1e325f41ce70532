//! Who is in a cgroup, and in a pid namespace: read afresh each time, because members come and go.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Machine;
use super::cgroups::CgroupDir;
use crate::cgroup::Version;
use crate::cgroup::freezer::parse_populated;
use crate::kernel::read::kernel_text;
use crate::process::ProcStat;
use crate::process::status::ProcStatus;

/// Deepest tree of cgroups that is walked.
const MAX_DEPTH: usize = 64;
/// Most cgroups of one container that are walked: a delegated one can make millions.
const MAX_CGROUPS: usize = 10_000;

/// A cgroup and all below it, children before their parents. Empty if it is gone.
pub fn tree(dir: &Path) -> Vec<PathBuf> {
    tree_of(dir, MAX_CGROUPS)
}

/// As [`tree`], and about this many of them at most.
pub fn tree_of(dir: &Path, most: usize) -> Vec<PathBuf> {
    let mut out = Vec::new();
    walk(dir, 0, most, &mut out);
    out
}

fn walk(dir: &Path, depth: usize, most: usize, out: &mut Vec<PathBuf>) {
    let Ok(metadata) = std::fs::symlink_metadata(dir) else {
        return;
    };
    if !metadata.is_dir() {
        return;
    }
    // kernfs counts two links and one for each child; file systems that do not count say 1.
    let is_leaf = metadata.nlink() == 2;
    if !is_leaf && depth < MAX_DEPTH && out.len() < most {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), depth + 1, most, out);
            }
            if out.len() >= most {
                break;
            }
        }
    }
    out.push(dir.to_owned());
}

/// The processes of one cgroup directory. A threaded cgroup cannot list processes, so its threads
/// stand for them. A process outside this pid namespace reads as 0 and is left out.
///
/// The file is opened for every read: on v1 a descriptor that is kept gives the first list again
/// and again.
pub fn procs(dir: &Path) -> Vec<i32> {
    let text = |name: &str| kernel_text(&dir.join(name)).ok().flatten();
    let Some(text) = text("cgroup.procs").or_else(|| text("cgroup.threads")) else {
        return Vec::new();
    };
    text.lines()
        .filter_map(|line| line.trim().parse().ok())
        .filter(|pid| *pid > 1)
        .collect()
}

/// The threads of one cgroup directory, those of processes too; one outside this pid namespace reads
/// as 0. Opened for every read, as for [`procs`].
pub fn threads(dir: &Path, version: Version) -> io::Result<Vec<i32>> {
    let name = match version {
        Version::V1 => "tasks",
        Version::V2 => "cgroup.threads",
    };
    let text = match kernel_text(&dir.join(name))? {
        Some(text) => text,
        None => kernel_text(&dir.join("cgroup.procs"))?.unwrap_or_default(),
    };
    Ok(text
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect())
}

/// The processes that exit and are still members of these cgroups, or of one below, as
/// `/proc/PID/cgroup` tells on v2. Since Linux 6.19 a task leaves `cgroup.procs` and `cgroup.threads`
/// when it begins to exit, and its cgroup only once it is gone: one that hangs on that way is in no
/// list, keeps `populated` at 1, and keeps the cgroup from being removed.
///
/// Of v1 the kernel tells the root of everybody who exits: who is in its cgroup still is in its list.
/// Asks every process of the host for its `stat`: worth it where a cgroup is populated by nobody.
pub fn leaving(machine: &Machine, cgroups: &[CgroupDir]) -> BTreeSet<i32> {
    let entries = std::fs::read_dir(&machine.proc).into_iter().flatten();
    let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let others = entries.flatten().filter_map(pid).filter(|pid| *pid > 1);
    let leaves = |pid: &i32| {
        let stat = machine.stat(*pid).ok().flatten();
        stat.is_some_and(|stat| home_of_leaving(machine, *pid, &stat, cgroups).is_some())
    };
    others.filter(leaves).collect()
}

/// The cgroup, of these or below one of them, that a process which exits is still in: which of these,
/// and the path below it.
pub fn home_of_leaving<'a>(
    machine: &Machine,
    pid: i32,
    stat: &ProcStat,
    cgroups: &'a [CgroupDir],
) -> Option<(&'a CgroupDir, PathBuf)> {
    if !stat.is_exiting() || stat.is_dead() {
        return None;
    }
    let hierarchies = &machine.hierarchies;
    let unified = cgroups.iter().filter(|cgroup| {
        let hierarchy = hierarchies.at(cgroup.hierarchy);
        hierarchy.is_some_and(|hierarchy| hierarchy.version == Version::V2)
    });
    let membership = machine.membership(pid)?;
    unified.into_iter().find_map(|cgroup| {
        let path = membership.path(hierarchies.at(cgroup.hierarchy)?)?;
        let below = path.relative().strip_prefix(cgroup.path.relative()).ok()?;
        Some((cgroup, below.to_owned()))
    })
}

/// Whether a process is in a cgroup or below it, listed or not (v2 `cgroup.events`); `None` where the
/// kernel does not say.
pub fn populated(dir: &Path) -> Option<bool> {
    let events = kernel_text(&dir.join("cgroup.events")).ok().flatten()?;
    parse_populated(&events)
}

/// Whether nothing at all is in a cgroup or below it: no process, no thread of one whose process is
/// elsewhere (v1 `tasks`), none outside this pid namespace (it reads as 0), none on its way out
/// (`populated 1` without a process, cgroup-v2.rst). What cannot be read is not empty; what is gone
/// is.
pub fn is_empty(top: &Path, version: Version) -> bool {
    are_empty(top, &tree(top), version)
}

/// As [`is_empty`], of a cgroup whose [`tree`] is known.
pub fn are_empty(top: &Path, tree: &[PathBuf], version: Version) -> bool {
    if version == Version::V2 && !says(top, "cgroup.events", |text| !text.contains("populated 1")) {
        return false;
    }
    let blank = |text: &str| text.trim().is_empty();
    tree.iter().all(|dir| match version {
        Version::V1 => says(dir, "cgroup.procs", blank) && says(dir, "tasks", blank),
        // A threaded cgroup has no list of processes.
        Version::V2 => match kernel_text(&dir.join("cgroup.procs")) {
            Ok(Some(text)) => blank(&text),
            Ok(None) => says(dir, "cgroup.threads", blank),
            Err(_) => false,
        },
    })
}

/// Whether a file says so, or is not there.
fn says(dir: &Path, file: &str, so: impl Fn(&str) -> bool) -> bool {
    kernel_text(&dir.join(file)).is_ok_and(|text| text.is_none_or(|text| so(&text)))
}

/// `/proc/PID/status`; `None` if there is no such process.
pub fn status(machine: &Machine, pid: i32) -> Option<ProcStatus> {
    let text = kernel_text(&machine.pid_file(pid, "status"))
        .ok()
        .flatten()?;
    Some(ProcStatus::parse(&text))
}

/// The pid namespace of a process, as the kernel names it (namespaces(7)).
pub fn pid_namespace(machine: &Machine, pid: i32) -> Option<PathBuf> {
    std::fs::read_link(machine.pid_file(pid, "ns/pid")).ok()
}

/// The pid namespace of a container's init, if that is the container's alone: another than
/// ocitop's, and init is pid 1 in it. The namespace that a pod's containers share is none.
pub fn private_pid_namespace(machine: &Machine, init: i32) -> Option<PathBuf> {
    let own = std::fs::read_link(machine.proc.join("self/ns/pid")).ok()?;
    let theirs = pid_namespace(machine, init).filter(|theirs| *theirs != own)?;
    let status = status(machine, init)?;
    (status.inside() == Some(1)).then_some(theirs)
}

/// Whether a process is the host's own: it has the mount namespace of pid 1. Where that one cannot be
/// read, what has ocitop's own, or is in no pid namespace below ocitop's, may be. `None` if the
/// process's own cannot be read.
pub fn is_of_host(machine: &Machine, pid: i32) -> Option<bool> {
    let mounts = |pid: &str| std::fs::read_link(machine.proc.join(pid).join("ns/mnt")).ok();
    let theirs = mounts(&pid.to_string())?;
    if let Some(host) = mounts("1") {
        return Some(theirs == host);
    }
    let own = mounts("self")?;
    let nested = status(machine, pid)?.namespace_pids.len() > 1;
    Some(theirs == own || !nested)
}
