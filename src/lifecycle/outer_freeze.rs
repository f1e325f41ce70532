//! Frozen from outside: by a cgroup above the container's own, or by one into which another tool
//! moved its processes.
//!
//! That is not ocitop's to thaw: other containers may be frozen with it. On v1 even SIGKILL waits for
//! it, so a kill begun there would only look like a process that does not die.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::claims::Claims;
use crate::cgroup::Version;
use crate::inventory::Machine;
use crate::inventory::cgroups::CgroupDir;
use crate::inventory::freezers::{Freezers, FrozenAt};
use crate::oci::ContainerKey;
use crate::text::shell::quoted;
use crate::text::visible_path;

/// What freezes processes from outside of their container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OuterFreeze {
    /// The cgroup whose setting does; `None` if it cannot be seen from here.
    pub by: Option<PathBuf>,
    /// v1: even SIGKILL waits for the thaw.
    pub kills_wait: bool,
    /// It is above the container's own cgroup, not elsewhere.
    pub above: bool,
    /// How many other live containers are in it.
    pub others: usize,
}

impl OuterFreeze {
    /// By a cgroup above that was not looked for.
    pub(super) fn above() -> Self {
        Self {
            by: None,
            kills_wait: false,
            above: true,
            others: 0,
        }
    }
}

/// Looks where these processes are, for a freezer that is not of `own`.
pub(super) fn look(
    machine: &Machine,
    key: &ContainerKey,
    (own, pids): (&[CgroupDir], &[i32]),
    claims: &Claims,
) -> Option<OuterFreeze> {
    let dirs: Vec<PathBuf> = own
        .iter()
        .map(|cgroup| cgroup.dir(&machine.hierarchies))
        .collect();
    let mut freezers = Freezers::new(machine);
    let outside = |at: &FrozenAt| !dirs.iter().any(|dir| at.dir.starts_with(dir));
    let mut hidden = false;
    for pid in pids {
        let over = freezers.over(*pid, false);
        hidden |= over.hidden;
        if let Some(at) = over.set.into_iter().find(outside) {
            return Some(OuterFreeze {
                above: dirs.iter().any(|dir| dir.starts_with(&at.dir)),
                kills_wait: at.version == Version::V1,
                others: CgroupDir::at(&at.dir, &machine.hierarchies)
                    .map_or(0, |cgroup| claims.sharers(key, &[cgroup]).count()),
                by: Some(at.dir),
            });
        }
    }
    hidden.then(|| OuterFreeze {
        by: None,
        kills_wait: machine.hierarchies.controller("freezer").is_some(),
        above: true,
        others: 0,
    })
}

impl fmt::Display for OuterFreeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(by) = &self.by else {
            return f.write_str(
                "frozen by a cgroup above it that cannot be seen from here: thaw that one first",
            );
        };
        write!(f, "frozen by {}", visible_path(by))?;
        f.write_str(if self.above {
            " above it"
        } else {
            ", which is not its own"
        })?;
        match self.others {
            0 => {}
            1 => f.write_str(", which holds another container")?,
            others => write!(f, ", which holds {others} other containers")?,
        }
        let thaw = if self.kills_wait {
            ("THAWED", "freezer.state")
        } else {
            ("0", "cgroup.freeze")
        };
        write!(
            f,
            ": thaw it first: echo {} > {}",
            thaw.0,
            quoted(by.join(thaw.1))
        )
    }
}
