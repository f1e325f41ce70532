//! Reads the processes of a container in two goes: first what cannot hang, for all of them, then
//! what can, each file within its bound.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::gather::{self, FoundProcesses};
use super::slow::{ReadOutcome, Slow};
use super::{
    Closeup, LastingState, Listing, MOST, Process, ProcessGroup, ProcessPlace, ProcessSubject,
    Source, closeup,
};
use crate::inventory::Machine;
use crate::inventory::freezers::Freezers;
use crate::inventory::members;
use crate::inventory::users::Users;
use crate::process::{InitProcess, ProcStat};

/// Between two looks closer than this no CPU time is measured: a tick is too much of it.
const SHORTEST: Duration = Duration::from_millis(200);
/// The command line's file.
const CMDLINE: &str = "cmdline";

/// What is remembered of a process from one look to the next.
#[derive(Debug, Default)]
struct PastProcess {
    /// CPU time in ticks, and when it was read.
    sample: Option<(u64, Duration)>,
    cpu: Option<f64>,
    state: char,
    since: Duration,
    looks: u64,
    switches: Option<u64>,
    /// Its name now. A process that executes another program gets another.
    name: Vec<u8>,
    /// Its command line, once it was read under that name; empty if it has none.
    line: Option<String>,
    seen: bool,
}

impl PastProcess {
    /// Takes a look in: CPU percent since the one before, and how long its state lasts.
    fn look(
        &mut self,
        stat: &ProcStat,
        switches: Option<u64>,
        now: Duration,
        ticks: u64,
    ) -> (Option<f64>, LastingState) {
        self.seen = true;
        if self.name != stat.comm {
            self.name.clone_from(&stat.comm);
            self.line = None;
        }
        match self.sample {
            Some((before, at)) if now.saturating_sub(at) >= SHORTEST => {
                let used = stat.ticks.saturating_sub(before) as f64 / ticks as f64;
                self.cpu = Some(100.0 * used / now.saturating_sub(at).as_secs_f64());
                self.sample = Some((stat.ticks, now));
            }
            Some(_) => {}
            None => self.sample = Some((stat.ticks, now)),
        }
        if self.state != stat.state {
            (self.state, self.since, self.looks, self.switches) = (stat.state, now, 0, switches);
        }
        self.looks += 1;
        let held = LastingState {
            looks: self.looks,
            time: now.saturating_sub(self.since),
            switches: switches.and_then(|count| count.checked_sub(self.switches?)),
        };
        (self.cpu, held)
    }

    /// Its command as far as it is known.
    fn command(&self, stat: &ProcStat) -> (String, Source) {
        let name = crate::text::visible_bytes(&self.name);
        match &self.line {
            _ if stat.is_dead() => (format!("[{name}] <defunct>"), Source::None),
            _ if stat.is_kernel_thread() => (format!("[{name}]"), Source::None),
            None => (format!("[{name}]"), Source::Unread),
            Some(line) if line.is_empty() => (format!("[{name}]"), Source::None),
            Some(line) => (line.clone(), Source::Line),
        }
    }
}

/// The words of a command line, which end in a NUL each, as one line.
fn words(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let line: Vec<u8> = bytes
        .iter()
        .take(end)
        .map(|byte| if *byte == 0 { b' ' } else { *byte })
        .collect();
    crate::text::visible_bytes(&line)
}

/// A thread of the process that is not its first.
fn thread_beside(machine: &Machine, pid: i32) -> Option<i32> {
    let threads = std::fs::read_dir(machine.pid_file(pid, "task")).ok()?;
    let tid = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    threads.flatten().filter_map(tid).find(|tid| *tid != pid)
}

/// Reads processes, and remembers what it takes to tell what changes.
#[derive(Debug)]
pub struct ProcessReader {
    machine: Machine,
    users: Users,
    past: HashMap<InitProcess, PastProcess>,
    slow: Slow,
}

