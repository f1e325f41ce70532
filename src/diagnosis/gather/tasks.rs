//! The processes of a container: where each waits, and who stands beside it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host;
use crate::diagnosis::evidence::{MountSeen, Neighbour, Task, Wait};
use crate::diagnosis::nature::Nature;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::identity::is_member;
use crate::inventory::mounts::{self, Mount};
use crate::inventory::processes::{Closeup, Listing, Place, Process, Reader, Source};
use crate::inventory::{Machine, members};
use crate::kernel::read::{kernel_file, kernel_record, kernel_text};
use crate::process::syscall::Syscall;
use crate::process::{InitProcess, ProcStat};

/// Most tasks whose place in the kernel is read.
const MOST_CLOSEUPS: usize = 24;
/// Most open files of one process that are looked at.
const MOST_FILES: usize = 256;
/// Most threads of all processes that are looked at.
const MOST_THREADS: usize = 2048;

/// The processes of the container among all others.
pub(super) struct Crowd<'a> {
    pub(super) machine: &'a Machine,
    pub(super) mounts: &'a [Mount],
    pub(super) pids: &'a BTreeSet<i32>,
    pub(super) init: Option<InitProcess>,
    pub(super) cgroups: &'a [CgroupDir],
    /// Context switches of threads at the look before.
    pub(super) threads: &'a HashMap<i32, u64>,
}

/// A task that is worth a look.
struct Suspect {
    /// Its process.
    pid: i32,
    /// Itself: the process, or a thread of it.
    task: InitProcess,
    state: char,
    still: bool,
}

