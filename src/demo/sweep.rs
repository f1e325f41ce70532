//! Removing a lab: processes, cgroups, files, in this order; the manifest last.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::groups::write_control;
use super::manifest::{Manifest, NotOurLab, PREFIX, PidSpace, identify, own_dir};
use super::wait;
use crate::kernel::read::{is_gone, libc_errno};
use crate::process::InitProcess;

/// The lab's processes do nothing that could keep them from dying.
const DEATH_LIMIT: Duration = Duration::from_secs(5);

/// Removes the labs in `bases` whose owner is dead, and what is left on disks, in `scratch`, of those
/// whose own directory is gone. Returns what there is to say about it.
pub(super) fn abandoned(bases: &[PathBuf], scratch: &[PathBuf], here: &PidSpace) -> Vec<String> {
    let mut notices = Vec::new();
    let others = scratch.iter().filter(|base| !bases.contains(base));
    for base in bases.iter().chain(others) {
        for name in lab_names(base) {
            let dir = base.join(&name);
            match Manifest::load(base, &name).and_then(|lab| Ok((lab.is_abandoned(here)?, lab))) {
                Ok((false, _)) => {}
                Ok((true, lab)) => notices.push(match remove(&lab, &dir) {
                    Ok(()) => format!("removed what a dead lab left: {}", dir.display()),
                    Err(error) => format!("a dead lab is left in {}: {error}", dir.display()),
                }),
                // It made nothing yet, or has nothing left; a live one has a manifest in a moment.
                Err(NotOurLab::Read(error)) if error.is_absent() => {}
                Err(error) => notices.push(format!(
                    "left alone {}: {}",
                    dir.display(),
                    crate::text::chain(&error)
                )),
            }
        }
    }
    notices
}

fn lab_names(base: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with(PREFIX))
        .collect()
}

/// Removes everything of `lab`, whose own directory is `dir`.
pub(super) fn remove(lab: &Manifest, dir: &Path) -> io::Result<()> {
    let here = PidSpace::current()?;
    if lab.host == here {
        kill_all(lab)?;
    }
    // No cgroup outlives a boot: one of that name is of a later lab, whose owner has that pid by now.
    let of_this_boot = lab.host.boot == here.boot;
    let groups = lab.cgroups.iter();
    let groups = groups.filter(|group| of_this_boot && is_cgroup(group));
    // Each is tried, whatever becomes of the others; while one is left, so is the manifest.
    let outcomes: Vec<io::Result<()>> = groups.map(|group| remove_group(group)).collect();
    outcomes.into_iter().collect::<io::Result<()>>()?;
    if let Some(scratch) = &lab.scratch
        && is_own(scratch)
    {
        remove_files(scratch)?;
    }
    remove_files(dir)
}

/// Whether `dir` is there and this user's alone: a manifest may be older than what is there now.
fn is_own(dir: &Path) -> bool {
    let (Some(base), Some(name)) = (dir.parent(), dir.file_name()) else {
        return false;
    };
    own_dir(base, name).is_ok()
}

/// Whether `dir` is a directory of a cgroup file system: nothing else is ever removed as one.
fn is_cgroup(dir: &Path) -> bool {
    dir.is_dir() && dir.join("cgroup.procs").is_file()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the lab's own directory, 0700, and std follows no symlink"
)]
pub(super) fn remove_files(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Ends one process and removes the cgroups that were made for it.
pub(super) fn end(process: InitProcess, groups: &[PathBuf]) -> io::Result<()> {
    if let Some(pidfd) = kill(process, None)? {
        wait::until("end it", DEATH_LIMIT, || Ok(has_died(&pidfd)))?;
    }
    groups.iter().try_for_each(|group| remove_group(group))
}

/// Kills every process of the lab and waits for their end.
fn kill_all(lab: &Manifest) -> io::Result<()> {
    let mut killed: BTreeSet<(i32, u64)> = BTreeSet::new();
    let mut dying: Vec<OwnedFd> = Vec::new();
    // Again, until a look finds no one: a process may have started another meanwhile.
    wait::until("end the lab's processes", DEATH_LIMIT, || {
        let recorded = lab.processes.iter().map(|process| (*process, None));
        let name = lab.name();
        let members = lab.cgroups.iter().flat_map(|group| members(group, &name));
        let found: Vec<_> = recorded.chain(members).collect();
        for (process, lab) in found {
            if let Some(pidfd) = kill(process, lab)?
                && killed.insert((process.pid, process.start_time))
            {
                dying.push(pidfd);
            }
        }
        // v1: what is frozen dies when it thaws.
        for group in lab.cgroups.iter().flat_map(|group| tree(group)) {
            drop(write_control(&group.join("freezer.state"), "THAWED"));
        }
        dying.retain(|process| !has_died(process));
        Ok(dying.is_empty())
    })
}

/// The processes in the cgroup `group` of the lab `name` and below.
fn members<'a>(group: &Path, name: &'a str) -> Vec<(InitProcess, Option<&'a str>)> {
    let procs = tree(group).into_iter().map(|dir| dir.join("cgroup.procs"));
    procs
        .flat_map(|file| fs::read_to_string(file).unwrap_or_default().into_bytes())
        .collect::<Vec<u8>>()
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok())
        // v2 shows a process of another pid namespace as 0.
        .filter(|pid| *pid > 1)
        .filter_map(identify)
        .map(|process| (process, Some(name)))
        .collect()
}

/// Sends KILL to exactly this process, and only if it is in a cgroup of the lab named, if one is;
/// `None` if it is gone.
fn kill(process: InitProcess, lab: Option<&str>) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return Ok(None);
    };
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    // Only now, with the process held, does the start time prove who it is.
    if identify(process.pid) != Some(process) || has_died(&pidfd) {
        return Ok(None);
    }
    if lab.is_some_and(|name| !is_member(process.pid, name)) {
        return Ok(None);
    }
    match pidfd_send_signal(&pidfd, Signal::KILL) {
        Ok(()) => Ok(Some(pidfd)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn is_member(pid: i32, lab: &str) -> bool {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut paths = cgroups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2));
    paths.any(|path| path.split('/').any(|part| part == lab))
}

/// Whether the process has ended, reaped or not.
pub(super) fn has_died(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// A cgroup and all below it, children first.
fn tree(group: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(tree(&entry.path()));
        }
    }
    all.push(group.to_owned());
    all
}

/// Removes a cgroup and all below it.
fn remove_group(group: &Path) -> io::Result<()> {
    let what = format!("remove {}", group.display());
    wait::until(&what, DEATH_LIMIT, || {
        for dir in tree(group) {
            match fs::remove_dir(&dir) {
                // Its last process is not quite gone.
                Err(error) if error.raw_os_error() == Some(libc_errno::EBUSY) => return Ok(false),
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sleeper() -> std::process::Child {
        let mut sleep = Command::new("sleep");
        sleep.arg("600").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn a_process_is_killed_only_with_its_start_time() {
        let mut child = sleeper();
        let process = identify(child.id().cast_signed()).unwrap();
        let stranger = InitProcess {
            start_time: process.start_time + 1,
            ..process
        };
        assert!(kill(stranger, None).unwrap().is_none());
        assert!(kill(process, Some("ocitop-demo-1-1")).unwrap().is_none());
        assert!(child.try_wait().unwrap().is_none());
        assert!(kill(process, None).unwrap().is_some());
        assert!(!child.wait().unwrap().success());
        assert!(kill(process, None).unwrap().is_none());
    }

    #[test]
    fn a_plain_directory_is_never_removed_as_a_cgroup() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_cgroup(dir.path()));
    }
}
