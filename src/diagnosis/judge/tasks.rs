//! What its processes wait for.

use std::collections::BTreeMap;

use super::waits;
use crate::cgroup::freezer::Freezer;
use crate::diagnosis::cause::{TaskCause, ZombieEffect};
use crate::diagnosis::evidence::{Evidence, InitSeen, Neighbour, Task};
use crate::diagnosis::finding::find;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::wait_kind::WaitKind;
use crate::diagnosis::{Finding, Futile, Remedy, Weight, words};
use crate::inventory::processes::{ProcessPlace, Source};
use crate::kernel::Signal;

/// `SIGCONT` and `SIGCHLD` (signal(7)).
const CONT: Signal = Signal(18);
const CHLD: Signal = Signal(17);
/// Most pids that a cause names.
pub(super) const NAMED: usize = 8;

pub(super) fn judge(evidence: &Evidence, out: &mut Vec<Finding>) {
    let freezing = evidence
        .cgroups
        .iter()
        .any(|cgroup| cgroup.freezer == Some(Freezer::Freezing));
    for task in &evidence.tasks {
        traced(task, out);
        stuck(evidence, task, freezing, out);
        exiting(evidence, task, out);
        belonging(task, out);
    }
    stopped(evidence, out);
    zombie_init(evidence, out);
    zombies(evidence, out);
    outside(evidence, out);
}

/// A signal to the process if it is one that a job may signal.
pub(super) fn signal(task: &Task, signal: Signal) -> Remedy {
    Remedy::Signal {
        process: task.process.who,
        signal,
    }
}

/// A signal to another process. Never to pid 1: the host hangs on it.
fn signal_other(neighbour: &Neighbour, signal: Signal) -> Option<Remedy> {
    if neighbour.who.pid <= 1 {
        return None;
    }
    Some(if neighbour.inside {
        Remedy::Signal {
            process: neighbour.who,
            signal,
        }
    } else {
        Remedy::SignalOther {
            pid: neighbour.who.pid,
            name: neighbour.name.clone(),
            signal,
        }
    })
}

fn traced(task: &Task, out: &mut Vec<Finding>) {
    let process = &task.process;
    let Some(tracer) = process
        .tracer
        .filter(|_| matches!(process.state, 't' | 'T'))
    else {
        return;
    };
    let at_exit = task
        .waits
        .iter()
        .any(|wait| wait.kind == WaitKind::ExitTracer);
    let held = at_exit || process.kill_pending();
    let pid = process.who.pid;
    let end = task
        .tracer
        .iter()
        .filter_map(|tracer| signal_other(tracer, Signal::KILL));
    let finding = if held {
        find(Weight::Blocks, TaskCause::HeldAtExit { pid, tracer })
            .by(end)
            .not_by(process.kill_pending().then_some(Futile::Kill))
    } else {
        find(Weight::Blocks, TaskCause::Traced { pid, tracer })
            .by([Remedy::ForceDelete])
            .by(end)
    };
    out.push(finding.seen(words::of_task(task)));
}

/// In uninterruptible sleep, or about to be.
fn stuck(evidence: &Evidence, task: &Task, freezing: bool, out: &mut Vec<Finding>) {
    let process = &task.process;
    if task.dumping {
        let handler = evidence.viewer.core_handler.clone();
        let pid = process.who.pid;
        out.push(
            find(Weight::Blocks, TaskCause::CoreDump { pid, handler })
                .seen(words::of_task(task))
                .by([Advice::EndDump.into()]),
        );
    }
    if process.frozen {
        return;
    }
    let mut said: Vec<WaitKind> = Vec::new();
    for wait in task.waits.iter().filter(|wait| wait.still && !wait.frozen) {
        let asleep = wait.state == 'D' || (wait.state == 'S' && wait.kind == WaitKind::Fuse);
        // While a freeze is under way, what is frozen already sleeps in D where it slept before.
        let frozen = freezing && matches!(wait.kind, WaitKind::Other | WaitKind::Freezer);
        if !asleep || frozen || said.contains(&wait.kind) || task.dumping {
            continue;
        }
        if let Some(finding) = waits::judge(evidence, task, wait) {
            said.push(wait.kind);
            let lines = words::of_task(task).into_iter().chain(words::of_wait(wait));
            out.push(finding.seen(lines));
        }
    }
    if matches!(process.source, Source::Silent(_)) {
        let pid = process.who.pid;
        out.push(find(Weight::Hampers, TaskCause::MemoryLocked { pid }).seen(words::of_task(task)));
    }
}

