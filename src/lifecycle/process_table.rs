//! All processes of the host at one look, also those that are born while it lasts.
//!
//! `/proc` is listed by pids upwards. Who lives all the while is in the list; of a chain of processes,
//! each of which forks one and dies, none may be: the one that is listed is dead when it is read, and its
//! child came to stand behind the place that the list had come to. Pids are given out in order, and the
//! kernel tells the last one (`/proc/loadavg`): the newest are read one by one, again and again, until
//! none was given out meanwhile. The newest first: of a chain it is the one that lives, and by the time
//! that those before it were read it would be dead, each time anew. A pid is given out a moment before
//! its process is to be seen; its parent lives until then, and is the next that is read.
//!
//! On a host where others fork all the time there is no such moment. A chain that slips through once does
//! not slip through as often as they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

use crate::inventory::{Machine, Unread};
use crate::kernel::read::kernel_text;
use crate::process::ProcStat;

/// How long those that were born meanwhile are read at most.
const LIMIT: Duration = Duration::from_secs(2);
/// So often in a row nothing new has to be given out.
const QUIET: usize = 2;
/// Or they are read so often.
const OFTEN: usize = 64;
/// So many that were given out right before are read again too: they may not have been seen yet.
const BEFORE: i32 = 16;
/// Where so many pids were given out, all processes are listed anew.
const FEW: i32 = 20_000;

/// The processes of the host at one look.
pub(super) struct ProcessTable<'a> {
    is_among: &'a dyn Fn(i32) -> bool,
    pub(super) stats: BTreeMap<i32, ProcStat>,
    /// By the pid of their parent.
    pub(super) children: BTreeMap<i32, Vec<i32>>,
    /// Who was found to be what was asked for.
    pub(super) among: BTreeSet<i32>,
    /// What of them could not be seen.
    pub(super) unseen: Option<Unread>,
    /// Processes were born faster than they could be read: more may be there.
    pub(super) is_outrun: bool,
}

impl<'a> ProcessTable<'a> {
    /// Looks once: whoever lives all the while is seen.
    pub(super) fn once(machine: &Machine) -> Self {
        let mut look = Self::blank(&|_| false);
        look.list(machine);
        look
    }

    fn blank(is_among: &'a dyn Fn(i32) -> bool) -> Self {
        Self {
            is_among,
            stats: BTreeMap::new(),
            children: BTreeMap::new(),
            among: BTreeSet::new(),
            unseen: None,
            is_outrun: false,
        }
    }

    /// Looks, and asks this of each process as it is read: by the time that all are, it may be dead, with
    /// a child that nobody asked.
    pub(super) fn at(machine: &Machine, is_among: &'a dyn Fn(i32) -> bool) -> Self {
        let mut look = Self::blank(is_among);
        let mut seen_to = look.newest(machine);
        look.list(machine);
        let start = Instant::now();
        let mut quiet = 0;
        for _ in 0..OFTEN {
            look.is_outrun = start.elapsed() > LIMIT;
            if look.is_outrun {
                break;
            }
            let (Some(before), Some(now)) = (seen_to, look.newest(machine)) else {
                // No kernel: a tree that stands for a machine has nobody that is born.
                return look;
            };
            quiet = if before == now { quiet + 1 } else { 0 };
            if quiet > QUIET {
                return look;
            }
            let newest = before.saturating_sub(BEFORE);
            if newest <= now && now - newest <= FEW {
                let newest_first = (newest.max(0) + 1..=now).rev();
                newest_first.for_each(|pid| look.read_new(machine, pid));
            } else {
                // They began at the lowest again.
                look.list(machine);
            }
            seen_to = Some(now);
        }
        look
    }

    fn list(&mut self, machine: &Machine) {
        let unread = |error: &io::Error| Some(Unread::dir(&machine.proc, error.into()));
        let listed = match std::fs::read_dir(&machine.proc) {
            Ok(listed) => listed,
            Err(error) => {
                self.unseen = unread(&error);
                return;
            }
        };
        for entry in listed {
            match entry {
                Ok(entry) => {
                    let name = entry.file_name();
                    if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
                        self.read(machine, pid);
                    }
                }
                Err(error) => self.unseen = unread(&error),
            }
        }
    }

    fn read(&mut self, machine: &Machine, pid: i32) {
        match machine.stat(pid) {
            Ok(Some(stat)) => {
                let parent = stat.ppid;
                if let Some(before) = self.stats.insert(pid, stat) {
                    let siblings = self.children.entry(before.ppid).or_default();
                    siblings.retain(|child| *child != pid);
                }
                self.children.entry(parent).or_default().push(pid);
                if (self.is_among)(pid) {
                    self.among.insert(pid);
                }
            }
            Ok(None) => {}
            Err(error) => {
                let file = machine.pid_file(pid, "stat");
                self.unseen = Some(Unread::dir(&file, (&error).into()));
            }
        }
    }

    /// A number that was given out: that of a process, or of a thread, which has files of that name too.
    fn read_new(&mut self, machine: &Machine, pid: i32) {
        let status = kernel_text(&machine.pid_file(pid, "status"));
        let status = status.ok().flatten().unwrap_or_default();
        let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
        // One whose status cannot be read is no thread for sure.
        if leader.is_none_or(|leader| leader.trim().parse() == Ok(pid)) {
            self.read(machine, pid);
        }
    }

    /// The number that was given out last; `None` where it is not told.
    fn newest(&mut self, machine: &Machine) -> Option<i32> {
        match machine.newest_pid() {
            Ok(pid) => pid,
            Err(error) => {
                self.unseen = Some(Unread::dir(&machine.proc.join("loadavg"), (&error).into()));
                None
            }
        }
    }
}
