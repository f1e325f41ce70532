//! What it means that a task waits where it does.

use super::tasks;
use crate::diagnosis::cause::TaskCause;
use crate::diagnosis::evidence::{Evidence, MountSeen, Task, Wait};
use crate::diagnosis::finding::find;
use crate::diagnosis::remedy::Advice;
use crate::diagnosis::wait_kind::WaitKind;
use crate::diagnosis::{Finding, Futile, Remedy, Weight};
use crate::kernel::Signal;

/// `None` for what is judged elsewhere: by the cgroup, or by what the task is.
pub(super) fn judge(evidence: &Evidence, task: &Task, wait: &Wait) -> Option<Finding> {
    let pid = task.process.who.pid;
    let mount = wait.mount.as_ref();
    // Whether a SIGKILL would end a wait is known only once it has not.
    let deaf = wait.state == 'D' && task.process.kill_pending() && wait.kind.holds();
    let known = !matches!(
        wait.kind,
        WaitKind::MemoryLock | WaitKind::Unmapping | WaitKind::Other
    );
    let weight = match wait.state {
        'D' if known || deaf => Weight::Blocks,
        'D' => Weight::Ails,
        // A signal still reaches it, and turns the wait into one that no signal reaches.
        _ => Weight::Hampers,
    };
    let cause = cause(task, wait)?;
    let finding = match wait.kind {
        WaitKind::Fuse => find(weight, cause).by(mount.map_or_else(no_mount, |m| fuse(m, pid))),
        WaitKind::Network => {
            find(weight, cause).by(mount.map_or_else(no_mount, |m| network(m, pid)))
        }
        WaitKind::FrozenFilesystem => {
            let known = mount.map(|mount| Remedy::Unfreeze {
                mount: mount.here.clone().unwrap_or_else(|| mount.point.clone()),
            });
            find(weight, cause).by([known.unwrap_or(Advice::FindFrozen.into())])
        }
        WaitKind::Block => find(weight, cause).by([Advice::RestoreDevice.into()]),
        WaitKind::CgroupLock => find(weight, cause).by([Advice::FreeLock.into()]),
        WaitKind::Vfork => vfork(evidence, pid),
        WaitKind::Faulted => find(weight, cause).by([Advice::Reboot.into()]),
        WaitKind::Oom
        | WaitKind::MemoryHigh
        | WaitKind::Freezer
        | WaitKind::Namespace
        | WaitKind::ExitTracer
        | WaitKind::CoreDump
        | WaitKind::IoUring
        | WaitKind::MemoryLock
        | WaitKind::Unmapping
        | WaitKind::Other => find(weight, cause).by([Advice::Watch.into()]),
    };
    let lazy = mount.is_some_and(|mount| mount.fuse);
    Some(
        finding
            .not_by(deaf.then_some(Futile::Kill))
            .not_by((deaf && lazy).then_some(Futile::LazyUnmount)),
    )
}

fn cause(task: &Task, wait: &Wait) -> Option<TaskCause> {
    let pid = task.process.who.pid;
    let seen = wait.mount.as_ref();
    let mount = seen.map(|mount| mount.point.clone());
    Some(match wait.kind {
        WaitKind::Fuse => TaskCause::Fuse {
            pid,
            tid: wait.tid,
            connection: seen.filter(|seen| seen.fuse).map(|seen| seen.device.1),
            mount,
            exiting: task.process.exiting,
        },
        WaitKind::Network => TaskCause::Network {
            pid,
            kind: seen.map(|seen| seen.kind.clone()),
            source: seen.map(|seen| seen.source.clone()),
            mount,
        },
        WaitKind::FrozenFilesystem => TaskCause::FrozenFilesystem { pid, mount },
        WaitKind::Block => TaskCause::BlockDevice {
            pid,
            device: seen.map(|seen| seen.device),
            mount,
        },
        WaitKind::CgroupLock => TaskCause::CgroupLock { pid },
        WaitKind::Vfork => TaskCause::Vfork { pid, child: None },
        WaitKind::Faulted => TaskCause::Faulted { pid },
        WaitKind::MemoryLock | WaitKind::Unmapping | WaitKind::Other => {
            TaskCause::Uninterruptible {
                pid,
                tid: wait.tid,
                wchan: wait.wchan.clone(),
            }
        }
        WaitKind::Oom
        | WaitKind::MemoryHigh
        | WaitKind::Freezer
        | WaitKind::Namespace
        | WaitKind::ExitTracer
        | WaitKind::CoreDump
        | WaitKind::IoUring => return None,
    })
}

/// SIGKILL does reach a parent in vfork(2).
fn vfork(evidence: &Evidence, pid: i32) -> Finding {
    let child = evidence.tasks.iter().find(|other| {
        other.process.parent == pid && other.not_executed && !other.process.is_zombie()
    });
    let cause = TaskCause::Vfork {
        pid,
        child: child.map(|child| child.process.who.pid),
    };
    find(Weight::Hampers, cause)
        .by(child.map(|child| tasks::signal(child, Signal::KILL)))
        .by([Remedy::ForceDelete])
}

fn no_mount() -> Vec<Remedy> {
    vec![Advice::FindMount.into()]
}

fn fuse(mount: &MountSeen, pid: i32) -> Vec<Remedy> {
    let number = mount.device.1;
    let shown = mount.waiting.is_some();
    let abort = Remedy::AbortFuse {
        connection: number,
        dir: shown.then(|| format!("/sys/fs/fuse/connections/{number}").into()),
    };
    vec![abort, by_force(mount, pid)]
}

fn by_force(mount: &MountSeen, pid: i32) -> Remedy {
    Remedy::Unmount {
        within: mount.here.is_none().then_some(pid),
        mount: mount.here.clone().unwrap_or_else(|| mount.point.clone()),
        force: true,
    }
}

fn network(mount: &MountSeen, pid: i32) -> Vec<Remedy> {
    let back = Advice::RestoreServer(mount.source.clone()).into();
    vec![back, by_force(mount, pid)]
}