impl ProcessReader {
    /// Of this machine.
    pub fn new(machine: Machine) -> Self {
        Self {
            users: Users::read(&machine),
            machine,
            past: HashMap::new(),
            slow: Slow::default(),
        }
    }

    /// The processes of `subject` by what cannot hang; commands as far as they are known. `now` is
    /// the time since boot (`CLOCK_BOOTTIME`).
    pub fn look(&mut self, subject: &ProcessSubject, now: Duration) -> Listing {
        let found = gather::find(&self.machine, subject);
        for past in self.past.values_mut() {
            past.seen = false;
        }
        let mut left = MOST;
        let mut more = 0;
        let mut groups = Vec::new();
        for (place, pids) in &found.places {
            let mut processes = Vec::new();
            for pid in pids {
                let is_init = subject.init.is_some_and(|init| init.pid == *pid);
                if left == 0 && !is_init {
                    more += 1;
                    continue;
                }
                let read = self.process(*pid, place, &found, now);
                let init = subject.init;
                processes.extend(read.map(|process| Process {
                    is_init: init == Some(process.who),
                    ..process
                }));
                left = left.saturating_sub(1);
            }
            if !processes.is_empty() {
                let place = place.clone();
                groups.push(ProcessGroup { place, processes });
            }
        }
        self.find_frozen(&mut groups);
        self.past.retain(|_, past| past.seen);
        self.slow.forget(|who| !self.past.contains_key(&who));
        Listing {
            key: subject.key.clone(),
            init: subject.init,
            groups,
            more,
            closeup: None,
        }
    }

    /// What sleeps uninterruptibly may be frozen by a cgroup that is not the container's.
    fn find_frozen(&self, groups: &mut [ProcessGroup]) {
        let mut freezers = Freezers::new(&self.machine);
        let processes = groups.iter_mut().flat_map(|group| &mut group.processes);
        for process in processes.filter(|process| process.is_stuck()) {
            process.frozen = freezers.over(process.who.pid, process.exiting).holds();
        }
    }

    /// One process; `None` if it is gone by now.
    fn process(
        &mut self,
        pid: i32,
        place: &ProcessPlace,
        found: &FoundProcesses,
        now: Duration,
    ) -> Option<Process> {
        let machine = &self.machine;
        let stat = match found.stats.get(&pid) {
            Some(stat) => stat.clone(),
            None => machine.stat(pid).ok().flatten()?,
        };
        let status = members::status(machine, pid)?;
        let who = InitProcess {
            pid,
            start_time: stat.start_time,
        };
        let ticks = machine.host.ticks.max(1);
        let past = self.past.entry(who).or_default();
        let (cpu, held) = past.look(&stat, status.switches, now, ticks);
        let (command, source) = past.command(&stat);
        let dead = matches!(stat.state, 'Z' | 'X');
        // The memory of a dead leader is its live threads'.
        let resident = match (dead, stat.threads) {
            (true, ..=1) => Some(0),
            (true, _) => thread_beside(machine, pid).and_then(|tid| {
                let dir = format!("task/{tid}/status");
                let text = crate::kernel::read::kernel_text(&machine.pid_file(pid, &dir));
                crate::process::status::ProcStatus::parse(&text.ok()??).resident
            }),
            (false, _) => status.resident,
        };
        let elsewhere = (*place == ProcessPlace::Outside)
            .then(|| machine.membership(pid))
            .flatten()
            .and_then(|membership| found.elsewhere(machine, &membership));
        let started = Duration::from_millis(who.start_time.saturating_mul(1000) / ticks);
        Some(Process {
            who,
            parent: stat.ppid,
            inside: status.inside(),
            is_init: false,
            user: status
                .uid
                .map_or_else(|| "-".to_owned(), |uid| self.users.name(uid)),
            state: stat.state,
            exiting: stat.is_exiting() && !dead,
            kernel: stat.is_kernel_thread(),
            threads: stat.threads,
            cpu: cpu.filter(|_| !stat.is_dead()),
            ticks: stat.ticks,
            resident,
            age: now.saturating_sub(started),
            command,
            source,
            wchan: None,
            pending: status.pending,
            tracer: Some(status.tracer).filter(|pid| *pid > 0),
            frozen: found.frozen.contains(&pid),
            elsewhere,
            held,
        })
    }