/// On its way out, and not getting there.
fn exiting(evidence: &Evidence, task: &Task, out: &mut Vec<Finding>) {
    let process = &task.process;
    let pid = process.who.pid;
    let has = |kind| task.waits.iter().any(|wait| wait.kind == kind);
    if has(WaitKind::Namespace) {
        let others = || {
            evidence
                .tasks
                .iter()
                .filter(|other| other.process.who.pid != pid)
        };
        let in_d = others().find(|other| other.process.is_stuck());
        let zombie = others().find(|other| {
            other.process.is_zombie() && other.parent.as_ref().is_some_and(|parent| !parent.inside)
        });
        let culprit = in_d
            .or(zombie)
            .or_else(|| others().find(|other| !other.process.is_zombie()));
        let parent = zombie
            .filter(|_| in_d.is_none())
            .and_then(|zombie| zombie.parent.as_ref());
        let cause = TaskCause::NamespaceWaits {
            pid,
            waits_for: culprit.map(|other| other.process.who.pid),
            parent: parent.map(|parent| parent.who.pid),
        };
        out.push(
            find(Weight::Blocks, cause)
                .seen(words::of_task(task))
                .seen(culprit.map(words::of_task).into_iter().flatten())
                .by(parent.and_then(|parent| signal_other(parent, Signal::KILL))),
        );
    } else if has(WaitKind::IoUring) {
        out.push(find(Weight::Blocks, TaskCause::IoUring { pid }).seen(words::of_task(task)));
    } else if has(WaitKind::Unmapping) && process.exiting && process.state != 'D' {
        let resident = process.resident;
        out.push(
            find(Weight::Hampers, TaskCause::LongExit { pid, resident }).seen(words::of_task(task)),
        );
    }
    if let Some(threads) = process.orphaned_threads() {
        out.push(
            find(Weight::Hampers, TaskCause::DeadLeader { pid, threads })
                .seen(words::of_task(task))
                .by([signal(task, Signal::KILL)]),
        );
    }
}

/// In its cgroup and not its own.
fn belonging(task: &Task, out: &mut Vec<Finding>) {
    let process = &task.process;
    let pid = process.who.pid;
    if process.kernel {
        let name = process.command.clone();
        out.push(
            find(Weight::Blocks, TaskCause::KernelThread { pid, name })
                .by([Advice::EndOwner.into()]),
        );
        return;
    }
    let cgroup = match &task.place {
        ProcessPlace::Own(path) | ProcessPlace::Below(path) => path.clone(),
        ProcessPlace::Family | ProcessPlace::Outside => return,
    };
    if task.of_host && !process.is_init {
        out.push(
            find(Weight::Hampers, TaskCause::HostProcess { pid, cgroup })
                .seen(words::of_task(task))
                .by([Advice::MoveOut(pid).into()]),
        );
    }
}

fn stopped(evidence: &Evidence, out: &mut Vec<Finding>) {
    let stopped: Vec<&Task> = evidence
        .tasks
        .iter()
        .filter(|task| task.process.state == 'T' && task.process.tracer.is_none())
        .collect();
    let Some(first) = stopped.first() else {
        return;
    };
    let pids = stopped
        .iter()
        .map(|task| task.process.who.pid)
        .take(NAMED)
        .collect();
    out.push(
        find(Weight::Blocks, TaskCause::StoppedBySignal { pids })
            .seen(stopped.iter().take(3).flat_map(|task| words::of_task(task)))
            .by([signal(first, CONT), Remedy::ForceDelete])
            .not_by([Futile::Terminate]),
    );
}

fn zombie_init(evidence: &Evidence, out: &mut Vec<Finding>) {
    if let InitSeen::Zombie(init, parent) = &evidence.init {
        let tracer = evidence.tasks.iter().find(|task| task.process.who == *init);
        let tracer = tracer.and_then(|task| task.process.tracer);
        let cause = TaskCause::ZombieInit {
            pid: init.pid,
            parent: parent.as_ref().map(|parent| parent.who.pid),
            tracer,
        };
        let parent = parent.as_ref();
        // pid 1 reaps in its own time: a delete does not wait for that.
        let by_host = parent.is_some_and(|parent| parent.who.pid == 1) && tracer.is_none();
        let weight = if by_host {
            Weight::Note
        } else {
            Weight::Hampers
        };
        out.push(
            find(weight, cause)
                .seen(parent.map(words::of_neighbour))
                .not_by([Futile::Signal])
                .by([Remedy::Delete])
                .by(parent.and_then(|parent| signal_other(parent, CHLD)))
                .by(parent.and_then(|parent| signal_other(parent, Signal::KILL))),
        );
    }
}

