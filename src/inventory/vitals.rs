//! The vital signs of a container's tasks: who of them no signal reaches, is stopped, traced, frozen,
//! or dead and not reaped (proc_pid_stat(5), proc_pid_status(5), signal(7)).
//!
//! Every look reads no more tasks than it is given and goes on from there next time, threads as well
//! as processes. D is a moment's wait for most who are seen in it, so one look says nothing: the same
//! sleep at two looks [`SETTLED`] apart does.

mod task_look;

use std::time::Duration;
use task_look::{Listed, TaskLook, command, own_freezer};

use jiff::Timestamp;

use super::attention::{Frozen, OddTask, Plight, Trouble, Unlooked};
use super::cgroups::CgroupDir;
use super::container::{Condition, Container};
use super::freezers::Freezers;
use super::identity::unreaped;
use super::machine::Machine;
use crate::oci::{Record, Status};
use crate::process::InitProcess;

/// What lasts this long is no moment's matter.
pub const SETTLED: Duration = Duration::from_secs(2);
/// An exit may give back a lot of memory.
const LONG_EXIT: Duration = Duration::from_secs(10);
/// Tasks of one container that are remembered as odd.
const MOST_ODD: usize = 32;
/// The list of tasks is read at one look of this many only, where it says little (the kernel counts
/// one task: that is init, unless somebody moved it) or costs much.
const SELDOM: u32 = 8;
/// A list of more tasks costs much.
const CROWD: u64 = 1000;
/// Cgroups of one container that are looked into.
const MOST_CGROUPS: usize = 64;

/// A moment on both clocks: one that never jumps, one that people read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) uptime: Duration,
    pub(super) wall: Timestamp,
}

/// What is known of the container whose tasks are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskSubject<'a> {
    /// Those of its cgroups that exist.
    pub(super) cgroups: &'a [CgroupDir],
    /// Its live init.
    pub(super) init: Option<InitProcess>,
    /// Its record, where the init that it names is dead.
    pub(super) dead: Option<&'a Record>,
    /// Its own cgroup or one above is frozen or about to be: that is known, and explains its tasks.
    pub(super) frozen: bool,
    /// Tasks as the kernel counts them.
    pub(super) tasks: Option<u64>,
    /// It used no CPU time since the pass before, as far as that is known.
    pub(super) idle: bool,
}

impl<'a> TaskSubject<'a> {
    /// A container with those of its cgroups that exist; `None` where no task can be its own.
    pub(super) fn of(
        container: &'a Container,
        cgroups: &'a [CgroupDir],
        record: Option<&'a Record>,
    ) -> Option<Self> {
        let stopped = container.condition == Condition::Known(Status::Stopped);
        (container.condition.is_alive() || stopped).then(|| Self {
            cgroups: if stopped { &[] } else { cgroups },
            init: container.init,
            dead: record.filter(|_| stopped),
            frozen: container.frozen.is_some() || container.condition == Condition::Freezing,
            tasks: container.usage.pids,
            idle: container.usage.cpu.is_none_or(|percent| percent == 0.0),
        })
    }
}

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    odd: Vec<Odd>,
    dead: Option<Dead>,
    frozen: Option<Frozen>,
    unlooked: Option<Unlooked>,
    /// The last task that was looked at; the next look goes on behind it.
    resume: i32,
    looks: u32,
    /// Something frozen was found since the last look that began with the first task.
    found: bool,
}

/// A task that was not as it should be when it was last looked at.
#[derive(Debug)]
struct Odd {
    who: InitProcess,
    plight: Plight,
    task: OddTask,
    first: Duration,
    /// Context switches when it was first seen like this: none since means that it never ran.
    switches: Option<u64>,
    tracer: Option<i32>,
    sure: bool,
}

/// An init that is dead and not reaped.
#[derive(Debug)]
struct Dead {
    who: InitProcess,
    first: Duration,
    since: Timestamp,
    parent: i32,
    command: Option<String>,
    sure: bool,
}

