//! The immutable picture of one moment that the screen and the command line show.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::container::Container;
use super::happenings::Happening;
use super::series::Series;
use super::sight::OutOfSight;
use super::usage::HostUsage;
use crate::cgroup::Mode;
use crate::config::{RootOrigin, StateRoot};

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
    /// The time of histories and happenings at its end.
    pub uptime: Duration,
    /// What the host as a whole uses.
    pub usage: HostUsage,
    /// The last hours of the host.
    pub history: Arc<Series>,
    /// What happened while ocitop looked, oldest first.
    pub happenings: Arc<Vec<Happening>>,
}

impl Snapshot {
    /// Adds what another part of the same roots showed.
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
    }

    /// Adds what a look at other roots showed.
    pub fn append(&mut self, other: Self) {
        self.took = self.took.max(other.took);
        self.roots.extend(other.roots);
        self.containers.extend(other.containers);
    }

    /// Puts roots into the order of `roots`, and containers by root, then by name.
    pub fn arrange(&mut self, roots: &[StateRoot]) {
        let order: HashMap<&Path, usize> = roots
            .iter()
            .enumerate()
            .map(|(index, root)| (&*root.path, index))
            .collect();
        let place = |path: &Path| order.get(path).copied();
        self.roots.sort_by_key(|root| place(&root.path));
        self.containers.sort_by(|a, b| {
            place(a.key.root())
                .cmp(&place(b.key.root()))
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
    /// What of it cannot be seen from here, other than mounts.
    pub out_of_sight: Option<OutOfSight>,
    /// Where ocitop was told to find it.
    pub dir: Option<PathBuf>,
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
