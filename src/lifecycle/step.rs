//! The steps of an action and its plan, as data.
//!
//! No strings are made here: the view words them, `--format json` serialises them, tests compare
//! them.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::kernel::Signal;
use crate::oci::Status;

/// A CPU quota, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CpuQuota {
    /// The control file.
    pub file: PathBuf,
    /// What stood in it.
    pub was: String,
}

/// One step of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Check that it still is the container that was confirmed.
    Identify {
        /// Pid of its init, if one lives.
        pid: Option<i32>,
    },
    /// Make what will remember that its poststop hooks ran: later there may be no room for it.
    ReserveMarks {
        /// How many hooks have not begun yet.
        hooks: usize,
    },
    /// Lift the CPU quotas of its cgroups: what is throttled dies slowly.
    LiftQuota {
        /// Each, with what it was when the plan was made.
        quotas: Vec<CpuQuota>,
    },
    /// SIGKILL every process of its cgroups.
    Kill {
        /// Processes when the plan was made.
        processes: usize,
        /// The cgroups that are killed as a whole, by `cgroup.kill`.
        at_once: Vec<PathBuf>,
    },
    /// Thaw what was killed: on v1, SIGKILL reaches nothing that is frozen. It is not frozen again.
    ThawKilled {
        /// The frozen cgroups, as found when the plan was made.
        dirs: Vec<PathBuf>,
    },
    /// Put back the quotas that were lifted, because what was killed did not die. In no plan.
    PutQuotaBack {
        /// Each quota that is put back, with what it was.
        quotas: Vec<CpuQuota>,
    },
    /// Wait until all of them are gone.
    Drain {
        /// For at most this long.
        #[serde(serialize_with = "seconds")]
        limit: Duration,
    },
    /// Store the status `stopped` (youki).
    PersistStopped,
    /// Remove its resctrl monitoring group.
    RemoveMonGroup {
        /// The directory.
        dir: PathBuf,
    },
    /// Remove its resctrl control group.
    RemoveCtrlGroup {
        /// The directory.
        dir: PathBuf,
    },
    /// Have systemd stop its scope.
    StopUnit {
        /// The scope's name.
        unit: String,
    },
    /// Remove its cgroups in every hierarchy, children first.
    RemoveCgroups {
        /// The directories at the top, one per hierarchy.
        dirs: Vec<PathBuf>,
        /// Those that stay, because another live container has them too.
        shared: Vec<PathBuf>,
    },
    /// Run a poststop hook.
    PoststopHook {
        /// Counted from 1. An event has its step's number beside it.
        #[serde(rename = "hook")]
        number: usize,
        /// The program.
        path: PathBuf,
    },
    /// Run a poststart hook.
    PoststartHook {
        /// Counted from 1. An event has its step's number beside it.
        #[serde(rename = "hook")]
        number: usize,
        /// The program.
        path: PathBuf,
    },
    /// Remove its state directory.
    RemoveStateDir {
        /// The directory.
        dir: PathBuf,
    },
    /// Check that a leftover still is what was shown: the same directories, without an owner, and
    /// empty unless its processes are to be killed.
    Recheck {
        /// Processes when the plan was made.
        processes: usize,
    },
    /// Detach a mount that its container left.
    Unmount {
        /// Where it is mounted.
        point: PathBuf,
    },
    /// Remove a pinned BPF program.
    RemovePin {
        /// The file.
        file: PathBuf,
    },
    /// Look again: is all of it gone?
    Verify,
    /// Send a signal to its init.
    Signal {
        /// The signal that is sent.
        signal: Signal,
    },
    /// Send a signal to every process.
    SignalAll {
        /// The signal that is sent.
        signal: Signal,
        /// Processes when the plan was made.
        processes: usize,
    },
    /// Send a signal to one of its processes, if it still is the one that was shown.
    SignalOne {
        /// Its pid.
        pid: i32,
        /// When it started, clock ticks since boot.
        start_time: u64,
        /// The signal that is sent.
        signal: Signal,
    },
    /// Freeze its cgroup.
    Freeze,
    /// Thaw its cgroup.
    Thaw,
    /// Tell its init to start the program.
    Release,
    /// Store a status (youki).
    Persist {
        /// The status that is stored.
        status: Status,
    },
}

/// What a failure of a step means for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Nothing after it is done; what is left can be continued later.
    Stop,
    /// It is a warning.
    Continue,
}

/// A step and what its failure means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What its failure means for the steps after it.
    pub on_failure: OnFailure,
}

/// What will be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(transparent)]
pub struct Plan(pub Vec<PlannedStep>);

/// In JSON a duration is a number of seconds.
pub(super) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
