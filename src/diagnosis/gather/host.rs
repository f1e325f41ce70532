//! What of the host matters to a container: who holds it, its hooks, mounts, resctrl, and what
//! ocitop itself may see.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::now;
use super::record::Case;
use super::tasks::Crowd;
use crate::diagnosis::evidence::{
    HookSeen, Neighbour, RdtSeen, ResctrlPresence, RuntimeSeen, UnitSeen, Viewer,
};
use crate::inventory::author::Author;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::machine::knows_resctrl;
use crate::inventory::mounts::{self, Mount};
use crate::inventory::{Machine, owners, units};
use crate::kernel::bounded::{Bounded, Unanswered};
use crate::kernel::read::{kernel_record, kernel_text};
use crate::lifecycle::evidence::TeardownEvidence;
use crate::process::ProcStat;

/// How long one file may take.
const WITHIN: Duration = Duration::from_millis(300);
/// How long a look at all resctrl groups may take: several files of each are read.
const SURVEY_WITHIN: Duration = Duration::from_secs(3);
/// The inode of the host's pid namespace (`PROC_PID_INIT_INO`).
const HOST_PIDS: &str = "pid:[4026531836]";
/// `CAP_SYS_PTRACE` (capabilities(7)).
const SYS_PTRACE: u64 = 19;
/// The name the kernel cuts a command to.
const NAME: usize = 15;
/// Programs that run hooks.
const RUNNERS: [&str; 4] = ["runc", "crun", "youki", "ocitop"];
/// What a runtime is told to do to a container (`runc --help`, `crun --help`, `youki --help`).
const VERBS: [&str; 11] = [
    "create",
    "run",
    "start",
    "exec",
    "kill",
    "delete",
    "pause",
    "resume",
    "checkpoint",
    "restore",
    "update",
];

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

/// Reads command lines, each within its bound, and keeps whose did not come.
pub(super) struct CommandLines<'a> {
    machine: &'a Machine,
    bounded: &'a Bounded,
    pub(super) mute: Vec<i32>,
}

impl<'a> CommandLines<'a> {
    pub(super) fn new(machine: &'a Machine, bounded: &'a Bounded) -> Self {
        Self {
            machine,
            bounded,
            mute: Vec::new(),
        }
    }

    /// The words of one; none where it cannot be read.
    fn words(&mut self, pid: i32) -> Vec<Vec<u8>> {
        let file = self.machine.pid_file(pid, "cmdline");
        let read = move || kernel_record(&file).ok();
        let line = self.bounded.ask(WITHIN, read).unwrap_or_else(|_late| {
            self.mute.push(pid);
            None
        });
        let line = line.unwrap_or_default();
        let words = line.split(|byte| *byte == 0);
        words.map(<[u8]>::to_vec).collect()
    }
}

/// The annotation of containerd's CRI that names a container's pod: one shim holds all of it.
const SANDBOX: &str = "io.kubernetes.cri.sandbox-id";

/// The shim or conmon that holds the container: init is its child, or its command line has the id of
/// the container or of its pod.
pub(super) fn supervisor(
    crowd: &Crowd<'_>,
    lines: &mut CommandLines<'_>,
    case: &Case,
) -> Option<Neighbour> {
    let holds = |stat: &ProcStat| {
        let name = String::from_utf8_lossy(&stat.comm);
        (name.starts_with("containerd-shim") || name.starts_with("conmon")) && !stat.is_dead()
    };
    let machine = crowd.machine;
    let parent = crowd.init.and_then(|init| {
        let parent = machine.stat(init.pid).ok().flatten()?.ppid;
        let stat = machine.stat(parent).ok().flatten()?;
        holds(&stat).then_some(parent)
    });
    let record = case.found.entry.record.as_ref().ok();
    let pod = record.and_then(|record| record.annotations.get(SANDBOX));
    let id = case.found.id.as_str();
    let ids: Vec<&str> = pod.map(String::as_str).into_iter().chain([id]).collect();
    // Anybody can start a process of that name with those words.
    let author = case.found.entry.author();
    let mut named = |pid: i32, command: &str| {
        let words = lines.words(pid);
        ids.iter().any(|id| owners::is_told(command, &words, id))
            && Author::of_process(machine, pid) == Some(author)
    };
    let by_words = || {
        let mut all = crowd.on_host(holds).into_iter();
        let found = all.find(|(pid, stat)| named(*pid, &String::from_utf8_lossy(&stat.comm)));
        found.map(|(pid, _)| pid)
    };
    parent
        .or_else(by_words)
        .and_then(|pid| crowd.neighbour(pid))
}