fn zombies(evidence: &Evidence, out: &mut Vec<Finding>) {
    let mut by_parent: BTreeMap<i32, Vec<&Task>> = BTreeMap::new();
    for task in evidence
        .tasks
        .iter()
        .filter(|task| task.process.is_zombie())
    {
        if !matches!(&evidence.init, InitSeen::Zombie(init, _) if *init == task.process.who) {
            by_parent.entry(task.process.parent).or_default().push(task);
        }
    }
    for (parent, dead) in by_parent {
        let hold = hold(evidence, &dead);
        let cause = TaskCause::Zombies {
            pids: dead
                .iter()
                .map(|task| task.process.who.pid)
                .take(NAMED)
                .collect(),
            count: dead.len(),
            parent,
            hold,
        };
        let neighbour = dead.iter().find_map(|task| task.parent.as_ref());
        let reap = neighbour.and_then(|parent| signal_other(parent, CHLD));
        let (weight, end) = match hold {
            ZombieEffect::Init(_) => (
                Weight::Blocks,
                neighbour.and_then(|parent| signal_other(parent, Signal::KILL)),
            ),
            ZombieEffect::Pids | ZombieEffect::InitLater => (Weight::Note, None),
        };
        out.push(
            find(weight, cause)
                .seen(neighbour.map(words::of_neighbour))
                .by(end)
                .by(reap),
        );
    }
}

/// What these dead children of one process do.
fn hold(evidence: &Evidence, dead: &[&Task]) -> ZombieEffect {
    let adrift = |task: &&&Task| {
        let parent = task.parent.as_ref();
        task.place == ProcessPlace::Outside && parent.is_some_and(|parent| !parent.inside)
    };
    if dead.iter().find(adrift).is_none() {
        return ZombieEffect::Pids;
    }
    let waits = |task: &&Task| {
        task.waits
            .iter()
            .any(|wait| wait.kind == WaitKind::Namespace)
    };
    let init = evidence.tasks.iter().find(waits);
    init.map_or(ZombieEffect::InitLater, |init| {
        ZombieEffect::Init(init.process.who.pid)
    })
}

fn outside(evidence: &Evidence, out: &mut Vec<Finding>) {
    let first_lines = |tasks: &[&Task]| -> Vec<String> {
        let some = tasks.iter().take(3);
        some.flat_map(|task| words::of_task(task)).collect()
    };
    let pids = |tasks: &[&Task]| -> Vec<i32> {
        let some = tasks.iter().take(NAMED);
        some.map(|task| task.process.who.pid).collect()
    };
    let partly = evidence.tasks.iter();
    let partly: Vec<&Task> = partly
        .filter(|task| !task.missing_from.is_empty())
        .collect();
    if let Some(first) = partly.first() {
        let limits = first.missing_from.iter().any(|from| from.limits);
        let mut places: Vec<String> = first
            .missing_from
            .iter()
            .map(|it| it.place.clone())
            .collect();
        places.sort();
        places.dedup();
        let cause = TaskCause::PartlyOutside {
            pids: pids(&partly),
            hierarchies: first
                .missing_from
                .iter()
                .map(|it| it.hierarchy.clone())
                .collect(),
            places,
            limits,
        };
        let weight = if limits { Weight::Ails } else { Weight::Note };
        out.push(find(weight, cause).seen(first_lines(&partly)));
    }
    let all = evidence.tasks.iter();
    let outside: Vec<&Task> = all
        .filter(|task| task.place == ProcessPlace::Outside && !task.process.is_zombie())
        .collect();
    if outside.is_empty() || evidence.record.cgroup_disabled {
        return;
    }
    let cause = TaskCause::Outside {
        pids: pids(&outside),
        cgroup: outside
            .iter()
            .find_map(|task| task.process.elsewhere.clone()),
    };
    // A tool of an operator that entered its namespaces is one thing, the container itself another.
    let weight = if outside.iter().any(|task| task.process.is_init) {
        Weight::Ails
    } else {
        Weight::Note
    };
    out.push(find(weight, cause).seen(first_lines(&outside)));
}
