//! Why it cannot be known whether anything of a container lives. Each keeps the record: it may be all
//! that tells of what is left.

use super::find::Ambiguous;
use super::guard::Forbidden;
use crate::inventory::Unread;
use crate::inventory::unread::WhyUnread;

/// What was not read, is ambiguous, or stands where only its record leads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// A file of its record is there and cannot be read.
    #[error("{file} cannot be read: {why}")]
    Record {
        /// Which, safe to print.
        file: String,
        /// Why it was not read.
        why: WhyUnread,
    },
    /// Its record is cut short, names this pid, and a process outside its known cgroups has it.
    #[error("its record is cut short, and pid {0}, which stands in what is left of it, lives")]
    Pid(i32),
    /// Its record is cut short and names this cgroup, which is there, and is none that was found.
    #[error("its record is cut short, and {0}, which stands in what is left of it, is there")]
    Cgroup(String),
    /// Several cgroups have its name.
    #[error("which cgroup is its own is not known: {0}")]
    Ambiguous(#[from] Ambiguous),
    /// Its cgroups were looked for by name, and not everywhere.
    #[error("its cgroups were not looked for everywhere: {0}")]
    Search(Unread),
    /// Not all that its processes may be in was looked at.
    #[error("not everywhere was looked for its processes: {0}")]
    Members(Unread),
    /// Its init is dead, and a process that may be its own lives where nothing may be touched.
    #[error("pid {pid} may be of it: {why}")]
    Beside {
        /// The process.
        pid: i32,
        /// Why it is not touched.
        why: Box<Forbidden>,
    },
    /// Its init is dead, nothing tells who else was of it, and a process lives in its root directory.
    #[error(
        "pid {pid} may be of it, which had no cgroup and shared the pids of others: it has the root directory {rootfs}"
    )]
    Straggler {
        /// The process.
        pid: i32,
        /// The root directory, safe to print.
        rootfs: String,
    },
}
