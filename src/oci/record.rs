//! The record of one container, as its runtime wrote it.
//!
//! Three runtimes, three shapes of state file, one [`Record`]. The serde shapes are private to
//! [`youki`], [`runc`] and [`crun`]; they take what their runtime's versions wrote over the years
//! (keys that come and go, `null` beside absent) and ignore what they do not know. Parsers are
//! total: bytes in, `Result` out. What a record says is input, not authority: paths and pids in it
//! are checked against the machine before anything is done with them.

pub mod crun;
pub mod runc;
pub mod torn;
pub mod youki;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{RuntimeKind, Status};

/// Highest pid a Linux kernel gives (`PID_MAX_LIMIT`).
const PID_MAX: i64 = 4_194_304;

/// One container as its runtime wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Who wrote it.
    pub runtime: RuntimeKind,
    /// The id inside the file; it must equal the directory's name.
    pub id: String,
    /// Runtime-spec version, where the state file has one.
    pub oci_version: Option<String>,
    /// The status youki stored at its last transition; never the truth.
    pub stored_status: Option<Status>,
    /// The init process, if one was recorded.
    pub init: Option<RecordedInit>,
    /// The bundle directory.
    pub bundle: PathBuf,
    /// The root filesystem, where recorded.
    pub rootfs: Option<PathBuf>,
    /// When it was created, as written.
    pub created: Option<CreatedAt>,
    /// Annotations, where the state file has them.
    pub annotations: BTreeMap<String, String>,
    /// Who created it, as written: a user name or a uid.
    pub owner: Option<String>,
    /// The cgroups.
    pub cgroup: RecordedCgroup,
    /// The scope that crun had systemd make for it, as written.
    pub scope: Option<String>,
    /// The resctrl groups.
    pub rdt: RecordedRdt,
    /// Hooks; `None` while the file that holds them has not been read.
    pub hooks: Option<Hooks>,
    /// Whether its init is pid 1 of a pid namespace of its own; `None` if not recorded.
    pub private_pid_namespace: Option<bool>,
}

/// The init process as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedInit {
    /// Pid in the host's pid namespace, between 2 and 4,194,304.
    pub pid: i32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`); youki stores none.
    pub start_time: Option<u64>,
}

/// A creation time as the runtime wrote it (RFC3339).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CreatedAt(pub Arc<str>);

impl CreatedAt {
    /// The time it names, if it is well-formed.
    pub fn timestamp(&self) -> Option<jiff::Timestamp> {
        self.0.parse().ok()
    }
}

/// Where a runtime says its container's cgroups are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedCgroup {
    /// runc: one absolute path per controller; `""` is cgroup v2. They may differ.
    PerController(BTreeMap<String, PathBuf>),
    /// crun and youki: one path below the root of every hierarchy they use.
    Everywhere(PathBuf),
    /// youki with a systemd-style `slice:prefix:name`; on cgroupfs it is a literal directory name.
    SliceOrLiteral(String),
    /// crun with its cgroup manager disabled: no cgroup at all.
    Disabled,
    /// Not known: the file that says so is missing or has no such entry.
    Unknown,
}

/// A resctrl group as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RdtGroup {
    /// By its path.
    Path(PathBuf),
    /// By its name below the resctrl mount.
    Named(String),
}

/// The resctrl groups of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordedRdt {
    /// The control group (CLOS).
    pub control: Option<RdtGroup>,
    /// Whether the container's runtime made the control group for this container alone.
    pub owns_control: bool,
    /// The monitoring group.
    pub monitoring: Option<RdtGroup>,
    /// The closID that the spec gives, also where the runtime went on without resctrl.
    pub class: Option<String>,
}

impl RecordedRdt {
    /// The control group that the container is to be in: what was made for it, or what the spec
    /// names; nothing where a record speaks of neither.
    pub fn group(&self) -> Option<String> {
        let of_path = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
        let made = self.control.as_ref().and_then(|group| match group {
            RdtGroup::Path(path) => of_path(path),
            RdtGroup::Named(name) => Some(name.clone()),
        });
        // Below a control group it is `GROUP/mon_groups/ID`.
        let monitored = || match self.monitoring.as_ref()? {
            RdtGroup::Path(path) => of_path(path.parent()?.parent()?),
            RdtGroup::Named(name) => of_path(Path::new(name).parent()?.parent()?),
        };
        made.or_else(|| self.class.clone()).or_else(monitored)
    }
}

/// The hooks ocitop has to run itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// After the start of the user's program.
    pub poststart: Vec<Hook>,
    /// After the container is deleted, before delete returns.
    pub poststop: Vec<Hook>,
}

/// One hook (runtime-spec, "POSIX-platform Hooks").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Absolute path of the program.
    pub path: PathBuf,
    /// Its arguments, `args[0]` included.
    pub args: Vec<String>,
    /// Its environment; `None` if the spec gives none (the runtimes differ in what they do then).
    pub env: Option<Vec<String>>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

impl From<&oci_spec::runtime::Hook> for Hook {
    fn from(hook: &oci_spec::runtime::Hook) -> Self {
        let seconds = hook.timeout().and_then(|s| u64::try_from(s).ok());
        Self {
            path: hook.path().clone(),
            args: hook.args().clone().unwrap_or_default(),
            env: hook.env().clone(),
            timeout: seconds.filter(|s| *s > 0).map(Duration::from_secs),
        }
    }
}

impl From<&oci_spec::runtime::Hooks> for Hooks {
    fn from(hooks: &oci_spec::runtime::Hooks) -> Self {
        let list = |hooks: &Option<Vec<_>>| hooks.iter().flatten().map(Hook::from).collect();
        Self {
            poststart: list(hooks.poststart()),
            poststop: list(hooks.poststop()),
        }
    }
}

/// Why a state file is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file has no bytes: it was cut short, or is being written this moment.
    #[error("{file} is empty")]
    Empty {
        /// Its name.
        file: &'static str,
    },
    /// Not the JSON of this runtime.
    #[error("parse {file}")]
    Syntax {
        /// Its name.
        file: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A pid that no process can have.
    #[error("{file} names pid {pid}, which no process can have")]
    Pid {
        /// Its name.
        file: &'static str,
        /// The number.
        pid: i64,
    },
}

impl RecordError {
    /// Whether reading again in a moment may help: youki rewrites `state.json` in place, so a
    /// reader can meet it empty or cut.
    pub fn may_be_torn(&self) -> bool {
        match self {
            Self::Empty { .. } => true,
            Self::Syntax { source, .. } => source.is_eof(),
            Self::Pid { .. } => false,
        }
    }
}

fn from_json<'a, T: serde::Deserialize<'a>>(
    file: &'static str,
    bytes: &'a [u8],
) -> Result<T, RecordError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(RecordError::Empty { file });
    }
    serde_json::from_slice(bytes).map_err(|source| RecordError::Syntax { file, source })
}

/// `-1` and `0` mean "no process"; anything else must be a pid that a process other than the
/// host's init can have.
fn checked_pid(file: &'static str, pid: i64) -> Result<Option<i32>, RecordError> {
    match pid {
        -1 | 0 => Ok(None),
        2..=PID_MAX => Ok(i32::try_from(pid).ok()),
        _ => Err(RecordError::Pid { file, pid }),
    }
}
