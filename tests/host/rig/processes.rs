//! Processes of this machine, by their pids.

use std::fs;
use std::process::{Child, Command, Stdio};

/// A process of the host that has nothing to do with any container; it ends with the value.
pub(crate) struct Stranger(Child);

impl Stranger {
    pub(crate) fn new() -> Self {
        let child = Command::new("sleep")
            .arg("3000")
            .stdin(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// SIGKILL by pid.
pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The state letter of a process, if there is one.
pub(crate) fn process_state(pid: i32) -> Option<char> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    ocitop::process::ProcStat::parse(&stat).map(|stat| stat.state)
}

/// When a process started, if it lives.
pub(crate) fn start_of(pid: i32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = ocitop::process::ProcStat::parse(&stat)?;
    (!stat.is_dead()).then_some(stat.start_time)
}