/// Commands of a runtime that were told its id. What a runtime forks for the container's init has
/// the same command line: that one is a process of the container, or has a name of its own.
pub(super) fn runtimes(
    crowd: &Crowd<'_>,
    lines: &mut CommandLines<'_>,
    case: &Case,
) -> Vec<RuntimeSeen> {
    let id = case.found.id.as_str();
    let is_runtime = |stat: &ProcStat| {
        let named = |name: &&str| stat.comm == name.as_bytes();
        RUNNERS.iter().any(named) && !stat.is_dead()
    };
    let mut found = Vec::new();
    for (pid, stat) in crowd.on_host(is_runtime) {
        let words = lines.words(pid);
        let verb = words.iter().skip(1).position(|word| {
            let verb = |verb: &&str| word == verb.as_bytes();
            VERBS.iter().any(verb)
        });
        let Some(verb) = verb.map(|at| at + 1) else {
            continue;
        };
        if is_elsewhere(&words, case.found.entry.key.root()) {
            continue;
        }
        let mut after = words.iter().skip(verb + 1);
        let process = crowd.neighbour(pid).filter(|process| !process.inside);
        if let Some(process) = process.filter(|_| after.any(|word| word == id.as_bytes())) {
            let verb = words.get(verb).map(|verb| crate::text::visible_bytes(verb));
            found.push(RuntimeSeen {
                process,
                verb: verb.unwrap_or_default(),
                time: age(crowd.machine, &stat),
            });
        }
    }
    found
}

/// Whether a command line names another state root: a container there can have the same id.
fn is_elsewhere(words: &[Vec<u8>], root: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let apart = words.windows(2).find_map(|pair| match pair {
        [option, value] if option == b"--root" => Some(value.as_slice()),
        _ => None,
    });
    let joined = || words.iter().find_map(|word| word.strip_prefix(b"--root="));
    let named = apart.or_else(joined).map(std::ffi::OsStr::from_bytes);
    named.is_some_and(|named| Path::new(named) != root)
}

/// How long a process has been there.
fn age(machine: &Machine, stat: &ProcStat) -> Duration {
    let ticks = machine.host.ticks.max(1);
    let started = Duration::from_millis(stat.start_time.saturating_mul(1000) / ticks);
    now().saturating_sub(started)
}

/// The poststop hooks: whether each could be run, and whether it runs.
pub(super) fn hooks(crowd: &Crowd<'_>, lines: &mut CommandLines<'_>, case: &Case) -> Vec<HookSeen> {
    let hooks = case.found.hooks.iter().flat_map(|hooks| &hooks.poststop);
    let mut seen = |path: &Path| {
        let (apart, broken) = match apart(crowd, path) {
            // A look could hang, and one thread left behind each time would soon be too many.
            Some(mount) => (Some(mount), None),
            None => looked_at(lines.bounded, &crowd.machine.on_host(path)),
        };
        HookSeen {
            broken,
            running: running(crowd, lines, path),
            path: path.to_owned(),
            apart,
        }
    };
    hooks.take(16).map(|hook| seen(&hook.path)).collect()
}

/// The mount that a look at a path may hang on.
fn apart(crowd: &Crowd<'_>, path: &Path) -> Option<String> {
    let mount = mounts::behind(path, crowd.mounts)?;
    let point = crate::text::visible_path(&mount.point);
    Some(format!("{point} ({})", crate::text::visible(&mount.kind)))
}

/// Why a program cannot be run, or what keeps that from being known: a link in its path can lead
/// anywhere.
fn looked_at(bounded: &Bounded, path: &Path) -> (Option<String>, Option<String>) {
    let program = path.to_owned();
    match bounded.ask(WITHIN, move || broken(&program)) {
        Ok(broken) => (None, broken),
        Err(Unanswered::Late(_)) => (Some("a file system that does not answer".to_owned()), None),
        Err(Unanswered::NotAsked(why)) => (Some(why.to_string()), None),
    }
}

