//! The immutable picture of one moment that the screen and the command line show.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::cgroup::{Limit, Mode};
use crate::kernel::Inode;
use crate::oci::{ContainerKey, CreatedAt, RuntimeKind, Status};
use crate::process::InitProcess;

/// Everything seen in one pass.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Wall clock at its end.
    pub taken: jiff::Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The host.
    pub host: Arc<Host>,
    /// The state roots that were looked at, in the order looked at.
    pub roots: Vec<RootView>,
    /// The containers, ordered by root and name.
    pub containers: Vec<Arc<Container>>,
    /// What ocitop itself costs, once two passes are done.
    pub own: Option<OwnCost>,
}

impl Snapshot {
    /// Adds what another part of the same pass saw. The order stays: by root as looked at, then by
    /// name.
    pub fn merge(&mut self, other: Self) {
        self.took = self.took.max(other.took);
        for (mine, theirs) in self.roots.iter_mut().zip(&other.roots) {
            if let (RootState::Read(mine), RootState::Read(theirs)) =
                (&mut mine.state, &theirs.state)
            {
                *mine += theirs;
            }
        }
        self.containers.extend(other.containers);
        let order: HashMap<&Path, usize> = self
            .roots
            .iter()
            .enumerate()
            .map(|(index, root)| (&*root.path, index))
            .collect();
        self.containers.sort_by(|a, b| {
            let place = |key: &ContainerKey| order.get(key.root()).copied();
            place(&a.key)
                .cmp(&place(&b.key))
                .then_with(|| a.key.name().cmp(b.key.name()))
        });
    }
}

/// Facts about the host that do not change while ocitop runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Node name.
    pub name: String,
    /// Kernel release.
    pub kernel: String,
    /// How cgroups are mounted.
    pub cgroups: Mode,
    /// Whether a resctrl file system is mounted.
    pub resctrl: bool,
    /// CPUs online.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Whether ocitop runs as root.
    pub root: bool,
    /// Clock ticks of a second (`USER_HZ`).
    pub ticks: u64,
    /// Wall clock of the boot, seconds since the epoch.
    pub boot: i64,
}

/// What ocitop itself uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnCost {
    /// Percent of one core over the last interval.
    pub cpu: f64,
    /// Resident memory, bytes.
    pub memory: u64,
}

/// One state root and what came of reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootView {
    /// Its path.
    pub path: Arc<Path>,
    /// Why it was looked at.
    pub origin: RootOrigin,
    /// What came of it.
    pub state: RootState,
}

/// Why a state root is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootOrigin {
    /// A runtime's or engine's default.
    Known,
    /// Named on the command line.
    Given,
}

/// What came of reading a state root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootState {
    /// Read; this many container directories.
    Read(usize),
    /// It does not exist.
    Absent,
    /// It could not be read, and why.
    Failed(String),
}

/// A container's status as derived from the machine, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// One of the spec's words or paused.
    Known(Status),
    /// Its freezer is under way.
    Freezing,
    /// Its state cannot be read or does not make sense; the row's problem says why.
    Broken,
}

impl Condition {
    /// One lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Known(status) => status.as_str(),
            Self::Freezing => "freezing",
            Self::Broken => "broken",
        }
    }

    /// Whether its processes live, as far as known.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Known(status) => status != Status::Stopped,
            Self::Freezing => true,
            Self::Broken => false,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The engine above the runtime, told from root, bundle and annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// dockerd.
    Docker,
    /// containerd (ctr, nerdctl, CRI).
    Containerd,
    /// CRI-O.
    #[serde(rename = "cri-o")]
    CriO,
    /// podman.
    Podman,
}

impl Manager {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
        }
    }

    /// The clean way to remove a container of its own.
    pub fn remove_command(self, id: &str) -> String {
        match self {
            Self::Docker => format!("docker rm -f {id}"),
            Self::Containerd => format!("ctr task rm -f {id}"),
            Self::CriO => format!("crictl rm -f {id}"),
            Self::Podman => format!("podman rm -f {id}"),
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One cgroup of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CgroupView {
    /// The hierarchy: its controllers, or `unified`.
    pub hierarchy: String,
    /// The directory.
    pub dir: PathBuf,
}

/// One container directory of a state root.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// Where it is.
    pub key: ContainerKey,
    /// The state directory itself; `None` if the entry is not a directory that can be opened.
    pub state_dir: Option<Inode>,
    /// Who wrote it, if that can be told.
    pub runtime: Option<RuntimeKind>,
    /// Status.
    pub condition: Condition,
    /// What is wrong with it: a broken state file, or something less that the operator should know.
    pub problem: Option<String>,
    /// Its live init, identity verified.
    pub init: Option<InitProcess>,
    /// The pid its state file names, alive or not, its own or not.
    pub recorded_pid: Option<i32>,
    /// Runtime-spec version of its state file.
    pub oci_version: Option<String>,
    /// Bundle directory.
    pub bundle: Option<PathBuf>,
    /// Root filesystem.
    pub rootfs: Option<PathBuf>,
    /// Creation time as written.
    pub created: Option<CreatedAt>,
    /// Name of the user who owns the state directory, or `#uid`.
    pub owner: String,
    /// The engine above, if any.
    pub manager: Option<Manager>,
    /// Annotations known without opening more files.
    pub annotations: BTreeMap<String, String>,
    /// Its cgroups that exist.
    pub cgroups: Vec<CgroupView>,
    /// Its resctrl groups that exist: control group, monitoring group.
    pub rdt: Vec<PathBuf>,
    /// Live usage.
    pub usage: Usage,
}

/// Live usage; `None` is "not available", never zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Usage {
    /// Percent of one core since the last pass.
    pub cpu: Option<f64>,
    /// CPU limit in millionths of a core.
    pub cpu_limit: Option<Limit>,
    /// Percent of the quota's periods that were throttled since the last pass.
    pub throttled: Option<f64>,
    /// Bytes charged (`memory.current`, `memory.usage_in_bytes`).
    pub memory: Option<u64>,
    /// Bytes charged without inactive page cache.
    pub working_set: Option<u64>,
    /// Bytes at which the OOM killer comes.
    pub memory_limit: Option<Limit>,
    /// Processes the OOM killer took so far.
    pub oom_kills: Option<u64>,
    /// Tasks (threads and zombies).
    pub pids: Option<u64>,
    /// Most tasks.
    pub pids_limit: Option<Limit>,
    /// Bytes a second read from block devices.
    pub io_read: Option<f64>,
    /// Bytes a second written to block devices.
    pub io_write: Option<f64>,
}

impl Container {
    /// Whether it needs a person: broken, freezing, or a problem that is said.
    pub fn needs_attention(&self) -> bool {
        self.problem.is_some() || matches!(self.condition, Condition::Broken | Condition::Freezing)
    }

    /// Age at `now`, if the creation time can be read and is not in the future.
    pub fn age(&self, now: jiff::Timestamp) -> Option<Duration> {
        let created = self.created.as_ref()?.timestamp()?;
        now.duration_since(created).try_into().ok()
    }
}