    /// Whether command lines are not known yet: then [`Self::ask`] may take long, and it is
    /// worth showing the listing before.
    pub fn will_wait(&self, listing: &Listing) -> bool {
        let unknown =
            |process: &Process| self.may_ask(process) && !self.slow.hangs(process.who, CMDLINE);
        listing.processes().any(unknown)
    }

    /// Whether the command line of a process is to be read: not while it is in D state, when its
    /// memory may be locked for good.
    fn may_ask(&self, process: &Process) -> bool {
        let known = self.past.get(&process.who);
        let known = known.is_some_and(|past| past.line.is_some());
        !known
            && process.state != 'D'
            && !process.kernel
            && !process.is_zombie()
            && !process.exiting
    }

    /// Adds what may not answer: command lines, where each waits, and what concerns the selected
    /// process alone.
    pub fn ask(&mut self, listing: &mut Listing, subject: &ProcessSubject, now: Duration) {
        let commands: Vec<_> = listing
            .processes()
            .map(|process| self.command(process, now))
            .collect();
        let paths = listing
            .processes()
            .map(|p| self.machine.pid_file(p.who.pid, "wchan"))
            .collect();
        let mut wchans = self.slow.wchans(paths).into_iter();
        let processes = listing.groups.iter_mut().flat_map(|g| &mut g.processes);
        for (process, command) in processes.zip(commands) {
            if let Some((command, source)) = command {
                (process.command, process.source) = (command, source);
            }
            process.wchan = wchans.next().flatten();
        }
        let selected = subject.selected.and_then(|who| listing.find(who));
        let closeup =
            selected.map(|process| closeup::read(&self.machine, &mut self.slow, process, now));
        listing.closeup = closeup;
    }

    /// Where in the kernel tasks are, each a process or a thread of one; with the function it waits
    /// in. Only of those that live.
    pub fn closeups(
        &mut self,
        tasks: &[InitProcess],
        now: Duration,
    ) -> Vec<(Closeup, Option<String>)> {
        let paths = tasks
            .iter()
            .map(|task| self.machine.pid_file(task.pid, "wchan"))
            .collect();
        let mut wchans = self.slow.wchans(paths).into_iter();
        let look = |task: &InitProcess| {
            let closeup = closeup::of(&self.machine, &mut self.slow, *task, now);
            (closeup, wchans.next().flatten())
        };
        tasks.iter().map(look).collect()
    }

    /// The command of a process if it is to be asked for, or was and has not come.
    fn command(&mut self, process: &Process, now: Duration) -> Option<(String, Source)> {
        let who = process.who;
        let answer = if self.slow.hangs(who, CMDLINE) {
            self.slow.hanging(who, CMDLINE, now)?
        } else if self.may_ask(process) {
            let file = self.command_file(process);
            self.slow.read(who, CMDLINE, file, now)
        } else {
            return None;
        };
        match answer {
            ReadOutcome::Bytes(bytes) => {
                let past = self.past.get_mut(&who)?;
                let line = words(&bytes);
                past.line = Some(line.clone());
                Some((line, Source::Line)).filter(|(line, _)| !line.is_empty())
            }
            ReadOutcome::Failed | ReadOutcome::NotAsked => None,
            ReadOutcome::Silent(time) => Some((process.command.clone(), Source::Silent(time))),
        }
    }

    /// A dead leader has no memory of its own any more: a live thread tells.
    fn command_file(&self, process: &Process) -> PathBuf {
        let pid = process.who.pid;
        let thread = process
            .orphaned_threads()
            .and_then(|_| thread_beside(&self.machine, pid));
        match thread {
            Some(tid) => self.machine.pid_file(pid, &format!("task/{tid}/{CMDLINE}")),
            None => self.machine.pid_file(pid, CMDLINE),
        }
    }
}