impl Vitals {
    /// Looks at init, at those that were odd, and at the next `most` of all tasks. Gives back how
    /// many files it took.
    pub(super) fn look(
        &mut self,
        machine: &Machine,
        subject: TaskSubject<'_>,
        now: Now,
        most: usize,
    ) -> usize {
        self.looks = self.looks.wrapping_add(1);
        let mut reads = self.look_at_dead(machine, subject.dead, now);
        let listed = self.next(machine, subject, most);
        reads += listed.reads;
        let known = self.odd.iter().map(|odd| odd.who.pid);
        let mut tasks: Vec<i32> = subject
            .init
            .iter()
            .map(|init| init.pid)
            .chain(known)
            .collect();
        tasks.extend(listed.tasks);
        tasks.sort_unstable();
        tasks.dedup();
        reads += tasks.len();
        let mut look = TaskLook {
            machine,
            freezers: Freezers::new(machine),
            own: own_freezer(subject.cgroups, &machine.hierarchies),
            init: subject.init,
            explained: subject.frozen,
            now,
            idle: subject.idle,
            frozen: listed.frozen.map(Frozen::Below),
            unlooked: listed.unlooked,
        };
        if let Some(init) = listed.strayed.filter(|_| !subject.frozen) {
            look.is_frozen(init, false);
        }
        let before = std::mem::take(&mut self.odd);
        self.odd = tasks
            .into_iter()
            .filter_map(|pid| {
                let before = before.iter().find(|odd| odd.who.pid == pid);
                look.at(pid, before)
            })
            .take(MOST_ODD)
            .collect();
        self.found |= look.frozen.is_some();
        self.frozen = look.frozen.or(self.frozen.take());
        self.unlooked = look.unlooked;
        // A part that was not looked at now may be frozen still: until all were, what was found stands.
        if self.resume == 0 {
            self.frozen = self.frozen.take().filter(|_| self.found);
            self.found = false;
        }
        reads
    }

    /// The next tasks in the order of their numbers.
    fn next(&mut self, machine: &Machine, subject: TaskSubject<'_>, most: usize) -> Listed {
        // Whoever looks only once may want nothing but init.
        if most == 0 {
            return Listed::default();
        }
        let alone = subject.tasks == Some(1) && subject.init.is_some();
        let crowd = subject.tasks.is_some_and(|tasks| tasks > CROWD);
        if (alone || crowd) && !self.looks.is_multiple_of(SELDOM) {
            return Listed {
                unlooked: self.unlooked,
                ..Listed::default()
            };
        }
        let mut listed = Listed::of(machine, subject.cgroups);
        let init = subject.init.map(|init| init.pid);
        listed.strayed = init.filter(|pid| !listed.tasks.contains(pid));
        listed.tasks.retain(|pid| *pid > self.resume);
        let rest = listed.tasks.len() > most;
        listed.tasks.truncate(most);
        self.resume = match listed.tasks.last() {
            Some(last) if rest => *last,
            _ => 0,
        };
        listed
    }

    fn look_at_dead(&mut self, machine: &Machine, dead: Option<&Record>, now: Now) -> usize {
        let before = self.dead.take();
        let Some(record) = dead else {
            return 0;
        };
        let Some((who, stat)) = unreaped(machine, record) else {
            return 1;
        };
        let same = before.filter(|before| before.who == who && before.parent == stat.ppid);
        let mut dead = same.unwrap_or_else(|| Dead {
            who,
            first: now.uptime,
            since: now.wall,
            parent: stat.ppid,
            command: command(machine, stat.ppid),
            sure: false,
        });
        dead.sure |= now.uptime.saturating_sub(dead.first) >= SETTLED;
        self.dead = Some(dead);
        1
    }

    /// Nothing of it is remembered.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether another look will tell more, or whether what was seen has ended.
    pub(super) fn suspects(&self) -> bool {
        !self.odd.is_empty() || self.dead.is_some() || self.frozen.is_some()
    }

    /// Whether it holds something that is not sure yet.
    pub(super) fn is_unsure(&self) -> bool {
        self.odd.iter().any(|odd| !odd.sure) || self.dead.as_ref().is_some_and(|dead| !dead.sure)
    }

    pub(super) fn unlooked(&self) -> Option<Unlooked> {
        self.unlooked
    }

    /// What is sure.
    pub(super) fn troubles(&self, out: &mut Vec<Trouble>) {
        let kinds = [
            Plight::Uninterruptible,
            Plight::Unkilled,
            Plight::Exiting,
            Plight::Traced,
            Plight::Stopped,
        ];
        for plight in kinds {
            let mut of_kind = self
                .odd
                .iter()
                .filter(|odd| odd.sure && odd.plight == plight);
            // Who was sent SIGKILL tells most.
            let first = of_kind
                .clone()
                .min_by_key(|odd| (!odd.task.killed, !odd.task.init, odd.first, odd.who.pid));
            if let Some(first) = first {
                out.push(Trouble::Tasks {
                    plight,
                    task: first.task.clone(),
                    more: of_kind.by_ref().count() - 1,
                    tracer: first.tracer,
                });
            }
        }
        out.extend(
            self.dead
                .iter()
                .filter(|dead| dead.sure)
                .map(|dead| Trouble::Unreaped {
                    pid: dead.who.pid,
                    parent: dead.parent,
                    command: dead.command.clone(),
                    since: dead.since,
                }),
        );
        out.extend(self.frozen.clone().map(Trouble::Frozen));
    }
}

#[cfg(test)]
mod tests;
