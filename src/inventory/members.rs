//! Who is in a cgroup, and in a pid namespace: read afresh each time, because members come and go.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Machine;
use super::cgroups::CgroupDir;
use super::unread::{Unread, WhyUnread};
use crate::cgroup::Version;
use crate::cgroup::freezer::parse_populated;
use crate::kernel::read::kernel_text;
use crate::kernel::walk::{MOST, WalkedCgroup, walk};
use crate::process::ProcStat;
use crate::process::status::ProcStatus;

/// Deepest tree of cgroups that is shown.
const MAX_DEPTH: usize = 64;
/// Most cgroups of one container that are shown: a delegated one can make millions.
const MAX_CGROUPS: usize = 10_000;

/// The processes of cgroups and those below, and whether all of these were looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// Who is listed. A process outside this pid namespace reads as 0 and is left out: signal 0's
    /// target would be ocitop's own group.
    pub pids: BTreeSet<i32>,
    /// What was not looked at: somebody may be in there.
    pub unseen: Option<Unread>,
}

impl Members {
    /// Adds those of a cgroup and of all below it, however deep.
    pub fn add(&mut self, top: &Path) {
        let walked = walk(top, MOST, &mut |cgroup| {
            match listed(|file| cgroup.text(file)) {
                Ok(pids) => self.pids.extend(pids),
                Err(error) => self.miss(cgroup.path(), &error),
            }
            ControlFlow::Continue(())
        });
        if let Some(unseen) = walked.unseen {
            self.miss(&unseen.at, &unseen.why);
        }
    }

    fn miss(&mut self, at: &Path, why: &io::Error) {
        let why = match why.raw_os_error() {
            Some(TOO_MANY) => WhyUnread::TooMany(MOST),
            _ => why.into(),
        };
        self.unseen.get_or_insert_with(|| Unread::dir(at, why));
    }
}

const TOO_MANY: i32 = rustix::io::Errno::TOOBIG.raw_os_error();

/// The cgroups to be shown: one and those below it, children before their parents, as far down as is
/// shown. Empty if it is gone. Nothing may be concluded from what is not among them.
pub fn tree(dir: &Path) -> Vec<PathBuf> {
    tree_of(dir, MAX_CGROUPS)
}

/// How many cgroups there are: one and all below it.
pub fn count(top: &Path) -> usize {
    walk(top, MOST, &mut |_| ControlFlow::Continue(())).cgroups
}

/// How many cgroups are below this one. Where the kernel says none, the directory is not opened.
pub fn below(dir: &Path) -> usize {
    // kernfs counts two links and one for each child.
    if std::fs::symlink_metadata(dir).is_ok_and(|found| found.nlink() == 2) {
        return 0;
    }
    count(dir).saturating_sub(1)
}

/// As [`tree`], and about this many of them at most.
pub fn tree_of(dir: &Path, most: usize) -> Vec<PathBuf> {
    let mut out = Vec::new();
    show(dir, 0, most, &mut out);
    out
}

fn show(dir: &Path, depth: usize, most: usize, out: &mut Vec<PathBuf>) {
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
                show(&entry.path(), depth + 1, most, out);
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
    listed(|file| kernel_text(&dir.join(file))).unwrap_or_default()
}

/// As [`procs`], from the texts of a cgroup's files. One that is gone has none.
pub fn listed(text: impl Fn(&str) -> io::Result<Option<String>>) -> io::Result<Vec<i32>> {
    let text = match text("cgroup.procs")? {
        Some(processes) => processes,
        None => text("cgroup.threads")?.unwrap_or_default(),
    };
    let pids = text.lines().filter_map(|line| line.trim().parse().ok());
    Ok(pids.filter(|pid| *pid > 1).collect())
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
    let says_populated = |text: String| text.contains("populated 1");
    let events = || kernel_text(&top.join("cgroup.events"));
    if version == Version::V2 && !events().is_ok_and(|text| !text.is_some_and(says_populated)) {
        return false;
    }
    let mut empty = true;
    let walked = walk(top, MOST, &mut |cgroup| {
        empty = is_bare(cgroup, version);
        if empty {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    empty && walked.unseen.is_none()
}

/// Whether nothing is in one cgroup, not counting those below it.
fn is_bare(cgroup: &WalkedCgroup<'_>, version: Version) -> bool {
    let blank = |text: &str| text.trim().is_empty();
    let says = |file: &str| {
        cgroup
            .text(file)
            .is_ok_and(|text| text.is_none_or(|text| blank(&text)))
    };
    match version {
        Version::V1 => says("cgroup.procs") && says("tasks"),
        // A threaded cgroup has no list of processes.
        Version::V2 => match cgroup.text("cgroup.procs") {
            Ok(Some(text)) => blank(&text),
            Ok(None) => says("cgroup.threads"),
            Err(_) => false,
        },
    }
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
