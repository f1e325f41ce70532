//! Buries the lab's dead: an init killed by a teardown would stay a zombie of ocitop, and be
//! counted by `pids.current`, until someone waits for it.
//!
//! Only processes named to it are waited for: a wait for any child would take the exit status of a
//! hook away from the engine.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::manifest::identify;
use super::sweep::has_died;
use crate::process::InitProcess;

/// The thread that waits.
#[derive(Debug)]
pub(super) struct Reaper {
    wake: UnixStream,
    thread: JoinHandle<()>,
}

struct Mourned {
    process: InitProcess,
    pidfd: OwnedFd,
}

impl Reaper {
    /// Starts to wait for `processes`: children, and grandchildren that this process inherits when
    /// their parent dies.
    pub(super) fn start(processes: &[InitProcess]) -> io::Result<Self> {
        let open = |process: &InitProcess| {
            let pid = Pid::from_raw(process.pid)?;
            let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            let process = *process;
            Some(Mourned { process, pidfd })
        };
        let mourned = processes.iter().filter_map(open).collect();
        let (wake, woken) = UnixStream::pair()?;
        let thread = std::thread::Builder::new()
            .name("lab-reaper".to_owned())
            .spawn(move || watch(mourned, &woken))?;
        Ok(Self { wake, thread })
    }

    /// Buries who is dead by now, and ends.
    pub(super) fn stop(self) {
        drop(self.wake);
        drop(self.thread.join());
    }
}

fn watch(mut all: Vec<Mourned>, woken: &UnixStream) {
    const AGAIN: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    loop {
        all.retain(|one| !bury(one));
        // A dead process whose parent has not yet waited for it stays readable: it is looked at
        // again in a moment, and not polled.
        let (dead, alive): (Vec<&Mourned>, Vec<&Mourned>) =
            all.iter().partition(|one| has_died(&one.pidfd));
        let mut fds: Vec<PollFd<'_>> = vec![PollFd::new(woken, PollFlags::IN)];
        fds.extend(
            alive
                .iter()
                .map(|one| PollFd::new(&one.pidfd, PollFlags::IN)),
        );
        let limit = (!dead.is_empty()).then_some(&AGAIN);
        let failed =
            matches!(poll(&mut fds, limit), Err(errno) if errno != rustix::io::Errno::INTR);
        let stop = fds.first().is_none_or(|fd| !fd.revents().is_empty());
        if stop || failed {
            all.retain(|one| !bury(one));
            return;
        }
    }
}

/// Waits for the process without blocking; `true` if there is nothing left to wait for.
fn bury(one: &Mourned) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match waitid(WaitId::PidFd(one.pidfd.as_fd()), options) {
        Ok(status) => status.is_some(),
        // Not ours to wait for, or not yet; done when its own parent has.
        Err(_) => identify(one.process.pid) != Some(one.process),
    }
}
