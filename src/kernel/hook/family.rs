//! A child and its descendants, ended together, whichever process groups and sessions they are in.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::kernel::read::kernel_text;

/// Most descendants that are ended one by one, and how often they are looked for: what is made faster
/// than this gets away.
const MOST: usize = 1024;
const MOST_LOOKS: usize = 16;

/// Kills a child that nobody has reaped, with every descendant that can be found. Each is stopped before
/// its own children are looked for, so that it makes no more; what has lost its parent is found no more,
/// unless it is in the child's process group.
pub(super) fn kill(child: Pid, held: &OwnedFd) {
    let mut found = BTreeSet::from([child.as_raw_nonzero().get()]);
    let mut descendants: Vec<OwnedFd> = Vec::new();
    pidfd_send_signal(held, Signal::STOP).ok();
    for _ in 0..MOST_LOOKS {
        let before = found.len();
        for parent in found.clone() {
            for pid in children(parent) {
                if found.len() >= MOST || found.contains(&pid) {
                    continue;
                }
                if let Some(opened) = open_child(pid, parent) {
                    pidfd_send_signal(&opened, Signal::STOP).ok();
                    found.insert(pid);
                    descendants.push(opened);
                }
            }
        }
        if found.len() == before {
            break;
        }
    }
    let all = std::iter::once(held).chain(&descendants);
    for process in all {
        pidfd_send_signal(process.as_fd(), Signal::KILL).ok();
    }
    kill_process_group(child, Signal::KILL).ok();
}

/// The children of all threads of a process (proc_pid_task(5), `children`).
fn children(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(proc_dir(pid).join("task"));
    let lists = tasks.into_iter().flatten().flatten().filter_map(|task| {
        let file = task.path().join("children");
        kernel_text(&file).ok().flatten()
    });
    let pids = |list: String| -> Vec<i32> {
        let words = list.split_ascii_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    lists.flat_map(pids).collect()
}

/// A child of `parent`, held; `None` if that pid is another's by now.
fn open_child(pid: i32, parent: i32) -> Option<OwnedFd> {
    let opened = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    let stat = kernel_text(&proc_dir(pid).join("stat")).ok().flatten()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let found: i32 = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (found == parent).then_some(opened)
}

fn proc_dir(pid: i32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}
