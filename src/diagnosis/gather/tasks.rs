//! The processes of a container: where each waits, and who stands beside it.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cgroup::Version;
use crate::diagnosis::evidence::{MissingFrom, Neighbour, Task, Wait};
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::freezers::{self, Freezers, FreezersOver};
use crate::inventory::mounts::Mount;
use crate::inventory::processes::{Listing, Process, ProcessPlace, ProcessReader, Source};
use crate::inventory::{Machine, members};
use crate::kernel::read::{kernel_record, kernel_text};
use crate::process::{InitProcess, ProcStat};

/// Most tasks whose place in the kernel is read.
pub(super) const MOST_CLOSEUPS: usize = 24;
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
pub(super) struct Suspect {
    /// Its process.
    pub(super) pid: i32,
    /// Itself: the process, or a thread of it.
    pub(super) task: InitProcess,
    pub(super) state: char,
    pub(super) still: bool,
    pub(super) frozen: bool,
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
    pub(super) fn tasks(
        &self,
        reader: &mut ProcessReader,
        listing: &Listing,
        now: Duration,
    ) -> Vec<Task> {
        let mut suspects = Vec::new();
        let mut freezers = Freezers::new(self.machine);
        let mut over: HashMap<i32, FreezersOver> = HashMap::new();
        let mut room = MOST_THREADS;
        for process in listing.processes().filter(|process| !process.is_zombie()) {
            self.add_suspects(process, &mut freezers, &mut suspects);
            let found = self.over(process, &mut freezers, &mut room);
            over.insert(process.who.pid, found);
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
        let mut tasks = Vec::new();
        for group in &listing.groups {
            for process in &group.processes {
                let waits = seen.remove(&process.who.pid).unwrap_or_default();
                let task = self.task(process, &group.place, waits, namespaces.as_ref());
                let inside = matches!(group.place, ProcessPlace::Own(_) | ProcessPlace::Below(_));
                let lost = inside && !process.exiting && !process.is_zombie();
                let missing_from = if lost {
                    self.missing(process)
                } else {
                    Vec::new()
                };
                tasks.push(Task {
                    missing_from,
                    freezers: over.remove(&process.who.pid).unwrap_or_default(),
                    ..task
                });
            }
        }
        tasks
    }

    fn task(
        &self,
        process: &Process,
        place: &ProcessPlace,
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
            freezers: FreezersOver::default(),
            process: process.clone(),
            place: place.clone(),
            waits,
        }
    }

    /// The hierarchies in which a process is in no cgroup of the container, or in none below.
    fn missing(&self, process: &Process) -> Vec<MissingFrom> {
        let Some(membership) = self.machine.membership(process.who.pid) else {
            return Vec::new();
        };
        let hierarchies = &self.machine.hierarchies;
        let legacy = hierarchies.v1().next().is_some();
        let out = |cgroup: &CgroupDir| {
            let hierarchy = hierarchies.at(cgroup.hierarchy)?;
            let path = membership.path(hierarchy)?;
            // v2 beside v1 is joined by some runtimes and not by others, and limits nothing.
            let counts = hierarchy.version == Version::V1 || !legacy;
            let inside = cgroup.path.contains(&path);
            (!inside && counts).then(|| MissingFrom {
                hierarchy: crate::text::visible(&hierarchy.label()),
                place: crate::text::visible(&path.to_string()),
                limits: !hierarchy.label().starts_with("name="),
            })
        };
        self.cgroups.iter().filter_map(out).collect()
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

    /// The freezers over a process and its threads, as far as there is `room` for threads.
    fn over(
        &self,
        process: &Process,
        freezers: &mut Freezers<'_>,
        room: &mut usize,
    ) -> FreezersOver {
        let pid = process.who.pid;
        let mut over = freezers.over(pid, process.exiting);
        if process.threads > 1 {
            let tids: Vec<i32> = tids(self.machine, pid).take(*room).collect();
            *room -= tids.len();
            over.add(freezers.over_threads(pid, &tids));
            if u64::try_from(tids.len()).unwrap_or(u64::MAX) + 1 < process.threads {
                over.unseen = over.unseen.or(Some(freezers::FreezersUnseen::TooMany));
            }
        }
        over
    }

    fn add_suspects(&self, process: &Process, freezers: &mut Freezers<'_>, out: &mut Vec<Suspect>) {
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
                frozen: process.frozen,
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
                frozen: freezers.over_thread(process.who.pid, tid).holds(),
            });
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
fn tids(machine: &Machine, pid: i32) -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir(machine.pid_file(pid, "task"));
    let tid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let all = entries.into_iter().flatten().flatten().filter_map(tid);
    all.filter(move |tid| *tid != pid)
}

/// The same with what is said of each.
fn threads(machine: &Machine, pid: i32) -> Vec<(i32, ProcStat)> {
    let dir = machine.pid_file(pid, "task");
    let stat = |tid: i32| {
        let bytes = kernel_record(&dir.join(format!("{tid}/stat"))).ok()?;
        Some((tid, ProcStat::parse(&bytes)?))
    };
    tids(machine, pid)
        .take(MOST_THREADS)
        .filter_map(stat)
        .collect()
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
