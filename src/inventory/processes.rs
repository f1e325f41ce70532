//! The processes of one container: what is known of each, as plain data to be shown and judged.
//!
//! Reading ([`ProcessReader`]) and judging are apart: everything here is a function of what was read.
//! Sources: proc_pid_stat(5), proc_pid_status(5), proc_pid_wchan(5), cgroups(7).

mod closeup;
mod gather;
mod reader;
mod slow;

use std::time::Duration;

use crate::kernel::Signal;
use crate::oci::ContainerKey;
use crate::process::InitProcess;
use crate::process::status::SignalSet;
use crate::process::syscall::Syscall;

use super::container::CgroupView;
pub use reader::ProcessReader;

/// Most processes that are read of one container.
pub const MOST: usize = 1024;

/// Whose processes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSubject {
    /// The container.
    pub key: ContainerKey,
    /// Its live init.
    pub init: Option<InitProcess>,
    /// Its cgroups.
    pub cgroups: Vec<CgroupView>,
    /// The process that is looked at closely.
    pub selected: Option<InitProcess>,
}

/// The processes of one container at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Whose.
    pub key: ContainerKey,
    /// The init it was asked with.
    pub init: Option<InitProcess>,
    /// By cgroup, the container's own first; those outside of it last. None is empty.
    pub groups: Vec<ProcessGroup>,
    /// How many more there are than are read.
    pub more: usize,
    /// The one looked at closely.
    pub closeup: Option<Closeup>,
}

/// Where processes were found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProcessPlace {
    /// In the container's own cgroup; holds its path, safe to print.
    Own(String),
    /// In a cgroup below it; holds the path below, safe to print.
    Below(String),
    /// It has no cgroup: init and its descendants.
    Family,
    /// In init's private pid namespace, but not in its cgroup.
    Outside,
}

/// Processes that were found in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessGroup {
    /// Where.
    pub place: ProcessPlace,
    /// Who, by pid.
    pub processes: Vec<Process>,
}

/// How a command was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is the command line.
    Line,
    /// It has no command line: a zombie, a kernel thread. The name in brackets stands for it.
    None,
    /// Not read: it is in D state, or too many reads have not come back.
    Unread,
    /// Its command line is being read and has not come for this long: who holds the lock of its
    /// memory does not let go.
    Silent(Duration),
}

/// One process.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own: any combination is met"
)]
pub struct Process {
    /// Which, beyond doubt.
    pub who: InitProcess,
    /// Its parent.
    pub parent: i32,
    /// Its pid in its own pid namespace, where that is another.
    pub inside: Option<i32>,
    /// Whether it is the container's init.
    pub is_init: bool,
    /// Name of its user, or `#uid`.
    pub user: String,
    /// State letter: R S D T t Z X I P.
    pub state: char,
    /// On its way out (`PF_EXITING`).
    pub exiting: bool,
    /// A kernel thread.
    pub kernel: bool,
    /// Threads.
    pub threads: u64,
    /// Percent of one core since the look before.
    pub cpu: Option<f64>,
    /// CPU time so far, clock ticks.
    pub ticks: u64,
    /// Resident memory, bytes; huge pages count.
    pub resident: Option<u64>,
    /// Age.
    pub age: Duration,
    /// Its command line, or its name in brackets; safe to print.
    pub command: String,
    /// How that was come by.
    pub source: Source,
    /// The kernel function it waits in.
    pub wchan: Option<String>,
    /// Signals sent and not yet taken.
    pub pending: SignalSet,
    /// The process that traces it.
    pub tracer: Option<i32>,
    /// Its cgroup, or one above, is frozen.
    pub frozen: bool,
    /// Where it is, if not in the container's cgroup; safe to print.
    pub elsewhere: Option<String>,
    /// How long it has been in this state, as far as was looked.
    pub held: LastingState,
}

/// A state that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastingState {
    /// Looks in a row at which it was in this state.
    pub looks: u64,
    /// Time between the first and the last of these.
    pub time: Duration,
    /// Context switches between them; none means that it never ran.
    pub switches: Option<u64>,
}

