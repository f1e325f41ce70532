//! What of the host matters to a container: who holds it, its hooks, mounts, resctrl, and what
//! ocitop itself may see.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::now;
use super::record::Case;
use super::tasks::Crowd;
use crate::diagnosis::evidence::{HookSeen, Neighbour, RdtSeen, UnitSeen, Viewer};
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::machine::knows_resctrl;
use crate::inventory::mounts::{self, Mount};
use crate::kernel::bounded::Bounded;
use crate::kernel::read::{kernel_record, kernel_text};
use crate::lifecycle::evidence::Evidence as Found;
use crate::process::ProcStat;

/// How long one file may take.
const WITHIN: Duration = Duration::from_millis(300);
/// The inode of the host's pid namespace (`PROC_PID_INIT_INO`).
const HOST_PIDS: &str = "pid:[4026531836]";
/// `CAP_SYS_PTRACE` (capabilities(7)).
const SYS_PTRACE: u64 = 19;
/// The name the kernel cuts a command to.
const NAME: usize = 15;
/// Programs that run hooks.
const RUNNERS: [&str; 4] = ["runc", "crun", "youki", "ocitop"];

/// Where fusectl shows a connection, if it is mounted and the connection is there.
pub(super) fn fuse_connection(machine: &Machine, number: u32) -> Option<PathBuf> {
    let dir = machine
        .sys
        .join("fs/fuse/connections")
        .join(number.to_string());
    dir.is_dir().then_some(dir)
}

/// Requests that wait for an answer.
pub(super) fn fuse_waiting(machine: &Machine, number: u32) -> Option<u64> {
    let file = fuse_connection(machine, number)?.join("waiting");
    kernel_text(&file).ok().flatten()?.trim().parse().ok()
}

/// The command line of a process, within its bound.
fn command(machine: &Machine, bounded: &Bounded, pid: i32) -> Option<Vec<u8>> {
    let file = machine.pid_file(pid, "cmdline");
    let read = move || kernel_record(&file).ok();
    bounded.ask(WITHIN, read).ok().flatten()
}

/// The shim or conmon that holds the container: its command line has the id as a word.
pub(super) fn supervisor(crowd: &Crowd<'_>, bounded: &Bounded, id: &str) -> Option<Neighbour> {
    let holds = |stat: &ProcStat| {
        let name = String::from_utf8_lossy(&stat.comm);
        (name.starts_with("containerd-shim") || name.starts_with("conmon")) && !stat.is_dead()
    };
    let named = |pid: i32| {
        let line = command(crowd.machine, bounded, pid).unwrap_or_default();
        line.split(|byte| *byte == 0)
            .any(|word| word == id.as_bytes())
    };
    let found = crowd
        .on_host(holds)
        .into_iter()
        .find(|(pid, _)| named(*pid));
    found.and_then(|(pid, _)| crowd.neighbour(pid))
}

/// The poststop hooks: whether each could be run, and whether it runs.
pub(super) fn hooks(crowd: &Crowd<'_>, bounded: &Bounded, case: &Case) -> Vec<HookSeen> {
    let hooks = case.found.hooks.iter().flat_map(|hooks| &hooks.poststop);
    hooks
        .take(16)
        .map(|hook| HookSeen {
            broken: broken(crowd, &hook.path),
            running: running(crowd, bounded, &hook.path),
            path: hook.path.clone(),
        })
        .collect()
}

/// Why a program cannot be run, as far as that can be said without waiting.
fn broken(crowd: &Crowd<'_>, path: &Path) -> Option<String> {
    // A look could hang, and one thread left behind each time would soon be too many.
    if mounts::is_apart(path, crowd.mounts) {
        return None;
    }
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("does not exist".to_owned())
        }
        Err(error) => Some(error.to_string()),
        Ok(found) if !found.is_file() => Some("is not a file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => {
            Some("is not executable".to_owned())
        }
        Ok(_) => None,
    }
}

/// The process that runs a hook of this container: it has the program's name, and a runtime or
/// ocitop for its parent that is about this container.
fn running(crowd: &Crowd<'_>, bounded: &Bounded, path: &Path) -> Option<(Neighbour, Duration)> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = path.file_name()?.as_bytes();
    let name = name.get(..NAME).unwrap_or(name);
    let found = crowd.on_host(|stat| stat.comm == name && !stat.is_dead());
    let (pid, stat) = found.into_iter().find(|(pid, stat)| {
        let parent = crowd.machine.stat(stat.ppid).ok().flatten();
        let runs = parent.is_some_and(|parent| {
            RUNNERS
                .iter()
                .any(|runner| parent.comm.starts_with(runner.as_bytes()))
        });
        let line = || command(crowd.machine, bounded, *pid).unwrap_or_default();
        let exe = std::fs::read_link(crowd.machine.pid_file(*pid, "exe"));
        runs && (exe.is_ok_and(|exe| exe.file_name() == path.file_name() || exe == path)
            || line()
                .split(|byte| *byte == 0)
                .any(|word| word == path.as_os_str().as_bytes()))
    })?;
    let ticks = crowd.machine.host.ticks.max(1);
    let started = Duration::from_millis(stat.start_time.saturating_mul(1000) / ticks);
    Some((crowd.neighbour(pid)?, now().saturating_sub(started)))
}

