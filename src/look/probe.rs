//! Whether a state root answers, found out by a process that can be left behind.
//!
//! A thread that waits for a dead file system keeps its whole process from ending: the shell would
//! wait for a screen that was left long ago. A child of its own goes first, and only where it came
//! back is the root looked at by ocitop itself.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};

/// The hidden command that a probe runs.
pub const COMMAND: &str = "probe";

/// Asks one root, one child at a time.
#[derive(Debug)]
pub struct Probe {
    root: PathBuf,
    child: Option<(Child, OwnedFd)>,
}

impl Probe {
    /// A probe that has not asked yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root, child: None }
    }

    /// Whether the root answers within `limit`. As long as a child is out, no other is sent.
    pub fn answers(&mut self, limit: Duration) -> io::Result<bool> {
        let (mut child, exit) = match self.child.take() {
            Some(out) => out,
            None => self.send()?,
        };
        let mut fds = [PollFd::new(&exit, PollFlags::IN)];
        let limit = limit.try_into().ok();
        let ready = match rustix::event::poll(&mut fds, limit.as_ref()) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(errno) => return Err(errno.into()),
        };
        if ready {
            // What it found is another's business; that it came back is enough.
            child.wait()?;
        } else {
            self.child = Some((child, exit));
        }
        Ok(ready)
    }

    fn send(&self) -> io::Result<(Child, OwnedFd)> {
        let child = Command::new("/proc/self/exe")
            .arg("--root")
            .arg(&self.root)
            .arg(COMMAND)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(rustix::io::Errno::SRCH)?;
        let exit = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        Ok((child, exit))
    }
}

impl Drop for Probe {
    /// It dies when the file system lets it go; nobody waits for that.
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.child {
            child.kill().ok();
        }
    }
}