/// Why a program cannot be run.
fn broken(path: &Path) -> Option<String> {
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
fn running(
    crowd: &Crowd<'_>,
    lines: &mut CommandLines<'_>,
    path: &Path,
) -> Option<(Neighbour, Duration)> {
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
        let mut words = || lines.words(*pid);
        let exe = std::fs::read_link(crowd.machine.pid_file(*pid, "exe"));
        runs && (exe.is_ok_and(|exe| exe.file_name() == path.file_name() || exe == path)
            || words()
                .iter()
                .any(|word| word == path.as_os_str().as_bytes()))
    })?;
    Some((crowd.neighbour(pid)?, age(crowd.machine, &stat)))
}

/// What its manager knows of the scope.
pub(super) fn unit(machine: &Machine, found: &TeardownEvidence) -> Option<UnitSeen> {
    let unit = found.scope.as_ref().filter(|_| machine.systemd)?;
    let state = units::state(machine, unit).ok();
    Some(UnitSeen {
        loaded: state.map(|state| state.loaded),
        active: state.map(|state| state.active),
        name: unit.name.clone(),
    })
}

/// Mounts that keep one of these directories from being removed.
pub(super) fn busy(mounts: &[Mount], dirs: &[PathBuf]) -> Vec<PathBuf> {
    let inside = |mount: &&Mount| dirs.iter().any(|dir| mount.point.starts_with(dir));
    mounts
        .iter()
        .filter(inside)
        .map(|mount| mount.point.clone())
        .collect()
}

/// resctrl, within its bound: it can be emulated by a process. `None` if it does not answer, or if
/// the kernel does not say whether it knows it.
pub(super) fn rdt(machine: &Machine, bounded: &Bounded, case: &Case) -> Option<RdtSeen> {
    let record = case.found.entry.record.as_ref().ok();
    let wanted = record.and_then(|record| record.rdt.group());
    let Some(mount) = machine.find_resctrl() else {
        let filesystems = kernel_text(&machine.proc.join("filesystems"));
        let known = knows_resctrl(&filesystems.ok().flatten()?);
        return Some(RdtSeen {
            wanted,
            mount: if known {
                ResctrlPresence::NotMounted
            } else {
                ResctrlPresence::Absent
            },
            ..RdtSeen::default()
        });
    };
    let groups = [&case.found.mon_group, &case.found.ctrl_group];
    let groups: Vec<PathBuf> = groups.into_iter().flatten().cloned().collect();
    // A name from disk leads nowhere else than below the mount.
    let dir = wanted
        .as_deref()
        .filter(|name| is_plain(name))
        .map(|name| mount.join(name));
    let read = move || {
        let survey = crate::resctrl::survey(&mount).ok();
        let there = dir.map(|dir| dir.is_dir());
        (survey, groups.iter().any(|dir| dir.is_dir()), there)
    };
    let (survey, has_group, there) = bounded.ask(SURVEY_WITHIN, read).ok()?;
    let survey = survey?;
    let pair = |use_: crate::resctrl::InUse| use_.of.map(|of| (use_.used, of));
    Some(RdtSeen {
        wanted,
        there,
        mount: ResctrlPresence::Mounted,
        closids: pair(survey.closids),
        rmids: pair(survey.rmids),
        has_group,
    })
}

/// Whether a text is the name of one file.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(parts.next(), Some(std::path::Component::Normal(part)) if part == name)
        && parts.next().is_none()
}

/// Whether systemd runs the host. Where the mounts are not the host's, that its directory is missing
/// says nothing; the name of pid 1 does.
fn systemd(machine: &Machine) -> Option<bool> {
    if machine.systemd || machine.sight.mounts().is_none() {
        return Some(machine.systemd);
    }
    let first = machine.stat(1).ok().flatten()?;
    let is_hosts = machine.sight.processes().is_none();
    (is_hosts && first.comm != b"systemd").then_some(false)
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
        systemd: systemd(machine),
        host_dir: machine.host_dir.clone(),
        core_handler: pattern.ok().flatten().and_then(|pattern| {
            let handler = pattern.strip_prefix('|')?.split_whitespace().next()?;
            Some(crate::text::visible(handler))
        }),
    }
}
