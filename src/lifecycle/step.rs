//! The plan and the events of an action, as data.
//!
//! No strings are made here: the view words them, `--format json` serialises them, tests compare
//! them. Contract: notes first, if there are any; then for each `Started` one `Ended` of the same step; after the last, one `Finished`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{CpuQuota, OuterFreeze, Refusal, Verdict};
use crate::inventory::Unread;
use crate::inventory::sight::OutOfSight;
use crate::kernel::{HookEnd, Signal};
use crate::oci::{ContainerKey, Status};

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
        /// Each.
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
        /// Which.
        signal: Signal,
    },
    /// Send a signal to every process.
    SignalAll {
        /// Which.
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
        /// Which.
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
        /// Which.
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
    /// What.
    #[serde(flatten)]
    pub step: Step,
    /// On failure.
    pub on_failure: OnFailure,
}

/// What will be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(transparent)]
pub struct Plan(pub Vec<PlannedStep>);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepEvent {
    /// Wall clock.
    #[serde(serialize_with = "crate::text::timestamp")]
    pub at: jiff::Timestamp,
    /// Which container.
    #[serde(flatten)]
    pub key: ContainerKey,
    /// What.
    #[serde(flatten)]
    pub kind: StepKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StepKind {
    /// What could not be known, and what else the operator should know, before the plan or the
    /// refusal.
    Noted {
        /// Each, safe to print.
        notes: Vec<String>,
    },
    /// The plan, before anything is changed.
    Planned {
        /// Its steps.
        plan: Plan,
    },
    /// A step begins.
    Started {
        /// Its number, from 1.
        number: usize,
        /// Which.
        #[serde(flatten)]
        step: Step,
    },
    /// A step still waits; sent now and then.
    Waiting {
        /// Its number.
        number: usize,
        /// Which.
        #[serde(flatten)]
        step: Step,
        /// Who is still alive.
        survivors: Vec<Survivor>,
    },
    /// A step is over.
    Ended {
        /// Its number.
        number: usize,
        /// Which.
        #[serde(flatten)]
        step: Step,
        /// How it went.
        outcome: Outcome,
        /// How long it took, seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
    },
    /// The action is over.
    Finished {
        /// How it went as a whole.
        verdict: Verdict,
    },
}

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
        /// Who.
        survivors: Vec<Survivor>,
    },
    /// These were left when all that is known of it was dead: they have its mounts, and nothing else
    /// tells whose they are.
    GotAway {
        /// Who.
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
        /// What.
        path: PathBuf,
        /// Why.
        why: OutOfSight,
    },
    /// These cgroups were populated at the deadline, by nobody who can be seen.
    Populated {
        /// Which.
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
        /// Who.
        busy: Vec<Survivor>,
    },
    /// These directories were still there.
    Left {
        /// Which.
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

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
