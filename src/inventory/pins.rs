//! The device programs that crun pins in the BPF file system, one for each container in a scope of
//! systemd's: the unit names the pin (`BPFProgram=`), and without it the next reload of systemd takes
//! the container's device restrictions away.
//!
//! A pin is named after the scope, with `.` written as `_` (crun 1.11 on). So a scope is not told from
//! the name, only compared with it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{Machine, units};
use crate::text::{visible, visible_path};

/// Most directories looked at in one hierarchy.
const MAX_DIRS: usize = 50_000;
/// Deepest level at which a scope is looked for.
const MAX_DEPTH: usize = 24;

/// Where crun pins.
pub fn home(machine: &Machine) -> PathBuf {
    machine.sys.join("fs/bpf/crun")
}

/// The name of a scope's pin.
///
/// ```
/// assert_eq!(ocitop::inventory::pins::name_of("crun-web.1.scope"), "crun-web_1_scope");
/// ```
pub fn name_of(scope: &str) -> String {
    scope.replace('.', "_")
}

/// Whether a unit or a cgroup is named as a scope.
pub fn is_scope(name: &str) -> bool {
    name.strip_suffix(".scope").is_some()
}

/// What needs a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A unit that systemd has active.
    Unit(String),
    /// A cgroup of its scope's name.
    Cgroup(PathBuf),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "systemd has {} active", visible(unit)),
            Self::Cgroup(dir) => write!(f, "{} is its scope", visible_path(dir)),
        }
    }
}

/// Every scope of the host, by the name its pin would have.
#[derive(Debug, Clone, Default)]
pub struct Scopes {
    active: BTreeMap<String, String>,
    loaded: BTreeMap<String, String>,
    cgroups: BTreeMap<String, PathBuf>,
    /// Whether all could be looked at: else none is said not to be there.
    pub whole: bool,
}

impl Scopes {
    /// Looks at systemd's units and at every cgroup.
    pub fn read(machine: &Machine) -> Self {
        let mut scopes = Self {
            whole: true,
            ..Self::default()
        };
        let by_pin = |names: Vec<String>| -> BTreeMap<String, String> {
            let names = names.into_iter().filter(|name| is_scope(name));
            names.map(|name| (name_of(&name), name)).collect()
        };
        match units::all(machine) {
            Ok(units) => {
                scopes.active = by_pin(units.active);
                scopes.loaded = by_pin(units.loaded);
            }
            Err(_) => scopes.whole = false,
        }
        for hierarchy in machine.hierarchies.iter() {
            let mut budget = MAX_DIRS;
            scopes.walk(&hierarchy.mount, 0, &mut budget);
        }
        scopes
    }

    /// What needs the pin of this name.
    pub fn holder(&self, pin: &str) -> Option<Holder> {
        let unit = self.active.get(pin).cloned().map(Holder::Unit);
        unit.or_else(|| self.cgroups.get(pin).cloned().map(Holder::Cgroup))
    }

    /// The unit of this pin that systemd has loaded and that is not active: one that failed.
    pub fn loaded(&self, pin: &str) -> Option<&str> {
        self.loaded.get(pin).map(String::as_str)
    }

    fn walk(&mut self, dir: &Path, depth: usize, budget: &mut usize) {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) if depth < MAX_DEPTH => entries,
            Err(error) if crate::kernel::read::is_gone(&error) => return,
            Ok(_) | Err(_) => {
                self.whole = false;
                return;
            }
        };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if *budget == 0 {
                self.whole = false;
                return;
            }
            *budget -= 1;
            let name = entry.file_name();
            match name.to_str().filter(|name| is_scope(name)) {
                // What is below it is the container's own.
                Some(scope) => drop(self.cgroups.insert(name_of(scope), entry.path())),
                None => self.walk(&entry.path(), depth + 1, budget),
            }
        }
    }
}
