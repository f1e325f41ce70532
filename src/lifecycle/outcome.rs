//! How a step went, as data.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::outer_freeze::OuterFreeze;
use super::refusal::Refusal;
use super::step::CpuQuota;
use crate::inventory::Unread;
use crate::inventory::sight::OutOfSight;
use crate::kernel::HookEnd;
use crate::oci::Status;
use crate::text::visible_path;

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// Done, and this was seen when looking again.
    Done(Seen),
    /// Nothing to do.
    Skipped(Reason),
    /// It failed; the rest goes on.
    Warned(StepError),
    /// It failed; the rest does not go on.
    Failed(StepError),
}

/// What was seen after a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It still is the same container.
    Same,
    /// It still is the same, nobody owns it.
    Unowned,
    /// Gone: looked for and not found.
    Gone,
    /// All that can be looked at is gone; whether these are cannot be seen from here.
    GoneUnseen(Vec<PathBuf>),
    /// This many directories are gone.
    DirectoriesGone(usize),
    /// This many processes were signalled.
    Signalled(usize),
    /// This status was read back.
    Status(Status),
    /// A hook's end.
    Hook(HookEnd),
    /// The kernel's freezer says so.
    Frozen,
    /// The kernel's freezer says so.
    Thawed,
    /// This many processes were signalled, frozen for the moment of it so that none could fork.
    SignalledFrozen(usize),
    /// Gone, after this many cgroups that somebody froze meanwhile were thawed.
    GoneThawed(usize),
    /// This many cgroups were thawed.
    CgroupsThawed(usize),
    /// These quotas were lifted.
    Lifted(Vec<CpuQuota>),
    /// This many quotas were put back.
    PutBack(usize),
    /// This many hooks can be remembered.
    Reserved(usize),
    /// Init took the start.
    Released,
}

/// Why there was nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It was gone before.
    AlreadyGone,
    /// No process was left.
    NothingAlive,
    /// No process is listed, and yet its cgroup is populated.
    NoneListed,
    /// What it needs to know could not be read.
    Unknown(String),
    /// The container never had one.
    None,
    /// It already is so.
    AlreadySo,
    /// Switched off by the operator.
    Unwanted,
    /// Another live container has it too.
    Shared(String),
    /// A hook that an earlier or another teardown of this container began.
    AlreadyRun,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "error")]
pub enum StepError {
    /// A system call failed.
    Io {
        /// Verb: `remove`, `write`, `signal`, …
        action: &'static str,
        /// Object, safe to print.
        object: String,
        /// The system's words.
        cause: String,
    },
    /// These processes were alive at the deadline.
    Alive {
        /// The processes.
        survivors: Vec<Survivor>,
    },
    /// These were left when all that is known of it was dead: they have its mounts, and nothing else
    /// tells whose they are.
    GotAway {
        /// The processes.
        survivors: Vec<Survivor>,
    },
    /// It forks faster than its processes can be killed, each dead before its signal.
    Forks,
    /// So many processes are born on the host that one of its own may not have been seen.
    Outrun,
    /// systemd still has this scope active.
    UnitActive {
        /// Its name.
        unit: String,
    },
    /// Whether it is there cannot be seen from here.
    OutOfSight {
        /// What may be there.
        path: PathBuf,
        /// What hides it.
        why: OutOfSight,
    },
    /// These cgroups were populated at the deadline, by nobody who can be seen.
    Populated {
        /// Their directories.
        dirs: Vec<PathBuf>,
    },
    /// Nobody is listed, and not all was looked at: somebody may live there.
    Unread {
        /// What was not.
        what: Unread,
    },
    /// It was sent, and waits for a thaw.
    Pending(OuterFreeze),
    /// These processes kept a freeze from coming to its end; it was undone.
    NotFrozen {
        /// The processes that were not frozen in time.
        busy: Vec<Survivor>,
    },
    /// These directories were still there.
    Left {
        /// What is left.
        paths: Vec<PathBuf>,
        /// The last error.
        cause: String,
    },
    /// A hook did not exit with 0.
    Hook {
        /// How it ended.
        end: HookEnd,
    },
    /// It is not the container that was confirmed.
    Replaced,
    /// The operator asked to leave off.
    Interrupted,
    /// Not allowed or not safe, and why.
    Refused(Refusal),
    /// It is in no plan of such a job, and was not done.
    NotPlanned,
}

/// A process that did not die.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survivor {
    /// Its pid.
    pub pid: i32,
    /// Its command, safe to print.
    pub command: String,
    /// State letter of `/proc/PID/stat`.
    pub state: char,
    /// Kernel function it waits in, if readable.
    pub wchan: Option<String>,
    /// Whether its freezer cgroup is frozen.
    pub frozen: bool,
    /// One of its cgroups.
    pub cgroup: Option<PathBuf>,
}

/// An I/O error of a step, in the shape every step reports it.
pub(super) fn io_error(action: &'static str, object: &Path, error: &std::io::Error) -> StepError {
    StepError::Io {
        action,
        object: visible_path(object),
        cause: error.to_string(),
    }
}