/// What systemd knows of the scope, from the files it keeps for others to read.
pub(super) fn unit(machine: &Machine, found: &Found) -> Option<UnitSeen> {
    let unit = found.unit.as_ref().filter(|_| machine.systemd)?;
    let there = |path: PathBuf| std::fs::symlink_metadata(path).is_ok();
    let run = Path::new("/run/systemd");
    Some(UnitSeen {
        loaded: there(run.join("transient").join(&unit.name)),
        active: there(run.join("units").join(format!("invocation:{}", unit.name))),
        name: crate::text::visible(&unit.name),
    })
}

/// Mounts that keep a directory of the container from being removed.
pub(super) fn busy(mounts: &[Mount], machine: &Machine, case: &Case) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = case
        .cgroups
        .iter()
        .map(|cgroup| cgroup.dir(&machine.hierarchies))
        .collect();
    dirs.push(case.found.entry.key.dir());
    let inside = |mount: &&Mount| dirs.iter().any(|dir| mount.point.starts_with(dir));
    mounts
        .iter()
        .filter(inside)
        .map(|mount| mount.point.clone())
        .collect()
}

/// resctrl, within its bound: it can be emulated by a process.
pub(super) fn rdt(machine: &Machine, bounded: &Bounded, case: &Case) -> RdtSeen {
    let record = case.found.entry.record.as_ref().ok();
    let wanted = record
        .is_some_and(|record| record.rdt.control.is_some() || record.rdt.monitoring.is_some());
    let filesystems = kernel_text(&machine.proc.join("filesystems"))
        .ok()
        .flatten();
    let Some(mount) = machine.find_resctrl() else {
        return RdtSeen {
            wanted,
            not_mounted: filesystems.is_some_and(|text| knows_resctrl(&text)),
            ..RdtSeen::default()
        };
    };
    let groups = [&case.found.mon_group, &case.found.ctrl_group];
    let groups: Vec<PathBuf> = groups.into_iter().flatten().cloned().collect();
    let read = move || {
        let survey = crate::resctrl::survey(&mount).ok();
        (survey, groups.iter().any(|dir| dir.is_dir()))
    };
    let (survey, has_group) = bounded.ask(WITHIN, read).unwrap_or_default();
    let pair = |use_: crate::resctrl::InUse| use_.of.map(|of| (use_.used, of));
    RdtSeen {
        wanted,
        not_mounted: false,
        closids: survey.as_ref().and_then(|survey| pair(survey.closids)),
        rmids: survey.as_ref().and_then(|survey| pair(survey.rmids)),
        has_group,
    }
}

/// What ocitop may see and do here.
pub(super) fn viewer(machine: &Machine, cgroups: &[CgroupDir]) -> Viewer {
    let status = kernel_text(&machine.proc.join("self/status"))
        .ok()
        .flatten();
    let line = |key: &str| {
        let text = status.as_deref()?;
        text.lines().find_map(|line| line.strip_prefix(key))
    };
    let capabilities = line("CapEff:").and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    let namespace = std::fs::read_link(machine.proc.join("self/ns/pid")).ok();
    let hierarchies = &machine.hierarchies;
    let read_only = cgroups
        .iter()
        .filter_map(|cgroup| hierarchies.at(cgroup.hierarchy))
        .filter(|hierarchy| hierarchy.read_only)
        .map(|hierarchy| hierarchy.mount.clone());
    let pattern = kernel_text(&machine.proc.join("sys/kernel/core_pattern"));
    Viewer {
        root: status.as_ref().map(|_| machine.host.root),
        ptrace: capabilities.map(|set| set >> SYS_PTRACE & 1 == 1),
        host_pids: namespace.map(|namespace| namespace == Path::new(HOST_PIDS)),
        read_only: read_only.collect(),
        core_handler: pattern.ok().flatten().and_then(|pattern| {
            let handler = pattern.strip_prefix('|')?.split_whitespace().next()?;
            Some(crate::text::visible(handler))
        }),
    }
}
