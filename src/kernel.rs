//! The border to the machine: path readers with size caps ([`read`]), and every change ocitop makes
//! to it, behind one trait ([`Kernel`]).
//!
//! Changes sit behind a trait because `rmdir` of a directory that has files works on cgroupfs and
//! resctrl and nowhere else: a test needs its own machine. [`LiveKernel`] has no decisions in it.

pub mod bounded;
mod clear;
mod hook;
pub mod live;
pub mod read;
mod unit;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use clear::OWN_PREFIX;
pub use live::LiveKernel;
pub use unit::Unit;

use crate::oci::ContainerId;

/// A signal number, 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Signal(pub i32);

impl Signal {
    /// `SIGKILL`.
    pub const KILL: Self = Self(9);
    /// `SIGTERM`.
    pub const TERM: Self = Self(15);

    const NAMES: [(i32, &'static str); 31] = [
        (1, "HUP"),
        (2, "INT"),
        (3, "QUIT"),
        (4, "ILL"),
        (5, "TRAP"),
        (6, "ABRT"),
        (7, "BUS"),
        (8, "FPE"),
        (9, "KILL"),
        (10, "USR1"),
        (11, "SEGV"),
        (12, "USR2"),
        (13, "PIPE"),
        (14, "ALRM"),
        (15, "TERM"),
        (16, "STKFLT"),
        (17, "CHLD"),
        (18, "CONT"),
        (19, "STOP"),
        (20, "TSTP"),
        (21, "TTIN"),
        (22, "TTOU"),
        (23, "URG"),
        (24, "XCPU"),
        (25, "XFSZ"),
        (26, "VTALRM"),
        (27, "PROF"),
        (28, "WINCH"),
        (29, "IO"),
        (30, "PWR"),
        (31, "SYS"),
    ];

    /// The signals that have a name, in order.
    pub fn named() -> impl Iterator<Item = Self> {
        Self::NAMES.iter().map(|(number, _)| Self(*number))
    }

    /// Its name with `SIG`, if it has one (signal(7)).
    pub fn name(self) -> Option<String> {
        let found = Self::NAMES.iter().find(|(number, _)| *number == self.0);
        found.map(|(_, name)| format!("SIG{name}"))
    }
}

/// Text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal {0:?}")]
pub struct UnknownSignal(String);

impl std::str::FromStr for Signal {
    type Err = UnknownSignal;

    /// A number from 1 to 64, or a name with or without `SIG`, in any case, as runc and crun take.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownSignal(text.chars().take(40).collect());
        if let Ok(number) = text.parse::<i32>() {
            return if (1..=64).contains(&number) {
                Ok(Self(number))
            } else {
                Err(unknown())
            };
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(number, _)| Self(*number)).ok_or_else(unknown)
    }
}

impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.pad(&name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

/// Device and inode: a directory beyond its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Inode {
    /// Device.
    pub device: u64,
    /// Inode number.
    pub number: u64,
}

impl From<&rustix::fs::Stat> for Inode {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Self {
            device: stat.st_dev,
            number: stat.st_ino,
        }
    }
}

/// One container's state directory. The kernel's side opens it below its root and refuses, with
/// `ESTALE`, if another directory of that name stands there by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateDir<'a> {
    /// The state root.
    pub root: &'a Path,
    /// The directory's name in it.
    pub id: &'a ContainerId,
    /// The directory itself.
    pub inode: Inode,
}

/// A hook to run: everything decided, nothing left to the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    /// The program, an absolute path.
    pub path: PathBuf,
    /// `argv`, `args[0]` included.
    pub args: Vec<String>,
    /// The environment; `None` inherits ocitop's.
    pub env: Option<Vec<(String, String)>>,
    /// Working directory; `None` keeps ocitop's.
    pub cwd: Option<PathBuf>,
    /// The state JSON it reads.
    pub stdin: Vec<u8>,
    /// How long it may take; `None` waits for as long as it takes.
    pub timeout: Option<Duration>,
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HookEnd {
    /// Exit code, or the signal that ended it.
    pub status: HookStatus,
    /// The end of what it printed (stdout and stderr together), at most 4 KiB.
    pub output: String,
}

