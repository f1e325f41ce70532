//! What still carries an id that no state root has: cgroups and the like named after it, and shims and
//! monitors that were told it. A state directory can be removed behind the runtime's back while its
//! container lives; a delete that looks for the record alone then reports success.

use super::find::search;
use super::{FoundLeftovers, KnownBefore, Leftover, LeftoverKind};
use crate::inventory::owners::{Owners, ToldProcess};
use crate::inventory::{Machine, Unread};
use crate::lifecycle::find::is_name_of;

/// One search of the host, to be asked for any id.
#[derive(Debug)]
pub struct Carriers {
    found: FoundLeftovers,
    owners: Owners,
    /// Those who called: a shim that has a container deleted was told its id as well.
    callers: Vec<i32>,
}

/// What carries one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// What is named after it.
    pub leftovers: Vec<Leftover>,
    /// The shims and monitors that were told it.
    pub monitors: Vec<ToldProcess>,
    /// What could not be read, so that more may carry it.
    pub unread: Vec<Unread>,
}

impl Carried {
    /// Whether nothing was found that does.
    pub fn is_none(&self) -> bool {
        self.leftovers.is_empty() && self.monitors.is_empty()
    }
}

impl Carriers {
    /// Looks at the host.
    pub fn read(machine: &Machine) -> Self {
        let (found, owners) = search(machine, &KnownBefore::default());
        Self {
            found,
            owners,
            callers: callers(machine),
        }
    }

    /// What carries this id.
    pub fn of(&self, id: &str) -> Carried {
        let leftovers = self.found.list.iter().filter(|one| is_of(one, id));
        let monitors = self.owners.monitors_of(id);
        // A user's own directory may know of that user's containers alone, and is no reason to doubt
        // what is told of everybody's.
        let unread = self.found.unread.iter().filter(|unread| unread.is_roots());
        Carried {
            leftovers: leftovers.cloned().collect(),
            monitors: monitors
                .filter(|monitor| !self.callers.contains(&monitor.pid))
                .cloned()
                .collect(),
            unread: unread.cloned().collect(),
        }
    }
}

fn is_of(leftover: &Leftover, id: &str) -> bool {
    let mut names = leftover.paths.iter().filter_map(|path| path.file_name());
    // A record in another root is that container's, which has the same id.
    if leftover.kind == LeftoverKind::StateDir {
        return false;
    }
    leftover.id.as_deref() == Some(id)
        || names.any(|name| name.to_str().is_some_and(|name| is_name_of(name, id)))
}

/// The processes above this one.
fn callers(machine: &Machine) -> Vec<i32> {
    let parent = |pid: i32| {
        let stat = machine.stat(pid).ok().flatten()?;
        Some(stat.ppid).filter(|above| *above > 0)
    };
    let own = i32::try_from(std::process::id()).ok();
    std::iter::successors(own, |pid| parent(*pid))
        .take(64)
        .collect()
}