/// What is read of the selected process only.
#[derive(Debug, Clone, PartialEq)]
pub struct Closeup {
    /// Which.
    pub who: InitProcess,
    /// Innermost kernel functions; empty if it runs or they cannot be read.
    pub stack: Vec<String>,
    /// The system call it is in.
    pub syscall: Option<Syscall>,
    /// The file that system call is about; safe to print.
    pub file: Option<String>,
    /// How long its files have not answered, if one does not.
    pub silent: Option<Duration>,
}

impl Process {
    /// Dead, and its parent has not taken note.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X') && self.threads <= 1
    }

    /// Threads that live on after the first one died.
    pub fn orphaned_threads(&self) -> Option<u64> {
        (matches!(self.state, 'Z' | 'X') && self.threads > 1).then(|| self.threads - 1)
    }

    /// In uninterruptible sleep that no freezer explains: signals do not reach it.
    pub fn is_stuck(&self) -> bool {
        self.state == 'D' && !self.frozen
    }

    /// Whether a SIGKILL waits to be taken.
    pub fn kill_pending(&self) -> bool {
        !matches!(self.state, 'Z' | 'X') && self.pending.contains(Signal::KILL)
    }

    /// What is unusual about it, in words.
    pub fn remarks(&self) -> Vec<String> {
        let mut out = Vec::new();
        match self.orphaned_threads() {
            Some(1) => out.push("Z, 1 thread live".to_owned()),
            Some(count) => out.push(format!("Z, {count} threads live")),
            None if self.is_zombie() => out.push("not reaped".to_owned()),
            None if self.exiting => out.push("exiting".to_owned()),
            None => {}
        }
        if let Source::Silent(time) = self.source {
            out.push(format!("not answering for {} s", time.as_secs()));
        }
        if self.frozen {
            out.push("frozen".to_owned());
        }
        out.extend(self.tracer.map(|pid| format!("traced by {pid}")));
        out.extend(self.elsewhere.as_ref().map(|path| format!("(in {path})")));
        out
    }
}

impl Listing {
    /// Every process.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.groups.iter().flat_map(|group| &group.processes)
    }

    /// The process beyond doubt.
    pub fn find(&self, who: InitProcess) -> Option<&Process> {
        self.processes().find(|process| process.who == who)
    }

    /// How many are in this state letter.
    pub fn in_state(&self, state: char) -> usize {
        self.processes()
            .filter(|process| process.state == state)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that sleeps.
    fn process(pid: i32) -> Process {
        Process {
            who: InitProcess {
                pid,
                start_time: 5_000,
            },
            parent: 1,
            inside: None,
            is_init: false,
            user: "root".to_owned(),
            state: 'S',
            exiting: false,
            kernel: false,
            threads: 1,
            cpu: None,
            ticks: 0,
            resident: Some(4096),
            age: Duration::from_mins(1),
            command: "sleep 3000".to_owned(),
            source: Source::Line,
            wchan: None,
            pending: SignalSet::default(),
            tracer: None,
            frozen: false,
            elsewhere: None,
            held: LastingState::default(),
        }
    }

    #[test]
    fn a_dead_leader_with_live_threads_is_no_zombie() {
        let leader = Process {
            state: 'Z',
            threads: 3,
            ..process(7)
        };
        assert!(!leader.is_zombie());
        assert_eq!(leader.remarks(), ["Z, 2 threads live"]);
        let zombie = Process {
            threads: 1,
            ..leader
        };
        assert!(zombie.is_zombie());
        assert_eq!(zombie.remarks(), ["not reaped"]);
    }

    #[test]
    fn frozen_processes_are_not_stuck() {
        let stuck = Process {
            state: 'D',
            ..process(7)
        };
        assert!(stuck.is_stuck());
        let frozen = Process {
            frozen: true,
            ..stuck
        };
        assert!(!frozen.is_stuck());
        assert_eq!(frozen.remarks(), ["frozen"]);
    }
}
