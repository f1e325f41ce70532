//! Every change to the machine, and what it is told by.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cancel::Cancel;
use super::inode::Inode;
use super::mark::StateMark;
use super::program::Program;
use super::removal::Removal;
use super::signal::Signal;
use crate::oci::ContainerId;

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

/// What goes with a state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// All that is in it.
    All,
    /// What ocitop remembers things by: where there was nothing else, anything else has come since.
    OwnMarks,
}

/// A scope and the cgroup it must have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Scope {
    /// Its name, ending in `.scope`.
    pub name: String,
    /// Its cgroup below the hierarchy's root, with a leading `/`.
    pub cgroup: PathBuf,
}

/// A hook to run: everything decided, nothing left to the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    /// The program.
    pub program: Program,
    /// `argv`, `args[0]` included.
    pub args: Vec<String>,
    /// The environment; `None` inherits ocitop's.
    pub env: Option<Vec<(String, String)>>,
    /// Working directory; `None` keeps ocitop's.
    pub cwd: Option<PathBuf>,
    /// The root directory it runs in (chroot(2)); `None` keeps ocitop's.
    pub root: Option<PathBuf>,
    /// The state JSON it reads.
    pub stdin: Vec<u8>,
    /// How long it may take; `None` waits for as long as it takes.
    pub timeout: Option<Duration>,
    /// Asks it to end sooner.
    pub cancel: Cancel,
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
    /// It was killed at its time-out, with its whole process group and its descendants.
    TimedOut,
    /// It was killed because ocitop was asked to leave off.
    Interrupted,
    /// It was killed at its time-out or because ocitop was asked to leave off, and has not died: it is
    /// frozen, or in uninterruptible sleep.
    Unended {
        /// Its pid.
        pid: i32,
    },
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

    /// Sends a signal (pidfd_send_signal(2)). `ESRCH` if the process is dead, [`Signal::NULL`] too.
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
    fn stop_scope(&self, scope: &Scope, limit: Duration) -> io::Result<()>;

    /// Removes cgroups with all below them, children first, however deep: each has its own result.
    /// One that cannot go keeps those above it, and no other.
    fn remove_trees(&self, tops: Vec<PathBuf>) -> Vec<Removal> {
        let remove = |top: &PathBuf| Removal::of(top, |cgroup| self.remove_group(cgroup.path()));
        tops.iter().map(remove).collect()
    }

    /// Replaces a file in a container's state directory, atomically, owner and mode kept.
    fn write_state(&self, dir: StateDir<'_>, file: &str, bytes: &[u8]) -> io::Result<()>;

    /// Makes empty files in a container's state directory that can become marks later, whatever
    /// happens to its file system: all that are not there yet, or none.
    fn reserve_marks(&self, dir: StateDir<'_>, files: &[String]) -> io::Result<()>;

    /// Marks something in a container's state directory, to remember it by. `EEXIST` if the mark is
    /// there: of several that ask, one succeeds. `ENOENT` if the file beside it is gone: then
    /// somebody else is removing the directory.
    fn mark_state(&self, dir: StateDir<'_>, mark: StateMark<'_>) -> io::Result<()>;

    /// Removes a container's state directory with what may go with it, never following a symlink and
    /// never leaving the root. Mounts inside are detached. `ENOTEMPTY` if something else is in it.
    fn remove_state_dir(&self, dir: StateDir<'_>, what: Contents) -> io::Result<()>;

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