/// How a hook's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookStatus {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
    /// It was killed at its time-out, with its whole process group.
    TimedOut,
}

/// Every change to the machine, and the clock.
///
/// Times are durations since an arbitrary start. Errors are the system call's own: `ENOENT`,
/// `ENODEV`, `EBUSY` and `ESRCH` carry meaning to the caller.
pub trait Kernel: Sync {
    /// A reference to one process that survives reuse of its pid (pidfd_open(2)).
    type Process;

    /// Opens a process. `ESRCH` if there is none.
    fn open_process(&self, pid: i32) -> io::Result<Self::Process>;

    /// Sends a signal (pidfd_send_signal(2)).
    fn signal(&self, process: &Self::Process, signal: Signal) -> io::Result<()>;

    /// Waits until one of `processes` has died or `timeout` has passed (poll(2)). No process at
    /// all waits for the whole time.
    fn wait_any(&self, processes: &[Self::Process], timeout: Duration) -> io::Result<()>;

    /// Writes a control file that exists; never creates one.
    fn write_control(&self, file: &Path, value: &str) -> io::Result<()>;

    /// Removes one cgroup or resctrl directory (rmdir(2)).
    fn remove_group(&self, dir: &Path) -> io::Result<()>;

    /// Has systemd stop a scope, waits for its job, and forgets its failure. `ENOENT` if systemd
    /// does not know it, `EPERM` if it has another cgroup, `ETIMEDOUT` after `limit`.
    fn stop_unit(&self, unit: &Unit, limit: Duration) -> io::Result<()>;

    /// As [`Self::remove_group`] for several, in this order; each has its own result.
    fn remove_groups(&self, dirs: Vec<PathBuf>) -> Vec<(PathBuf, io::Result<()>)> {
        let remove = |dir: PathBuf| {
            let result = self.remove_group(&dir);
            (dir, result)
        };
        dirs.into_iter().map(remove).collect()
    }

    /// Replaces a file in a container's state directory, atomically, mode kept.
    fn write_state(&self, dir: StateDir<'_>, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes an empty file in a container's state directory, to remember something by. `EEXIST` if
    /// there is one: of several that ask, one succeeds. `ENOENT` if the file `beside` is gone: then
    /// somebody else is removing the directory.
    fn mark_state(&self, dir: StateDir<'_>, file: &str, beside: &str) -> io::Result<()>;

    /// Removes a container's state directory with all in it, never following a symlink and never
    /// leaving the root. Mounts inside are detached.
    fn remove_state_dir(&self, dir: StateDir<'_>) -> io::Result<()>;

    /// Removes a file of a BPF file system, and with it what keeps the program loaded (unlink(2)).
    /// `ESTALE` if another file stands there by now.
    fn remove_pin(&self, file: &Path, inode: Inode) -> io::Result<()>;

    /// Detaches what is mounted last at `point` (umount2(2), `MNT_DETACH`), no link followed.
    fn detach(&self, point: &Path) -> io::Result<()>;

    /// Tells the init of a created container to go on: youki's `notify.sock`, runc's and crun's
    /// `exec.fifo`.
    fn release_init(&self, dir: StateDir<'_>, how: Release) -> io::Result<()>;

    /// Runs a hook to its end.
    fn run_hook(&self, call: &HookCall) -> io::Result<HookEnd>;

    /// Time passed since some fixed moment.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn pause(&self, time: Duration);
}

/// How a created container's init waits for its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// youki: connect to `notify.sock`, say `start container`, close.
    NotifySocket,
    /// runc: read from `exec.fifo`, then unlink it.
    ReadFifo,
    /// crun: unlink `exec.fifo`, then write one byte into it.
    WriteFifo,
}
