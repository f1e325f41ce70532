//! A process held by a descriptor, so that its pid cannot come to mean another one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal, test_kill_process};
use rustix_libc_wrappers::process::SignalExt as _;

use super::Signal;

/// One process of the real machine (pidfd_open(2)).
#[derive(Debug)]
pub struct Opened {
    pid: Pid,
    fd: OwnedFd,
}

impl Opened {
    /// Opens a process; never pid 1. `ESRCH` if there is none.
    pub(super) fn open(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).filter(|_| pid > 1).ok_or(Errno::SRCH)?;
        let fd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid, fd })
    }

    /// Sends it a signal, whoever has its pid by now.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        if signal == Signal::NULL {
            return self.probe();
        }
        // None for what the C library keeps for itself.
        let signal = rustix::process::Signal::from_raw(signal.0).ok_or(Errno::INVAL)?;
        Ok(pidfd_send_signal(&self.fd, signal)?)
    }

    /// Whether it lives and could be sent a signal. kill(2) takes a pid, and the pid may be somebody
    /// else's: the answer counts if the process has not died by the time it is there, for until then
    /// nobody else could have that pid.
    fn probe(&self) -> io::Result<()> {
        let answer = test_kill_process(self.pid);
        if self.is_dead()? {
            return Err(Errno::SRCH.into());
        }
        Ok(answer?)
    }

    fn is_dead(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        Ok(rustix::event::poll(&mut fds, Some(&Timespec::default()))? > 0)
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn child() -> (Child, Opened) {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        let opened = Opened::open(i32::try_from(child.id()).unwrap()).unwrap();
        (child, opened)
    }

    #[test]
    fn the_null_signal_tells_who_lives_and_ends_nobody() {
        let (mut child, opened) = child();
        opened.signal(Signal::NULL).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        opened.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        let gone = opened.signal(Signal::NULL).unwrap_err();
        assert_eq!(gone.raw_os_error(), Some(Errno::SRCH.raw_os_error()));
    }

    #[test]
    fn a_dead_process_that_nobody_has_reaped_does_not_live() {
        let (mut child, opened) = child();
        opened.signal(Signal::KILL).unwrap();
        // It is a zombie as soon as its descriptor is readable, and stays one until `wait`.
        let mut fds = [PollFd::new(&opened, PollFlags::IN)];
        rustix::event::poll(&mut fds, None).unwrap();
        let gone = opened.signal(Signal::NULL).unwrap_err();
        assert_eq!(gone.raw_os_error(), Some(Errno::SRCH.raw_os_error()));
        child.wait().unwrap();
    }

    #[test]
    fn every_real_time_signal_arrives() {
        use std::os::unix::process::ExitStatusExt as _;

        for number in 34..=64 {
            let (mut child, opened) = child();
            opened.signal(Signal(number)).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(number));
        }
    }

    #[test]
    fn what_the_c_library_keeps_for_itself_is_not_sent() {
        let (mut child, opened) = child();
        let refused = opened.signal(Signal(33)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(Errno::INVAL.raw_os_error()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
