//! What is read of the selected process only: where in the kernel it is, and on which file.

use std::time::Duration;

use super::slow::{ReadOutcome, Slow};
use super::{Closeup, Process};
use crate::inventory::Machine;
use crate::process::{InitProcess, stack, syscall::Syscall};

/// Innermost frames that are kept.
const FRAMES: usize = 12;

/// Reads it of a process, each file within its bound.
pub(super) fn read(
    machine: &Machine,
    slow: &mut Slow,
    process: &Process,
    now: Duration,
) -> Closeup {
    // A zombie has neither stack nor system call.
    if process.is_zombie() {
        return Closeup {
            who: process.who,
            stack: Vec::new(),
            syscall: None,
            file: None,
            silent: None,
        };
    }
    of(machine, slow, process.who, now)
}

/// The same of any task that lives: a thread's files are found by its tid as a process's are.
pub(super) fn of(machine: &Machine, slow: &mut Slow, who: InitProcess, now: Duration) -> Closeup {
    let mut silent = None;
    let mut text = |name: &'static str| {
        let answer = slow.read(who, name, machine.pid_file(who.pid, name), now);
        match answer {
            ReadOutcome::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            ReadOutcome::Failed | ReadOutcome::NotAsked => None,
            ReadOutcome::Silent(time) => {
                silent = silent.max(Some(time));
                None
            }
        }
    };
    let syscall = text("syscall").and_then(|text| text.parse::<Syscall>().ok());
    let stack = text("stack");
    let file = syscall
        .and_then(Syscall::descriptor)
        .and_then(|fd| file(machine, who.pid, fd));
    Closeup {
        who,
        stack: stack
            .map(|text| stack::functions(&text, FRAMES))
            .unwrap_or_default(),
        syscall,
        file,
        silent,
    }
}

/// What a descriptor of the process is open on. The link is read, never followed: what it names
/// may be on the very file system that hangs.
fn file(machine: &Machine, pid: i32, fd: i32) -> Option<String> {
    let link = machine.pid_file(pid, "fd").join(fd.to_string());
    let target = std::fs::read_link(link).ok()?;
    Some(crate::text::visible_path(&target))
}
