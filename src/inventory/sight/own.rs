//! Whether a state root was written by somebody with this very view.

use std::os::fd::AsFd as _;

use crate::config::StateRoot;
use crate::inventory::Machine;
use crate::inventory::entry::{Depth, Entry, Lead};
use crate::inventory::identity::is_member;
use crate::inventory::scan::{cgroups_of, entry_names};
use crate::kernel::read::open_root;
use crate::oci::ContainerKey;

/// Most entries of a root that are tried: one is enough.
const MOST: usize = 10_000;

/// Whether a container of `root` is found alive here: by its recorded pid and start time, in the
/// cgroup that its record names. In another's pids that is no coincidence anybody has seen.
pub fn is_own(machine: &Machine, root: &StateRoot) -> bool {
    let Ok(dir) = open_root(&root.path) else {
        return false;
    };
    let names = entry_names(&dir).unwrap_or_default();
    names.into_iter().take(MOST).any(|name| {
        let key = ContainerKey::new(std::sync::Arc::clone(&root.path), name);
        let lead = Lead {
            key: &key,
            depth: Depth::State,
            hint: None,
            budget: None,
        };
        Entry::read(dir.as_fd(), lead).is_ok_and(|entry| is_here(machine, &entry))
    })
}

fn is_here(machine: &Machine, entry: &Entry<'_>) -> bool {
    let recorded = entry.record.as_ref().ok().and_then(|record| record.init);
    let Some((pid, begun)) = recorded.and_then(|init| Some((init.pid, init.start_time?))) else {
        return false;
    };
    let found = machine.stat(pid).ok().flatten();
    let same = found.is_some_and(|stat| stat.start_time == begun && !stat.is_dead());
    let inside = || {
        let membership = machine.membership(pid);
        membership.is_some_and(|found| is_member(machine, &found, &cgroups_of(machine, entry)))
    };
    same && inside()
}
