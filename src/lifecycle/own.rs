//! Whether a process in a cgroup that must not be touched may all the same be of a container whose init
//! is dead: then nobody may say that nothing of that one lives.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::claims::Claims;
use super::guard::{Checked, Origin, origin};
use super::procs;
use crate::inventory::{Machine, Unread};

/// A process that may be of it: one that is no sharer's and not the host's own. `Err` is what could not
/// be looked at, where nobody else was found.
pub(super) fn maybe(
    machine: &Machine,
    suspect: &Checked<'_>,
    claims: &Claims,
) -> Result<Option<i32>, Unread> {
    let sharers = claims.sharers(&suspect.entry.key, suspect.cgroups);
    let inits: Vec<i32> = sharers.filter_map(|other| Some(other.init?.pid)).collect();
    // Who is not seen to be theirs may be its own.
    let families = inits
        .iter()
        .flat_map(|init| procs::family(machine, *init).pids);
    let theirs: BTreeSet<i32> = families.collect();
    // One that its parent left behind still has the container's mounts.
    let mounts = |pid: i32| std::fs::read_link(machine.pid_file(pid, "ns/mnt")).ok();
    let their_mounts: BTreeSet<PathBuf> = inits.iter().filter_map(|pid| mounts(*pid)).collect();
    let has_theirs = |pid: i32| mounts(pid).is_some_and(|own| their_mounts.contains(&own));
    let is_others = |pid: &i32| {
        let is_kernels = || {
            let stat = machine.stat(*pid).ok().flatten();
            stat.is_some_and(|stat| stat.is_kernel_thread() || stat.is_dead())
        };
        theirs.contains(pid)
            || has_theirs(*pid)
            || matches!(origin(machine, *pid), Origin::Host)
            || is_kernels()
    };
    let members = procs::members(machine, suspect.cgroups);
    match (
        members.pids.into_iter().find(|pid| !is_others(pid)),
        members.unseen,
    ) {
        (None, Some(unseen)) => Err(unseen),
        (found, _) => Ok(found),
    }
}