impl Crowd<'_> {
    /// The process `pid`, if it is there.
    pub(super) fn neighbour(&self, pid: i32) -> Option<Neighbour> {
        if pid < 1 {
            return None;
        }
        let stat = self.machine.stat(pid).ok().flatten()?;
        Some(Neighbour {
            who: InitProcess {
                pid,
                start_time: stat.start_time,
            },
            name: crate::text::visible_bytes(&stat.comm),
            state: stat.state,
            inside: self.pids.contains(&pid),
        })
    }

    /// Every process of the listing, with what matters of those that matter.
    pub(super) fn tasks(&self, reader: &mut Reader, listing: &Listing, now: Duration) -> Vec<Task> {
        let mut suspects = Vec::new();
        for process in listing.processes() {
            self.add_suspects(process, &mut suspects);
        }
        // Those that hold most up first: there may be more than are read.
        suspects.sort_by_key(|suspect| (suspect.state != 'D', !suspect.still));
        suspects.truncate(MOST_CLOSEUPS);
        let wanted: Vec<InitProcess> = suspects.iter().map(|suspect| suspect.task).collect();
        let mut seen: HashMap<i32, Vec<Wait>> = HashMap::new();
        for (suspect, (closeup, wchan)) in suspects.iter().zip(reader.closeups(&wanted, now)) {
            let wait = self.wait(suspect, closeup, wchan);
            seen.entry(suspect.pid).or_default().push(wait);
        }
        let namespaces = self.host_namespaces();
        let homes = self.homes();
        let mut tasks = Vec::new();
        for group in &listing.groups {
            for process in &group.processes {
                let waits = seen.remove(&process.who.pid).unwrap_or_default();
                let task = self.task(process, &group.place, waits, namespaces.as_ref());
                let inside = matches!(group.place, Place::Own(_) | Place::Below(_));
                let lost = inside && !process.exiting && !process.is_zombie();
                let missing_from = if lost {
                    self.missing(process, &homes)
                } else {
                    Vec::new()
                };
                tasks.push(Task {
                    missing_from,
                    ..task
                });
            }
        }
        tasks
    }

    fn task(
        &self,
        process: &Process,
        place: &Place,
        waits: Vec<Wait>,
        host: Option<&(PathBuf, PathBuf)>,
    ) -> Task {
        let pid = process.who.pid;
        let stat = self.machine.stat(pid).ok().flatten();
        let stands_out = process.is_zombie() || process.state == 'Z';
        Task {
            of_host: host.is_some_and(|host| self.namespaces(pid).as_ref() == Some(host)),
            missing_from: Vec::new(),
            not_executed: stat.as_ref().is_some_and(ProcStat::has_not_executed),
            dumping: members::status(self.machine, pid).is_some_and(|status| status.dumping),
            parent: stands_out.then(|| self.neighbour(process.parent)).flatten(),
            tracer: process.tracer.and_then(|pid| self.neighbour(pid)),
            process: process.clone(),
            place: place.clone(),
            waits,
        }
    }

    /// The cgroups of the container in which its init is.
    fn homes(&self) -> Vec<&CgroupDir> {
        let membership = self.init.and_then(|init| self.machine.membership(init.pid));
        let Some(membership) = membership else {
            return Vec::new();
        };
        let is_in = |cgroup: &&CgroupDir| {
            is_member(self.machine, &membership, std::slice::from_ref(*cgroup))
        };
        self.cgroups.iter().filter(is_in).collect()
    }

    /// The hierarchies in which a process is not where init is.
    fn missing(&self, process: &Process, homes: &[&CgroupDir]) -> Vec<String> {
        let Some(membership) = self.machine.membership(process.who.pid) else {
            return Vec::new();
        };
        let is_out = |cgroup: &&&CgroupDir| {
            !is_member(self.machine, &membership, std::slice::from_ref(**cgroup))
        };
        let label = |cgroup: &&CgroupDir| cgroup.view(&self.machine.hierarchies).hierarchy;
        homes.iter().filter(is_out).map(label).collect()
    }

    fn namespaces(&self, pid: i32) -> Option<(PathBuf, PathBuf)> {
        self.namespaces_of(&pid.to_string())
    }

    fn namespaces_of(&self, pid: &str) -> Option<(PathBuf, PathBuf)> {
        let dir = self.machine.proc.join(pid).join("ns");
        let link = |name: &str| std::fs::read_link(dir.join(name)).ok();
        link("mnt").zip(link("pid"))
    }

    /// The host's mount and pid namespaces, unless the container's init is in that mount namespace
    /// too: then they tell nothing.
    fn host_namespaces(&self) -> Option<(PathBuf, PathBuf)> {
        // Those of pid 1 can be hidden even from root; ocitop's own serve as well then.
        let host = self.namespaces(1).or_else(|| self.namespaces_of("self"))?;
        let init = self.namespaces(self.init?.pid)?;
        (init.0 != host.0).then_some(host)
    }

    fn add_suspects(&self, process: &Process, out: &mut Vec<Suspect>) {
        let still = process.held.looks > 1 && process.held.switches == Some(0);
        let odd = matches!(process.state, 'D' | 't' | 'T')
            || process.exiting
            || process.kill_pending()
            || matches!(process.source, Source::Silent(_));
        // Where a signal would turn the sleep into D: a wait for who answers for a file system.
        let waits = still && process.wchan.as_deref() == Some("request_wait_answer");
        if (odd || waits) && !process.is_zombie() && !matches!(process.state, 'Z' | 'X') {
            out.push(Suspect {
                pid: process.who.pid,
                task: process.who,
                state: process.state,
                still,
            });
        }
        if process.threads < 2 {
            return;
        }
        let found = threads(self.machine, process.who.pid);
        for (tid, stat) in found.into_iter().filter(|(_, stat)| stat.state == 'D') {
            let switches = thread_switches(self.machine, process.who.pid, tid);
            let before = self.threads.get(&tid).copied();
            out.push(Suspect {
                pid: process.who.pid,
                task: InitProcess {
                    pid: tid,
                    start_time: stat.start_time,
                },
                state: stat.state,
                still: switches.is_some() && switches == before,
            });
        }
    }

    fn wait(&self, suspect: &Suspect, closeup: Closeup, wchan: Option<String>) -> Wait {
        let nature = Nature::of(wchan.as_deref(), &closeup.stack);
        let mount = self.mount_of(suspect, &closeup, nature);
        // A page of a file is waited for in the same functions, whatever is behind the file.
        let nature = match (&mount, nature) {
            (Some(mount), Nature::Block | Nature::Other) if mount.fuse => Nature::Fuse,
            (Some(mount), Nature::Block | Nature::Other) if mount.remote => Nature::Network,
            _ => nature,
        };
        Wait {
            tid: suspect.task.pid,
            state: suspect.state,
            still: suspect.still,
            wchan,
            closeup,
            mount,
            nature,
        }
    }

    /// The mount behind a wait: that of the file the system call is about, or else the only one it
    /// can be.
    fn mount_of(&self, suspect: &Suspect, closeup: &Closeup, nature: Nature) -> Option<MountSeen> {
        let pid = suspect.pid;
        let theirs = self.mounts_of(pid);
        let task = suspect.task.pid;
        let of_file = closeup
            .syscall
            .and_then(Syscall::descriptor)
            .and_then(|fd| self.mount_id(task, fd))
            .and_then(|id| theirs.iter().find(|mount| mount.id == id));
        let found = of_file.cloned().or_else(|| match nature {
            Nature::Fuse | Nature::Block | Nature::Other | Nature::MemoryLock => self
                .only(&theirs, Mount::is_fuse, nature == Nature::Fuse)
                .or_else(|| self.open_remote(pid, &theirs)),
            Nature::Network => self.only(&theirs, |mount| mount.remote && !mount.is_fuse(), true),
            _ => None,
        });
        found.map(|mount| self.mount_seen(&mount))
    }

    /// The mounts of a process. One that is exiting has none any more: those of its init stand for
    /// them, or else ocitop's.
    fn mounts_of(&self, pid: i32) -> Vec<Mount> {
        let read = |pid: i32| {
            let bytes = kernel_file(&self.machine.pid_file(pid, "mountinfo")).ok()?;
            Some(mounts::mounts(&bytes)).filter(|mounts| !mounts.is_empty())
        };
        let siblings = || {
            self.init
                .into_iter()
                .map(|init| init.pid)
                .chain(self.pids.iter().copied())
        };
        read(pid)
            .or_else(|| siblings().take(MOST_CLOSEUPS).find_map(read))
            .unwrap_or_else(|| self.mounts.to_vec())
    }

    fn mount_id(&self, task: i32, fd: i32) -> Option<u64> {
        let file = self.machine.pid_file(task, "fdinfo").join(fd.to_string());
        let text = kernel_text(&file).ok().flatten()?;
        let line = text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?;
        line.trim().parse().ok()
    }

    /// The one mount of this kind on which requests wait; without a word of fusectl, the one there
    /// is. Where `sure` is not given, only a word of fusectl will do.
    fn only(&self, theirs: &[Mount], kind: impl Fn(&Mount) -> bool, sure: bool) -> Option<Mount> {
        let mut devices = HashSet::new();
        let mut all: Vec<&Mount> = theirs.iter().filter(|mount| kind(mount)).collect();
        all.retain(|mount| devices.insert(mount.device));
        let waiting = |mount: &&Mount| {
            let waiting = host::fuse_waiting(self.machine, mount.device.1);
            waiting.is_some_and(|count| count > 0)
        };
        let mut busy = all.iter().filter(|mount| waiting(mount));
        match (busy.next(), busy.next(), all.as_slice()) {
            (Some(one), None, _) => Some((*one).clone()),
            (None, _, [one]) if sure => Some((*one).clone()),
            _ => None,
        }
    }

    /// The remote mount on which the process has files open, if that is one.
    fn open_remote(&self, pid: i32, theirs: &[Mount]) -> Option<Mount> {
        let dir = std::fs::read_dir(self.machine.pid_file(pid, "fd")).ok()?;
        let fd = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
        let ids: HashSet<u64> = dir
            .flatten()
            .filter_map(fd)
            .take(MOST_FILES)
            .filter_map(|fd| self.mount_id(pid, fd))
            .collect();
        let mut found = theirs
            .iter()
            .filter(|mount| mount.remote && ids.contains(&mount.id));
        let first = found.next()?;
        found
            .all(|other| other.device == first.device)
            .then(|| first.clone())
    }

    fn mount_seen(&self, mount: &Mount) -> MountSeen {
        let here = self.mounts.iter().find(|here| here.device == mount.device);
        MountSeen {
            kind: crate::text::visible(&mount.kind),
            source: crate::text::visible(&mount.source),
            point: mount.point.clone(),
            here: here.map(|here| here.point.clone()),
            device: mount.device,
            fuse: mount.is_fuse(),
            remote: mount.remote,
            waiting: mount
                .is_fuse()
                .then(|| host::fuse_waiting(self.machine, mount.device.1))
                .flatten(),
        }
    }

    /// The names of processes of the whole host that pass, with their pids.
    pub(super) fn on_host(&self, wanted: impl Fn(&ProcStat) -> bool) -> Vec<(i32, ProcStat)> {
        let entries = std::fs::read_dir(&self.machine.proc).into_iter().flatten();
        let pid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
        let pids = entries.flatten().filter_map(pid).filter(|pid| *pid > 1);
        let stat = |pid: i32| Some((pid, self.machine.stat(pid).ok().flatten()?));
        pids.filter_map(stat)
            .filter(|(_, stat)| wanted(stat))
            .collect()
    }
}

