//! Settings, resolved once: defaults, then environment, then flags. There is no file of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// Where the machine is read. Each can be pointed elsewhere, which is how tests work and how a
/// host is looked at from inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// A directory laid out like `/sys/fs/cgroup`; `None` finds the mounts in mountinfo.
    pub cgroup: Option<PathBuf>,
    /// The resctrl mount; `None` finds it in mountinfo.
    pub resctrl: Option<PathBuf>,
    /// procfs.
    pub proc: PathBuf,
    /// The state roots named by the operator; empty means every known one.
    pub state: Vec<PathBuf>,
    /// Where the root directory of the host is mounted, if ocitop runs in a container: everything of
    /// the host, also what is recorded by an absolute path, is below it.
    pub host: Option<PathBuf>,
}

impl Roots {
    /// The roots of a host that is mounted below `dir`. State roots are named as on the host.
    pub fn below(dir: PathBuf, state: &[PathBuf]) -> Self {
        let inside = |path: &PathBuf| match path.strip_prefix("/") {
            Ok(rest) if !path.starts_with(&dir) => dir.join(rest),
            _ => path.clone(),
        };
        Self {
            cgroup: None,
            resctrl: None,
            proc: dir.join("proc"),
            state: state.iter().map(inside).collect(),
            host: Some(dir),
        }
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            cgroup: None,
            resctrl: None,
            proc: PathBuf::from("/proc"),
            state: Vec::new(),
            host: None,
        }
    }
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

/// One state root to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRoot {
    /// Its path.
    pub path: Arc<std::path::Path>,
    /// Why.
    pub origin: RootOrigin,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the machine is read.
    pub roots: Roots,
    /// Time between two passes of the screen.
    pub interval: Duration,
    /// How long a teardown waits for processes to die and directories to go.
    pub timeout: Duration,
    /// Nothing may be changed.
    pub read_only: bool,
    /// Colours may be used (neither `NO_COLOR` nor `--no-color`).
    pub color: bool,
    /// Hooks may be run.
    pub hooks: bool,
    /// The screen looks for leftovers below these alone; without any, everywhere.
    pub within: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            read_only: false,
            color: true,
            hooks: true,
            within: Vec::new(),
        }
    }
}