/// The threads of a process but the first.
fn threads(machine: &Machine, pid: i32) -> Vec<(i32, ProcStat)> {
    let dir = machine.pid_file(pid, "task");
    let tid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    let others = entries.filter_map(tid).filter(|tid| *tid != pid);
    let stat = |tid: i32| {
        let bytes = kernel_record(&dir.join(format!("{tid}/stat"))).ok()?;
        Some((tid, ProcStat::parse(&bytes)?))
    };
    others.take(MOST_THREADS).filter_map(stat).collect()
}

fn thread_switches(machine: &Machine, pid: i32, tid: i32) -> Option<u64> {
    let file: &Path = &machine.pid_file(pid, &format!("task/{tid}/status"));
    let text = kernel_text(file).ok().flatten()?;
    crate::process::status::ProcStatus::parse(&text).switches
}

/// Context switches of the threads in D, to be compared with later.
pub(super) fn switches(machine: &Machine, listing: &Listing) -> HashMap<i32, u64> {
    let mut out = HashMap::new();
    for process in listing.processes().filter(|process| process.threads > 1) {
        let pid = process.who.pid;
        let found = threads(machine, pid);
        let stuck = found.into_iter().filter(|(_, stat)| stat.state == 'D');
        let count = |(tid, _): (i32, ProcStat)| Some((tid, thread_switches(machine, pid, tid)?));
        out.extend(stuck.filter_map(count));
        if out.len() > MOST_THREADS {
            break;
        }
    }
    out
}
